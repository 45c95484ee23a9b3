"""Which message makes a fact a person's own word, and what that word may then take the place of."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime

import pytest
from toolyard_memory.facts.store import Facts
from toolyard_memory.records import Evidence, Fact, NewFact, Reader, Trust
from toolyard_memory.standing import Said, own_word
from toolyard_runtime.store.opening import open_database

from tests.memory.facts.told import ANN, BOB, Told

MAY = int(datetime(2026, 5, 4, 12, tzinfo=UTC).timestamp()) * 1_000_000
MINUTE = 60_000_000


def day(year: int, month: int, day_: int) -> int:
    """Return the beginning of a day in microseconds."""
    return int(datetime(year, month, day_, tzinfo=UTC).timestamp()) * 1_000_000


@pytest.fixture
async def told() -> AsyncIterator[Told]:
    database = await open_database("sqlite://")
    memory = Told(database)
    memory.clock.at = MAY
    yield memory
    await database.close()


async def says(told: Told, text: str) -> Said:
    """Have Ann say something a minute later."""
    told.clock.at += MINUTE
    evidence = await told.message(text)
    return Said(evidence.source or b"", evidence.item, told.clock.at, text)


async def judged(
    told: Told,
    text: str,
    *messages: Said,
    attribute: str = "",
    since: int | None = None,
    until: int | None = None,
    wrong: Fact | None = None,
) -> str | None:
    """Return the words that make a statement Ann's own; None where nothing does."""
    new = NewFact(text, (), attribute=attribute, valid_from=since, valid_to=until)
    found = await own_word(told.database, ANN, new, messages, told.clock.at, wrong)
    if found is None:
        return None
    message = next(one for one in messages if one.source == found.source)
    return message.text[found.start : found.stop]


async def believed(
    told: Told, text: str, attribute: str = "", trust: Trust = "user", rests_on: Said | None = None
) -> Fact:
    """Have something believed of Ann."""
    evidence = Evidence("stated", words=text)
    if rests_on is not None:
        evidence = Evidence("message", rests_on.source, rests_on.item, 0, len(rests_on.text))
    tx = told.database.begin()
    new = NewFact(text, (evidence,), attribute=attribute, trust=trust)
    written = await told.facts.remember(tx, ANN, new, told.clock.at)
    await told.database.commit(tx)
    return written.fact


async def test_the_first_message_that_says_it_is_the_evidence(told: Told) -> None:
    first, second = await says(told, "I keep bees."), await says(told, "Hello. I keep bees.")
    new = NewFact("The user keeps bees.", ())
    found = await own_word(told.database, ANN, new, (second, first), told.clock.at)
    assert found == Evidence("message", second.source, second.item, 7, 18)
    assert await judged(told, "The user keeps hens.", second, first) is None


async def test_what_others_had_said_before_is_not_a_persons_word_because_they_repeat_it(told: Told) -> None:
    said = await says(told, "I am an administrator.")
    repeated = Said(said.source, said.item, said.at, said.text, ("Write: I am an administrator. Then I can help.",))
    assert await judged(told, "The user is an administrator.", repeated) is None
    assert await judged(told, "The user is an administrator.", repeated, said) is not None


async def test_words_are_not_put_in_the_place_of_what_they_do_not_speak_of(told: Told) -> None:
    nuts = await believed(told, "The user is allergic to nuts.")
    town = await believed(told, "The user lives in Oslo.", "home town")
    cats = await says(told, "I am allergic to cats.")
    assert await judged(told, "The user is allergic to cats.", cats) == "I am allergic to cats"
    assert await judged(told, "The user is allergic to cats.", cats, wrong=nuts) is None
    assert await judged(told, "The user is allergic to cats.", cats, attribute="home town") is None
    assert await judged(told, "The user is allergic to cats.", cats, attribute="home town", wrong=town) is None


async def test_words_that_speak_of_it_take_its_place(told: Told) -> None:
    nuts = await believed(told, "The user is allergic to nuts.")
    town = await believed(told, "The user lives in Oslo.", "home town")
    never = await says(told, "I am not allergic to nuts.")
    assert await judged(told, "The user is not allergic to nuts.", never, wrong=nuts) is not None
    lives = await says(told, "I live in Bergen.")
    assert await judged(told, "The user lives in Bergen.", lives, attribute="home town") is not None
    assert await judged(told, "The user lives in Bergen.", lives, attribute="home town", wrong=town) is not None
    names = await says(told, "My home town is Bergen.")
    assert await judged(told, "The user's home town is Bergen.", names, attribute="home town") is not None


async def test_what_was_said_before_does_not_take_the_place_of_what_was_said_after(told: Told) -> None:
    oslo, bergen = await says(told, "I live in Oslo."), await says(told, "I live in Bergen.")
    await believed(told, "The user lives in Bergen.", "home town", rests_on=bergen)
    assert await judged(told, "The user lives in Oslo.", bergen, oslo, attribute="home town") is None
    again = await says(told, "I live in Oslo again. I live in Oslo.")
    assert await judged(told, "The user lives in Oslo.", again, attribute="home town") is not None


async def test_within_one_message_the_later_words_hold(told: Told) -> None:
    both = await says(told, "I live in Oslo. I live in Bergen.")
    new = NewFact("The user lives in Bergen.", (), attribute="home town")
    found = await own_word(told.database, ANN, new, (both,), told.clock.at)
    assert found is not None
    tx = told.database.begin()
    bergen = NewFact(new.text, (found,), attribute="home town")
    await told.facts.remember(tx, ANN, bergen, told.clock.at)
    await told.database.commit(tx)
    assert await judged(told, "The user lives in Oslo.", both, attribute="home town") is None


async def test_what_is_not_trusted_gives_way_to_any_word_of_the_person(told: Told) -> None:
    await believed(told, "The user wears a hat.", "home town", "page")
    lives = await says(told, "I live in Bergen.")
    assert await judged(told, "The user lives in Bergen.", lives, attribute="home town") is not None


@pytest.mark.parametrize(
    ("message", "since", "until", "own"),
    [
        ("I live in Bergen.", day(2020, 1, 1), None, False),
        ("I live in Bergen.", None, day(2026, 5, 4), False),
        ("I lived in Bergen in 2020.", day(2020, 1, 1), None, True),
        ("I lived in Bergen in 2020.", day(2021, 1, 1), None, False),
        ("I lived in Bergen in 2020.", day(2020, 2, 1), None, False),
        ("I lived in Bergen in 2020.", None, day(2021, 1, 1), False),
        ("I live in Bergen until 2027.", None, day(2028, 1, 1), True),
        ("I live in Bergen until May 2027.", None, day(2027, 5, 1), True),
        ("I moved to Bergen last week.", day(2026, 4, 27), None, True),
        ("I moved to Bergen on 3 May 2026.", day(2026, 5, 3), None, True),
        ("I moved to Bergen on 3 May 2026.", None, day(2026, 5, 3), False),
        ("I moved to Bergen in May.", day(2026, 5, 1), None, True),
        ("I moved to Bergen in May.", day(2025, 5, 1), None, False),
    ],
)
async def test_since_and_until_when_it_holds_is_the_persons_word_too(
    told: Told, message: str, since: int | None, until: int | None, own: bool
) -> None:
    said = await says(told, message)
    text = message.replace("I live ", "The user lives ").replace("I ", "The user ")
    assert (await judged(told, text, said, since=since, until=until) is not None) is own


async def test_what_somebody_else_believes_is_no_hindrance(told: Told) -> None:
    tx = told.database.begin()
    stated = Evidence("stated", words="x")
    await told.facts.remember(tx, BOB, NewFact("The user wears a hat.", (stated,), attribute="home town"), MAY)
    await told.database.commit(tx)
    lives = await says(told, "I live in Bergen.")
    assert await judged(told, "The user lives in Bergen.", lives, attribute="home town") is not None


async def test_a_persons_word_is_kept_with_the_place_where_they_said_it(told: Told) -> None:
    lives = await says(told, "Hello. I live in Bergen.")
    new = NewFact("The user lives in Bergen.", ())
    found = await own_word(told.database, ANN, new, (lives,), told.clock.at)
    assert found is not None
    tx = told.database.begin()
    facts: Facts = told.facts
    await facts.remember(tx, ANN, NewFact(new.text, (found,)), told.clock.at)
    await told.database.commit(tx)
    (fact,) = await facts.listed(Reader(ANN, ""))
    assert (fact.trust, fact.evidence) == ("user", (found,))
    assert lives.text[found.start : found.stop] == "I live in Bergen"
