"""Follows one run over HTTP as its journal grows, across restarts of the server; prints nothing."""

import time
from collections.abc import Callable, Iterator
from typing import Any

from toolyard_runtime.cli.connection import Connection, part

_POLL_SECONDS = 0.05


class TooSlow(Exception):
    """What was waited for did not happen in time."""


class Watch:
    """What is new in a run since it was last looked at; `events` are all the heads seen so far, in order."""

    def __init__(self, run: str) -> None:
        self.run = run
        self.events: list[dict[str, Any]] = []

    def news(self, server: Connection) -> list[dict[str, Any]]:
        """Return the lines of `why` that were not seen before, and take note of the events behind them."""
        seen = self.events[-1]["seq"] if self.events else None
        new = server.get(f"/api/v1/runs/{part(self.run)}/events", after=seen)["data"]
        if not new:
            return []
        self.events += new
        first, last = new[0]["seq"], new[-1]["seq"]
        lines = server.get(f"/api/v1/runs/{part(self.run)}/why")["lines"]
        return [line for line in lines if first <= line["seq"] <= last]

    def until(self, server: Connection, reached: Callable[["Watch"], bool], seconds: float) -> Iterator[dict[str, Any]]:
        """Give new lines until `reached`; raises TooSlow after `seconds`."""
        deadline = time.monotonic() + seconds
        while True:
            done = reached(self)
            yield from self.news(server)
            if done or reached(self):
                return
            if time.monotonic() > deadline:
                raise TooSlow(f"{self.run} did not get on within {seconds:.0f} s")
            time.sleep(_POLL_SECONDS)

    def happened(self, kind: str) -> list[dict[str, Any]]:
        """Return the events of one kind, such as `ApprovalRequested`."""
        return [event for event in self.events if event["event"] == kind]
