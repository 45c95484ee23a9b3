"""MetaTool (HowieHwong/MetaTool, MIT): functions that plugins have, and requests that take two of them."""

import json
from pathlib import Path

from toolyard_sdk.messages import ToolSpec

from tests.registry.search.recall import Listed, Task


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
