"""What cannot be put down, and how the refusal says what to do instead."""

import pytest
from sqlalchemy import func, select
from toolyard_memory.facts.grounds import MOST_EVIDENCE
from toolyard_memory.facts.store import FARTHEST
from toolyard_memory.facts.wording import MOST_AGENT, MOST_ATTRIBUTE, MOST_SUBJECT, MOST_TEXT
from toolyard_memory.facts.writing import KEPT_EVIDENCE
from toolyard_memory.records import Evidence, MemoryRefused, NewFact, Owner, Reader, Trust
from toolyard_memory.tables.facts import FACT

from tests.memory.facts.told import ANN, BOB, OTHER, Told, derived, stated


async def refused(told: Told, new: NewFact, owner: Owner = ANN) -> tuple[str, str]:
    """Return the field and the words of a refusal, after which nothing may have been written."""
    before = await told.database.read(select(func.count()).select_from(FACT))
    with pytest.raises(MemoryRefused) as caught:
        await told.remember(new, owner)
    assert await told.database.read(select(func.count()).select_from(FACT)) == before
    return caught.value.field, caught.value.message


@pytest.mark.parametrize(
    ("new", "field", "words"),
    [
        (stated("x", evidence=()), "evidence", "rests on something"),
        (stated("x", evidence=(Evidence("stated", words="w"),) * (MOST_EVIDENCE + 1)), "evidence", "at most 32"),
        (stated("x", evidence=(Evidence("stated", words=" "),)), "evidence[0]", "has words"),
        (stated("x", evidence=(Evidence("stated", words="w" * 2_001),)), "evidence[0]", "at most 2000"),
        (stated("x", evidence=(Evidence("stated", words="\x00"),)), "evidence[0]", "NUL"),
        (stated("x", evidence=(Evidence("stated", words="w", start=0, stop=2),)), "evidence[0]", "no part of its 1"),
        (stated("x", writer="extractor:small"), "evidence[0]", "an extractor states nothing"),
        (stated("x", evidence=(Evidence("message"),)), "evidence[0]", "by its id"),
        (stated("x", evidence=(Evidence("message", b"r" * 16, 1),)), "evidence[0]", "no such message"),
        (stated("x", evidence=(Evidence("fact", b"r" * 16),)), "evidence[0]", "no fact fact_72727272"),
        (stated("x", evidence=(Evidence("document", b"r" * 16),)), "evidence[0]", "no such piece"),
        (stated("", evidence=(Evidence("stated", words="w"),)), "text", "says nothing"),
        (stated(" ... ", evidence=(Evidence("stated", words="w"),)), "text", "says nothing"),
        (stated("x" * (MOST_TEXT + 1), evidence=(Evidence("stated", words="w"),)), "text", "at most 2000"),
        (stated("\u200b \u2060.", evidence=(Evidence("stated", words="w"),)), "text", "says nothing"),
        (stated("x\ud800", evidence=(Evidence("stated", words="w"),)), "text", "surrogate"),
        (stated("x", subject="s" * (MOST_SUBJECT + 1)), "subject", "at most 200"),
        (stated("x", subject="  "), "subject", "`user`"),
        (stated("x", subject="\u200b"), "subject", "`user`"),
        (stated("x", agent="a\x00"), "agent", "NUL"),
        (stated("x", agent="a" * (MOST_AGENT + 1)), "agent", "at most 64"),
        (stated("x", "a" * (MOST_ATTRIBUTE + 1)), "attribute", "at most 100"),
        (stated("x", "a\x00"), "attribute", "NUL"),
        (stated("x", since=5, until=5), "valid_to", "before it begins"),
        (stated("x", until=900), "valid_to", "give both"),
        (stated("x", since=FARTHEST), "valid_from", "no date"),
        (stated("x", until=-FARTHEST), "valid_to", "no date"),
    ],
)
async def test_a_statement_that_cannot_be_kept_is_refused_by_its_field(
    told: Told, new: NewFact, field: str, words: str
) -> None:
    at_fault, message = await refused(told, new)
    assert at_fault == field
    assert words in message


async def test_facts_are_an_end_users_and_not_a_tenants(told: Told) -> None:
    assert (await refused(told, stated("x"), Owner("acme", "")))[0] == "end_user"


@pytest.mark.parametrize("owner", [BOB, OTHER])
async def test_evidence_of_somebody_else_is_as_if_it_were_not_there(told: Told, owner: Owner) -> None:
    message = await told.message("I live in Paris", owner)
    fact = (await told.remember(stated("Lives in Paris"), owner)).fact.id
    piece = await told.document("Paris is a city", "evil")
    for evidence in ((message,), derived(fact), (piece,)):
        field, words = await refused(told, stated("Lives in Paris", trust="page", evidence=evidence))
        assert field == "evidence[0]"
        assert "there is no" in words


async def test_a_span_lies_within_the_words_it_is_of(told: Told) -> None:
    said = await told.message("Na\u00efve")
    for start, stop in ((0, 6), (3, 3), (4, 2), (-1, 2)):
        span = Evidence("message", said.source, said.item, start, stop)
        assert (await refused(told, stated("x", evidence=(span,))))[0] == "evidence[0]"
    assert not (await told.remember(stated("x", evidence=(Evidence("message", said.source, 1, 4, 5),)))).known


@pytest.mark.parametrize(
    ("claimed", "least"),
    [("user", "page"), ("agent", "page"), ("tool", "page"), ("user", "tool"), ("operator", "user")],
)
async def test_a_fact_is_trusted_no_more_than_the_least_of_its_evidence(
    told: Told, claimed: Trust, least: Trust
) -> None:
    evidence = (await told.message("good"), await told.message("less good", trust=least))
    field, words = await refused(told, stated("x", trust=claimed, evidence=evidence))
    assert (field, f"say {least!r}" in words) == ("trust", True)
    assert (await told.remember(stated("x", trust=least, evidence=evidence))).fact.trust == least


async def test_distrust_goes_through_documents_and_what_is_derived(told: Told) -> None:
    page = await told.remember(stated("Tea is good", trust="page", evidence=(await told.document("Tea is good"),)))
    assert (await refused(told, stated("Drink tea", evidence=derived(page.fact.id))))[0] == "trust"
    assert (await refused(told, stated("Drink", trust="agent", evidence=(await told.document("x"),))))[0] == "trust"


async def test_what_a_page_says_does_not_take_the_place_of_a_persons_word(told: Told) -> None:
    own = await told.remember(stated("Mail goes to ann@a", "mail"))
    page = stated("Mail goes to eve@e", "mail", trust="page", evidence=(await told.document("x"),))
    field, words = await refused(told, page)
    assert (field, f"fact_{own.fact.id.hex()}" in words) == ("trust", True)
    with pytest.raises(MemoryRefused, match="trust"):
        await told.correct(own.fact.id, page)
    assert await told.texts() == ["Mail goes to ann@a"]


async def test_a_persons_word_takes_the_place_of_the_same_words_of_a_page(told: Told) -> None:
    page = stated("Is 40", "age", trust="page", evidence=(await told.document("Ann, 40"),))
    first = await told.remember(page)
    told.clock.at = 5_000
    second = await told.remember(stated("is 40", "age"))
    assert (second.superseded, second.known, second.fact.trust) == ((first.fact.id,), False, "user")
    assert second.fact.valid_from == first.fact.valid_from
    assert (await told.remember(page)).known


async def test_what_only_one_agent_may_recall_is_no_ground_for_what_all_recall(told: Told) -> None:
    message = await told.message("hush", agent="bank")
    private = await told.remember(stated("Owes 5", agent="bank", evidence=(message,)))
    piece = await told.document("x", agents=("bank*",))
    for evidence in ((message,), derived(private.fact.id), (piece,)):
        for agent in ("", "clerk"):
            new = stated("Owes much", trust="page", agent=agent, evidence=evidence)
            assert (await refused(told, new))[0] == "evidence[0]"
    written = await told.remember(stated("Owes much", trust="page", agent="bank", evidence=(piece, message)))
    assert written.fact.agent == "bank"


async def test_what_is_no_longer_believed_is_no_ground(told: Told) -> None:
    old = await told.remember(stated("Lives in Paris", "city"))
    new = await told.remember(stated("Lives in Rome", "city"))
    field, words = await refused(told, stated("Speaks French", evidence=derived(old.fact.id)))
    assert (field, f"fact_{new.fact.id.hex()} took its place" in words) == ("evidence[0]", True)


async def test_a_fact_is_never_its_own_ground(told: Told) -> None:
    base = (await told.remember(stated("Works at Acme"))).fact.id
    job = (await told.remember(stated("Has a job", evidence=derived(base)))).fact.id
    tax = (await told.remember(stated("Pays taxes", evidence=derived(job)))).fact.id
    for text, ground in (("Works at Acme", tax), ("Works at Acme", base), ("Has a job", tax)):
        field, words = await refused(told, stated(text, evidence=derived(ground)))
        assert field == "evidence"
        assert f"fact_{ground.hex()} rests on" in words
    assert (await told.remember(stated("Pays taxes", evidence=derived(base)))).known


async def test_a_correction_is_for_those_who_recalled_the_wrong_one(told: Told) -> None:
    private = (await told.remember(stated("Owes 5", "debt", agent="bank"))).fact.id
    with pytest.raises(MemoryRefused, match="agent: .* not this agent's own"):  # noqa: RUF043 - a pattern it is
        await told.correct(private, stated("Owes 6", agent="clerk"))
    assert (await told.correct(private, stated("Owes 6"))).fact.agent == "bank"
    assert await told.texts(agent="clerk") == []


async def test_a_correction_of_its_spelling_makes_a_version_and_one_of_nothing_is_known(told: Told) -> None:
    first = (await told.remember(stated("Works at the mcdonald", "job"))).fact
    assert (await told.correct(first.id, stated(first.text))).known
    second = await told.correct(first.id, stated("Works at McDonald"))
    assert (second.known, second.superseded) == (False, (first.id,))
    assert await told.texts() == ["Works at McDonald"]


async def test_a_correction_may_be_of_another_attribute_and_retires_the_wrong_one(told: Told) -> None:
    wrong = (await told.remember(stated("Is Paris", "name"))).fact
    right = await told.correct(wrong.id, stated("Lives in Paris", "city"))
    assert (right.fact.attribute, right.superseded) == ("city", (wrong.id,))
    assert await told.texts() == ["Lives in Paris"]


async def test_evidence_is_kept_until_there_is_enough_of_it(told: Told) -> None:
    first = await told.remember(stated("Likes tea"))
    for n in range(3):
        more = tuple(Evidence("stated", words=f"{n} {piece}") for piece in range(MOST_EVIDENCE))
        last = await told.remember(stated("Likes tea", evidence=more))
    assert len(last.fact.evidence) == KEPT_EVIDENCE
    assert last.fact.evidence[0] == first.fact.evidence[0]
    assert (await told.facts.listed(Reader(ANN, "")))[0].evidence == last.fact.evidence
