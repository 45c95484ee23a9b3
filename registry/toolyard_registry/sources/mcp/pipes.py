"""Carries the SDK's messages over a process's pipes: one JSON line each, bounded in size and pace; calls no tool."""

import asyncio
import functools
from collections.abc import Callable, Mapping
from types import TracebackType
from typing import Any

import anyio
from mcp.shared.message import SessionMessage
from mcp_types import (
    ErrorData,
    JSONRPCError,
    JSONRPCNotification,
    JSONRPCRequest,
    jsonrpc_message_adapter,
)
from pydantic import ValidationError

from toolyard_registry.sources.mcp.calling import first_fault
from toolyard_registry.sources.mcp.connection import Way
from toolyard_registry.sources.mcp.faults import Faults
from toolyard_registry.sources.mcp.lines import Lines, TooLong, answered
from toolyard_registry.sources.mcp.process import Process, start

_CHUNK = 65_536
_WAITING = 64
"""Messages accepted while the server does not read: a cancellation can be left behind without waiting."""

_UNASKED = 1_000
"""Messages a second that the server may send of its own accord; faster ones are read more slowly."""


class Pipes(Way):
    """A transport of the SDK: entering starts the command, leaving ends it; `ended` is called when it has ended."""

    def __init__(
        self,
        command: tuple[str, ...],
        environment: Mapping[str, str],
        folder: str,
        faults: Faults,
        most: int,
        ended: Callable[[], None],
    ) -> None:
        self._start = functools.partial(start, command, environment, folder)
        self._faults = faults
        self._most = most
        self._ended = ended
        self._tasks: list[asyncio.Task[None]] = []
        self._second = 0.0
        self._unasked = 0
        self._noise = ""
        self._process: Process

    def last_words(self) -> str:
        """Say how the command ended and what it wrote that was no message; "" before it has been started."""
        noise = f"it writes what is no message of the protocol: {self._noise!r}" if self._noise else ""
        words = self._process.last_words() if self._tasks else ""
        return "; ".join(part for part in (words, noise) if part)

    async def __aenter__(self) -> tuple[Any, Any]:
        starting = asyncio.create_task(self._start())
        try:
            self._process = await asyncio.shield(starting)
        except asyncio.CancelledError:
            await (await starting).end()  # half a start would leave a process behind
            raise
        self._inward, self._inbox = anyio.create_memory_object_stream[SessionMessage | Exception](0)
        self._outbox, self._outward = anyio.create_memory_object_stream[SessionMessage](_WAITING)
        self._tasks = [asyncio.create_task(self._read()), asyncio.create_task(self._write())]
        return self._inbox, self._outbox

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for stream in (self._outbox, self._inbox):
            stream.close()
        try:
            await asyncio.wait(self._tasks[1:], timeout=0.2)  # what was accepted is written
            await self._process.end()
        finally:
            for task in self._tasks:
                task.cancel()
            for stream in (self._inward, self._outward):
                stream.close()

    async def _read(self) -> None:
        lines = Lines(self._most)
        try:
            while chunk := await self._process.stdout.read(_CHUNK):
                for line in lines.feed(chunk):
                    message = self._message(line)
                    if message is not None:
                        await self._inward.send(message)
                        await self._slow_down(message)
        except (anyio.ClosedResourceError, anyio.BrokenResourceError):
            await self._discard()
        except OSError as error:
            self._noise = str(error)
        finally:
            await self._process.ended()
            self._inward.close()
            self._ended()

    async def _discard(self) -> None:
        """Read on when nobody listens any more: a server that cannot write its last words does not end."""
        while await self._process.stdout.read(_CHUNK):
            pass

    def _message(self, line: bytes | TooLong) -> SessionMessage | None:
        """Return what a line says, or an error in place of an answer that cannot be used; None for noise."""
        if isinstance(line, TooLong):
            error = self._faults.error("too_long", f"the answer has {line.size} bytes, more than {self._most}")
        else:
            try:
                return SessionMessage(jsonrpc_message_adapter.validate_json(line, by_name=False))
            except ValidationError as failure:
                words = first_fault(failure)
                error = self._faults.error("unreadable", f"the answer is no message of the protocol: {words}")
        asked = answered(line)
        if asked is None:
            self._noise = (line.head if isinstance(line, TooLong) else line)[:100].decode(errors="replace")
            return None
        return SessionMessage(JSONRPCError(jsonrpc="2.0", id=asked, error=ErrorData(**error)))

    async def _slow_down(self, message: SessionMessage) -> None:
        """Let the server's pipe fill when it talks too much of its own accord: it then waits, not we."""
        if not isinstance(message.message, JSONRPCNotification | JSONRPCRequest):
            return
        now = asyncio.get_running_loop().time()
        if now - self._second >= 1:
            self._second, self._unasked = now, 0
        self._unasked += 1
        if self._unasked > _UNASKED:
            await asyncio.sleep(1 - (now - self._second))

    async def _write(self) -> None:
        try:
            async for message in self._outward:
                data = message.message.model_dump_json(by_alias=True, exclude_unset=True)
                self._process.stdin.write(data.encode() + b"\n")
                await self._process.stdin.drain()
        except (OSError, RuntimeError, ValueError) as error:
            self._noise = str(error)
            self._inward.close()
