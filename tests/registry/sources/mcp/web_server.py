"""An MCP server over HTTP that does as it is told, on a real socket; knows only the standard library."""

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from tests.registry.sources.mcp.consent_server import Gate

TOOL = {"name": "add", "description": "Add.", "inputSchema": {"type": "object"}}
NAMES = (
    *(
        "add",
        "who",
        "whose",
        "broken",
        "late",
        "slow",
        "huge",
        "html",
        "redirect",
        "down",
        "busy",
        "denied",
        "stream",
        "cut",
    ),
    *("over", "garbage"),
)
HTTP = {200: "OK", 202: "Accepted", 307: "Temporary Redirect", 401: "Unauthorized", 404: "Not Found"}

ODD: dict[str, tuple[int, bytes, dict[str, str]]] = {
    "html": (200, b"<html>", {"content-type": "text/html"}),
    "garbage": (200, b'{"jsonrpc": "2.0", "id": 1, "result": {broken', {}),
    "down": (503, b"out of order", {"content-type": "text/plain"}),
    "busy": (429, b"", {"retry-after": "3"}),
    "denied": (401, b"", {"www-authenticate": "Bearer"}),
}


class WebServer:
    """A server on a free port; `asked` are the requests it has had, `behaviour` what it does."""

    def __init__(self, era: str, behaviour: str, gate: Gate | None = None) -> None:
        self._gate = gate
        self.era = era
        self.behaviour = behaviour
        self.asked: list[dict[str, Any]] = []
        self.port = 0
        self.elsewhere = "http://127.0.0.1:9/mcp"
        self.sessions = 0
        self.living: set[str] = set()
        self._connections: set[asyncio.Task[None]] = set()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/mcp"

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Answer requests on one connection."""
        with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError):
            while head := await reader.readuntil(b"\r\n\r\n"):
                first, *lines = head.decode().split("\r\n")
                headers = {key.lower(): value for key, _, value in (line.partition(": ") for line in lines if line)}
                body = await reader.readexactly(int(headers.get("content-length", 0)))
                method = first.split(" ")[0]
                self.asked.append({"method": method, "headers": headers, "body": body, "path": first.split(" ")[1]})
                refused = self._gate(method, first.split(" ")[1], headers, body) if self._gate is not None else None
                if refused is not None:
                    await self._send(writer, *refused)
                elif not await self._answer(method, headers, body, writer):
                    break
        writer.close()

    async def _answer(self, method: str, headers: dict[str, str], body: bytes, writer: asyncio.StreamWriter) -> bool:
        if self.behaviour == "denies":
            await self._send(writer, 401, b"", {"www-authenticate": 'Bearer error="invalid_token"'})
            return True
        if method != "POST":
            await self._send(writer, 405, b"")
            return True
        message = json.loads(body)
        asked, name = message.get("id"), message["method"]
        if asked is None:
            await self._send(writer, 202, b"")
            return True
        session = headers.get("mcp-session-id")
        if self.era == "legacy" and name not in ("initialize", "server/discover") and session not in self.living:
            await self._send(writer, 404, b"")
            return True
        if name == "tools/call":
            return await self._call(asked, message["params"], headers, writer)
        await self._result(writer, asked, self._plain(name), name)
        return True

    def _plain(self, name: str) -> dict[str, Any] | None:
        hints = {"ttlMs": 0, "cacheScope": "private", "resultType": "complete"} if self.era == "modern" else {}
        if name == "tools/list":
            return {"tools": [{**TOOL, "name": name} for name in NAMES], **hints}
        if name == "server/discover" and self.era == "modern":
            return {"supportedVersions": ["2026-07-28"], "capabilities": {"tools": {}}, **hints}
        if name == "initialize" and self.era == "legacy":
            self.sessions += 1
            self.living.add(str(self.sessions))
            info = {"name": "web", "version": "1"}
            return {"protocolVersion": "2025-11-25", "capabilities": {"tools": {}}, "serverInfo": info}
        return None

    async def _result(
        self, writer: asyncio.StreamWriter, asked: Any, result: dict[str, Any] | None, method: str = ""
    ) -> None:
        if result is None:
            error = {"jsonrpc": "2.0", "id": asked, "error": {"code": -32601, "message": "Method not found"}}
            await self._send(writer, 404 if self.era == "modern" else 200, json.dumps(error).encode())
            return
        session = {"mcp-session-id": str(self.sessions)} if method == "initialize" else {}
        await self._send(writer, 200, json.dumps({"jsonrpc": "2.0", "id": asked, "result": result}).encode(), session)

    async def _call(
        self, asked: Any, params: dict[str, Any], headers: dict[str, str], writer: asyncio.StreamWriter
    ) -> bool:
        def said(words: str) -> dict[str, Any]:
            kind = {"resultType": "complete"} if self.era == "modern" else {}
            return {"content": [{"type": "text", "text": words}], **kind}

        name = params["name"]
        if name == "broken":
            return False
        if name in ODD:
            status, body, told = ODD[name]
            await self._send(writer, status, body, told)
        elif name == "redirect":
            await self._send(writer, 307, b"", {"location": self.elsewhere})
        elif name in ("stream", "cut"):
            await self._stream(writer, asked, params, said("streamed"))
        elif name == "late":
            await asyncio.sleep(600)
        elif name == "over" and self.sessions == 1:
            self.living.clear()
            await self._send(writer, 404, b"")
        else:
            key = headers.get("authorization", "nobody")
            words = {"who": key, "whose": key[::-1], "huge": "x" * 10_000_000, "add": "3"}
            await self._result(writer, asked, said(words.get(name, f"session {self.sessions}")))
        return name not in ("stream", "cut")

    async def _stream(
        self, writer: asyncio.StreamWriter, asked: Any, params: dict[str, Any], result: dict[str, Any]
    ) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\nconnection: close\r\n\r\n")
        step = {"progressToken": params["_meta"]["progressToken"], "progress": 1}
        notice = {"jsonrpc": "2.0", "method": "notifications/progress", "params": step}
        writer.write(b"event: message\ndata: " + json.dumps(notice).encode() + b"\n\n")
        if params["name"] == "stream":
            answer = {"jsonrpc": "2.0", "id": asked, "result": result}
            writer.write(b"event: message\ndata: " + json.dumps(answer).encode() + b"\n\n")
        await writer.drain()

    async def _send(
        self, writer: asyncio.StreamWriter, status: int, body: bytes, headers: dict[str, str] | None = None
    ) -> None:
        told = {"content-type": "application/json", "content-length": str(len(body)), **(headers or {})}
        lines = [f"HTTP/1.1 {status} {HTTP.get(status, 'Odd')}", *(f"{key}: {value}" for key, value in told.items())]
        writer.write("\r\n".join(lines).encode() + b"\r\n\r\n" + body)
        await writer.drain()

    async def open(self) -> None:
        """Listen on a free port."""
        self._listening = await asyncio.start_server(self._connected, "127.0.0.1", 0)
        self.port = self._listening.sockets[0].getsockname()[1]

    async def close(self) -> None:
        """Listen no more, and break off every connection."""
        self._listening.close()
        for task in self._connections:
            task.cancel()
        if self._connections:
            await asyncio.wait(self._connections, timeout=5)

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._connections.add(task)
        with contextlib.suppress(asyncio.CancelledError):
            await self.serve(reader, writer)
        writer.close()
        self._connections.discard(task)


@asynccontextmanager
async def serving(era: str = "modern", behaviour: str = "normal", gate: Gate | None = None) -> AsyncIterator[WebServer]:
    """Serve until the block ends."""
    server = WebServer(era, behaviour, gate)
    await server.open()
    try:
        yield server
    finally:
        await server.close()
