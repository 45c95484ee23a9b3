"""An MCP server as tools of an agent, over HTTP: started, called, killed, started again; it leaves nothing behind."""

import os
import signal
import sys
from pathlib import Path
from typing import Any

from tests.http.serving import Server, eventually, serving

TOOLS = """
import os
from toolyard_sdk import ToolContext, tool

@tool(read_only=True)
def whoami(context: ToolContext) -> int:
    '''Return the process that serves this.'''
    return os.getpid()
"""
AGENT = """
instructions = "You call what lies elsewhere."
tools = ["remote_*"]

[tool.remote_whoami]
read_only = true
"""


def test_a_server_is_called_and_when_it_dies_it_is_started_again(tmp_path: Path) -> None:
    (tmp_path / "elsewhere.py").write_text(TOOLS)
    settings = f"""
[sources.remote]
kind = "mcp"
command = ["{sys.executable}", "-m", "toolyard_sdk.serve", "{tmp_path / "elsewhere.py"}"]
"""
    with serving(tmp_path, settings) as server:
        (tmp_path / "repository" / "agents" / "caller.toml").write_text(AGENT)
        eventually(lambda: bool(granted(server)), lambda: server.wiring.agents.problems)
        first = process(server)
        assert first != os.getpid()
        os.kill(first, signal.SIGKILL)
        eventually(lambda: process(server) not in (first, 0), lambda: server.wiring.agents.problems)
        second = process(server)
        user = server.client(server.tenant(), "user")
        run = user.start("call remote_whoami {}", "caller")
        user.finished(run)
        started = next(e for e in user.get(f"/api/v1/runs/{run}/events")["data"] if e["event"] == "ToolStarted")
        assert started["release"] == next(one.digest for one in granted(server) if one.spec.name == "remote_whoami")
    eventually(lambda: not alive(second))


def granted(server: Server) -> tuple[Any, ...]:
    release = server.wiring.agents.release("caller")
    return release.tools if release is not None else ()


def process(server: Server) -> int:
    """Return the process that served a call, 0 where the call has failed."""
    run = server.house.start("call remote_whoami {}", "caller")
    (call,) = [one for one in server.house.finished(run)["outputs"] if one["type"] == "call"]
    return int(call["output"] or 0)


def alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True
