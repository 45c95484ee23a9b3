"""A reference means the release that people expect, or is told why it means none."""

import pytest
from toolyard_registry.agents.grants import Granting, LockedTool
from toolyard_registry.names import parse
from toolyard_registry.published.shelf import Shelf, Unresolved, grant_of

from tests.registry.shelves import published, release, shelf
from tests.registry.wheels import spec

FULL = ("0.1.0", "0.1.3", "0.2.0", "0.2.1rc1", "1.0.0")


@pytest.mark.parametrize(
    ("text", "version"),
    [
        ("weather@^0.1", "0.1.3"),
        ("weather@~0.1", "0.1.3"),
        ("weather@^0.2", "0.2.0"),
        ("weather@^1", "1.0.0"),
        ("weather@0.2.1rc1", "0.2.1rc1"),
        ("weather@0.2.1-rc.1", "0.2.1rc1"),
        ("weather@stable", "0.2.0"),
        ("weather", "0.2.0"),
        (f"weather@{release('0.1.0').digest}", "0.1.0"),
    ],
)
def test_a_reference_means_the_highest_release_that_fits(text: str, version: str) -> None:
    assert shelf(*FULL, stable="0.2.0").find(parse(text)).text == version


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("weather@^2", "no release of it; there is 1.0.0, 0.2.1rc1, 0.2.0"),
        ("weather@^0.9", "no release of it"),
        ("weather@next", "no channel `next`; there is `stable`"),
        ("wether@^1", "no tool `wether` is published"),
        (f"weather@sha256:{'0' * 64}", "no release of it"),
    ],
)
def test_what_means_nothing_is_told_with_what_there_is(text: str, words: str) -> None:
    with pytest.raises(Unresolved, match=words.replace("(", r"\(")):
        shelf(*FULL, stable="0.2.0").find(parse(text))


def test_a_range_leaves_out_what_is_withdrawn_and_prefers_what_is_not_deprecated() -> None:
    some = shelf("0.1.0", "0.1.1", "0.1.2", "0.1.3", v0_1_1="deprecated", v0_1_2="yanked", v0_1_3="quarantined")
    assert some.find(parse("weather@^0.1")).text == "0.1.0"
    assert shelf("0.1.0", v0_1_0="deprecated").find(parse("weather@^0.1")).state == "deprecated"


@pytest.mark.parametrize(
    ("state", "words"),
    [("yanked", "was withdrawn: told why"), ("quarantined", r"held back: told why; .*`toolyard tool restore weather@")],
)
def test_what_may_not_be_used_is_told_why_however_it_is_named(state: str, words: str) -> None:
    some = shelf("0.1.0", stable="0.1.0", v0_1_0=state)  # type: ignore[arg-type]  # one of the states
    for text in ("weather@0.1.0", "weather@^0.1", "weather@stable", f"weather@{release('0.1.0').digest}"):
        with pytest.raises(Unresolved, match=words):
            some.find(parse(text))


def test_a_draft_is_found_by_its_version_only() -> None:
    some = shelf("0.1.0", "0.1.1", v0_1_1="draft")
    assert some.find(parse("weather@^0.1")).text == "0.1.0"
    assert some.find(parse("weather@0.1.1")).text == "0.1.1"


def test_an_installed_version_counts_among_the_published_ones() -> None:
    installed = release("0.1.5")
    granting = Granting({"weather": installed}, shelf("0.1.0", "0.2.0"))
    assert granting.find("weather@^0.1") is installed
    assert granting.find("weather@0.1.0") == release("0.1.0")
    assert granting.find("weather@^0.2") == release("0.2.0")


def test_of_one_version_the_published_definition_is_meant_not_an_installed_other_one() -> None:
    other = release("0.1.0", definition=spec(description="Another one."))
    assert Granting({"weather": other}, shelf("0.1.0")).find("weather@0.1.0") == release("0.1.0")


def locked(version: str) -> dict[str, LockedTool]:
    return {"weather": LockedTool(version, "acme-weather", release(version).digest)}


def test_a_lock_decides_while_the_grant_still_means_what_it_says() -> None:
    granting = Granting({}, shelf("0.1.0", "0.1.3", "0.2.0", stable="0.2.0"), locked("0.1.0"))
    assert granting.find("weather@^0.1").version == "0.1.0"
    assert granting.find("weather@stable").version == "0.1.0"
    assert granting.notes == []
    assert granting.find("weather@^0.2").version == "0.2.0"
    assert granting.notes == ["agent.lock has weather@0.1.0, which is not `weather@^0.2`"]


def test_a_locked_release_that_is_not_there_any_more_is_an_error_not_another_release() -> None:
    with pytest.raises(Unresolved, match=r"agent.lock says weather@0.1.0 .*toolyard lock"):
        Granting({}, shelf("0.1.3"), locked("0.1.0")).find("weather@^0.1")
    with pytest.raises(Unresolved, match="was withdrawn"):
        Granting({}, shelf("0.1.0", v0_1_0="yanked"), locked("0.1.0")).find("weather@^0.1")
    other = release("0.1.3")
    with pytest.raises(Unresolved, match=r"agent.lock says weather@0.1.0 .*, and what is installed is weather@0.1.3"):
        Granting({"weather": other}, shelf(), locked("0.1.0")).settled(other)


def test_an_installed_tool_that_is_not_the_locked_one_is_replaced_by_it_or_refused() -> None:
    newer = release("0.1.3")
    assert Granting({"weather": newer}, shelf("0.1.0"), locked("0.1.0")).settled(newer) == release("0.1.0")
    with pytest.raises(Unresolved, match="says weather@"):
        Granting({"weather": newer}, Shelf(), locked("0.1.0")).settled(newer)


def test_a_tool_file_follows_its_file_and_the_lock_is_said_to_be_older() -> None:
    own = release("0+123456789abc", source="tools/weather.py")
    granting = Granting({"weather": own}, Shelf(), {"weather": LockedTool("0+000", "tools/weather.py", "sha256:x")})
    assert granting.settled(own) is own
    assert granting.notes == ["agent.lock has another weather (tools/weather.py 0+000)"]


def test_a_shelf_shows_what_is_published_again_at_once() -> None:
    some = shelf("0.1.0")
    before = some.serial
    some.fill([published(release("0.1.0")), published(release("0.1.1"))])
    assert some.find(parse("weather@^0.1")).text == "0.1.1"
    assert some.serial > before


def test_a_channel_at_a_withdrawn_release_says_so_and_what_to_do() -> None:
    made = shelf("0.1.0", "0.2.0", stable="0.2.0", v0_2_0="yanked")
    (told,) = made.adrift("weather")
    assert told.startswith("`weather@stable` is 0.2.0, which is withdrawn")
    for text in ("weather@stable", "weather"):
        with pytest.raises(Unresolved, match="or point `stable` at one: `toolyard tool move weather@VERSION stable`"):
            made.find(parse(text))
    made.point("weather", "stable", made.entries("weather")[1].digest)
    assert made.adrift("weather") == ()


def test_the_newest_release_is_the_highest_active_one_and_a_pre_release_only_alone() -> None:
    made = shelf("0.1.0", "0.2.0", "0.3.0rc1", "0.4.0", v0_4_0="deprecated")
    assert {name: entry.text for name, entry in made.newest().items()} == {"weather": "0.2.0"}
    assert made.newest()["weather"] is made.entries("weather")[2]
    assert shelf("0.3.0rc1").newest()["weather"].text == "0.3.0rc1"
    assert shelf("0.1.0", v0_1_0="yanked").newest() == {}


@pytest.mark.parametrize(
    ("version", "grant"),
    [
        ("0.1.3", "w@^0.1"),
        ("2.0.0", "w@^2.0"),
        ("0.0.4", "w@0.0.4"),
        ("1.0.0rc1", "w@1.0.0rc1"),
        ("2025-11", "w@2025-11"),
    ],
)
def test_a_release_is_granted_with_what_follows_it_compatibly(version: str, grant: str) -> None:
    (entry,) = shelf(version).entries("weather")
    assert grant_of("w", entry) == grant
