"""Public fakes: a clock that stands still and a context that remembers; for the tests of tools and of the server."""

import logging
from typing import Any

import msgspec
from msgspec import Struct

from toolyard_sdk.context import ToolContext


class FixedClock:
    """A `Clock` that moves only when told: `sleep` returns at once, having moved it forward."""

    def __init__(self, at: int = 0) -> None:
        self.at = at
        self.slept: list[float] = []

    def now(self) -> int:
        """Return the UTC microseconds it was set to."""
        return self.at

    async def sleep(self, seconds: float) -> None:
        """Move forward by `seconds` and remember having been asked to."""
        self.slept.append(seconds)
        self.advance(seconds)

    def advance(self, seconds: float) -> None:
        """Move forward by `seconds`."""
        self.at += round(seconds * 1_000_000)


class Progress(Struct, frozen=True):
    """One progress report: how much is done, of how much (None: unknown), and in words."""

    done: float
    total: float | None
    message: str


class Recorder(logging.Handler):
    """Makes contexts that remember what a tool told them: `reports` of progress and `records` of its logger."""

    def __init__(self) -> None:
        super().__init__()
        self.reports: list[Progress] = []
        self.records: list[logging.LogRecord] = []

    def emit(self, record: logging.LogRecord) -> None:
        """Keep a log record (called by `logging`)."""
        self.records.append(record)

    def context(self, **fields: Any) -> ToolContext:
        """Return a context with these fields, whose progress and log records end here."""
        logger = logging.Logger("toolyard.tool", logging.DEBUG)  # noqa: LOG001 - not the process-wide one of that name
        logger.addHandler(self)
        return msgspec.structs.replace(ToolContext(**fields), logger=logger, progress=self._report)

    def _report(self, done: float, total: float | None = None, message: str = "") -> None:
        self.reports.append(Progress(done, total, message))
