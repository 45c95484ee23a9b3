"""The tool source of kind `openapi`: reads its document when it opens, and again until it could be read."""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from typing import Any

from toolyard_sdk.egress import Egress
from toolyard_sdk.errors import ToolError
from toolyard_sdk.ports import Secrets, Supply

from toolyard_registry.sources.openapi.importing import import_document
from toolyard_registry.sources.openapi.problems import Unusable, told
from toolyard_registry.sources.openapi.reading import MAX_BYTES
from toolyard_registry.sources.openapi.settings import OpenApiSettings, read_settings

FIRST_WAIT = 5.0
LONGEST_WAIT = 300.0
"""Seconds between attempts to fetch a document that could not be had; each wait is twice the one before."""

_OK = 200


class _Unread(Exception):
    """A document that could not be had, in words; `passing` when another attempt may succeed."""

    def __init__(self, words: str, *, passing: bool) -> None:
        super().__init__(words)
        self.passing = passing


class OpenApiSource:
    """Implements ToolSource for a REST API that an OpenAPI document describes."""

    def __init__(
        self,
        name: str,
        settings: OpenApiSettings,
        root: Path,
        egress: Egress,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._name = name
        self._settings = settings
        self._root = root
        self._egress = egress
        self._sleep = sleep
        self._supply = Supply()
        self._trying: asyncio.Task[None] | None = None

    @property
    def origin(self) -> str:
        """Where its tools come from: `openapi:NAME`."""
        return f"openapi:{self._name}"

    @property
    def supply(self) -> Supply:
        """What it offers now."""
        return self._supply

    async def open(self, changed: Callable[[], None]) -> None:
        """Read the document; one that cannot be fetched is tried again in the background."""
        if await self._read():
            self._trying = asyncio.get_running_loop().create_task(self._try_again(changed))

    async def close(self) -> None:
        """Stop trying."""
        if self._trying is not None:
            self._trying.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._trying
            self._trying = None

    async def _try_again(self, changed: Callable[[], None]) -> None:
        wait = FIRST_WAIT
        while True:
            await self._sleep(wait)
            before = self._supply
            again = await self._read()
            if self._supply != before:
                changed()
            if not again:
                return
            wait = min(wait * 2, LONGEST_WAIT)

    async def _read(self) -> bool:
        """Read the document into `supply`; return whether another attempt may do better."""
        shown = self._settings.url or self._settings.file
        try:
            content = await self._content()
            imported = await asyncio.to_thread(import_document, content, self._settings, name=self._name)
        except _Unread as error:
            self._supply = Supply(problems=(f"{shown}: {error}",))
            return error.passing
        except Unusable as error:
            self._supply = Supply(problems=(f"{shown}: {error.words}",))
            return False
        self._supply = Supply(imported.tools, imported.version, told(imported.problems, shown))
        return False

    async def _content(self) -> bytes:
        settings = self._settings
        if settings.file:
            try:
                return await asyncio.to_thread((self._root / settings.file).read_bytes)
            except (OSError, ValueError) as error:
                reason = getattr(error, "strerror", None) or str(error)
                raise _Unread(f"cannot be read: {reason}", passing=False) from error
        try:
            reply = await self._egress.request("GET", settings.url, timeout=settings.timeout, max_bytes=MAX_BYTES)
        except (ToolError, OSError) as error:  # refused or too long; TimeoutError and ConnectionError are OSErrors
            passing = not isinstance(error, ToolError)
            raise _Unread(f"cannot be fetched: {str(error) or type(error).__name__}", passing=passing) from error
        if reply.status != _OK:
            raise _Unread(f"cannot be fetched: the server answered HTTP {reply.status}", passing=True)
        return reply.body


def open_source(
    *, name: str, settings: Mapping[str, Any], root: Path, egress: Egress, secrets: Secrets
) -> OpenApiSource:
    """Return the source that `[sources.NAME]` describes; raises ConfigError.

    `secrets` is never asked: requests name secrets by handle, and the way out fills them in.
    """
    _ = secrets
    return OpenApiSource(name, read_settings(name, settings), Path(root), egress)
