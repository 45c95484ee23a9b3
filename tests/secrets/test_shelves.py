"""Which secret is revealed where several places hold one of a name; what can be a value."""

from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st
from toolyard_registry.names import NameInvalid
from toolyard_runtime.secrets.environment import EnvironmentShelf, whose
from toolyard_runtime.secrets.shelves import (
    LONGEST,
    Entry,
    MemoryShelf,
    Place,
    SecretUnreadable,
    Shelves,
    check_value,
    position,
)

TENANTS = ("acme", "other")
OWNERS = (None, "ada", "bob")
NAMES = ("a", "b", "c")

places = st.tuples(st.sampled_from(TENANTS), st.sampled_from(OWNERS), st.sampled_from(NAMES))
held = st.lists(st.dictionaries(places, st.text(min_size=1, max_size=3), max_size=8), max_size=3)


@given(held, places)
async def test_whose_it_is_goes_before_where_it_lies(
    shelves: list[dict[tuple[str, str | None, str], str]], asked: tuple[str, str | None, str]
) -> None:
    tenant, end_user, name = asked
    own = [shelf[asked] for shelf in shelves if asked in shelf]
    tenants = [shelf[tenant, None, name] for shelf in shelves if (tenant, None, name) in shelf]
    expected = next(iter([*own, *tenants]), None)
    assert await Shelves(*map(MemoryShelf, shelves)).reveal(tenant, end_user, name) == expected


@given(held, st.integers(1, 4))
async def test_pages_hold_everything_once_and_in_order(
    shelves: list[dict[tuple[str, str | None, str], str]], limit: int
) -> None:
    secrets = Shelves(*(Named(MemoryShelf(shelf), str(index)) for index, shelf in enumerate(shelves)))
    found: list[Entry] = []
    after = None
    while page := await secrets.list("acme", after, limit):
        assert len(page) <= limit
        found += page
        after = position(page[-1])
    expected = [
        (name, owner or "", str(index))
        for index, shelf in enumerate(shelves)
        for tenant, owner, name in shelf
        if tenant == "acme"
    ]
    assert [(*entry.place, entry.kept) for entry in found] == sorted(expected)


class Named:
    """A shelf under another name, so that two of a kind can be told apart."""

    def __init__(self, shelf: MemoryShelf, kept: str) -> None:
        self._shelf = shelf
        self._kept = kept

    @property
    def kept(self) -> str:
        return self._kept

    async def own(self, tenant: str, end_user: str | None, name: str) -> str | None:
        return await self._shelf.own(tenant, end_user, name)

    async def entries(self, tenant: str, start: Place, limit: int) -> Sequence[Entry]:
        return [Entry(e.name, self._kept, e.end_user) for e in await self._shelf.entries(tenant, start, limit)]


async def test_what_cannot_be_read_is_not_replaced_by_another() -> None:
    broken = EnvironmentShelf({"k": "K"}, {"K": "\udcff"})
    with pytest.raises(SecretUnreadable, match="the secret k cannot be read now"):
        await Shelves(broken, MemoryShelf({("default", None, "k"): "another"})).reveal("default", None, "k")


async def test_a_variable_that_nobody_has_named_is_no_secret() -> None:
    shelf = EnvironmentShelf({"weather_key": "WEATHER_KEY", "unset": "UNSET", "empty": "EMPTY"}, {
        "WEATHER_KEY": "v", "AWS_SECRET": "x", "EMPTY": "",
    })  # fmt: skip
    assert await shelf.own("default", None, "weather_key") == "v"
    assert [await shelf.own("default", None, name) for name in ("AWS_SECRET", "WEATHER_KEY", "unset", "empty")] == [
        None, None, None, None,
    ]  # fmt: skip
    assert [entry.name for entry in await shelf.entries("default", ("", ""), 9)] == ["weather_key"]


def test_a_variable_is_the_houses_unless_said_otherwise() -> None:
    assert whose("k") == whose("default/k") == ("default", "k")
    assert whose("acme/k") == ("acme", "k")


@pytest.mark.parametrize("key", ["", "/k", "Acme/k", "a/b/k", "acme/", "a.b", "acme/a b"])
def test_a_key_that_names_no_secret_is_refused(key: str) -> None:
    with pytest.raises(NameInvalid):
        whose(key)


def test_one_secret_is_said_once() -> None:
    with pytest.raises(NameInvalid, match="said twice"):
        EnvironmentShelf({"k": "A", "default/k": "B"}, {})


@pytest.mark.parametrize("value", ["", "\ud800", "é" * (LONGEST // 2 + 1)])
def test_a_value_that_cannot_be_kept_is_refused_without_being_quoted(value: str) -> None:
    with pytest.raises(ValueError, match=r"empty|surrogate|bytes") as refused:
        check_value(value)
    assert "é" not in str(refused.value)


def test_the_longest_value_is_kept() -> None:
    assert check_value("x" * LONGEST) == "x" * LONGEST
