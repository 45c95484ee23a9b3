"""NESTFUL (IBM/NESTFUL, Apache-2.0): requests in which what one call gives is what the next one takes."""

import json
from pathlib import Path
from typing import Any

from toolyard_sdk.messages import ToolSpec

from tests.registry.search.recall import Listed, Task

PARTS = ("executable/executable", "non-executable/non-executable-glaive", "non-executable/non-executable-sgd")

LAST = {"var_result"}
"""What a list of calls ends with: no function, but what is answered."""


def nestful(folder: Path) -> tuple[list[Listed], list[Task]]:
    """Return the functions, each of the source that it is called of, and the requests."""
    tools: dict[str, Listed] = {}
    tasks: list[Task] = []
    for part in PARTS:
        for each in json.loads((folder / "data" / f"{part}-spec.json").read_text()):
            spec = ToolSpec(each["name"], each["description"], {"type": "object", "properties": _properties(each)})
            tools.setdefault(spec.name, Listed(spec, each.get("host") or spec.name.partition(".")[0]))
        asked = json.loads((folder / "data" / f"{part}-data.json").read_text())
        tasks += [Task(each["input"], frozenset(call["name"] for call in each["output"]) - LAST) for each in asked]
    return list(tools.values()), [task for task in tasks if task.wanted and task.wanted <= tools.keys()]


def _properties(described: dict[str, Any]) -> dict[str, Any]:
    return {
        name: {"description": each.get("description", "")}
        for key in ("arguments", "query_parameters", "path_parameters")
        for name, each in (described.get(key) or {}).items()
        if isinstance(each, dict)
    }
