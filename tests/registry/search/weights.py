"""How the weights of the search were set: `python -m tests.registry.search.weights --bfcl WHEEL ...`.

Each option names public data that is measured with and is no part of this repository; docs/search.md says where it is
had, the files in `material` say what is made of it. LiveMCPBench is not among them. Printed are the sets, and for the
weights as they are and each weight changed by itself the recall at 10 and at 50: the mean over the sets, what it gains
and where 95 % of resampled gains lie (the same tasks with both), what either half of the tasks gains, and each set's.
A gain whose range holds 0, or that one half has not, is noise. With `--embedder NAME` (`hashing` or `onnx:FOLDER`)
vectors that count more or less beside words are compared instead.
"""

import argparse
import random
from collections.abc import Iterator
from pathlib import Path
from statistics import fmean

import msgspec
from toolyard_registry.search.searching import Weights

from tests.registry.search.material.bfcl import CLASSES, bfcl
from tests.registry.search.material.mcp_bench import mcp_bench
from tests.registry.search.material.metatool import metatool
from tests.registry.search.material.nestful import nestful
from tests.registry.search.material.restbench import restbench
from tests.registry.search.material.seal_tools import seal_tools
from tests.registry.search.recall import (
    Listed,
    Scores,
    Task,
    embedder_of,
    meaning_of,
    search_over,
    shares_of,
    with_vectors,
)

CHANGES: dict[str, tuple[float, ...]] = {
    "name": (1.0, 3.0),
    "text": (0.7, 1.5),
    "parameters": (0.0, 0.3, 0.8),
    "source": (0.0, 0.5, 2.0),
    "about": (0.0, 1.0),
    "k1": (1.2, 2.0),
    "b": (0.5, 0.75, 1.0),
    "steps": (0.0, 0.3, 0.8),
    "named": (0.0, 0.15, 0.4),
    "sources": (0.0, 0.2, 0.5),
    "source_tools": (1, 5),
    "feedback": (0.0, 0.1, 0.4),
    "feedback_tools": (3, 10),
    "feedback_terms": (5, 20),
}

SHARES = (0.0, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0)
"""What vectors count beside words, which count 1."""

CUTS = (10, 50)
DRAWS = 400
MOST = 250
"""Tasks of one of the large sets: so that a table is made in minutes."""

Sets = dict[str, tuple[list[Listed], list[Task]]]
Measured = dict[str, list[tuple[float, ...]]]
"""For each set the recalls of its tasks, at each cut."""


def main() -> None:
    """Print the table."""
    reader = argparse.ArgumentParser(prog="python -m tests.registry.search.weights")
    reader.add_argument("--bfcl", type=Path, required=True, help="the wheel of bfcl-eval")
    for name in ("metatool", "mcp-bench", "restbench", "nestful", "seal-tools"):
        reader.add_argument(f"--{name}", type=Path, help="a folder with the project's files")
    reader.add_argument("--embedder")
    given = reader.parse_args()
    sets = dict(_sets(given))
    for name, (tools, tasks) in sets.items():
        print(f"{name}: {len(tools)} tools of {len({tool.source for tool in tools})} sources, {len(tasks)} tasks")
    if given.embedder:
        _show_vectors(given.embedder, sets)
        return
    now = _measured(sets, Weights())
    _print("as they are", now, now)
    for name, values in CHANGES.items():
        for value in values:
            _print(f"{name} = {value:g}", _measured(sets, msgspec.structs.replace(Weights(), **{name: value})), now)


def _sets(given: argparse.Namespace) -> Iterator[tuple[str, tuple[list[Listed], list[Task]]]]:
    """Return the sets by name: those of servers share one catalogue, as they would in a server of many."""
    sets = bfcl(given.bfcl)
    yield from sets.items()
    functions = sets["several turns"][0]
    if given.metatool:
        tools, tasks = metatool(given.metatool)
        yield "two of MetaTool", ([*functions, *tools], _some(tasks))
    servers = [tool for tool in functions if tool.source in CLASSES]
    of_servers: dict[str, list[Task]] = {}
    for name, read, folder in (
        ("MCP-Bench", mcp_bench, given.mcp_bench),
        ("RestBench", restbench, given.restbench),
        ("NESTFUL", nestful, given.nestful),
    ):
        if folder:
            tools, of_servers[name] = read(folder)
            servers += tools
    for name, tasks in of_servers.items():
        yield name, (servers, tasks)
    if given.seal_tools:
        tools, tasks = seal_tools(given.seal_tools)
        yield "Seal-Tools", (tools, _some(tasks))


def _some(tasks: list[Task]) -> list[Task]:
    return random.Random(1).sample(tasks, min(MOST, len(tasks)))


def _measured(sets: Sets, weights: Weights) -> Measured:
    return {name: _recalls(search_over(tools, weights).scores, tasks) for name, (tools, tasks) in sets.items()}


def _recalls(search: Scores, tasks: list[Task]) -> list[tuple[float, ...]]:
    return [shares_of(search, task, CUTS) for task in tasks]


def _show_vectors(named: str, sets: Sets) -> None:
    embedder = embedder_of(named)
    made = {name: (search_over(tools), meaning_of(tools, embedder)) for name, (tools, _) in sets.items()}
    now: Measured | None = None
    for share in SHARES:
        found = {name: _recalls(with_vectors(*made[name], embedder, share), tasks) for name, (_, tasks) in sets.items()}
        now = now or found
        _print(f"vectors = {share:g}", found, now)


def _print(label: str, found: Measured, now: Measured) -> None:
    for at, cut in enumerate(CUTS):
        gains = {
            name: [each[at] - old[at] for each, old in zip(tasks, now[name], strict=True)]
            for name, tasks in found.items()
        }
        dice = random.Random(3)
        draws = sorted(
            fmean(sum(dice.choices(each, k=len(each))) / len(each) for each in gains.values()) for _ in range(DRAWS)
        )
        low, high = draws[DRAWS // 40], draws[-DRAWS // 40]
        first, second = (fmean(fmean(each[half::2]) for each in gains.values()) for half in (0, 1))
        mean = fmean(fmean(each[at] for each in tasks) for tasks in found.values())
        gain = fmean(map(fmean, gains.values()))
        print(
            f"{label:20} @{cut} {mean:.4f} {gain:+.4f} [{low:+.4f}, {high:+.4f}] halves {first:+.4f} {second:+.4f}",
            *(f"{name} {fmean(each[at] for each in tasks):.3f}" for name, tasks in found.items()),
            sep="  ",
            flush=True,
        )


if __name__ == "__main__":
    main()
