"""Recall of a search over a set of tools and tasks, with a bootstrap interval; knows no data set."""

import random
from collections.abc import Sequence

from msgspec import Struct
from toolyard_registry.search.documents import document
from toolyard_registry.search.fusion import ranked
from toolyard_registry.search.searching import Search, Weights
from toolyard_sdk.messages import ToolSpec

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


def recalls(search: Search, tasks: Sequence[Task], cuts: Sequence[int] = (10, 50)) -> tuple[Recall, ...]:
    """Return the recall at each cut; a tool is found when one of its name is."""
    found = [[key.partition("\n")[2] for key, _ in ranked(search.scores(task.text), max(cuts))] for task in tasks]
    measured = []
    for cut in cuts:
        shares = [
            len(task.wanted.intersection(names[:cut])) / len(task.wanted)
            for task, names in zip(tasks, found, strict=True)
        ]
        measured.append(_bootstrapped(cut, shares))
    return tuple(measured)


def _bootstrapped(cut: int, shares: Sequence[float]) -> Recall:
    dice = random.Random(5)
    count = len(shares)
    means = sorted(sum(dice.choices(shares, k=count)) / count for _ in range(DRAWS))
    return Recall(cut, sum(shares) / count, means[int(DRAWS * 0.025)], means[int(DRAWS * 0.975)])
