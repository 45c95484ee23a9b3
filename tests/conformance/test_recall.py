"""What recall does on every adapter: it finds what its reader may see, by words in any form, and nothing else."""

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from toolyard_memory.records import AsOf, MemoryRefused, Owner, Passage, Reader
from toolyard_memory.retrieval.fulltext import AROUND_MESSAGES, BY_KEY, FullText, Sought
from toolyard_memory.retrieval.query import Hit, Query
from toolyard_memory.retrieval.recall import Recall
from toolyard_sdk.errors import EmbedderError

from tests.conformance.adapters import Adapter
from tests.memory.facts.told import ANN, BOB, OTHER, stated
from tests.memory.graph.world import World

CLERK = Reader(ANN, "clerk")

TALKS = (
    (
        "I moved to Oslo last week and I love the fjord.",
        "Oslo is lovely! Where in Oslo do you live now? Many who live in Oslo live near the fjord.",
    ),
    (
        "My sister Karin is allergic to nuts.",
        "Noted: Karin is allergic to nuts. An allergy to nuts can be serious: who is allergic should read labels.",
    ),
    ("Which laptop should I buy for photo editing?", "The Zephyr 14 is good for editing photos."),
)
KNOWN = ("Lives in Oslo.", "The sister, Karin, is allergic to nuts.")
ASKED = {
    "Where do I live?": (KNOWN[0], *TALKS[0]),
    "Do I live in Oslo?": (KNOWN[0], *TALKS[0]),
    "Who is allergic to nuts?": (KNOWN[1], *TALKS[1]),
    "What is Karin allergic to?": (KNOWN[1], *TALKS[1]),
}
"""Questions with the fact, the person's words and the agent's that speak of what is asked."""


@pytest.fixture
def world(adapter: Adapter) -> World:
    return World(adapter.database)


@pytest.fixture
def recall(world: World) -> Recall:
    return Recall(world.database, world.passages, world.graph)


async def found(recall: Recall, text: str, reader: Reader = CLERK, **more: object) -> list[str]:
    """Return the texts that come to mind, the best first."""
    query = msgspec.structs.replace(Query(text), **more)
    return [hit.passage.text for hit in (await recall.search(reader, query)).hits]


async def test_a_message_is_found_by_its_words_in_another_form(world: World, recall: Recall) -> None:
    await world.say("We adopted a spaniel", "The weather was fine")
    assert (await found(recall, "Tell me about adopting spaniels!"))[0] == "We adopted a spaniel"


async def test_an_accent_or_a_capital_makes_no_other_word(world: World, recall: Recall) -> None:
    await world.say("Das CAFÉ in Zürich")
    assert await found(recall, "café Zürich") == ["Das CAFÉ in Zürich"]


async def test_a_question_without_a_known_word_finds_nothing(world: World, recall: Recall) -> None:
    await world.say("We adopted a spaniel")
    recalled = await recall.search(CLERK, Query("Quarterly dividends?"))
    assert (recalled.hits, recalled.text) == ((), "")


async def test_what_answers_is_found_by_the_question_it_answers(world: World, recall: Recall) -> None:
    await world.say("What is your favourite pastry?", "Macarons, by far", session=b"s" * 16)
    await world.say("Something else", session=b"t" * 16)
    assert set(await found(recall, "favourite pastry")) == {"What is your favourite pastry?", "Macarons, by far"}


async def test_what_the_session_that_asks_has_in_view_is_left_out(world: World, recall: Recall) -> None:
    await world.say("a spaniel, long ago", "a spaniel, in view", session=b"s" * 16)
    await world.say("a spaniel, elsewhere", session=b"t" * 16)
    left = await found(recall, "spaniel", session=b"s" * 16, shown_from=1)
    assert sorted(left) == ["a spaniel, elsewhere", "a spaniel, long ago"]


async def test_owners_of_one_tenant_and_of_two_see_their_own_only(world: World, recall: Recall) -> None:
    for owner in (ANN, BOB, OTHER):
        session = owner.scope.encode()[:16]
        await world.say(f"Melanie's secret is {owner.scope}", "Melanie said so", owner=owner, session=session)
        await world.know(stated(f"Melanie trusts {owner.scope} with the secret"), owner)
    for owner in (ANN, BOB, OTHER):
        texts = " ".join(await found(recall, "What is Melanie's secret?", Reader(owner, "clerk")))
        assert [one for one in (ANN, BOB, OTHER) if one.scope in texts] == [owner]


async def test_no_word_of_a_question_reaches_into_another_scope(world: World, recall: Recall) -> None:
    await world.say("Bob's own spaniel", owner=BOB)
    for text in (BOB.scope, f"scope:{BOB.scope} spaniel", f'spaniel") OR scope:({BOB.scope}', "spaniel OR NOT ann"):
        assert await found(recall, text) == []


async def test_a_row_that_an_index_names_wrongly_is_not_shown(world: World) -> None:
    (of_bob,) = await world.say("Bob's own spaniel", owner=BOB)
    (of_ann,) = await world.say("Ann's cat")
    lying = Recall(world.database, world.passages, world.graph, Stub({of_bob: 0.99, of_ann: 0.5, b"gone" * 4: 0.9}))
    assert await found(lying, "a pet") == ["Ann's cat"]


async def test_what_is_private_to_one_agent_comes_to_no_other(world: World, recall: Recall) -> None:
    await world.say("for the clerk: spaniel", agent="clerk")
    await world.say("for the cook: spaniel", agent="cook")
    assert await found(recall, "spaniel") == ["for the clerk: spaniel"]


async def test_a_corrected_fact_is_found_only_by_who_looks_from_before(world: World, recall: Recall) -> None:
    world.clock.at = 1_000
    old = await world.know(stated("Ann lives in Rome"))
    world.clock.at = 2_000
    await world.told.correct(old, stated("Ann lives in Oslo"))
    assert await found(recall, "Where does Ann live?") == ["Ann lives in Oslo"]
    assert await found(recall, "Where does Ann live?", as_of=AsOf(1_500, 1_500)) == ["Ann lives in Rome"]


async def test_a_forgotten_fact_does_not_come_back(world: World, recall: Recall) -> None:
    fact = await world.know(stated("Ann lives in Rome"))
    await world.told.forget(fact)
    assert await found(recall, "Rome") == []


async def test_a_document_comes_to_the_agents_it_is_granted_to_and_that_ask_for_it(
    world: World, recall: Recall
) -> None:
    await world.read_in("Refunds within 14 days", agents=("clerk",))
    assert await found(recall, "refunds") == ["Refunds within 14 days"]
    assert await found(recall, "refunds", Reader(BOB, "clerk")) == ["Refunds within 14 days"]
    assert await found(recall, "refunds", documents=()) == []
    assert await found(recall, "refunds", documents=("handbook*",)) == []
    assert await found(recall, "refunds", Reader(ANN, "cook")) == []
    assert await found(recall, "refunds", Reader(OTHER, "clerk")) == []


async def test_kinds_say_what_is_looked_at(world: World, recall: Recall) -> None:
    await world.say("a spaniel was mentioned")
    await world.know(stated("Ann has a spaniel"))
    assert await found(recall, "spaniel", kinds=("fact",)) == ["Ann has a spaniel"]


async def test_facts_and_a_persons_own_words_come_before_an_answer_that_repeats_them(
    world: World, recall: Recall
) -> None:
    tx = world.database.begin()
    for session, (person, agent) in enumerate(TALKS, 1):
        spoken = bytes([session]) * 16
        asked = Passage(world.told.new_id(), ANN, "message", person, 1, speaker="user", session=spoken)
        answer = Passage(
            world.told.new_id(), ANN, "message", agent, 1, "", "assistant", "agent", session=spoken, position=1
        )
        for passage in (asked, answer):
            world.passages.add(tx, passage)
            await world.graph.note(tx, passage)
    await world.database.commit(tx)
    for fact in KNOWN:
        await world.know(stated(fact))
    for question, (fact, person, agent) in ASKED.items():
        came = await found(recall, question)
        places = {text: came.index(text) for text in (fact, person, agent)}
        assert max(places[fact], places[person]) < places[agent], question
    assert (await found(recall, "Which laptop did you recommend?"))[0] == TALKS[2][1]
    assert (await found(recall, "Which laptop is good for editing photos?"))[0] == TALKS[2][1]


async def test_the_same_words_come_once(world: World, recall: Recall) -> None:
    await world.say("Ann has a spaniel")
    await world.know(stated("Ann has a spaniel."))
    assert len(await found(recall, "spaniel")) == 1


async def test_an_embedder_that_is_down_is_said_and_words_still_find(world: World) -> None:
    await world.say("We adopted a spaniel")
    recall = Recall(world.database, world.passages, world.graph, Stub(error="the server at 10.0.0.1 does not answer"))
    recalled = await recall.search(CLERK, Query("spaniel"))
    assert [hit.passage.text for hit in recalled.hits] == ["We adopted a spaniel"]
    assert recalled.degraded == "searched by words only, without vectors: the server at 10.0.0.1 does not answer"


async def test_an_index_that_lags_behind_is_said(world: World) -> None:
    await world.say("We adopted a spaniel")
    recall = Recall(world.database, world.passages, None, Stub({}, lag="1000 passages have no vector yet"))
    assert (await recall.search(CLERK, Query("spaniel"))).degraded == "1000 passages have no vector yet"


async def test_each_part_of_a_score_has_a_name_and_they_sum_up(world: World, recall: Recall) -> None:
    await world.say("We adopted a spaniel", "We adopted a cat", "The cat sleeps", session=b"s" * 16)
    hits: tuple[Hit, ...] = (await recall.search(CLERK, Query("When did we adopt the cat?"))).hits
    assert hits[0].passage.text == "We adopted a cat"
    assert {"words", "exchange", "total"} <= set(hits[0].scores)
    assert any("graph" in hit.scores for hit in hits)
    for hit in hits:
        parts = sum(score for name, score in hit.scores.items() if name != "total")
        assert parts == pytest.approx(hit.scores["total"])


async def test_many_words_that_everything_has_are_bounded(world: World) -> None:
    await world.say(*(f"the common word number {n}" for n in range(450)))
    looked = await FullText(world.database, world.passages).look_up(Sought(CLERK), ("common", "word", "449"))
    assert looked.counts == (400, 400, 1)
    assert len(looked.best(10)) == 10


async def test_whoever_writes_the_name_of_anothers_memory_is_not_found_in_it(world: World, recall: Recall) -> None:
    await world.say(f"{ANN.scope} spaniel", owner=BOB)
    await world.say("We adopted a cat")
    assert await found(recall, "spaniel") == []
    assert await found(recall, f"{ANN.scope} spaniel") == []
    assert await found(recall, f"{ANN.scope}") == []


async def test_a_word_that_no_index_holds_finds_nothing_and_not_everything(world: World, recall: Recall) -> None:
    await world.say("We adopted a spaniel", "It is brown")
    assert await found(recall, "above") == []
    assert (await found(recall, "above spaniel"))[0] == "We adopted a spaniel"


@pytest.mark.parametrize("query", [Query("  "), Query("a" * 8_001), Query("a", limit=0), Query("a", budget_tokens=0)])
async def test_a_query_that_cannot_be_answered_is_refused_by_name(recall: Recall, query: Query) -> None:
    with pytest.raises(MemoryRefused) as refused:
        await recall.search(CLERK, query)
    assert refused.value.field in {"text", "limit", "budget_tokens"}


@pytest.fixture
async def of_bob(world: World) -> None:
    """Have Bob say what any letter could find, were it not his."""
    await world.say(" ".join("abcdefghijklmnopqrstuvwxyz0123456789"), owner=BOB)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.text(min_size=1, max_size=60))
async def test_whatever_a_person_types_is_no_syntax(of_bob: None, recall: Recall, text: str) -> None:
    if text.strip():
        assert await found(recall, text) == []


async def test_questions_of_any_size_are_one_statement(world: World) -> None:
    dialect = world.database.dialect
    for statement in (BY_KEY[dialect], AROUND_MESSAGES[dialect]):
        assert "keys" in str(statement)
    one, two = await world.say("We adopted a spaniel", "It is brown", session=b"s" * 16)
    text = FullText(world.database, world.passages)
    sought = Sought(CLERK)
    looked = await text.look_up(sought, ("spaniel",))
    read = await text.read(sought, looked.best(5))
    assert set(read) == {one}
    assert set(await text.around(sought, read.values())) == {one, two}
    assert set(await text.load(Sought(Reader(Owner("acme", "cy"), "")), [one, two])) == set()


class Told:
    """How the vectors are, as a vector store says it."""

    def __init__(self, degraded: str) -> None:
        self.embedder = "stub"
        self.degraded = degraded


class Stub:
    """An index by meaning that answers what it is told to: also what it should not."""

    def __init__(self, near: dict[bytes, float] | None = None, *, error: str = "", lag: str = "") -> None:
        self._near = near or {}
        self._error = error
        self._lag = lag

    async def search(self, reader: Reader, text: str, limit: int) -> dict[bytes, float]:
        if self._error:
            raise EmbedderError(self._error)
        return self._near

    async def state(self, tenant: str) -> Told:
        return Told(self._lag)
