"""Rights: what is not granted is not there; grants only add; a file that could never match as meant is refused."""

from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st
from toolyard_registry.rights import (
    NOBODY,
    UNWRITTEN,
    CallGrant,
    PublishGrant,
    Rights,
    Role,
    grants_in_writing,
    may_publish,
    may_see,
    read_rights,
)
from toolyard_runtime.identity import ROLES
from toolyard_sdk import ConfigError

WRITTEN = """
[[publish]]
tools = ["weather", "weather_*"]
keys = ["ada-laptop"]

[[publish]]
tools = ["*"]
roles = ["operator"]

[[call]]
tools = ["clock_*", "weather*"]

[[call]]
tools = ["refund"]
tenants = ["acme", "acme-*"]
roles = ["operator", "user"]
agents = ["support"]
"""

names = st.from_regex(r"[a-c_]{1,3}", fullmatch=True)
globs = st.lists(st.sampled_from(["*", "a*", "?", "b_*", "[ab]", "c"]), min_size=1, max_size=2).map(tuple)
roles = st.lists(st.sampled_from(get_args(Role)), max_size=2).map(tuple)
tenants = st.lists(st.sampled_from(["default", "acme", "a*", "*"]), min_size=1, max_size=2).map(tuple)
publish = st.builds(PublishGrant, globs, st.lists(names, max_size=2).map(tuple), roles, tenants)
call = st.builds(CallGrant, globs, tenants, roles, globs)
grants = st.builds(Rights, st.lists(publish, max_size=3).map(tuple), st.lists(call, max_size=3).map(tuple))


def test_without_a_file_authors_and_operators_of_the_house_publish_and_agents_grants_decide_what_is_seen() -> None:
    assert may_publish(UNWRITTEN, "anybody", {"author"}, "weather", tenant="default")
    assert may_publish(UNWRITTEN, "anybody", {"operator"}, "weather", tenant="default")
    assert not may_publish(UNWRITTEN, "anybody", {"user", "frontend", "auditor"}, "weather", tenant="default")
    assert not may_publish(UNWRITTEN, "anybody", {"author"}, "weather", tenant="acme")
    assert may_see(UNWRITTEN, "acme", (), "weather")


def test_what_no_grant_names_is_not_there() -> None:
    rights = read_rights(WRITTEN)
    assert may_publish(rights, "ada-laptop", {"author"}, "weather_eu", tenant="default")
    assert not may_publish(rights, "ada-laptop", {"author"}, "refund", tenant="default")
    assert not may_publish(rights, "bob-laptop", {"author"}, "weather", tenant="default")
    assert may_publish(rights, "bob-laptop", {"operator"}, "refund", tenant="default")
    assert may_see(rights, "other", (), "weather_eu")
    assert not may_see(rights, "other", {"operator"}, "refund", agent="support")
    assert may_see(rights, "acme-eu", {"user"}, "refund", agent="support")
    assert not may_see(rights, "acme-eu", {"user"}, "refund", agent="sales")
    assert not may_see(rights, "acme-eu", {"user"}, "refund")
    assert not may_see(rights, "acme-eu", {"frontend"}, "refund", agent="support")


def test_a_key_that_another_tenant_has_given_the_same_name_may_publish_nothing() -> None:
    rights = read_rights(WRITTEN)
    assert not may_publish(rights, "ada-laptop", {"author", "operator"}, "weather", tenant="acme")


def test_a_file_that_says_nothing_of_calls_leaves_them_as_they_are() -> None:
    rights = read_rights('[[publish]]\ntools = ["x"]\nkeys = ["ada"]\n')
    assert rights.call == UNWRITTEN.call
    assert not may_publish(rights, "bob", {"author"}, "x", tenant="default")
    assert read_rights("") == UNWRITTEN


def test_an_empty_list_grants_to_nobody() -> None:
    rights = read_rights("publish = []\ncall = []\n")
    assert rights == NOBODY
    assert not may_publish(rights, "ada", ROLES, "x", tenant="default")
    assert not may_see(rights, "default", ROLES, "x")


@given(grants, publish, call, names, names, roles, st.sampled_from(["default", "acme", "other"]), names)
def test_a_grant_more_takes_nothing_away(
    rights: Rights,
    more_publish: PublishGrant,
    more_call: CallGrant,
    key: str,
    name: str,
    has: tuple[str, ...],
    tenant: str,
    agent: str,
) -> None:
    wider = Rights((more_publish, *rights.publish), (*rights.call, more_call))
    if may_publish(rights, key, has, name, tenant=tenant):
        assert may_publish(wider, key, has, name, tenant=tenant)
    if may_see(rights, tenant, has, name, agent=agent):
        assert may_see(wider, tenant, has, name, agent=agent)


@given(grants, names, names, roles, st.sampled_from(["default", "acme", "other"]), names)
def test_the_order_of_grants_says_nothing(
    rights: Rights, key: str, name: str, has: tuple[str, ...], tenant: str, agent: str
) -> None:
    turned = Rights(rights.publish[::-1], rights.call[::-1])
    assert may_publish(turned, key, has, name, tenant=tenant) == may_publish(rights, key, has, name, tenant=tenant)
    assert may_see(turned, tenant, has, name, agent=agent) == may_see(rights, tenant, has, name, agent=agent)


@given(names, names, roles, names)
def test_nobody_is_nobody(key: str, name: str, has: tuple[str, ...], agent: str) -> None:
    assert not may_publish(NOBODY, key, has, name, tenant="default")
    assert not may_see(NOBODY, "default", has, name, agent=agent)


def test_the_roles_are_those_that_keys_have() -> None:
    assert get_args(Role) == ROLES


@pytest.mark.parametrize(
    ("text", "line", "words"),
    [
        ('[[publish]]\ntools = ["x"]\n', 1, "names nobody"),
        ('[[publish]]\ntools = []\nroles = ["author"]\n', 2, "holds no tool"),
        ("[[call]]\ntools = []\n", 2, "hides every tool"),
        ('[[call]]\ntools = ["a", "b.*"]\n', 2, "no tool has a name like 'b.*'"),
        ('[[call]]\ntools = ["a", ""]\n', 2, "no tool has a name like ''"),
        ("[[call]]\n", 1, "the key `tools` is missing"),
        ('[[call]]\ntools = ["x"]\nroles = ["oprator"]\n', 3, "did you mean `operator`?"),
        ('[[call]]\ntools = ["x"]\ntenant = ["a"]\n', 3, "did you mean `tenants`?"),
        ('[[calls]]\ntools = ["x"]\n', 1, "did you mean `call`?"),
    ],
)
def test_a_grant_that_could_never_match_as_meant_is_refused_with_its_line(text: str, line: int, words: str) -> None:
    with pytest.raises(ConfigError) as refused:
        read_rights(text)
    assert words in str(refused.value)
    assert (refused.value.path, refused.value.line) == ("rights.toml", line)


def test_only_what_is_written_grants_what_nobody_has_installed() -> None:
    assert not grants_in_writing(UNWRITTEN, "refund")
    assert not grants_in_writing(read_rights('[[publish]]\ntools = ["*"]\nroles = ["author"]\n'), "refund")
    assert not grants_in_writing(read_rights(WRITTEN), "refund"), "it is granted through an agent only"
    assert grants_in_writing(read_rights(WRITTEN), "weather_now")
    assert grants_in_writing(read_rights('[[call]]\ntools = ["*"]\n'), "refund")
    assert not grants_in_writing(NOBODY, "refund")
