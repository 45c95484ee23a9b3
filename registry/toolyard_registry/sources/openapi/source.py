"""The tool source of kind `openapi`: reads its document when it opens, and again when it may have changed."""

import asyncio
import contextlib
import hashlib
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

LOOK_SECONDS = 1.0
"""Between two looks at a file: whether it was written again."""

Stamp = tuple[int, int]
"""When a file was written (nanoseconds), and how long it is (bytes)."""

_OK = 200
_NOT_MODIFIED = 304


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
        self._good: Supply | None = None
        self._content_read: bytes | None = None
        self._read_at: Stamp | None = None
        self._validators: dict[str, str] = {}
        self._following: asyncio.Task[None] | None = None

    @property
    def origin(self) -> str:
        """Where its tools come from: `openapi:NAME`."""
        return f"openapi:{self._name}"

    @property
    def supply(self) -> Supply:
        """What it offers now."""
        return self._supply

    async def open(self, changed: Callable[[], None]) -> None:
        """Read the document, and follow it from now on in the background."""
        again = await self._read()
        self._following = asyncio.get_running_loop().create_task(self._follow(changed, again))

    async def close(self) -> None:
        """Follow it no more."""
        if self._following is not None:
            self._following.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._following
            self._following = None

    async def _follow(self, changed: Callable[[], None], again: bool) -> None:
        """Read the document again when it may be another one, and until it could be had."""
        wait = FIRST_WAIT
        while True:
            if self._settings.file:
                await self._sleep(LOOK_SECONDS)
                if await asyncio.to_thread(self._stamp) == self._read_at:
                    continue
            elif again:
                await self._sleep(wait)
                wait = min(wait * 2, LONGEST_WAIT)
            elif self._settings.refresh:
                wait = FIRST_WAIT
                await self._sleep(self._settings.refresh)
            else:
                return
            before = self._supply
            again = await self._read()
            if self._supply != before:
                changed()

    async def _read(self) -> bool:
        """Read the document into `supply`; return whether another attempt may do better.

        Where the new one cannot be used, the tools of the last good one stay, beside the problem.
        """
        shown = self._settings.url or self._settings.file
        try:
            content = await self._content()
            read = hashlib.sha256(content or b"").digest()
            if content is None or read == self._content_read:
                self._supply = self._good or self._supply
                return False
            imported = await asyncio.to_thread(import_document, content, self._settings, name=self._name)
        except _Unread as error:
            self._keep(f"{shown}: {error}")
            return error.passing
        except Unusable as error:
            self._validators = {}  # what it was changed from is wanted whole when it is taken back
            self._keep(f"{shown}: {error.words}")
            return False
        self._content_read = read
        self._supply = self._good = Supply(
            imported.tools, imported.version, told(imported.problems, shown), imported.about
        )
        return False

    def _keep(self, problem: str) -> None:
        good = self._good
        if good is None:
            self._supply = Supply(problems=(problem,))
        else:
            problems = f"{problem}; the one before is used", *good.problems
            self._supply = Supply(good.tools, good.version, problems, good.about)

    def _stamp(self) -> Stamp | None:
        """Return what changes with the file; None where there is none."""
        try:
            status = (self._root / self._settings.file).stat()
        except (OSError, ValueError):
            return None
        return status.st_mtime_ns, status.st_size

    async def _content(self) -> bytes | None:
        """Return the document; None where its server says that it is the same as before."""
        settings = self._settings
        if settings.file:
            self._read_at = await asyncio.to_thread(self._stamp)  # before it is read: a later change is noticed
            try:
                return await asyncio.to_thread((self._root / settings.file).read_bytes)
            except (OSError, ValueError) as error:
                reason = getattr(error, "strerror", None) or str(error)
                raise _Unread(f"cannot be read: {reason}", passing=False) from error
        try:
            reply = await self._egress.request(
                "GET", settings.url, headers=self._validators, timeout=settings.timeout, max_bytes=MAX_BYTES
            )
        except (ToolError, OSError) as error:  # refused or too long; TimeoutError and ConnectionError are OSErrors
            passing = not isinstance(error, ToolError)
            raise _Unread(f"cannot be fetched: {str(error) or type(error).__name__}", passing=passing) from error
        if reply.status == _NOT_MODIFIED and self._validators:
            return None
        if reply.status != _OK:
            raise _Unread(f"cannot be fetched: the server answered HTTP {reply.status}", passing=True)
        told_by = {"if-none-match": reply.header("etag"), "if-modified-since": reply.header("last-modified")}
        self._validators = {name: value for name, value in told_by.items() if value}
        return reply.body


def open_source(
    *, name: str, settings: Mapping[str, Any], root: Path, egress: Egress, secrets: Secrets
) -> OpenApiSource:
    """Return the source that `[sources.NAME]` describes; raises ConfigError.

    `secrets` is never asked: requests name secrets by handle, and the way out fills them in.
    """
    _ = secrets
    return OpenApiSource(name, read_settings(name, settings), Path(root), egress)
