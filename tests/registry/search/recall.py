"""Recall of a search over a set of tools and tasks, with a bootstrap interval; knows no data set."""

import asyncio
import random
from collections.abc import Callable, Sequence
from pathlib import Path

from msgspec import Struct
from toolyard_memory.embedders.hashing import HashingEmbedder
from toolyard_memory.embedders.onnx import OnnxEmbedder
from toolyard_registry.search.documents import document
from toolyard_registry.search.fusion import ranked
from toolyard_registry.search.meaning import Meaning, Near, parts_of, share_of, text_of
from toolyard_registry.search.searching import Search, Weights
from toolyard_registry.search.shortlist import scores_of
from toolyard_sdk.messages import ToolSpec
from toolyard_sdk.ports import Embedder

DRAWS = 2_000


class Listed(Struct, frozen=True):
    """A tool of a catalogue: its definition, where it comes from, and what that says of itself."""

    spec: ToolSpec
    source: str
    about: str = ""


class Task(Struct, frozen=True):
    """What somebody asks for, and the names of the tools it takes."""

    text: str
    wanted: frozenset[str]


class Recall(Struct, frozen=True):
    """The mean share of a task's tools among the first `k`, and where 95 % of resampled means lie."""

    k: int
    mean: float
    low: float
    high: float

    def __str__(self) -> str:
        return f"recall@{self.k} {self.mean:.3f} [{self.low:.3f}, {self.high:.3f}]"


def search_over(tools: Sequence[Listed], weights: Weights | None = None) -> Search:
    """Index tools; a key is the source and the name, since a name may occur in several sources."""
    search = Search(weights)
    for tool in tools:
        search.add(f"{tool.source}\n{tool.spec.name}", document(tool.spec, tool.source, tool.about))
    return search


Scores = Callable[[str], dict[str, float]]
"""Returns the scores of tools for a text, by key."""


def embedder_of(named: str) -> Embedder:
    """Return the embedder that a command's `--embedder` names: `hashing`, or `onnx:FOLDER`."""
    return OnnxEmbedder(Path(named.removeprefix("onnx:"))) if named.startswith("onnx:") else HashingEmbedder()


def meaning_of(tools: Sequence[Listed], embedder: Embedder) -> Meaning:
    """Embed tools, by the keys they have in `search_over`."""
    texts = {
        f"{tool.source}\n{tool.spec.name}": text_of(document(tool.spec, tool.source, tool.about)) for tool in tools
    }
    vectors = asyncio.run(embedder.embed(list(texts.values())))
    return Meaning(dict(zip(texts, vectors, strict=True)))


def with_vectors(search: Search, meaning: Meaning, embedder: Embedder, share: float | None = None) -> Scores:
    """Return a search by words and vectors; `share` is what these count (None: what fits the embedder)."""
    counts = share_of(embedder.id) if share is None else share
    known: dict[str, dict[str, float]] = {}

    def scores(text: str) -> dict[str, float]:
        if text not in known:
            known[text] = meaning.near(asyncio.run(embedder.embed(parts_of(text), query=True)))
        return scores_of(search, text, Near(known[text], counts))

    return scores


def shares_of(search: Scores, task: Task, cuts: Sequence[int]) -> tuple[float, ...]:
    """Return the share of a task's tools at each cut; a tool is found when one of its name is."""
    names = [key.partition("\n")[2] for key, _ in ranked(search(task.text), max(cuts))]
    return tuple(len(task.wanted.intersection(names[:cut])) / len(task.wanted) for cut in cuts)


def recalls(search: Scores, tasks: Sequence[Task], cuts: Sequence[int] = (10, 50)) -> tuple[Recall, ...]:
    """Return the recall at each cut over all tasks."""
    found = [shares_of(search, task, cuts) for task in tasks]
    return tuple(_bootstrapped(cut, shares) for cut, shares in zip(cuts, zip(*found, strict=True), strict=True))


def _bootstrapped(cut: int, shares: Sequence[float]) -> Recall:
    dice = random.Random(5)
    count = len(shares)
    means = sorted(sum(dice.choices(shares, k=count)) / count for _ in range(DRAWS))
    return Recall(cut, sum(shares) / count, means[int(DRAWS * 0.025)], means[int(DRAWS * 0.975)])
