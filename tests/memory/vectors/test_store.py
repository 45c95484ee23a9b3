"""Vectors: what is said is found by likeness, what is dropped is not, and every step can be done twice."""

from collections.abc import Sequence
from pathlib import Path

import pytest
from toolyard_memory.embedders.hashing import HashingEmbedder
from toolyard_memory.records import Reader, documents_of
from toolyard_memory.vectors import shelves
from toolyard_memory.vectors.chroma import ChromaIndex
from toolyard_memory.vectors.index import Shelf
from toolyard_memory.vectors.store import Vectors
from toolyard_sdk.errors import EmbedderError

from tests.memory.vectors.world import ADA, BOB, STRANGER, Spelling, World, best, follow

RHYMES = [f"line {n} of a long poem about {word}" for n, word in enumerate(["tides", "larks", "snow", "iron"] * 3)]


async def test_the_passage_most_like_a_question_comes_first(world: World) -> None:
    dog, _, _ = await world.say(ADA, "I adopted a dog called Rex", "The invoice is late", "My sister paints")
    vectors = world.vectors()
    assert await follow(vectors) == 3
    found = await vectors.search(Reader(ADA, "support"), "which dog did I adopt?", 2)
    assert len(found) == 2
    assert max(found, key=found.__getitem__) == dog.id
    assert -1.001 <= min(found.values()) <= max(found.values()) <= 1.001


async def test_nothing_of_another_owner_or_tenant_is_found_and_the_tenants_documents_are(world: World) -> None:
    [own] = await world.say(ADA, "the harbour opens at noon")
    await world.say(BOB, "the harbour opens at noon")
    await world.say(STRANGER, "the harbour opens at noon")
    [document] = await world.say(documents_of("acme"), "harbour rules: it opens at noon")
    await world.say(documents_of("other"), "harbour rules: it opens at noon")
    vectors = world.vectors()
    await follow(vectors)
    assert set(await best(vectors, ADA, "when does the harbour open?", 10)) == {own.id, document.id}


@pytest.mark.parametrize("flat", [5, 100])
async def test_a_large_owner_is_answered_by_a_shelf_as_by_looking_at_everything(world: World, flat: int) -> None:
    said = await world.say(ADA, *RHYMES, "the ferry leaves at eight")
    vectors = world.vectors(flat=flat)
    await follow(vectors)
    assert (await vectors.state("acme")).shelves == (1 if flat == 5 else 0)
    assert (await best(vectors, ADA, "when does the ferry leave"))[0] == said[-1].id
    [later] = await world.say(ADA, "the ferry was late and left at nine")
    await follow(vectors)
    assert set((await best(vectors, ADA, "when has the ferry left"))[:2]) == {said[-1].id, later.id}


async def test_what_is_dropped_is_found_no_more_once_followed_and_has_no_vector_left(world: World) -> None:
    said = await world.say(ADA, *RHYMES)
    vectors = world.vectors()
    await follow(vectors)
    await world.drop(*said[:8])
    await follow(vectors)
    assert set(await best(vectors, ADA, "a poem about larks", 20)) == {passage.id for passage in said[8:]}
    assert await world.count("embedding") == len(said) - 8


async def test_a_stale_index_names_ids_that_join_to_nothing(world: World) -> None:
    said = await world.say(ADA, *RHYMES)
    vectors = world.vectors()
    await follow(vectors)
    await world.drop(*said)
    stale = await vectors.search(Reader(ADA, ""), "larks", 20)
    assert stale
    assert await world.passages.load(Reader(ADA, ""), stale) == {}
    assert await world.passages.load(Reader(STRANGER, ""), stale) == {}


async def test_an_index_a_thousand_rows_behind_shows_no_wrong_row(world: World) -> None:
    said = await world.say(ADA, *(f"ticket {n}: the printer on floor {n % 7} is jammed" for n in range(400)))
    vectors = world.vectors()
    await follow(vectors)
    await world.drop(*said[:300])
    theirs = await world.say(BOB, *(f"ticket {n}: the printer is mine" for n in range(400)))
    added = await world.say(ADA, *(f"printer {n} works again" for n in range(300)))
    assert (await vectors.state("acme")).waiting == 1000
    found = await vectors.search(Reader(ADA, ""), "the printer is jammed", 400)
    shown = await world.passages.load(Reader(ADA, ""), found)
    allowed = {passage.id for passage in (*said[300:], *added)}
    assert set(shown) <= allowed
    assert not set(found) & {passage.id for passage in theirs}
    await follow(vectors)
    found = await vectors.search(Reader(ADA, ""), "the printer is jammed", 400)
    assert set(found) == allowed


async def test_followed_changes_leave_the_outbox_and_following_again_does_nothing(world: World) -> None:
    await world.say(ADA, *RHYMES)
    embedder = Spelling()
    vectors = world.vectors(embedder)
    await follow(vectors)
    assert await world.count("outbox") == 0
    assert await follow(vectors) == 0
    assert sorted(embedder.texts) == sorted(RHYMES)
    state = await vectors.state("acme")
    assert (state.state, state.waiting, state.degraded) == ("serving", 0, "")


async def test_a_passage_dropped_before_it_was_followed_never_gets_a_vector(world: World) -> None:
    said = await world.say(ADA, "a slip of the tongue", "what I meant")
    await world.drop(said[0])
    embedder = Spelling()
    await follow(world.vectors(embedder))
    assert embedder.texts == ["what I meant"]
    assert await world.rows("SELECT passage FROM embedding") == [(said[1].id,)]


async def test_a_passage_dropped_while_its_text_is_embedded_keeps_no_vector(world: World) -> None:
    said = await world.say(ADA, "a secret", "a saying")
    embedder = Spelling()
    embed = embedder.embed

    async def slow(texts: Sequence[str], *, query: bool = False) -> list[bytes]:
        made = await embed(texts, query=query)
        if not query:
            await world.drop(said[0])
        return made

    embedder.embed = slow  # type: ignore[method-assign] # what happens in between is the point
    await follow(world.vectors(embedder))
    assert await world.rows("SELECT passage FROM embedding") == [(said[1].id,)]


async def test_while_the_embedder_is_down_nothing_is_lost_and_it_says_so(world: World) -> None:
    [said] = await world.say(ADA, "the plumber comes on Friday")
    embedder = Spelling()
    embedder.failure = EmbedderError("no connection")
    vectors = world.vectors(embedder)
    with pytest.raises(EmbedderError, match="no connection"):
        await vectors.follow()
    with pytest.raises(EmbedderError, match="no connection"):
        await vectors.search(Reader(ADA, ""), "plumber", 3)
    assert "no connection" in (await vectors.state("acme")).degraded
    assert await world.count("outbox") == 1
    embedder.failure = None
    await follow(vectors)
    assert await best(vectors, ADA, "plumber") == [said.id]
    assert (await vectors.state("acme")).degraded == ""


async def test_one_text_that_is_refused_holds_up_no_other(world: World) -> None:
    said = await world.say(ADA, "one", "unspeakable", "three")
    embedder = Spelling()
    embedder.refused = {"unspeakable"}
    vectors = world.vectors(embedder)
    assert await follow(vectors) == 3
    assert set(await best(vectors, ADA, "one", 10)) == {said[0].id, said[2].id}


async def test_an_embedder_that_changes_its_dimension_is_an_error_and_nothing_of_it_is_kept(world: World) -> None:
    await world.say(ADA, "before")
    await follow(world.vectors(Spelling()))
    changed = Spelling()
    changed.cut = 512
    await world.say(ADA, "after")
    later = world.vectors(changed)
    with pytest.raises(EmbedderError, match="128 dimensions now, and those it has made before 256"):
        await later.follow()
    with pytest.raises(EmbedderError, match="another revision"):
        await later.search(Reader(ADA, ""), "before", 3)
    assert await world.rows("SELECT DISTINCT length(vector) FROM embedding") == [(1024,)]


async def test_vectors_that_were_off_from_the_first_day_begin_with_the_first_passage(world: World) -> None:
    said = await world.say(ADA, *(f"entry {n} of a diary" for n in range(200)))
    vectors = world.vectors()
    assert await follow(vectors) == 200
    assert len(await best(vectors, ADA, "entry", 500)) == len(said)


async def test_an_empty_question_and_a_limit_of_none_find_nothing(world: World) -> None:
    await world.say(ADA, "words")
    vectors = world.vectors()
    await follow(vectors)
    assert await vectors.search(Reader(ADA, ""), "  \n", 5) == {}
    assert await vectors.search(Reader(ADA, ""), "words", 0) == {}


async def shelf(world: World, vectors: Vectors) -> Shelf:
    """Return the only shelf there is."""
    rows = await world.rows('SELECT "index", generation FROM index_state WHERE "index" LIKE \'shelf:%\'')
    assert len(rows) == 1
    scope, _, embedder = rows[0][0].removeprefix("shelf:").partition(":")
    return Shelf("acme", scope, embedder, rows[0][1])


async def test_a_shelf_is_opened_before_anybody_asks_and_one_that_is_lost_is_no_trouble(
    world: World, tmp_path: Path
) -> None:
    await world.say(ADA, *RHYMES)
    index = ChromaIndex(tmp_path / "vectors")
    first = world.vectors(index=index)
    await first.warm_up()
    await follow(first)
    await first.close()
    index = ChromaIndex(tmp_path / "vectors")
    embedder = Spelling()
    embedder.failure = EmbedderError("nobody is to ask it")
    vectors = world.vectors(embedder, index=index)
    assert not index._place._opened
    await vectors.warm_up()
    assert list(index._place._opened) == [await shelf(world, vectors)]
    await index.keep_only("acme", ())
    await vectors.warm_up()
    assert not index._place._opened


async def test_a_lost_shelf_is_answered_for_by_sql_and_built_again_without_the_embedder(world: World) -> None:
    said = await world.say(ADA, *RHYMES)
    embedder = Spelling()
    vectors = world.vectors(embedder)
    await follow(vectors)
    await world.index.keep_only("acme", ())
    assert set(await best(vectors, ADA, "larks", 50)) == {passage.id for passage in said}
    assert "no shelf" in (await vectors.state("acme")).degraded
    told: list[tuple[int, int]] = []
    await vectors.rebuild("acme", lambda done, total: told.append((done, total)))
    assert told[-1] == (12, 12)
    assert await world.index.count(await shelf(world, vectors)) == 12
    assert len(await best(vectors, ADA, "larks", 50)) == 12
    assert (await vectors.state("acme")).degraded == ""
    assert len(embedder.texts) == 12


async def test_a_shelf_that_lacks_rows_is_noticed_at_the_next_start_and_mended(world: World) -> None:
    said = await world.say(ADA, *RHYMES)
    vectors = world.vectors()
    await follow(vectors)
    torn = await shelf(world, vectors)
    await world.index.drop(torn, [passage.id for passage in said[:4]])
    later = world.vectors()
    assert len(await best(later, ADA, "larks", 50)) == 8
    await later.settle()
    assert len(await best(later, ADA, "larks", 50)) == 12
    assert await shelf(world, later) == torn


async def test_a_shelf_that_holds_too_much_is_built_again(world: World) -> None:
    said = await world.say(ADA, *RHYMES)
    vectors = world.vectors()
    await follow(vectors)
    torn = await shelf(world, vectors)
    await world.index.put(torn, [(b"?" * 16, bytes(1024))])
    later = world.vectors()
    await best(later, ADA, "larks", 50)
    await later.settle()
    mended = await shelf(world, later)
    assert mended.generation == torn.generation + 1
    assert await world.index.count(mended) == len(said)


async def test_a_shelf_that_holds_as_many_vectors_of_somebody_else_is_built_again(world: World) -> None:
    """As when a directory of another owner, or an old backup, is put in its place."""
    said = await world.say(ADA, *RHYMES)
    vectors = world.vectors()
    await follow(vectors)
    swapped = await shelf(world, vectors)
    await world.index.drop(swapped, [passage.id for passage in said])
    rows = zip((bytes([n]) * 16 for n in range(12)), await HashingEmbedder().embed(RHYMES), strict=True)
    await world.index.put(swapped, list(rows))
    later = world.vectors()
    await best(later, ADA, "larks", 50)
    await later.settle()
    assert set(await best(later, ADA, "larks", 50)) == {passage.id for passage in said}
    mended = await shelf(world, later)
    assert await world.index.count(mended) == len(said)
    assert await world.index.held(mended, [bytes([n]) * 16 for n in range(12)]) == 0


async def test_new_vectors_wait_beside_the_shelf_and_are_found_put_down_and_dropped(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shelves, "TAIL", 4)
    await world.say(ADA, *RHYMES)
    vectors = world.vectors()
    await follow(vectors)
    whole = await shelf(world, vectors)
    [ferry, bus] = await world.say(ADA, "the ferry leaves at eight", "the bus leaves at nine")
    await follow(vectors)
    assert await world.index.count(whole) == 12
    assert (await best(vectors, ADA, "when does the ferry leave"))[0] == ferry.id
    await world.drop(ferry)
    await follow(vectors)
    assert ferry.id not in await best(vectors, ADA, "when does the ferry leave", 20)
    await world.say(ADA, "one", "two", "three")
    await follow(vectors)
    assert await world.index.count(whole) == 16
    await world.say(ADA, "four")
    await follow(vectors)
    assert len(await best(vectors, ADA, "when does the bus leave", 50)) == 17
    assert (await best(vectors, ADA, "when does the bus leave"))[0] == bus.id
    await vectors.close()
    assert await world.index.count(whole) == 17


async def test_forgetting_builds_a_new_generation_only_where_something_was_deleted(world: World) -> None:
    said = await world.say(ADA, *RHYMES)
    vectors = world.vectors()
    await follow(vectors)
    first = await shelf(world, vectors)
    await vectors.forget("acme")
    assert await shelf(world, vectors) == first
    await world.drop(said[0])
    await vectors.forget("acme")
    second = await shelf(world, vectors)
    assert second.generation == first.generation + 1
    assert await world.index.held(second, [said[0].id]) == 0
    await world.drop(said[1])
    await follow(vectors)
    await vectors.forget("acme")
    assert (await shelf(world, vectors)).generation == second.generation + 1
    await world.drop(*said[2:])
    await vectors.forget("acme")
    assert (await vectors.state("acme")).shelves == 0


async def test_what_is_forgotten_while_it_waits_beside_a_shelf_is_never_put_there(world: World) -> None:
    await world.say(ADA, *RHYMES)
    vectors = world.vectors()
    await follow(vectors)
    whole = await shelf(world, vectors)
    [gone] = await world.say(ADA, "the ferry leaves at eight")
    await follow(vectors)
    await world.drop(gone)
    await vectors.forget("acme")
    await vectors.close()
    assert await world.index.held(whole, [gone.id]) == 0


async def test_a_new_embedder_embeds_everything_while_the_former_one_serves(world: World) -> None:
    said = await world.say(ADA, *(f"note {n} about {n * 7}" for n in range(100)))
    old, new = Spelling("spelling:1"), Spelling("spelling:2")
    await follow(world.vectors(old))
    vectors = world.vectors(new, former=old)
    await follow(vectors)  # while a shelf is being built, which may be at once, nothing is followed
    assert sorted(new.texts) == sorted(passage.text for passage in said)
    await vectors.close()  # what waits beside the shelf is put there
    later = world.vectors(Spelling("spelling:3"), former=Spelling("spelling:2"))
    state = await later.state("acme")
    assert state.embedder == "spelling:2"
    assert len(await best(later, ADA, "note", 500)) == 100


async def test_the_former_ones_vectors_serve_until_the_last_passage_is_embedded_and_then_go(world: World) -> None:
    await world.say(ADA, *(f"note {n} about {n * 7}" for n in range(100)))
    first = world.vectors(Spelling("spelling:1"))
    await follow(first)
    await first.close()
    old, new = Spelling("spelling:1"), Spelling("spelling:2")
    new.failure = EmbedderError("still loading")
    vectors = world.vectors(new, former=old)
    with pytest.raises(EmbedderError, match="still loading"):
        await vectors.follow()
    state = await vectors.state("acme")
    assert (state.embedder, state.state, state.waiting) == ("spelling:1", "building", 100)
    assert len(await best(vectors, ADA, "note", 500)) == 100
    new.failure = None
    await follow(vectors)
    state = await vectors.state("acme")
    assert (state.embedder, state.state, state.degraded) == ("spelling:2", "serving", "")
    assert await world.rows("SELECT DISTINCT embedder FROM embedding") == [("spelling:2",)]
    assert await world.rows("SELECT count(*) FROM index_state WHERE \"index\" LIKE '%spelling_1'") == [(0,)]
    assert len(await best(vectors, ADA, "note", 500)) == 100


async def test_without_the_former_embedder_what_is_made_so_far_is_searched_and_it_says_so(world: World) -> None:
    await world.say(ADA, *(f"note {n}" for n in range(200)))
    await follow(world.vectors(Spelling("spelling:1")))
    vectors = world.vectors(Spelling("spelling:2"))
    await vectors.follow()
    await vectors.settle()
    state = await vectors.state("acme")
    assert state.embedder == "spelling:2"
    assert "made anew by spelling:2" in state.degraded
    assert 0 < len(await best(vectors, ADA, "note", 500)) < 200
    await follow(vectors)
    assert len(await best(vectors, ADA, "note", 500)) == 200
