"""Tombstones know what comes back, and tell nothing of what it was."""

from sqlalchemy import select
from toolyard_memory.facts.tombstones import Tombstones, fact_name, found_in, kind_of, passage_name, words_name
from toolyard_memory.records import Owner
from toolyard_memory.tables.facts import TOMBSTONE

from tests.memory.facts.told import ANN, Told, weak_entropy


async def test_a_tombstone_knows_its_name_and_when_it_was_last_put_up(told: Told) -> None:
    stones = Tombstones(told.database, told.new_id, weak_entropy())
    name = words_name(ANN, "user", "city", "Lives in Paris")
    for at in (7, 5):
        tx = told.database.begin()
        stones.bury(tx, "acme", [name, fact_name(ANN, b"f" * 16)], "key_1", at)
        await told.database.commit(tx)
    assert await stones.covers("acme", name) == 7
    assert await stones.covers("evil", name) is None
    assert await stones.covers("acme", words_name(ANN, "user", "town", "Lives in Paris")) is None
    assert await stones.covers("acme", passage_name(b"f" * 16)) is None
    everything = await stones.all_of("acme")
    assert found_in(everything, fact_name(ANN, b"f" * 16)) == 7
    assert await stones.all_of("evil") == {}


async def test_nothing_in_its_row_is_what_was_forgotten_or_whose_it_was(told: Told) -> None:
    owner = Owner("acme", "ann@example.org")
    fact = await told.remember_for(owner, "Suffers from gout")
    await told.forget(fact, owner=owner)
    rows = await told.database.read(select(TOMBSTONE))
    assert len(rows) == 2
    assert len({row[3] for row in rows}) == len({row[4] for row in rows}) == 2
    for row in rows:
        said = repr(row).lower()
        assert not any(word in said for word in ("gout", "ann", "example", fact.hex()))


def test_names_cannot_be_made_to_look_like_one_another() -> None:
    assert words_name(Owner("a", "b"), "s", "x", "t") != words_name(Owner("a", 'b","s'), "x", "", "t")
    assert words_name(ANN, "user", "", "I like tea.") == words_name(ANN, "user", "", "likes TEA")
    kinds = {kind_of(fact_name(ANN, n.to_bytes(16))) for n in range(2_000)}
    assert len(kinds) == 256
    assert all(kind.startswith("fact:") for kind in kinds)
