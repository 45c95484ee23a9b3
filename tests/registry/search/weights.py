"""How the weights of the search were set: `python -m tests.registry.search.weights BFCL_WHEEL [METATOOL_FOLDER]`.

BFCL_WHEEL is the file of `bfcl-eval` (`pip download --no-deps bfcl-eval==2026.3.23`), METATOOL_FOLDER a checkout of
HowieHwong/MetaTool. One catalogue is made of all of BFCL's functions; its tasks are those of several turns, requests
for one function, and requests of two to four steps put together from these. MetaTool's functions are added to it for
requests that take two of them. Printed are the recalls of the weights as they are, and of each weight changed by
itself; with `--embedder NAME` (`hashing` or `onnx:FOLDER`) instead those of its vectors counting more or less beside
words. Differences of some thousandths are noise.
"""

import argparse
import json
import random
import re
import zipfile
from collections.abc import Iterator
from pathlib import Path
from statistics import fmean
from typing import Any

import msgspec
from toolyard_registry.search.searching import Weights
from toolyard_sdk.messages import ToolSpec
from toolyard_sdk.ports import Embedder

from tests.registry.search.recall import (
    Listed,
    Recall,
    Task,
    embedder_of,
    meaning_of,
    recalls,
    search_over,
    with_vectors,
)

CLASSES = {
    "GorillaFileSystem": "gorilla_file_system",
    "MathAPI": "math_api",
    "MessageAPI": "message_api",
    "TwitterAPI": "posting_api",
    "TicketAPI": "ticket_api",
    "TradingBot": "trading_bot",
    "TravelAPI": "travel_booking",
    "VehicleControlAPI": "vehicle_control",
}
SINGLE = ("live_multiple", "multiple", "parallel_multiple", "live_parallel_multiple", "simple_python")
CALL = re.compile(r"(?:\w+\.)?(\w+)\(")

CHANGES: dict[str, tuple[float, ...]] = {
    "name": (1.0, 3.0),
    "parameters": (0.3, 0.8),
    "source": (0.5, 2.0),
    "k1": (1.2, 2.0),
    "b": (0.5, 0.9),
    "steps": (0.0, 0.3, 0.8),
    "named": (0.0, 0.1, 0.4),
    "sources": (0.0, 0.2, 0.5),
    "source_tools": (1, 5),
    "feedback": (0.0, 0.1, 0.4),
    "feedback_tools": (3, 10),
    "feedback_terms": (5, 20),
}

SHARES = (0.0, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0)
"""What vectors count beside words, which count 1."""

Sets = dict[str, tuple[list[Listed], list[Task]]]


def main() -> None:
    """Print the table."""
    reader = argparse.ArgumentParser(prog="python -m tests.registry.search.weights")
    reader.add_argument("bfcl", type=Path)
    reader.add_argument("metatool", type=Path, nargs="?")
    reader.add_argument("--embedder")
    given = reader.parse_args()
    sets = bfcl(given.bfcl)
    if given.metatool:
        tools, tasks = metatool(given.metatool)
        sets["two of MetaTool"] = [*sets["several turns"][0], *tools], random.Random(1).sample(tasks, 250)
    for name, (tools, tasks) in sets.items():
        print(f"{name}: {len(tools)} tools, {len(tasks)} tasks")
    if given.embedder:
        _show_vectors(embedder_of(given.embedder), sets)
        return
    _show("as they are", sets, Weights())
    for name, values in CHANGES.items():
        for value in values:
            _show(f"{name} = {value:g}", sets, msgspec.structs.replace(Weights(), **{name: value}))


def _show(label: str, sets: Sets, weights: Weights) -> None:
    _print(label, {name: recalls(search_over(tools, weights).scores, tasks) for name, (tools, tasks) in sets.items()})


def _show_vectors(embedder: Embedder, sets: Sets) -> None:
    made = {name: (search_over(tools), meaning_of(tools, embedder)) for name, (tools, _) in sets.items()}
    for share in SHARES:
        found = {name: recalls(with_vectors(*made[name], embedder, share), tasks) for name, (_, tasks) in sets.items()}
        _print(f"vectors = {share:g}", found)


def _print(label: str, found: dict[str, tuple[Recall, ...]]) -> None:
    mean = fmean(each.mean for several in found.values() for each in several)
    shown = (f"{name} {'/'.join(f'{each.mean:.3f}' for each in several)}" for name, several in found.items())
    print(f"{label:22} {mean:.4f}  {'  '.join(shown)}", flush=True)


def bfcl(wheel: Path) -> Sets:
    """Return the sets that are made of BFCL."""
    with zipfile.ZipFile(wheel) as archive:
        tools, turns = _several_turns(archive)
        more, single = _single(archive)
    catalogue = [*tools, *more]
    dice = random.Random(7)
    parts = [dice.sample(single, dice.randint(2, 4)) for _ in range(150)]
    composed = [
        Task(" ".join(task.text for task in part), frozenset[str]().union(*(task.wanted for task in part)))
        for part in parts
    ]
    return {
        "several turns": (catalogue, turns),
        "one function": (catalogue, dice.sample(single, 300)),
        "two to four steps": (catalogue, composed),
    }


def _several_turns(archive: zipfile.ZipFile) -> tuple[list[Listed], list[Task]]:
    tools = [
        Listed(ToolSpec(doc["name"], _own_words(doc["description"]), doc["parameters"]), source)
        for source, file in CLASSES.items()
        for doc in _lines(archive, f"multi_turn_func_doc/{file}")
    ]
    names = {tool.spec.name for tool in tools}
    gold = {line["id"]: line["ground_truth"] for line in _lines(archive, "possible_answer/BFCL_v4_multi_turn_base")}
    tasks = []
    for line in _lines(archive, "BFCL_v4_multi_turn_base"):
        called = {found[1] for turn in gold[line["id"]] for call in turn if (found := CALL.match(call))}
        tasks.append(Task(_said(line), frozenset(called & names)))
    return tools, [task for task in tasks if task.wanted]


def _own_words(description: str) -> str:
    """Return what a function says of itself, without what it repeats of its class."""
    return description.rpartition("Tool description:")[2].strip()


def _single(archive: zipfile.ZipFile) -> tuple[list[Listed], list[Task]]:
    tools: dict[str, Listed] = {}
    tasks: list[Task] = []
    for file in SINGLE:
        gold = {line["id"]: line["ground_truth"] for line in _lines(archive, f"possible_answer/BFCL_v4_{file}")}
        for line in _lines(archive, f"BFCL_v4_{file}"):
            for doc in line["function"]:
                spec = ToolSpec(doc["name"], doc["description"], doc["parameters"])
                tools.setdefault(doc["name"], Listed(spec, doc["name"].partition(".")[0]))
            tasks.append(Task(_said(line), frozenset(name for call in gold[line["id"]] for name in call)))
    return list(tools.values()), [task for task in tasks if task.wanted and task.wanted <= tools.keys()]


def _said(line: dict[str, Any]) -> str:
    return " ".join(said["content"] for turn in line["question"] for said in turn if said["role"] == "user")


def _lines(archive: zipfile.ZipFile, name: str) -> Iterator[dict[str, Any]]:
    for line in archive.read(f"bfcl_eval/data/{name}.json").decode().splitlines():
        if line.strip():
            yield json.loads(line)


def metatool(folder: Path) -> tuple[list[Listed], list[Task]]:
    """Return MetaTool's functions, and the requests that take two of them."""
    data = folder / "dataset"
    told: dict[str, str] = {}
    for file in ("big_tool_des.json", "plugin_des.json"):
        told |= json.loads((data / file).read_text())
    asked = json.loads((data / "data" / "multi_tool_query_golden.json").read_text())
    tasks = [Task(each["query"], frozenset(each["tool"])) for each in asked]
    known = [task for task in tasks if task.wanted <= told.keys()]
    return [Listed(ToolSpec(name, text, {}), name) for name, text in told.items()], known


if __name__ == "__main__":
    main()
