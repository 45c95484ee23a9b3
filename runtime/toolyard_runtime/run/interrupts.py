"""What of a run can be stopped where it stands: the waits for a model or a tool, and nothing else; knows no event.

Whoever waits for the disk is never stopped there, because nobody would then know what was written: it looks at the
run's state when the disk is done. What has not begun looks before it begins.
"""

import asyncio
from collections.abc import Awaitable
from typing import TypeVar

T = TypeVar("T")

MODEL = "model"
"""The name of the wait for a model; that for a tool is the call's number."""


class Interrupted(Exception):
    """The run itself has stopped this wait: unlike a cancellation, its driver goes on."""


class Interrupts:
    """The waits under way, by name; each belongs to the task that waits."""

    __slots__ = ("_stopped", "_waits")

    def __init__(self) -> None:
        self._waits: dict[int | str, asyncio.Task[object]] = {}
        self._stopped: set[int | str] = set()

    async def during(self, what: int | str, work: Awaitable[T]) -> T:
        """Wait for `work` where `stop(what)` can end it; raises Interrupted when it did, and whatever `work` raises."""
        task = asyncio.current_task()
        if task is None:
            raise RuntimeError("a wait belongs to a task")
        self._waits[what] = task
        try:
            return await work
        except asyncio.CancelledError:
            # Somebody may want the whole task to end at the same time: then it ends.
            if what in self._stopped and self._forget(what, task) == 0:
                raise Interrupted from None
            raise
        finally:
            del self._waits[what]
            if what in self._stopped:  # it came to its end all the same
                self._forget(what, task)

    def _forget(self, what: int | str, task: "asyncio.Task[object]") -> int:
        """Take a stop back; return how many other cancellations the task has."""
        self._stopped.remove(what)
        return task.uncancel()

    def stop(self, what: int | str) -> None:
        """End a wait; one that has not begun, is over or is being ended is left alone."""
        task = self._waits.get(what)
        if task is not None and what not in self._stopped:
            self._stopped.add(what)
            task.cancel()
