"""Lists and calls the six reference servers of the protocol: `python -m tests.registry.sources.mcp.reference`.

They are installed once into a cache folder outside the repository: three from npm, three from PyPI. Each is asked in
both revisions of the protocol; `-` stands where a server does not speak one.
"""

import asyncio
import json
import os
import subprocess
import sys
import tempfile
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any, TextIO

from mcp.client import Client
from mcp.client.stdio import StdioServerParameters, stdio_client
from msgspec import Struct

from tests.registry.sources.mcp.node import cache, installed
from tests.registry.sources.mcp.opened import Held, opened

NPM = tuple(f"@modelcontextprotocol/server-{name}" for name in ("everything", "filesystem", "memory"))
PYPI = ("mcp-server-time", "mcp-server-fetch", "mcp-server-git")
ERAS = {"2026-07-28": "2026-07-28", "2025-11-25": "legacy"}


class Server(Struct, frozen=True):
    """A server: its name, how it is started, and the calls that it is given, by tool."""

    name: str
    command: tuple[str, ...]
    calls: dict[str, dict[str, Any]]


def servers(folder: Path, page: str) -> list[Server]:
    """Return the six, installed; `folder` is one they may look into, `page` one that is there to be fetched."""
    programs = installed(*NPM)
    python = cache() / "pypi"
    if not (python / "bin" / "mcp-server-git").exists():
        subprocess.run(["uv", "venv", "-q", "--clear", str(python)], check=True, timeout=300)
        install = ["uv", "pip", "install", "-q", "--python", str(python / "bin" / "python"), *PYPI]
        subprocess.run(install, check=True, timeout=900)
    node = str(programs / "node")
    subprocess.run(["git", "init", "-q", str(folder)], check=True, timeout=30)
    return [
        Server("everything", (node, str(programs / "mcp-server-everything")), {"echo": {"message": "hello"}}),
        Server(
            "filesystem",
            (node, str(programs / "mcp-server-filesystem"), str(folder)),
            {"list_directory": {"path": str(folder)}, "read_text_file": {"path": str(folder / "note.txt")}},
        ),
        Server("memory", (node, str(programs / "mcp-server-memory")), {"read_graph": {}}),
        Server("time", (str(python / "bin" / "mcp-server-time"),), {"get_current_time": {"timezone": "UTC"}}),
        Server(
            "fetch",
            (str(python / "bin" / "mcp-server-fetch"), "--ignore-robots-txt", "--allow-private-ips"),
            {"fetch": {"url": page}},
        ),
        Server("git", (str(python / "bin" / "mcp-server-git"),), {"git_status": {"repo_path": str(folder)}}),
    ]


async def spoken(server: Server, silence: TextIO) -> str:
    """Return which revisions a server speaks, as the bare SDK finds out."""
    found = []
    for revision, mode in ERAS.items():
        command, *arguments = server.command
        try:
            parameters = StdioServerParameters(command=command, args=arguments)
            async with asyncio.timeout(60), Client(stdio_client(parameters, silence), mode=mode) as it:
                await it.list_tools()
            found.append(revision)
        except Exception:  # noqa: BLE001 - whatever it says to a revision it does not speak
            found.append("-")
    return " ".join(f"{revision:10}" for revision in found)


async def told(server: Server, folder: Path, silence: TextIO) -> tuple[str, bool]:
    """Open a server as a source, call it, and return a line of the table and whether all went well."""
    table = {"command": list(server.command), "cwd": str(folder), "env": {"MEMORY_FILE_PATH": str(folder / "memory")}}
    async with opened(table, clock=Held(), start=60) as it:
        house = it.source._house
        outcomes = []
        for name, arguments in server.calls.items():
            tool = it.tool(name)
            tool.check(json.dumps(arguments).encode())
            result = await it.call(name, json.dumps(arguments).encode())
            outcomes.append(f"{name}: {'ERROR ' if result.is_error else ''}{' '.join(result.text.split())[:50]!r}")
        good = house is not None and not it.problem and not any("ERROR" in outcome for outcome in outcomes)
        spoke = house.protocol if house is not None else "?"
        revisions = await spoken(server, silence)
        line = f"{server.name:11} {revisions} {spoke:11} {len(it.names):5} {'; '.join(outcomes)} {it.problem}"
    return line, good


async def main(folder: Path, silence: TextIO) -> int:
    """Print the table; what the servers say beside it goes to `silence`."""
    web = ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(folder)))
    Thread(target=web.serve_forever, daemon=True).start()
    print(f"{'server':11} {'speaks':21} {'used':11} {'tools':>5} calls")
    failed = 0
    for server in servers(folder, f"http://127.0.0.1:{web.server_port}/note.txt"):
        line, good = await told(server, folder, silence)
        failed += not good
        print(line, flush=True)
    web.shutdown()
    return min(failed, 1)


class Quiet(SimpleHTTPRequestHandler):
    """Serves a folder without a word."""

    def log_message(self, *_: object) -> None:
        """Say nothing."""


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as made, Path(os.devnull).open("w") as nowhere:
        notes = Path(made).resolve()
        (notes / "note.txt").write_text("hello")
        os.chdir(notes)
        sys.exit(asyncio.run(main(notes, nowhere)))
