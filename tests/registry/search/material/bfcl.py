"""BFCL (the package `bfcl-eval`, Apache-2.0): functions of eight classes and many others, and the calls requests take.

One catalogue is made of all functions. Its tasks are those of several turns, requests for one function, and requests of
two to four steps put together from these.
"""

import json
import random
import re
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from toolyard_sdk.messages import ToolSpec

from tests.registry.search.recall import Listed, Task

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

Sets = dict[str, tuple[list[Listed], list[Task]]]


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
        "one function": (catalogue, dice.sample(single, min(300, len(single)))),
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
