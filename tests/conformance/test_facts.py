"""What facts and passages do on every adapter: two times, one owner, and forgetting that leaves nothing."""

from typing import Any

import pytest
from sqlalchemy import Select, func, select
from toolyard_memory.facts.extractions import Extractions
from toolyard_memory.facts.store import Facts
from toolyard_memory.passages import PRESENT
from toolyard_memory.records import AsOf, Evidence, MemoryRefused, NoSuchMemory, Passage, Reader
from toolyard_memory.tables.facts import EVIDENCE, FACT
from toolyard_memory.tables.passages import EDGE, ENTITY, MENTION, PASSAGE
from toolyard_memory.tables.vectors import EMBEDDING, OUTBOX
from toolyard_sdk.ports import Transaction

from tests.conformance.adapters import Adapter
from tests.memory.facts.told import ANN, BOB, OTHER, Told, derived, stated

JANUARY, APRIL, JULY, NOW = 1_000, 4_000, 7_000, 12_000
CHANGES = select(OUTBOX.c.passage, OUTBOX.c.change).order_by(OUTBOX.c.seq)


@pytest.fixture
def told(adapter: Adapter) -> Told:
    return Told(adapter.database)


async def count(told: Told, statement: Select[Any]) -> int:
    rows = await told.database.read(select(func.count()).select_from(statement.subquery()))
    return int(rows[0][0])


async def two_cities(told: Told) -> tuple[bytes, bytes]:
    told.clock.at = JANUARY
    paris = await told.remember(stated("Lives in Paris", "city", evidence=(await told.message("I live in Paris"),)))
    told.clock.at = JULY
    berlin = await told.remember(stated("Lives in Berlin", "city", evidence=(await told.message("Now in Berlin"),)))
    assert berlin.superseded == (paris.fact.id,)
    told.clock.at = NOW
    return paris.fact.id, berlin.fact.id


async def test_a_fact_is_read_back_as_it_was_written(told: Told) -> None:
    message = await told.message("We moved to Paris in spring")
    span = Evidence("message", message.source, message.item, 3, 17, "", "extractor:small", "sha256:1")
    new = stated(
        " Lives in Paris ", "City", subject="Ann  LEE", since=500, until=90_000, evidence=(span,), agent="clerk"
    )
    written = await told.remember(new)
    found = await told.facts.find(Reader(ANN, "clerk"), written.fact.id)
    assert found == written.fact
    assert (found.text, found.subject, found.attribute) == ("Lives in Paris", "ann lee", "city")
    assert (found.valid_from, found.valid_to, found.recorded_at, found.retired_at) == (500, 90_000, 1_000, None)
    assert (found.owner, found.agent, found.evidence) == (ANN, "clerk", (span,))
    passage = (await told.passages.load(Reader(ANN, "clerk"), [found.id]))[found.id]
    assert (passage.kind, passage.text, passage.at, passage.trust) == ("fact", "Lives in Paris", 1_000, "user")
    assert passage.key > 0


async def test_a_contradiction_takes_the_place_of_what_was_believed_and_keeps_it_for_as_of(told: Told) -> None:
    paris, berlin = await two_cities(told)
    assert await told.texts() == ["Lives in Berlin"]
    assert await told.texts(valid=APRIL) == ["Lives in Paris"]
    assert await told.texts(recorded=APRIL) == ["Lives in Paris"]
    assert await told.texts(valid=NOW, recorded=APRIL) == ["Lives in Paris"]
    assert await told.texts(valid=500) == []
    timeline = await told.facts.timeline(Reader(ANN, ""), berlin)
    assert [(fact.text, fact.valid_from, fact.valid_to, fact.retired_at) for fact in timeline] == [
        ("Lives in Paris", JANUARY, None, JULY),
        ("Lives in Paris", JANUARY, JULY, None),
        ("Lives in Berlin", JULY, None, None),
    ]
    assert timeline[0].id == paris
    assert timeline[0].superseded_by == berlin
    assert timeline[1].evidence == timeline[0].evidence != ()


async def test_passages_of_what_is_no_longer_believed_are_hidden_unless_as_of_asks(told: Told) -> None:
    paris, berlin = await two_cities(told)
    reader = Reader(ANN, "")
    assert set(await told.passages.load(reader, [paris, berlin])) == {berlin}
    assert set(await told.passages.load(reader, [paris, berlin], AsOf(recorded=APRIL))) == {paris}
    assert set(await told.passages.load(reader, [paris, berlin], AsOf(valid=APRIL))) == set()
    left = (await told.facts.listed(reader, as_of=AsOf(valid=APRIL)))[0]
    assert set(await told.passages.load(reader, [left.id], AsOf(valid=APRIL))) == {left.id}
    with pytest.raises(NoSuchMemory):
        await told.facts.find(reader, paris)
    assert (await told.facts.find(reader, paris, AsOf(recorded=APRIL))).superseded_by == berlin


async def test_what_is_said_again_gains_evidence_once_and_is_known(told: Told) -> None:
    first = await told.remember(stated("Likes tea", evidence=(await told.message("I like tea"),)))
    told.clock.at = JULY
    again = stated("likes TEA.", evidence=(await told.message("tea, please"),))
    second = await told.remember(again)
    third = await told.remember(again)
    assert (second.known, second.superseded, second.fact.id) == (True, (), first.fact.id)
    assert third.known
    found = await told.facts.find(Reader(ANN, ""), first.fact.id)
    assert found.evidence == (*first.fact.evidence, *again.evidence) == third.fact.evidence
    assert await count(told, select(FACT)) == 1


async def test_two_who_say_at_once_what_is_known_both_support_it(told: Told) -> None:
    tea = await told.remember(stated("Likes tea", evidence=(await told.message("I like tea"),)))
    again, more = await told.message("tea, please"), await told.message("more tea")
    tx = told.database.begin()
    for evidence in (again, more, again):  # none of them sees what the others write
        assert (await told.facts.remember(tx, ANN, stated("Likes tea", evidence=(evidence,)), told.clock.at)).known
    await told.database.commit(tx)
    found = await told.facts.find(Reader(ANN, ""), tea.fact.id)
    assert found.evidence == (*tea.fact.evidence, again, more)


async def test_a_statement_without_an_attribute_contradicts_nothing(told: Told) -> None:
    await told.remember(stated("Likes tea"))
    assert (await told.remember(stated("Likes coffee"))).superseded == ()
    assert await told.texts() == ["Likes coffee", "Likes tea"]


async def test_nothing_of_one_owner_or_tenant_is_seen_or_replaced_by_another(told: Told) -> None:
    written = await told.remember(stated("Lives in Paris", "city"))
    for owner in (BOB, OTHER):
        reader = Reader(owner, "")
        assert (await told.remember(stated("Lives in Oslo", "city"), owner)).superseded == ()
        assert await told.texts(owner) == ["Lives in Oslo"]
        assert await told.passages.load(reader, [written.fact.id]) == {}
        for attempt in (
            told.facts.find(reader, written.fact.id),
            told.facts.timeline(reader, written.fact.id),
            told.correct(written.fact.id, stated("Lives in Rome"), owner),
            told.forget(written.fact.id, owner=owner),
        ):
            with pytest.raises(NoSuchMemory):
                await attempt
        assert [fact.text for fact in await told.facts.timeline(reader, "user")] == ["Lives in Oslo"]
    assert await told.texts() == ["Lives in Paris"]


async def test_what_one_agent_may_recall_no_other_agent_sees(told: Told) -> None:
    private = await told.remember(stated("Owes 5 euros", "debt", agent="bank"))
    shared = await told.remember(stated("Owes nothing", "debt", agent="clerk"))
    assert shared.superseded == ()
    assert await told.texts(agent="bank") == ["Owes 5 euros"]
    assert await told.texts(agent="clerk") == ["Owes nothing"]
    assert await told.texts(agent="") == ["Owes 5 euros", "Owes nothing"]
    with pytest.raises(NoSuchMemory):
        await told.facts.find(Reader(ANN, "clerk"), private.fact.id)
    assert await told.passages.load(Reader(ANN, "clerk"), [private.fact.id]) == {}
    assert await told.facts.timeline(Reader(ANN, "nobody"), "user") == []


async def test_statements_of_one_transaction_or_made_at_once_leave_the_later_one(told: Told) -> None:
    await told.remember(stated("Lives in Oslo", "city"))
    txs: list[Transaction] = [told.database.begin(), told.database.begin()]
    for at, (city, tx) in enumerate([("Paris", txs[0]), ("Rome", txs[0]), ("Bern", txs[1])], 2_000):
        await told.facts.remember(tx, ANN, stated(f"Lives in {city}", "city"), at)
    await told.facts.remember(txs[1], ANN, stated("Likes tea"), 2_003)
    for tx in reversed(txs):  # the later statement is committed first
        await told.database.commit(tx)
    told.clock.at = NOW
    assert await told.texts() == ["Likes tea", "Lives in Bern"]
    assert await told.texts(valid=1_500) == ["Lives in Oslo"]
    versions = await told.facts.timeline(Reader(ANN, ""), "user")
    assert len(versions) == await count(told, select(PASSAGE))
    assert {fact.text for fact in versions if fact.superseded_by is not None} == {
        *("Lives in Oslo", "Lives in Paris", "Lives in Rome")
    }


async def test_a_fact_whose_ground_is_forgotten_meanwhile_is_not_added(told: Told) -> None:
    ground = await told.remember(stated("Works at Acme"))
    tx = told.database.begin()
    await told.facts.remember(tx, ANN, stated("Has a job", evidence=derived(ground.fact.id)), 2_000)
    await told.forget(ground.fact.id)
    await told.database.commit(tx)
    assert (
        await count(told, select(FACT))
        == await count(told, select(PASSAGE))
        == await count(told, select(EVIDENCE))
        == 0
    )


@pytest.mark.parametrize("together", [True, False])
async def test_of_corrections_made_at_once_the_last_one_holds(told: Told, together: bool) -> None:
    wrong = (await told.remember(stated("Ann has a dog"))).fact.id
    first = told.database.begin()
    txs = [first if together else told.database.begin() for _ in range(4)]
    for tx, animal in zip(txs, ("cat", "canary", "newt", "hamster"), strict=True):  # none sees another
        await told.facts.correct(tx, ANN, wrong, stated(f"Ann has a {animal}"), told.clock.at)
    for tx in [first] if together else txs:
        await told.database.commit(tx)
    assert await told.texts() == ["Ann has a hamster"]
    assert len(await told.facts.timeline(Reader(ANN, ""), wrong)) == 5


async def test_a_correction_of_what_is_forgotten_meanwhile_is_not_added(told: Told) -> None:
    wrong = (await told.remember(stated("Ann has a dog"))).fact.id
    txs = [told.database.begin(), told.database.begin()]
    for tx, animal in zip(txs, ("cat", "canary"), strict=True):
        await told.facts.correct(tx, ANN, wrong, stated(f"Ann has a {animal}"), told.clock.at)
    await told.forget(wrong)
    for tx in txs:
        await told.database.commit(tx)
    assert (
        await count(told, select(FACT))
        == await count(told, select(PASSAGE))
        == await count(told, select(EVIDENCE))
        == 0
    )


async def test_a_correction_replaces_and_a_second_one_is_told_what_took_the_place(told: Told) -> None:
    wrong = (await told.remember(stated("Lives in Berlin", "city", since=500))).fact.id
    right = await told.correct(wrong, stated("Lives in Bern"))
    assert right.superseded == (wrong,)
    assert (right.fact.attribute, right.fact.valid_from) == ("city", 500)
    assert await told.texts() == await told.texts(valid=600) == ["Lives in Bern"]
    with pytest.raises(MemoryRefused, match=f"fact_{right.fact.id.hex()} took the place"):
        await told.correct(wrong, stated("Lives in Basel"))
    await told.forget(right.fact.id)
    with pytest.raises(MemoryRefused, match="was forgotten"):
        await told.correct(right.fact.id, stated("Lives in Basel"))
    with pytest.raises(MemoryRefused, match="what took the place of"):
        await told.correct(wrong, stated("Lives in Basel"))


async def test_forgetting_leaves_no_row_but_tombstones_and_revives_nothing(told: Told) -> None:
    paris, berlin = await two_cities(told)
    for fact in (paris, berlin):
        await lean_on(told, fact)
    forgotten = await told.forget(berlin)
    assert forgotten.facts == (berlin,)
    assert await told.texts() == []
    assert await told.texts(valid=APRIL) == ["Lives in Paris"]
    forgotten = await told.forget(paris)
    assert len(forgotten.facts) == 2
    assert paris in forgotten.facts
    for table in (FACT, EVIDENCE, PASSAGE, ENTITY, MENTION, EDGE, EMBEDDING):
        assert await count(told, select(table)) == 0, table.name
    gone = {id_ for id_, change in await told.database.read(CHANGES) if change == "dropped"}
    assert gone >= {paris, berlin}


async def lean_on(told: Told, passage: bytes) -> None:
    """Give a passage a vector, and two names that it speaks of."""
    tx = told.database.begin()
    one, other = told.new_id(), told.new_id()
    for id_ in (one, other):
        tx.write(ENTITY.insert(), (id_, "acme", "ann", id_.hex(), "x", "name"))
        tx.write(MENTION.insert(), (id_, passage))
    tx.write(EDGE.insert(), (one, other, "near", passage))
    tx.write(EMBEDDING.insert(), (passage, "e", "acme", b"v"))
    await told.database.commit(tx)


async def test_a_version_in_the_same_words_has_names_and_vectors_that_nobody_computes_again(told: Told) -> None:
    paris = (await told.remember(stated("Lives in Paris", "city", since=1_000, until=5_000))).fact
    await lean_on(told, paris.id)
    rome = (await told.remember(stated("Living in Rome", "city", since=2_000, until=3_000))).fact
    await lean_on(told, rome.id)
    versions = [fact.id for fact in await told.facts.timeline(Reader(ANN, ""), "user") if fact.text == paris.text]
    assert len(versions) == 3
    await told.remember(stated("Is living in Rome", "city", since=3_000, until=4_000))
    tx = told.database.begin()
    await told.facts.apply(tx, ANN, await told.facts.plan(ANN, NOW), NOW)
    await told.database.commit(tx)
    (whole,) = await told.facts.listed(Reader(ANN, ""), as_of=AsOf(valid=3_500))
    assert (whole.text, whole.valid_from, whole.valid_to) == ("Living in Rome", 2_000, 4_000)
    for table, many in ((MENTION, 2), (EDGE, 1), (EMBEDDING, 1)):
        for fact in (*versions, whole.id):
            assert await count(told, select(table).where(table.c.passage == fact)) == many


async def test_names_go_with_the_last_passage_that_speaks_of_them(told: Told) -> None:
    facts = [(await told.remember(stated(text))).fact.id for text in ("Ann likes Bob", "Bob has a dog", "Bob is old")]
    tx, bob = told.database.begin(), told.new_id()
    tx.write(ENTITY.insert(), (bob, "acme", "ann", "bob", "Bob", "name"))
    for fact in facts:
        tx.write(MENTION.insert(), (bob, fact))
    await told.database.commit(tx)
    await told.forget(facts[0])
    assert await count(told, select(ENTITY)) == 1
    await told.forget(*facts[1:])
    assert await count(told, select(ENTITY)) == 0


async def test_what_was_derived_goes_along_unless_it_has_words_of_its_own(told: Told) -> None:
    said = await told.message("I work at Acme, in Bern")
    base = (await told.remember(stated("Works at Acme", evidence=(said,)))).fact.id
    falls = (await told.remember(stated("Has a job", evidence=derived(base)))).fact.id
    deeper = (await told.remember(stated("Pays taxes", evidence=derived(falls)))).fact.id
    same = (await told.remember(stated("Commutes", evidence=(*derived(base), said)))).fact.id
    own = stated("Is busy", evidence=(*derived(base), Evidence("stated", words="I am busy")))
    stays = (await told.remember(own)).fact.id
    beside = (await told.remember(stated("Lives in Bern", evidence=(said,)))).fact.id
    forgotten = await told.forget(base)
    assert set(forgotten.facts) == {base, falls, deeper, same}
    assert len(forgotten.passages) == 1
    assert await told.texts() == ["Is busy", "Lives in Bern"]
    assert (await told.facts.find(Reader(ANN, ""), stays)).evidence == own.evidence[1:]
    assert (await told.facts.find(Reader(ANN, ""), beside)).evidence == (said,)
    assert await told.passages.of_session(Reader(ANN, ""), b"s" * 16, range(10)) == []


async def test_an_extractor_does_not_bring_back_what_was_forgotten_and_a_person_does(told: Told) -> None:
    fact = await told.remember(stated("Lives in Paris", "city"))
    await told.forget(fact.fact.id)
    message = await told.message("yes, Paris")
    found = stated("The user lives in Paris.", "City", evidence=(message,), writer="extractor:small")
    with pytest.raises(MemoryRefused, match="text: it was forgotten"):
        await told.remember(found)
    elsewhere = stated("Lives in Paris", "city", evidence=(await told.message("x", BOB),), writer="extractor:small")
    assert not (await told.remember(elsewhere, BOB)).known
    told.clock.at = NOW
    again = await told.remember(stated("Lives in Paris", "city"))
    assert not again.known
    assert (await told.remember(found)).known


async def test_what_a_restored_backup_brings_back_goes_again(told: Told) -> None:
    said = await told.message("I live in Paris")
    paris = (await told.remember(stated("Lives in Paris", "city", evidence=(said,)))).fact
    rests = (
        await told.remember(stated("Is in France", evidence=(*derived(paris.id), Evidence("stated", words="x"))))
    ).fact
    kept = (await told.remember(stated("Likes tea"))).fact
    backup = {table: await told.database.read(select(table)) for table in (FACT, EVIDENCE, PASSAGE)}
    told.clock.at = NOW
    await told.forget(paris.id)
    twin = await told.remember(stated("Lives in Paris", "city"))
    tx = told.database.begin()
    for table, rows in backup.items():
        there = {tuple(row) for row in await told.database.read(select(table))}
        for row in rows:
            if tuple(row) not in there:
                tx.write(table.insert(), tuple(row))
    await told.database.commit(tx)
    tx = told.database.begin()
    assert await told.facts.reapply(tx, "acme") == 2
    assert await told.facts.reapply(tx, "evil") == 0
    await told.database.commit(tx)
    left = {fact.id: fact for fact in await told.facts.timeline(Reader(ANN, ""), "user")}
    assert set(left) == {rests.id, kept.id, twin.fact.id}
    assert left[rests.id].evidence == rests.evidence[1:]
    assert await count(told, select(PASSAGE)) == 3
    tx = told.database.begin()
    assert await told.facts.reapply(tx, "acme") == 0


async def test_facts_are_listed_newest_first_in_pages(told: Told) -> None:
    made = [(await told.remember(stated(f"Fact {n}", subject="Ann" if n % 2 else "user"))).fact.id for n in range(6)]
    reader = Reader(ANN, "")
    page = await told.facts.listed(reader, limit=4)
    assert [fact.id for fact in page] == made[:1:-1]
    assert [fact.id for fact in await told.facts.listed(reader, after=page[-1].id, limit=0)] == made[1:2]
    assert [fact.text for fact in await told.facts.listed(reader, "ANN ")] == ["Fact 5", "Fact 3", "Fact 1"]
    for nobody in ("a\x00", "\ud800"):
        assert await told.facts.listed(reader, nobody) == await told.facts.timeline(reader, nobody) == []


async def test_the_timeline_of_a_statement_follows_what_took_its_place(told: Told) -> None:
    first = await told.remember(stated("Works at Acme"))
    second = await told.correct(first.fact.id, stated("Works at Acme Corp"))
    third = await told.correct(second.fact.id, stated("Works at Ajax"))
    await told.remember(stated("Likes tea"))
    for of in (first, second, third):
        timeline = await told.facts.timeline(Reader(ANN, ""), of.fact.id)
        assert [fact.text for fact in timeline] == ["Works at Acme", "Works at Acme Corp", "Works at Ajax"]
    assert len(await told.facts.timeline(Reader(ANN, ""), third.fact.id, limit=2)) == 2
    assert len(await told.facts.timeline(Reader(ANN, ""), "user")) == 4


async def test_a_plan_changes_nothing_until_it_is_applied_and_keeps_history_then(told: Told) -> None:
    tea = await told.remember(stated("Likes tea", evidence=(await told.message("tea"),)))
    told.clock.at = APRIL
    again = await told.remember(stated("Like tea", evidence=(await told.message("TEA"),)))
    camp = await told.remember(stated("Is at camp", until=5_000))
    changes = await told.facts.plan(ANN, NOW, past_us=1_000)
    assert [(change.kind, len(change.before)) for change in changes] == [("merge", 2), ("expire", 1)]
    assert await told.texts(valid=4_500) == ["Is at camp", "Like tea", "Likes tea"]
    assert await told.facts.plan(BOB, NOW) == ()
    tx = told.database.begin()
    assert await told.facts.apply(tx, ANN, changes, NOW) == changes
    assert await told.facts.apply(tx, BOB, changes, NOW) == ()
    await told.database.commit(tx)
    told.clock.at = NOW
    assert await told.texts() == ["Likes tea"]
    assert await told.texts(valid=4_500, recorded=APRIL) == ["Is at camp", "Like tea", "Likes tea"]
    kept = await told.facts.find(Reader(ANN, ""), tea.fact.id)
    assert kept.evidence == (*tea.fact.evidence, *again.fact.evidence)
    assert {fact.superseded_by for fact in await told.facts.timeline(Reader(ANN, ""), "user")} == {None, tea.fact.id}
    assert (await told.facts.timeline(Reader(ANN, ""), camp.fact.id))[0].retired_at == NOW
    tx = told.database.begin()
    assert await told.facts.apply(tx, ANN, changes, NOW) == ()


async def test_facts_that_say_the_same_one_after_the_other_become_a_version_that_covers_both(told: Told) -> None:
    first = await told.remember(stated("Living in Paris", "city", since=1_000, until=2_000))
    second = await told.remember(stated("Is living in Paris", "city", since=2_000))
    changes = await told.facts.plan(ANN, NOW)
    tx = told.database.begin()
    await told.facts.apply(tx, ANN, changes, NOW)
    await told.database.commit(tx)
    told.clock.at = NOW
    (whole,) = await told.facts.listed(Reader(ANN, ""))
    assert (whole.valid_from, whole.valid_to, whole.recorded_at) == (1_000, None, NOW)
    assert whole.evidence == (*first.fact.evidence, *second.fact.evidence)
    assert await told.texts(valid=1_500, recorded=APRIL) == ["Living in Paris"]


async def test_an_extractor_reads_no_message_twice_and_its_tokens_are_counted(told: Told) -> None:
    ledger = Extractions(told.database)
    messages = [await told.message(f"message {n}") for n in range(3)]
    await told.message("not hers", OTHER)
    tx = told.database.begin()
    for at, tokens in ((1, 50), (2, 70)):  # the same message again: the first note stays
        ledger.add(tx, ANN, (messages[0].source or b"", 1), "small", at=at, tokens=tokens, facts=0)
    ledger.add(tx, ANN, (messages[1].source or b"", 1), "large", at=9, tokens=8, facts=1, outcome="failed")
    await told.database.commit(tx)
    unread = await ledger.unread("acme", "small")
    assert [passage.text for passage in unread] == ["message 1", "message 2"]
    assert [passage.text for passage in await ledger.unread("acme", "small", unread[0].key)] == ["message 2"]
    assert len(await ledger.unread("acme", "large", limit=1)) == 1
    assert [await ledger.spent("acme", since) for since in (0, 2, 10)] == [58, 8, 0]
    assert await ledger.spent("evil", 0) == 0


async def test_what_an_extractor_could_not_read_waits_its_time_and_what_is_done_stays_done(told: Told) -> None:
    ledger = Extractions(told.database)
    places = [((await told.message(f"message {n}")).source or b"", 1) for n in range(3)]

    async def note(place: tuple[bytes, int], **more: Any) -> None:
        tx = told.database.begin()
        ledger.add(tx, ANN, place, "small", at=5, facts=0, **more)
        await told.database.commit(tx)

    await note(places[0], tokens=10, outcome="waiting", tries=1, again_at=100, reason="timeout")
    await note(places[1], tokens=0, outcome="waiting", again_at=50, reason="budget")
    assert [one.text for one in await ledger.unread("acme", "small")] == ["message 2"]
    assert await ledger.due("acme", "small", 49) == []
    assert [one.passage.text for one in await ledger.due("acme", "small", 100)] == ["message 1", "message 0"]
    assert await ledger.due("acme", "large", 100) == await ledger.due("evil", "small", 100) == []
    await note(places[0], tokens=25, outcome="waiting", tries=2, again_at=200, reason="timeout")
    (again,) = [one for one in await ledger.due("acme", "small", 200) if one.tries]
    assert (again.tries, again.tokens) == (2, 25)
    assert await ledger.spent("acme", 0) == 25
    await note(places[0], tokens=30, outcome="failed", tries=3, reason="timeout")
    await note(places[1], tokens=7)
    await note(places[1], tokens=99, outcome="waiting", again_at=1)
    assert await ledger.due("acme", "small", 1_000) == []
    assert {(one.outcome, one.reason, one.messages) for one in await ledger.tally("acme")} == {
        ("failed", "timeout", 1),
        ("read", "", 1),
    }
    assert await ledger.tally("evil") == []


async def test_a_session_is_read_at_positions_and_by_its_owner_only(told: Told) -> None:
    for n in range(4):
        await told.message(f"message {n}", n=n)
    await told.message("Bob's", BOB, n=1)
    await told.message("for the clerk", agent="clerk", n=2)

    async def texts(reader: Reader, *positions: int, as_of: AsOf = PRESENT) -> list[str]:
        found: list[Passage] = await told.passages.of_session(reader, b"s" * 16, positions, as_of)
        return [passage.text for passage in found]

    assert await texts(Reader(ANN, "x"), 3, 1, 1) == ["message 1", "message 3"]
    assert await texts(Reader(ANN, "clerk"), 2) == ["message 2", "for the clerk"]
    assert await texts(Reader(BOB, ""), 0, 1, 2) == ["Bob's"]
    assert await texts(Reader(OTHER, ""), 0, 1, 2) == []
    assert await texts(Reader(ANN, ""), 1, as_of=AsOf(recorded=999)) == []


async def test_a_piece_of_a_document_is_seen_by_the_agents_it_is_granted_to(told: Told) -> None:
    piece = (await told.document("Tea is good", agents=("support*",))).source or b""
    for reader, seen in (
        (Reader(ANN, "support-eu"), True),
        (Reader(BOB, "support"), True),
        (Reader(ANN, ""), True),
        (Reader(ANN, "sales"), False),
        (Reader(OTHER, "support"), False),
    ):
        assert (piece in await told.passages.load(reader, [piece])) is seen, reader
    nobody = (await told.document("Secret", agents=())).source or b""
    assert await told.passages.load(Reader(ANN, ""), [nobody]) == {}


async def test_a_store_of_facts_made_anew_knows_what_the_last_one_did(told: Told) -> None:
    written = await told.remember(stated("Likes tea"))
    anew = Facts(told.database, told.passages, told.new_id, bytes)
    assert (await anew.find(Reader(ANN, ""), written.fact.id)) == written.fact
