"""An embedded Chroma: one process, a directory for each shelf, no text, no name, and no byte of what is forgotten."""

import asyncio
import shutil
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from toolyard_memory.embedders.hashing import HashingEmbedder
from toolyard_memory.records import Owner
from toolyard_memory.vectors import chroma_folder
from toolyard_memory.vectors.chroma import ChromaIndex
from toolyard_memory.vectors.index import IndexDown, Shelf, ShelfLost
from toolyard_memory.vectors.store import Vectors

from tests.memory.vectors.world import ADA, World, best, follow, numbers

SHELF = Shelf("acme", ADA.scope, "hashing:v1:256", 1)
LINES = [f"verse {n}: {word} over the {word}s" for n, word in enumerate(["lark", "tide", "cloud", "ridge"] * 3)]


@pytest.fixture
async def index(tmp_path: Path) -> AsyncIterator[ChromaIndex]:
    index = ChromaIndex(tmp_path / "vectors")
    yield index
    await index.close()


def files_with(folder: Path, *needles: bytes) -> list[str]:
    """Return the files in which any of these bytes stand."""
    files = [path for path in sorted(folder.rglob("*")) if path.is_file()]
    return [path.name for path in files if any(needle in path.read_bytes() for needle in needles)]


async def vectors_over(world: World, index: ChromaIndex) -> Vectors:
    vectors = world.vectors(index=index)
    await follow(vectors)
    return vectors


async def test_what_it_writes_holds_no_text_and_no_name(world: World, index: ChromaIndex, tmp_path: Path) -> None:
    whose = Owner("acme-works", "adalbert.quist")
    await world.say(whose, *LINES)
    vectors = await vectors_over(world, index)
    await vectors.close()
    told = (b"verse", b"lark", b"acme-works", b"adalbert", whose.scope.encode(), b"hashing")
    assert files_with(tmp_path / "vectors", *told) == []
    assert len([path for path in (tmp_path / "vectors").rglob("*") if path.is_file()]) > 1


async def test_no_byte_of_a_forgotten_vector_is_left_in_any_file(
    world: World, index: ChromaIndex, tmp_path: Path
) -> None:
    said = await world.say(ADA, *LINES)
    vectors = await vectors_over(world, index)
    [gone] = await HashingEmbedder().embed([LINES[0]])
    id_ = said[0].id.hex().encode()
    assert files_with(tmp_path / "vectors", gone, id_)
    await world.drop(said[0])
    await vectors.forget("acme")
    assert files_with(tmp_path / "vectors", gone, id_) == []
    assert said[0].id not in await best(vectors, ADA, LINES[0], 20)
    assert len(await best(vectors, ADA, LINES[0], 20)) == len(LINES) - 1


async def test_no_byte_is_left_either_when_the_indexer_had_deleted_it_before(
    world: World, index: ChromaIndex, tmp_path: Path
) -> None:
    said = await world.say(ADA, *LINES)
    vectors = await vectors_over(world, index)
    await world.drop(said[0])
    await follow(vectors)
    [gone] = await HashingEmbedder().embed([LINES[0]])
    await vectors.forget("acme")
    assert files_with(tmp_path / "vectors", gone, said[0].id.hex().encode()) == []


async def test_an_owner_of_whom_nothing_is_left_leaves_no_directory(
    world: World, index: ChromaIndex, tmp_path: Path
) -> None:
    said = await world.say(ADA, *LINES)
    vectors = await vectors_over(world, index)
    await world.drop(*said)
    await vectors.forget("acme")
    assert [path.name for path in (tmp_path / "vectors").iterdir()] == [".lock"]


async def test_a_directory_that_is_deleted_is_built_again_from_sql_alone(world: World, tmp_path: Path) -> None:
    said = await world.say(ADA, *LINES)
    first = await vectors_over(world, ChromaIndex(tmp_path / "vectors"))
    await first.close()
    for path in sorted((tmp_path / "vectors").rglob("*"), reverse=True):
        path.rmdir() if path.is_dir() else path.unlink()
    second = world.vectors(index=ChromaIndex(tmp_path / "vectors"))
    assert set(await best(second, ADA, "larks", 20)) == {passage.id for passage in said}
    assert "are gone" in (await second.state("acme")).degraded
    await second.rebuild("acme")
    assert set(await best(second, ADA, "larks", 20)) == {passage.id for passage in said}
    assert (await second.state("acme")).degraded == ""


async def test_files_that_are_damaged_lose_no_passage(world: World, tmp_path: Path) -> None:
    said = await world.say(ADA, *LINES)
    first = await vectors_over(world, ChromaIndex(tmp_path / "vectors"))
    await first.close()
    for path in (tmp_path / "vectors").rglob("chroma.sqlite3"):
        path.write_bytes(b"no database" * 500)
    second = world.vectors(index=ChromaIndex(tmp_path / "vectors"))
    assert set(await best(second, ADA, "larks", 20)) == {passage.id for passage in said}
    [more] = await world.say(ADA, "a lark again")
    await follow(second)
    assert set(await best(second, ADA, "larks", 20)) == {*(passage.id for passage in said), more.id}
    assert (await second.state("acme")).degraded == ""


async def test_a_shelf_whose_graph_is_gone_is_noticed_and_built_again(world: World, tmp_path: Path) -> None:
    """Chroma goes on without a word: it still lists every id, and finds those that it had not put away yet."""
    said = await world.say(ADA, *(f"verse {n}: a lark over ridge {n % 37}" for n in range(1_100)))
    first = await vectors_over(world, ChromaIndex(tmp_path / "vectors"))
    await first.close()
    graphs = [path.parent for path in (tmp_path / "vectors").rglob("data_level0.bin")]
    assert graphs, "or there was no graph to lose"
    for graph in graphs:
        shutil.rmtree(graph)
    second = world.vectors(index=ChromaIndex(tmp_path / "vectors"))
    torn = await best(second, ADA, "larks", 2_000)
    assert len(torn) < len(said), "or nothing was torn"
    await second.settle()
    assert set(await best(second, ADA, "larks", 2_000)) == {passage.id for passage in said}


async def test_shelves_of_somebody_erased_that_an_old_copy_of_the_folder_brings_back_are_removed_at_the_start(
    world: World, tmp_path: Path
) -> None:
    folder = tmp_path / "vectors"
    said = await world.say(ADA, *LINES)
    first = await vectors_over(world, ChromaIndex(folder))
    await first.close()
    shutil.copytree(folder, tmp_path / "copy")
    second = world.vectors(index=ChromaIndex(folder))
    await world.drop(*said)
    await second.forget("acme")
    await second.close()
    shutil.copytree(tmp_path / "copy", folder, dirs_exist_ok=True)
    assert [path.name for path in folder.iterdir()] != [".lock"]
    third = world.vectors(index=ChromaIndex(folder))
    following = asyncio.create_task(third.run())
    try:
        async with asyncio.timeout(20):
            while [path.name for path in folder.iterdir()] != [".lock"]:
                assert not following.done()
                await asyncio.sleep(0.01)
    finally:
        following.cancel()
        await asyncio.wait([following])


async def test_what_was_put_down_is_there_after_a_restart(index: ChromaIndex, tmp_path: Path) -> None:
    await index.make(SHELF)
    await index.put(SHELF, [(b"a" * 16, numbers_of(1.0, 0.0)), (b"b" * 16, numbers_of(0.0, 1.0))])
    await index.close()
    again = ChromaIndex(tmp_path / "vectors")
    assert (await again.nearest(SHELF, numbers_of(1.0, 0.0), 5))[0][0] == b"a" * 16
    await again.close()


def numbers_of(*given: float) -> bytes:
    made = numbers(b"")
    made.extend(given)
    return made.tobytes()


async def test_a_second_process_is_refused_in_words_until_the_first_has_ended(
    index: ChromaIndex, tmp_path: Path
) -> None:
    await index.make(SHELF)
    program = (
        "import asyncio, pathlib, sys\n"
        "from toolyard_memory.vectors.chroma import ChromaIndex\n"
        "from toolyard_memory.vectors.index import IndexDown, Shelf\n"
        "async def main():\n"
        "    try:\n"
        "        print(await ChromaIndex(pathlib.Path(sys.argv[1])).count(Shelf(*sys.argv[2:5], 1)))\n"
        "    except IndexDown as error:\n"
        "        print(error)\n"
        "asyncio.run(main())\n"
    )
    command = (sys.executable, "-c", program, str(tmp_path / "vectors"), SHELF.tenant, SHELF.scope, SHELF.embedder)

    def run() -> str:
        return subprocess.run(command, capture_output=True, text=True, timeout=60, check=True).stdout

    assert "another process has this folder" in await asyncio.to_thread(run)
    await index.close()
    assert (await asyncio.to_thread(run)).strip() == "0"


async def test_more_shelves_than_stay_open_are_all_answered(
    index: ChromaIndex, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(chroma_folder, "OPEN", 2)
    shelves = [Shelf("acme", f"s{n}", "hashing:v1:256", 1) for n in range(5)]
    for n, shelf in enumerate(shelves):
        await index.make(shelf)
        await index.put(shelf, [(bytes([n]) * 16, numbers_of(1.0, 0.0))])
    found = await asyncio.gather(*(index.nearest(shelf, numbers_of(1.0, 0.0), 1) for shelf in shelves * 3))
    assert [ids[0][0] for ids in found] == [bytes([n]) * 16 for n in range(5)] * 3
    assert len(index._place._opened) <= 2 + 4


async def test_a_folder_that_cannot_be_written_is_said(tmp_path: Path) -> None:
    (tmp_path / "vectors").write_text("a file in its place")
    index = ChromaIndex(tmp_path / "vectors")
    with pytest.raises(IndexDown, match="no vectors can be put here"):
        await index.make(SHELF)
    with pytest.raises((IndexDown, ShelfLost)):
        await index.count(SHELF)
    await index.close()


async def test_chroma_is_not_imported_before_a_shelf_is_needed() -> None:
    program = (
        "import sys\n"
        "import toolyard_memory.vectors.store, toolyard_memory.vectors.chroma, toolyard_memory.vectors.chroma_server\n"
        "import toolyard_memory.embedders.hashing, toolyard_memory.embedders.onnx\n"
        "heavy = {'chromadb', 'numpy', 'onnxruntime', 'tokenizers'} & set(sys.modules)\n"
        "print(sorted(heavy))\n"
    )
    done = await asyncio.to_thread(
        subprocess.run, (sys.executable, "-c", program), capture_output=True, text=True, timeout=60, check=True
    )
    assert done.stdout.strip() == "[]"
