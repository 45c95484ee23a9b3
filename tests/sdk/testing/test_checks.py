"""Each check finds what it is there for, and nothing in a tool that is in order."""

import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from msgspec import Struct
from msgspec.structs import replace
from toolyard_sdk import FunctionTool, ToolContext, ToolError, ToolResult, tool
from toolyard_sdk.messages import Annotations, ToolSpec
from toolyard_sdk.ports import Tool
from toolyard_sdk.testing import CHECKS, Finding, Subject, findings, presentation, tools_of

DEADLINE = 60


@tool(read_only=True, open_world=False)
def count_stock(shelf: str, floor: int = 0) -> int:
    """Tell how many boxes are on a shelf of the warehouse.

    Args:
        shelf: Letter of the shelf, such as A.
        floor: Floor it is on.
    """
    if shelf != "A":
        raise ToolError("there is only shelf A.")
    return 3 + min(floor, 1)


class Changed(Struct, frozen=True):
    """A tool in other clothes: a specification of its own, and arguments that are not checked where told so."""

    tool: FunctionTool
    spec: ToolSpec
    lax: bool = False
    rude: bool = False

    def check(self, arguments: bytes) -> None:
        if self.rude:
            raise ValueError("no")
        if not self.lax:
            self.tool.check(arguments)

    async def call(self, arguments: bytes, context: ToolContext) -> ToolResult:
        return await self.tool.call(arguments, context)


def _spec(**fields: Any) -> Tool:
    return Changed(count_stock, replace(count_stock.spec, **fields))


def _schema(**words: Any) -> Tool:
    return _spec(input_schema={**count_stock.spec.input_schema, **words})


@tool(read_only=True)
def crash(shelf: str) -> int:
    """Look at a shelf that is never there.

    Args:
        shelf: Letter of the shelf.
    """
    return int({"A": "1"}[shelf])


@tool(read_only=True)
async def block() -> str:
    """Hold up everybody else for a while."""
    time.sleep(1.2)  # noqa: ASYNC251 - the defect that is looked for
    return "done"


@tool(read_only=True)
def say_nothing() -> str:
    """Return an empty text, which tells a model nothing."""
    return ""


@tool(read_only=True)
def lie() -> int:
    """Return something else than the signature promises."""
    return "many" and ["many"]  # type: ignore[return-value]  # the mistake that is to be found


@tool(read_only=True)
def no_default(n: int = "none") -> str:  # type: ignore[assignment]  # the mistake that is to be found
    """Have a default that is none of its own type.

    Args:
        n: A number.
    """
    return str(n)


_parity = iter(range(1_000_000))


@tool(read_only=True)
def waver() -> str:
    """Fail every second time that it is called."""
    if next(_parity) % 2:
        raise ToolError("not now.")
    return "now"


BROKEN: dict[str, tuple[Tool, str]] = {
    "a name with a space": (_spec(name="count stock"), "its name can be written by every model"),
    "a short name": (_spec(name="cs"), "its name can be written by every model"),
    "no words": (_spec(description="Count."), "its description says enough and not too much"),
    "too many words": (_spec(description="Count. " * 1_000), "its description says enough and not too much"),
    "words that tell nothing": (
        _spec(description="A tool that gets and returns the count of stock data."),
        "its description tells it from others",
    ),
    "nine parameters": (
        _schema(properties={f"shelf_{n}": {"type": "string", "description": "A shelf."} for n in range(9)}),
        "it asks for no more than a model gets right",
    ),
    "an undescribed parameter": (
        _schema(properties={"shelf": {"type": "string"}}),
        "every parameter is described",
    ),
    "a draft-4 schema": (_schema(definitions={}), "its schemas are JSON Schema 2020-12"),
    "a bad output schema": (_spec(output_schema={"type": "text"}), "its schemas are JSON Schema 2020-12"),
    "no object": (_schema(type="array"), "its schemas are JSON Schema 2020-12"),
    "a default of another type": (no_default, "defaults and example fit the schema"),
    "contradicting claims": (
        _spec(annotations=Annotations(read_only=True)),
        "its annotations do not contradict each other",
    ),
    "a read-only deletion": (_spec(name="delete_stock"), "its annotations do not contradict each other"),
    "a definition that is no JSON": (_schema(default={1, object()}), "its definition has a stable digest"),
    "no checks": (Changed(count_stock, count_stock.spec, lax=True), "an error about arguments names the field"),
    "no refusal of strangers": (Changed(count_stock, count_stock.spec, lax=True), "unknown fields are refused"),
    "rude refusals": (Changed(count_stock, count_stock.spec, rude=True), "hostile arguments are survived"),
    "a crash": (crash, "hostile arguments are survived"),
    "an empty result": (say_nothing, "its result is JSON and fits the output schema"),
    "a false promise": (lie, "its result is JSON and fits the output schema"),
    "a moody tool": (waver, "it can be called several times at once"),
    "a blocked loop": (block, "it does not block the event loop"),
}


@pytest.mark.parametrize("defect", BROKEN)
async def test_a_defect_is_found_by_the_check_that_looks_for_it(defect: str) -> None:
    broken, name = BROKEN[defect]
    (check,) = [each for each in CHECKS if each.name == name]
    found = await check.run(Subject(broken))
    assert found
    assert all(each.tool == broken.spec.name and each.message for each in found)


def test_every_check_has_a_defect_that_it_finds() -> None:
    assert {name for _, name in BROKEN.values()} == {check.name for check in CHECKS}


@pytest.mark.parametrize("example", [None, {"shelf": "A"}])
async def test_nothing_is_found_about_a_tool_that_is_in_order(example: dict[str, Any] | None) -> None:
    assert await findings(Subject(count_stock, example)) == ()


async def test_an_example_that_fails_is_found() -> None:
    assert any("example fails" in each.message for each in await findings(Subject(count_stock, {"shelf": "B"})))


async def test_a_tool_with_side_effects_is_never_called_without_an_example() -> None:
    calls = []

    @tool
    def launch(target: str) -> str:
        """Launch something that cannot be called back.

        Args:
            target: Where it goes.
        """
        calls.append(target)
        return "launched"

    assert await findings(Subject(launch)) == ()
    assert await findings(Subject(launch, {"target": "moon"}, calls=False)) == ()
    assert calls == []
    assert await findings(Subject(launch, {"target": "moon"})) == ()
    assert calls


def test_a_presentation_is_what_a_request_holds() -> None:
    shown = presentation(count_stock)
    assert shown.function["name"] == "count_stock"
    assert shown.function["parameters"] == count_stock.spec.input_schema
    assert shown.tokens == -(-len(shown.text) // 4)


def test_a_finding_reads_as_a_sentence() -> None:
    assert str(Finding("t", "c", "error", "it is broken")) == "t: error: it is broken [c]"


def test_tools_are_found_in_a_module_with_or_without_the_hook() -> None:
    assert [each.spec.name for each in tools_of("toolyard_calculator")] == ["calculate"]
    assert "count_stock" in [each.spec.name for each in tools_of(sys.modules[__name__])]


GOOD = '''
from toolyard_sdk import tool

@tool(read_only=True)
def count_stock(shelf: str) -> int:
    """Tell how many boxes are on a shelf.

    Args:
        shelf: Letter of the shelf.
    """
    return len(shelf)
'''
UNSTEADY = (
    GOOD.replace("Tell", "{id(object())} Tell")
    .replace('"""Tell', 'f"""Tell')
    .replace("@tool(read_only=True)", "@tool(read_only=True, description=f'Made by {hash(chr(65))} for you.')")
    .replace("{id(object())} ", "")
)


def _run(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "toolyard_sdk.testing", *arguments]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=DEADLINE, check=False)


def test_the_command_prints_what_it_finds_about_a_module(tmp_path: Path) -> None:
    (tmp_path / "good.py").write_text(GOOD)
    (tmp_path / "bad.py").write_text(GOOD.replace("len(shelf)", "1 // 0"))
    good, bad = _run(tmp_path, "good"), _run(tmp_path, "bad")
    assert (good.returncode, good.stderr) == (0, "")
    assert good.stdout.startswith("count_stock: about ")
    assert good.stdout.endswith("no findings\n")
    assert bad.returncode == 1
    assert "ZeroDivisionError" in bad.stdout
    assert _run(tmp_path, "bad", "--no-call").returncode == 0


def test_the_command_finds_a_definition_that_differs_from_process_to_process(tmp_path: Path) -> None:
    (tmp_path / "unsteady.py").write_text(UNSTEADY)
    found = _run(tmp_path, "unsteady", "--no-call")
    assert found.returncode == 1
    assert "from process to process" in found.stdout


def test_the_command_says_when_there_is_no_tool(tmp_path: Path) -> None:
    (tmp_path / "empty.py").touch()
    assert _run(tmp_path, "empty").returncode == 2
