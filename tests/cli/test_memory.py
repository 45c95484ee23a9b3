"""`toolyard memory`: what a person does about what is remembered, and what they are told when it cannot be done."""

import json
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from toolyard_registry.scaffolding.agents import scaffold

from tests.cli.running import Outcome, toolyard
from tests.cli.serving import serving

USER = ("--user", "zoë")


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Return a repository that is served, one of whose agents remembers."""
    repository = tmp_path_factory.mktemp("memory") / "shop"
    scaffold(repository, "shop")
    (repository / "agents" / "support.toml").write_text('instructions = "x"\n\n[memory]\n')
    with serving(repository):
        yield repository


@pytest.fixture(autouse=True)
def nothing_left(shop: Path) -> Iterator[None]:
    """Let every test begin with a person of whom nothing is remembered."""
    yield
    toolyard("erase", "zoë", "--yes", cwd=shop)


def add(shop: Path, text: str, *more: str) -> str:
    """Put a fact down and return its id."""
    done = toolyard("memory", "add", text, *USER, "--because", "she said so", "--json", *more, cwd=shop)
    assert done.code == 0, done.err
    return str(json.loads(done.out)["fact"]["id"])


def memory(shop: Path, *arguments: str, **env: str) -> Outcome:
    return toolyard("memory", *arguments, *USER, cwd=shop, **env)


def refused(done: Outcome) -> str:
    """Return what was said of something that could not be done."""
    assert done.code not in (0, None)
    assert "Traceback" not in done.err
    return done.err


def test_a_fact_is_put_down_found_put_right_and_forgotten(shop: Path) -> None:
    put_down = memory(shop, "add", "Zoë lives in Oslo.", "--because", "she said so", "--attribute", "home")
    assert put_down.out.startswith("Put down as fact_")
    assert "Zoë lives in Oslo." in memory(shop, "search", "where", "does", "Zoë", "live").out
    right = memory(shop, "correct", "last", "Zoë lives in Bergen.", "--because", "she has moved")
    assert ", in place of fact_" in right.out
    assert [line.split("\t")[-1] for line in memory(shop, "timeline", "last").out.splitlines()[1:]] == [
        "Zoë lives in Oslo.",
        "Zoë lives in Bergen.",
    ]
    shown = memory(shop, "show", "last").out
    assert "Zoë lives in Bergen." in shown
    assert "because  stated: she has moved" in shown
    assert memory(shop, "forget", "last", "--yes").out.startswith("Forgot 1 fact")
    assert "Nothing is believed of zoë" in refused(memory(shop, "show", "last"))


def test_the_agent_and_the_command_line_have_one_memory(shop: Path) -> None:
    told = toolyard("chat", "support", *USER, "-m", 'call remember {"text": "Zoë keeps bees."}', cwd=shop)
    assert "Remembered as fact_" in told.err + told.out
    assert "Zoë keeps bees." in memory(shop, "show").out
    asked = toolyard("chat", "support", *USER, "-m", "What about bees?", cwd=shop)
    assert "Zoë keeps bees." in asked.out
    why = toolyard("why", "last", "--detail", cwd=shop).out
    named = next(word for word in why.split() if word.startswith("msg_"))
    shown = memory(shop, "show", named)
    assert shown.code == 0, shown.err
    assert "; said by " in shown.out


def test_days_are_shown_as_they_were_given_wherever_one_is(shop: Path) -> None:
    add(shop, "Zoë was born.", "--since", "1970-01-01", "--until", "1970-01-02")
    fact = add(shop, "Rome was founded.", "--since", "0753-04-21")
    for zone in ("America/Los_Angeles", "Pacific/Kiritimati"):
        assert "holds    since 0753-04-21\n" in memory(shop, "show", fact, TZ=zone).out
        assert "1970-01-01 - 1970-01-02" in memory(shop, "timeline", "user", TZ=zone).out


@pytest.mark.parametrize(
    "arguments",
    [
        ("show", "fact_" + "0" * 32),
        ("show", "nonsense"),
        ("show", "msg_1"),
        ("show", "../../keys"),
        ("show", "last"),
        ("show", "--as-of", "9999-12-31T23:59:59+99:00"),
        ("timeline", "fact_" + "0" * 32),
        ("correct", "fact_" + "0" * 32, "It is so.", "--because", "x"),
        ("correct", "last", "It is so.", "--because", "x"),
        ("forget", "fact_" + "0" * 32, "--yes"),
        ("forget", "last", "--yes"),
        ("add", "It is so.", "--because", ""),
        ("add", "", "--because", "x"),
        ("add", "It is so.", "--because", "x", "--since", "0001-01-01"),
        ("add", "It is so.", "--because", "x", "--since", "2026-05-03", "--until", "2026-05-01"),
        ("add", "x" * 5000, "--because", "x"),
        ("search", "x", "--limit", "0"),
        ("search", "x" * 9000),
        ("search", " "),
        ("export", "-o", "/nowhere/at/all.jsonl"),
        ("graph", "Zoë", "--svg", "/nowhere/at/all.svg"),
    ],
)
def test_what_cannot_be_done_is_said_in_a_line_or_two(shop: Path, arguments: tuple[str, ...]) -> None:
    assert refused(memory(shop, *arguments)).strip()


@pytest.mark.parametrize("words", ['"', "NEAR(a b)", "a AND OR *", "'; DROP TABLE passage; --", "\u202eabc", "日本語"])
def test_words_of_any_kind_are_only_looked_for(shop: Path, words: str) -> None:
    add(shop, "Zoë has a cat.")
    assert memory(shop, "search", words).code == 0
    assert memory(shop, "graph", words).code == 0
    assert memory(shop, "show", "--about", words).code == 0


def test_a_fact_is_forgotten_once_and_a_second_time_it_is_not_there(shop: Path) -> None:
    fact = add(shop, "Zoë fears moths.")
    assert memory(shop, "forget", fact, "--yes").code == 0
    assert f"There is no fact {fact}" in refused(memory(shop, "forget", fact, "--yes"))
    assert f"There is no fact {fact}" in refused(memory(shop, "show", fact))


def test_who_is_asked_and_says_no_forgets_nothing(shop: Path) -> None:
    fact = add(shop, "Zoë fears wasps.")
    done = toolyard("memory", "forget", fact, *USER, cwd=shop, stdin="n\n")
    assert done.code == 1
    assert memory(shop, "show", fact).code == 0


def test_everything_is_exported_and_drawn(shop: Path, tmp_path: Path) -> None:
    fact = add(shop, "Zoë met Bertrand in Lisbon.", "--about", "Zoë")
    assert "Wrote 1 line" in memory(shop, "export", "-o", str(tmp_path / "zoe.jsonl")).out
    assert json.loads((tmp_path / "zoe.jsonl").read_text())["id"] == fact
    assert memory(shop, "graph", "Bertrand", "--svg", str(tmp_path / "zoe.svg")).code == 0
    assert "<svg" in (tmp_path / "zoe.svg").read_text()
    assert "Lisbon" in memory(shop, "graph", "Bertrand").out
    assert "(name, 1 mention)" in memory(shop, "graph", "Bertrand").out


def test_a_name_that_nothing_speaks_of_is_not_drawn(shop: Path, tmp_path: Path) -> None:
    assert "Nothing speaks of Nobody" in refused(memory(shop, "graph", "Nobody", "--svg", str(tmp_path / "nobody.svg")))
    assert not (tmp_path / "nobody.svg").exists()


def test_the_vectors_come_back_when_their_folder_is_lost(shop: Path) -> None:
    add(shop, "Zoë plays the oboe.")
    shutil.rmtree(shop / ".toolyard" / "vectors", ignore_errors=True)
    done = toolyard("memory", "rebuild", cwd=shop)
    assert (done.code, done.out) == (0, "Nothing to build: no one has so many that there is an index.\n"), done.err
    assert "Zoë plays the oboe." in memory(shop, "search", "oboe").out
    assert "hashing" in toolyard("memory", "stats", cwd=shop).out


def test_tidying_up_says_what_it_would_do_and_does_it(shop: Path) -> None:
    assert memory(shop, "consolidate", "--dry-run").out == "Nothing to do.\n"
