"""Seal-Tools (fairyshine/Seal-Tools, Apache-2.0): thousands of made-up APIs of many fields, and requests for some."""

import json
from pathlib import Path
from typing import Any

from toolyard_sdk.messages import ToolSpec

from tests.registry.search.recall import Listed, Task

FILES = ("dev", "test_in_domain")


def seal_tools(folder: Path) -> tuple[list[Listed], list[Task]]:
    """Return the APIs, each of the source that its field is, and the requests that take two of them or more."""
    data = folder / "Seal-Tools_Dataset"
    tools = [
        Listed(
            ToolSpec(each["api_name"], each["api_description"], {"type": "object", "properties": each["parameters"]}),
            each["field"].partition("/")[0],
        )
        for each in _lines(data / "tool.jsonl")
    ]
    known = {tool.spec.name for tool in tools}
    asked = [line for file in FILES for line in _lines(data / f"{file}.jsonl")]
    tasks = [Task(each["query"], frozenset(call["api"] for call in each["calling"])) for each in asked]
    return tools, [task for task in tasks if len(task.wanted) > 1 and task.wanted <= known]


def _lines(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text().splitlines() if line.strip()]
