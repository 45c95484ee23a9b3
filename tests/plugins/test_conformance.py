"""The suite a tool author runs, run on every first-party tool."""

from pathlib import Path
from typing import Any

import pytest
from toolyard_calculator import calculate
from toolyard_clock import clock_tools
from toolyard_fetch import Settings as FetchSettings
from toolyard_fetch import fetch_tool
from toolyard_files import Settings, file_tools
from toolyard_sdk import ToolContext
from toolyard_sdk.testing import CHECKS, Check, FixedClock, RecordedEgress, Subject, tools_of

CLOCK = {each.spec.name: each for each in clock_tools(FixedClock(1_795_397_400_000_000).now, "Oslo")}
EXAMPLES: dict[str, dict[str, Any]] = {
    "calculate": {"expression": "1/3 + 1/6"},
    "current_time": {"zone": "Oslo"},
    "convert_time": {"time": "2026-03-29T14:30", "to_zone": "Tokyo"},
    "add_duration": {"time": "2026-01-31", "duration": "P1M"},
    "time_between": {"start": "2026-01-31", "end": "2026-03-01"},
    "day_of_week": {"date": "2026-12-24"},
    "list_files": {"recursive": True},
    "read_file": {"path": "notes/a.md"},
    "search_files": {"text": "milk"},
    "fetch": {"url": "https://example.org/", "max_chars": 1_000},
    "write_file": {"path": "notes/b.md", "content": "bread\n"},
}


@pytest.fixture
def subjects(tmp_path: Path) -> dict[str, Subject]:
    (tmp_path / "notes").mkdir()
    (tmp_path / "notes/a.md").write_text("milk\n")
    count = iter(range(1_000_000))
    files = file_tools(Settings(root=str(tmp_path)), lambda: str(next(count)), lambda: 0.0)
    made = [calculate, *CLOCK.values(), *files, fetch_tool(FetchSettings())]
    page = RecordedEgress().answer("GET", "https://example.org/", "<p>hello", headers={"Content-Type": "text/html"})
    context = ToolContext(egress=page)
    return {each.spec.name: Subject(each, EXAMPLES[each.spec.name], context) for each in made}


@pytest.mark.parametrize("name", EXAMPLES)
@pytest.mark.parametrize("check", CHECKS, ids=str)
async def test_a_first_party_tool_conforms(check: Check, name: str, subjects: dict[str, Subject]) -> None:
    assert await check.run(subjects[name]) == ()


def test_the_examples_are_all_the_tools_that_the_plugins_register(subjects: dict[str, Subject]) -> None:
    modules = ("toolyard_calculator", "toolyard_clock", "toolyard_fetch", "toolyard_files")
    assert {each.spec.name for module in modules for each in tools_of(module)} == EXAMPLES.keys() == subjects.keys()
