"""How much of the evidence for LoCoMo's questions is recalled: `python -m tests.memory.locomo PATH`.

The data (snap-research/LoCoMo, CC BY-NC 4.0) is for measuring only and is never copied here; PATH is its JSON file, or
the folder that it is in.
Every conversation becomes the messages of one end user in an SQLite database, and every question of categories 1 to 4
goes through `Recall.search`. The evidence of a question are turns; what counts is which part of them is among the first
ten passages, and which part is in a text of 1,000 tokens.

    --embedder onnx:DIR   search by meaning too, with the model in DIR (`hashing` for the one that needs no model)
    --no-graph            without the graph
    --leave-one-out       choose the weights on all other conversations, and measure each with weights that never saw it
    --explain             show the questions whose evidence was missed, and what was found in its place
"""

import argparse
import asyncio
import hashlib
import json
import re
import statistics
import time
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from msgspec import Struct
from toolyard_memory.embedders.hashing import HashingEmbedder
from toolyard_memory.embedders.onnx import OnnxEmbedder
from toolyard_memory.graph.store import Graph
from toolyard_memory.passages import Passages
from toolyard_memory.records import Owner, Passage, Reader
from toolyard_memory.retrieval.query import Hit, Query, Recalled
from toolyard_memory.retrieval.ranking import WEIGHTS
from toolyard_memory.retrieval.recall import Recall
from toolyard_memory.vectors.store import Vectors
from toolyard_runtime.clocks import SystemClock
from toolyard_runtime.store.opening import open_database
from toolyard_sdk.ports import Embedder

from tests.memory.locomo_weights import Rows, fitted

TEN = 10
BUDGET = 1000
LIMIT = 50

CATEGORIES = {1: "multi-hop", 2: "temporal", 3: "open-domain", 4: "single-hop"}


class Asked(Struct, frozen=True):
    """A question with the turns that answer it, by their ids."""

    text: str
    category: int
    evidence: frozenset[bytes]


class Conversation(Struct, frozen=True):
    """A conversation as passages, and what is asked about it after its last session."""

    name: str
    owner: Owner
    passages: tuple[Passage, ...]
    questions: tuple[Asked, ...]
    after: int


class Measured(Struct, frozen=True):
    """What one question got: the part of its evidence among the first ten, and within the text."""

    conversation: str
    category: int
    at_ten: float
    in_text: float
    seconds: float


def _id_of(conversation: str, turn: str) -> bytes:
    return hashlib.blake2b(f"{conversation} {turn}".encode(), digest_size=16).digest()


def _moment(text: str) -> int:
    return int(datetime.strptime(text, "%I:%M %p on %d %B, %Y").replace(tzinfo=UTC).timestamp()) * 1_000_000


FILES = ("conversations.json", "locomo10.json", "data/locomo10.json")
"""What the file is called in a folder: the last is where the authors' repository has it."""


def conversations(path: Path) -> list[Conversation]:
    """Read the file; an image's caption is part of the turn that showed it. Raises SystemExit for anything else."""
    names = FILES if path.is_dir() else ("",)
    found = next((path / name for name in names if (path / name).is_file()), None)
    if found is None:
        raise SystemExit(f"{path}: there is no such file here: give LoCoMo's JSON file, or a folder with {FILES[0]}")
    try:
        return [_conversation(raw) for raw in json.loads(found.read_text())]
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise SystemExit(f"{found}: this does not hold LoCoMo's conversations ({error!r})") from error


def _conversation(raw: dict[str, Any]) -> Conversation:
    name, said = raw["sample_id"], raw["conversation"]
    owner = Owner("locomo", name)
    passages: list[Passage] = []
    number = 1
    at = 0
    while turns := said.get(f"session_{number}"):
        at = _moment(said[f"session_{number}_date_time"])
        session = _id_of(name, f"session {number}")
        for position, turn in enumerate(turns):
            caption = turn.get("blip_caption")
            text = f"{turn['text']} [{caption}]" if caption else turn["text"]
            passages.append(
                Passage(
                    _id_of(name, turn["dia_id"]),
                    owner,
                    "message",
                    text,
                    at + position,
                    speaker=turn["speaker"],
                    session=session,
                    position=position,
                )
            )
        number += 1
    known = {passage.id for passage in passages}
    questions = []
    for asked in raw["qa"]:
        turns = re.findall(r"D:?(\d+):(\d+)", " ".join(asked["evidence"]))
        evidence = frozenset(_id_of(name, f"D{session}:{int(turn)}") for session, turn in turns) & known
        if asked["category"] in CATEGORIES and evidence:
            questions.append(Asked(asked["question"], asked["category"], evidence))
    return Conversation(name, owner, tuple(passages), tuple(questions), at + 86_400_000_000)


async def fill(conversation: Conversation, embedder: Embedder | None, *, with_graph: bool) -> "Filled":
    """Return an open database with a conversation's messages, and what can be asked of it."""
    clock = SystemClock()
    database = await open_database("sqlite://")
    passages, graph = Passages(database, clock), Graph(database, clock)
    tx = database.begin()
    for passage in conversation.passages:
        passages.add(tx, passage)
        await graph.note(tx, passage)
    await database.commit(tx)
    vectors = Vectors(database, embedder, None, clock) if embedder is not None else None
    if vectors is not None:
        while await vectors.follow():
            pass
    return Filled(database, passages, graph if with_graph else None, vectors)


class Filled(Struct, frozen=True):
    """The parts of memory that a recall is made of."""

    database: Any
    passages: Passages
    graph: Graph | None
    vectors: Vectors | None

    def recall(self, weights: Mapping[str, float] | None) -> Recall:
        """Return a recall with these weights, or those that are shipped."""
        return Recall(self.database, self.passages, self.graph, self.vectors, weights)


async def ask(
    recall: Recall, conversation: Conversation, asked: Asked, limit: int = LIMIT, budget: int = BUDGET
) -> Recalled:
    """Ask one question as an agent of the conversation's end user would."""
    reader = Reader(conversation.owner, "")
    return await recall.search(reader, Query(asked.text, budget, limit, now=conversation.after))


def part_of(asked: Asked, hits: Iterable[Hit]) -> float:
    """Return the part of a question's evidence that is among the hits."""
    return len(asked.evidence & {hit.passage.id for hit in hits}) / len(asked.evidence)


async def measured(recall: Recall, conversation: Conversation, *, explain: bool = False) -> list[Measured]:
    """Ask all questions of a conversation."""
    found = []
    for asked in conversation.questions:
        began = time.perf_counter()
        recalled = await ask(recall, conversation, asked)
        seconds = time.perf_counter() - began
        at_ten = part_of(asked, recalled.hits[:TEN])
        in_text = part_of(asked, (hit for hit in recalled.hits if hit.used))
        found.append(Measured(conversation.name, asked.category, at_ten, in_text, seconds))
        if explain and at_ten < 1:
            tell(conversation, asked, recalled)
    return found


def tell(conversation: Conversation, asked: Asked, recalled: Recalled) -> None:
    """Print what was found in place of what was asked for."""
    print(f"\n{conversation.name}, {CATEGORIES[asked.category]}: {asked.text}")
    ranks = {hit.passage.id: rank for rank, hit in enumerate(recalled.hits, 1)}
    for passage in conversation.passages:
        if passage.id in asked.evidence and ranks.get(passage.id, TEN + 1) > TEN:
            print(f"  missed (place {ranks.get(passage.id, 'none')}): {passage.speaker}: {passage.text[:110]}")
    for hit in recalled.hits[:3]:
        parts = ", ".join(f"{name} {score:.2f}" for name, score in hit.scores.items())
        print(f"  found: {hit.passage.speaker}: {hit.passage.text[:110]}\n         {parts}")


async def rows_of(recall: Recall, conversation: Conversation) -> list[Rows]:
    """Return the parts of the score of all candidates of every question, with which of them are evidence."""
    found = []
    for asked in conversation.questions:
        hits = (await ask(recall, conversation, asked, limit=10_000, budget=1)).hits
        parts = [[hit.scores.get(name, 0.0) for name in WEIGHTS] for hit in hits]
        found.append(Rows(parts, [hit.passage.id in asked.evidence for hit in hits]))
    return found


def show(name: str, every: Sequence[Measured]) -> None:
    """Print one row of figures: by category, and of all."""
    for label, chosen in (
        *((CATEGORIES[number], [one for one in every if one.category == number]) for number in CATEGORIES),
        (name, every),
    ):
        at_ten = statistics.mean(one.at_ten for one in chosen)
        in_text = statistics.mean(one.in_text for one in chosen)
        print(f"{label:24} {len(chosen):5} {at_ten:10.3f} {in_text:18.3f}")


def embedder_named(name: str) -> Embedder | None:
    """Open the embedder that was asked for."""
    if not name:
        return None
    if name == "hashing":
        return HashingEmbedder()
    kind, _, directory = name.partition(":")
    if kind != "onnx" or not directory:
        raise SystemExit(f"--embedder {name}: write onnx:DIR, or hashing")
    return OnnxEmbedder(Path(directory))


async def main(path: Path, embedder_name: str, *, with_graph: bool, leave_one_out: bool, explain: bool) -> None:
    """Measure, and print the figures."""
    every = conversations(path)
    embedder = embedder_named(embedder_name)
    filled = [await fill(conversation, embedder, with_graph=with_graph) for conversation in every]
    pairs = list(zip(every, filled, strict=True))
    began = time.process_time()
    found = [one for its, parts in pairs for one in await measured(parts.recall(None), its, explain=explain)]
    spent = (time.process_time() - began) / len(found)
    print(f"\n{len(every)} conversations; embedder {embedder.id if embedder else 'none'}; graph {with_graph}")
    print(f"{'evidence recall':24} {'asked':>5} {'among ten':>10} {f'in {BUDGET} tokens':>18}")
    show("all, shipped weights", found)
    p95 = statistics.quantiles((one.seconds for one in found), n=20)[18]
    print(f"a search takes {spent * 1e3:.1f} ms CPU on average, p95 {p95 * 1e3:.1f} ms")
    if leave_one_out:
        rows = [await rows_of(parts.recall(dict.fromkeys(WEIGHTS, 1.0)), its) for its, parts in pairs]
        print("\nchosen without the conversation that is measured:")
        unseen = []
        for at, (its, parts) in enumerate(pairs):
            weights = fitted([one for other, its_rows in enumerate(rows) if other != at for one in its_rows])
            unseen += await measured(parts.recall(weights), its)
        show("all, left out", unseen)
        print("\nthe weights of all conversations:")
        for name, weight in fitted([one for its_rows in rows for one in its_rows]).items():
            print(f"    {name!r}: {weight:.2f},")
    for parts in filled:
        await parts.database.close()


if __name__ == "__main__":
    command = argparse.ArgumentParser(prog="python -m tests.memory.locomo", description="Evidence recall on LoCoMo.")
    command.add_argument("path", type=Path, help="LoCoMo's JSON file, or its folder")
    command.add_argument("--embedder", default="", help="onnx:DIR or hashing")
    command.add_argument("--no-graph", action="store_true")
    command.add_argument("--leave-one-out", action="store_true")
    command.add_argument("--explain", action="store_true")
    given = command.parse_args()
    asyncio.run(
        main(
            given.path,
            given.embedder,
            with_graph=not given.no_graph,
            leave_one_out=given.leave_one_out,
            explain=given.explain,
        )
    )
