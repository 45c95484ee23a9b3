"""RestBench (Yifan-Song793/RestGPT, MIT): questions that take several operations of the REST API of TMDB or Spotify."""

import json
from pathlib import Path
from typing import Any

from toolyard_sdk.messages import ToolSpec

from tests.registry.search.recall import Listed, Task

SERVICES = {"tmdb": "The Movie Database", "spotify": "Spotify"}


def restbench(folder: Path) -> tuple[list[Listed], list[Task]]:
    """Return the operations of both services, named by method and path, and the questions."""
    tools: list[Listed] = []
    tasks: list[Task] = []
    for file, source in SERVICES.items():
        described = json.loads((folder / "specs" / f"{file}_oas.json").read_text())
        for path, item in described["paths"].items():
            for method in sorted(item.keys() & {"get", "post", "put", "delete"}):
                operation = item[method]
                told = f"{operation.get('summary', '')}. {operation.get('description', '')}"
                schema = {"type": "object", "properties": _properties(described, item, operation)}
                tools.append(Listed(ToolSpec(f"{method.upper()} {path}", told, schema), source))
        tasks += [
            Task(each["query"], frozenset(each["solution"]))
            for each in json.loads((folder / "datasets" / f"{file}.json").read_text())
        ]
    known = {tool.spec.name for tool in tools}
    return tools, [task for task in tasks if task.wanted <= known]


def _properties(described: dict[str, Any], item: dict[str, Any], operation: dict[str, Any]) -> dict[str, Any]:
    found = {}
    for each in (*item.get("parameters", ()), *operation.get("parameters", ())):
        target: Any = each
        if "$ref" in each:
            target = described
            for step in each["$ref"].removeprefix("#/").split("/"):
                target = target[step]
        found[target["name"]] = {"description": target.get("description", "")}
    return found
