"""MCP-Bench (Accenture/mcp-bench, Apache-2.0): 28 real MCP servers, and tasks that take tools of one to three of them.

The servers are not started: tools are read from their sources, in Python by its own parser, in JavaScript by the forms
that the servers use. A task is what its author calls the fuzzy description, which names no tool; the tools it takes are
those of its servers that the exact description and the analysis of its steps name.
"""

import ast
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from toolyard_sdk.messages import ToolSpec

from tests.registry.search.recall import Listed, Task

TASKS = ("single", "multi_2server", "multi_3server")

_TEXT = r"""(?:"((?:[^"\\\n]|\\.)*)"|'((?:[^'\\\n]|\\.)*)'|`((?:[^`\\]|\\.)*)`)"""
_TOOL = re.compile(rf"\.tool\(\s*{_TEXT}\s*,\s*{_TEXT}")
_NAME = rf"\bname(?:: string)?\s*[:=]\s*{_TEXT}\s*[,;]\s*"
_TOLD = rf"(?:public readonly |const )?description(?:: string)?\s*[:=]\s*{_TEXT}"
_NAMED = re.compile(_NAME + _TOLD, re.IGNORECASE)
_PARAMETER = re.compile(
    rf"(\w+):\s*z\b[^\n]*?\.describe\(\s*{_TEXT}|(\w+):\s*\{{\s*type:[^{{}}]*?description:\s*{_TEXT}"
)


def mcp_bench(folder: Path) -> tuple[list[Listed], list[Task]]:
    """Return the tools of all servers, and the tasks that name some of them."""
    commands = json.loads((folder / "mcp_servers" / "commands.json").read_text())
    tools: dict[str, dict[str, Listed]] = {}
    for server, command in commands.items():
        home = folder / "mcp_servers" / command["cwd"].removeprefix("../").partition("/")[0]
        about = _about(home)
        tools[server] = {spec.name: Listed(spec, server, about) for spec in _specs(home)}
    tasks = []
    for file in TASKS:
        several = json.loads((folder / "tasks" / f"mcpbench_tasks_{file}_runner_format.json").read_text())
        for each in several["server_tasks"]:
            known = {name for server in each["servers"] for name in tools.get(server, ())}
            tasks += [Task(task["fuzzy_description"], _named(task, known)) for task in each["tasks"]]
    return [tool for several in tools.values() for tool in several.values()], [task for task in tasks if task.wanted]


def _named(task: dict[str, Any], known: set[str]) -> frozenset[str]:
    """Return the tools that are named; one whose name is a plain word only where it is written as a call or in code."""
    text = f"{task['task_description']} {task['dependency_analysis']}"
    words = set(re.findall(r"[\w-]+", text))
    written = set(re.findall(r"[:`'\"]([\w-]+)|([\w-]+)(?=\()", text))
    called = {name for pair in written for name in pair}
    return frozenset(name for name in known & words if name in called or not (name.isalpha() and name.islower()))


def _about(home: Path) -> str:
    """Return what a server's package says of itself."""
    for file, form in (
        ("package.json", r'"description":\s*"(.*?)"'),
        ("pyproject.toml", r'(?m)^description\s*=\s*"(.*?)"'),
    ):
        for path in sorted(home.rglob(file)):
            told = re.search(form, path.read_text(errors="replace"))
            if told:
                return told[1]
    return ""


def _specs(home: Path) -> Iterator[ToolSpec]:
    seen: set[str] = set()
    for path in sorted(home.rglob("*")):
        if path.suffix not in {".py", ".ts", ".js"} or "test" in str(path.relative_to(home)):
            continue
        source = path.read_text(errors="replace")
        for spec in _of_python(source) if path.suffix == ".py" else _of_javascript(source):
            if spec.name not in seen:
                seen.add(spec.name)
                yield spec


def _of_python(source: str) -> Iterator[ToolSpec]:
    try:
        parsed = ast.parse(source)
    except SyntaxError:
        return  # a draft among the sources, which no server runs
    for node in ast.walk(parsed):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            for each in node.decorator_list:
                if "tool" in ast.unparse(each).partition("(")[0].split("."):
                    yield ToolSpec(node.name, _told(each) or ast.get_docstring(node) or "", _schema(node.args))
        elif isinstance(node, ast.Call) and ast.unparse(node.func).rpartition(".")[2] == "Tool":
            given = {each.arg: each.value for each in node.keywords}
            name, told = given.get("name"), given.get("description")
            if isinstance(name, ast.Constant) and isinstance(told, ast.Constant):
                yield ToolSpec(str(name.value), str(told.value), _literal(given.get("inputSchema")))


def _told(decorator: ast.expr) -> str:
    given = decorator.keywords if isinstance(decorator, ast.Call) else []
    return next(
        (str(each.value.value) for each in given if each.arg == "description" and isinstance(each.value, ast.Constant)),
        "",
    )


def _schema(arguments: ast.arguments) -> dict[str, Any]:
    properties: dict[str, Any] = {}
    for each in (*arguments.args, *arguments.kwonlyargs):
        told = re.search(rf"description={_TEXT}", ast.unparse(each.annotation)) if each.annotation else None
        properties[each.arg] = {"description": told[1] or told[2]} if told else {}
    return {"type": "object", "properties": properties}


def _literal(node: ast.expr | None) -> dict[str, Any]:
    try:
        found = ast.literal_eval(node) if node else {}
    except ValueError:
        found = {}
    return found if isinstance(found, dict) else {}


def _of_javascript(source: str) -> Iterator[ToolSpec]:
    found = sorted([*_TOOL.finditer(source), *_NAMED.finditer(source)], key=lambda each: each.start())
    for number, each in enumerate(found):
        end = found[number + 1].start() if number + 1 < len(found) else len(source)
        name, told = (text for text in each.groups() if text is not None)
        parts = (
            [text for text in part.groups() if text is not None]
            for part in _PARAMETER.finditer(source, each.end(), end)
        )
        yield ToolSpec(
            name, told, {"type": "object", "properties": {name: {"description": said} for name, said in parts}}
        )
