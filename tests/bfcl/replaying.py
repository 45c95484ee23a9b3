"""Replays a task's gold calls twice, by the package's executor and as an agent's run would, and compares them."""

import asyncio
import json
import math
from datetime import datetime, timedelta
from random import Random
from typing import Any

from msgspec import Struct
from toolyard_registry.toolbox.collecting import Toolbox
from toolyard_runtime.models.calls import normalise_arguments
from toolyard_runtime.run.calling import Returned, execute, misfit
from toolyard_sdk.context import ToolContext
from toolyard_sdk.messages import ToolResult

from tests.bfcl.package import Package, Task
from tests.bfcl.wrapping import arguments_of, as_executed, toolbox_of

SECONDS = 30.0
OUTPUT_BYTES = 1 << 20
MOMENT = timedelta(minutes=10)


class Difference(Struct, frozen=True):
    """A call after which the two sides are not alike."""

    task: str
    call: str
    theirs: str
    ours: str


class Kept:
    """A tool that keeps its last result as it was returned: the loop hands on only its text."""

    def __init__(self, tool: Any) -> None:
        self.spec, self.check, self._call = tool.spec, tool.check, tool.call
        self.last: ToolResult | None = None

    async def call(self, arguments: bytes, context: ToolContext) -> ToolResult:
        self.last = None
        self.last = await self._call(arguments, context)
        return self.last


def replay(package: Package, task: Task, run: str) -> tuple[int, list[Difference]]:
    """Return how many calls a task has, and which of them differ in their result or in the state after it."""
    ours = {name: package.instance(name, task.initial) for name in task.classes}
    box = toolbox_of(ours.values())
    kept = {name: Kept(tool) for name, tool in box.tools.items()}
    count, differences = 0, []
    for turn in task.turns:
        for call in turn:
            (result,), theirs = package.execute([call], task.initial, list(task.classes), run, task.id)
            said = asyncio.run(_called(call, box, kept))
            count += 1
            left, right = result + state_of(theirs), said + state_of(ours)
            if left != right:
                differences.append(Difference(task.id, call, left, right))
    return count, differences


async def _called(call: str, box: Toolbox, kept: dict[str, Kept]) -> str:
    """Make one call along the loop's way: the name, the text of its arguments, the check, the execution."""
    name, text = arguments_of(call, box)
    tool, arguments = kept[name], normalise_arguments(text)
    if isinstance(arguments, str):
        return f"the arguments {text} are {arguments}"
    wrong = misfit(tool, arguments)
    if wrong:
        return f"the arguments do not fit: {wrong}"
    outcome, _ = await execute(
        tool, arguments, ToolContext(), seconds=SECONDS, output_bytes=OUTPUT_BYTES, repeatable=False
    )
    if not isinstance(outcome, Returned):
        return f"the call did not end: {outcome}"
    failed = outcome.text.partition(": ")[2].partition(": ")[2] if outcome.is_error else ""
    last = tool.last
    if last is not None and last.text != outcome.text:
        return f"the loop has {outcome.text!r} of {last.text!r}"
    return as_executed(outcome.text, last.structured if last is not None else None, failed)


def state_of(instances: dict[str, Any]) -> str:
    """Write what objects hold, all the way down, the generators of random numbers included."""
    return json.dumps({name: _held(instance, ()) for name, instance in sorted(instances.items())}, sort_keys=True)


def _held(value: Any, above: tuple[int, ...]) -> Any:
    if id(value) in above:
        return f"the object {len(above) - above.index(id(value))} levels up"
    within = (*above, id(value))
    if isinstance(value, dict):
        return {f"{type(key).__name__} {key}": _held(each, within) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [type(value).__name__, *(_held(each, within) for each in value)]
    if hasattr(value, "__dict__") and not (isinstance(value, Random | type) or callable(value)):
        return [type(value).__name__, _held(vars(value), within)]
    return _written(value)


def _written(value: Any) -> str:
    if isinstance(value, set | frozenset):
        return str(sorted(map(str, value)))
    if isinstance(value, datetime) and abs(datetime.now(value.tzinfo) - value) < MOMENT:
        return "now"  # the two sides make a file one after the other
    if isinstance(value, Random):
        return str(hash(value.getstate()))
    if type(value) in (int, float) and math.isfinite(value) and value == int(value):
        return repr(int(value))  # the package's checker, too, takes 5000 and 5000.0 for the same
    return repr(value)
