"""Long results of strangers' tools, over HTTP: cut for the model, which can read on, in later requests too."""

import json
import re
from pathlib import Path
from typing import Any

from tests.http.serving import Client, eventually, serving
from tests.registry.conftest import Install, install

__all__ = ["install"]

LONG = """
from toolyard_sdk import hookimpl, tool
from toolyard_sdk.ports import Supply

@tool(name="long_dump")
def dump(lines: int) -> str:
    '''Give many lines.'''
    return "".join(f"line {number} äöü\\n" for number in range(lines))

class Long:
    origin = "mcp:long"
    supply = Supply((dump,), "1")

    def __init__(self, **_):
        pass

    async def open(self, changed):
        pass

    async def close(self):
        pass

@hookimpl
def register_sources(register):
    register("long", Long)
"""
AGENT = """
instructions = "You read."
tools = ["long_dump"]

[tool.long_dump]
read_only = true

[limits]
tool_output_bytes = 1000
repeats = 50
"""


def test_a_result_that_was_cut_is_read_on_to_its_end(install: Install, tmp_path: Path) -> None:
    install("long", LONG)
    with serving(tmp_path, '\n[sources.long]\nkind = "long"\n') as server:
        (tmp_path / "repository" / "agents" / "reader.toml").write_text(AGENT)
        eventually(lambda: server.wiring.agents.release("reader"), lambda: server.wiring.agents.problems)
        user = server.client(server.tenant(), "user")
        first = asked(user, f"call long_dump {json.dumps({'lines': 300})}")
        text = given(first)
        call, offset = next_of(text)
        read, previous = text.rpartition("\n[cut:")[0], first["id"]
        while offset:
            answer = asked(user, f"call read_result {json.dumps({'call': call, 'offset': offset})}", previous)
            piece, _, _ = given(answer).rpartition("\n[bytes ")
            read += piece
            offset, previous = next_of(given(answer))[1], answer["id"]
        assert read == "".join(f"line {number} äöü\n" for number in range(300))
        other = asked(user, f"call read_result {json.dumps({'call': call, 'offset': 0})}")
        assert "Nothing of" in str(other["output"]), "another conversation has no such result"


def asked(user: Client, script: str, previous: str | None = None) -> dict[str, Any]:
    answer: dict[str, Any] = user.post(
        "/v1/responses", {"model": "reader", "input": script, "previous_response_id": previous}
    )
    return answer


def given(answer: dict[str, Any]) -> str:
    """Return what the only call of an answer gave."""
    return str(next(item["output"] for item in answer["output"] if item["type"] == "mcp_call"))


def next_of(text: str) -> tuple[str, int]:
    found = re.search(r'read_result\(call="([^"]+)", offset=(\d+)\)', text)
    return (found[1], int(found[2])) if found else ("", 0)
