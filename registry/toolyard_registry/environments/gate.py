"""The way out of plugins in processes of their own: a Unix socket on which requests are sent on as their call's own.

A call is named by a secret that only its process was told, and that nobody knows any more once the call is over.
"""

import asyncio
import contextlib
import secrets
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

from toolyard_sdk.context import ToolContext
from toolyard_sdk.egress import Egress
from toolyard_sdk.http import serve_request
from toolyard_sdk.serve.forwarding import read_frame, write_frame
from toolyard_sdk.serve.meta import raise_again, write_context

_CALL_BYTES = 256
"""Bytes of a call's secret in a frame, at most."""


class Gate:
    """Implements what is said beside the calls of plugins in processes of their own (`Beside`)."""

    def __init__(self) -> None:
        self._calls: dict[str, Egress] = {}
        self._folder: Path | None = None
        self._server: asyncio.Server | None = None
        self._answering: set[asyncio.Task[None]] = set()

    @property
    def path(self) -> str:
        """The socket's path; "" before it is open."""
        return str(self._folder / "gate") if self._folder is not None else ""

    async def open(self) -> None:
        """Listen, in a folder that only this user may look into (a path of a state folder may be too long)."""
        self._folder = Path(tempfile.mkdtemp(prefix="toolyard-"))
        self._server = await asyncio.start_unix_server(self._take, self.path)

    async def close(self) -> None:
        """Listen no more, and drop requests under way."""
        if self._server is not None:
            self._server.close()
        for task in self._answering:
            task.cancel()
        if self._answering:
            await asyncio.wait(self._answering)
        if self._folder is not None:
            shutil.rmtree(self._folder, ignore_errors=True)
            self._folder = None

    def going(self, context: ToolContext) -> AbstractContextManager[dict[str, Any]]:
        """Give what a process is told of a call, and let its requests out as long as the call is made."""
        return self._going(context)

    @contextlib.contextmanager
    def _going(self, context: ToolContext) -> Iterator[dict[str, Any]]:
        call = secrets.token_urlsafe(24)
        self._calls[call] = context.egress
        try:
            yield write_context(context, call)
        finally:
            del self._calls[call]

    def coming(self, meta: Mapping[str, Any]) -> None:
        """Raise here what was raised there, so that a call is as much in doubt as it would be in this process."""
        raise_again(meta)

    async def _take(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        if task is not None:
            self._answering.add(task)
            task.add_done_callback(self._answering.discard)
        try:
            call = (await read_frame(reader, _CALL_BYTES)).decode(errors="replace")
            egress = self._calls.get(call)
            if egress is not None:
                request = await read_frame(reader)
                write_frame(writer, await serve_request(egress, request))
                await writer.drain()
        except ConnectionError:
            pass  # the process has gone, or says what nobody understands
        finally:
            writer.close()
