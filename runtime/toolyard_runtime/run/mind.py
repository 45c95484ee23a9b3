"""What a run asks of long-term memory, as a Protocol: what implements it is loaded when an agent first remembers."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Protocol

from toolyard_registry.releases import AgentRelease
from toolyard_sdk import events as e
from toolyard_sdk.ports import Tool, Transaction

if TYPE_CHECKING:  # a run's record knows its services, and this is one of them
    from toolyard_runtime.run.runlog import RunLog


class Gathered:
    """Implements the Transaction port by keeping writes, in order, until they join another transaction.

    So what a call writes is there exactly when the journal says that it returned.
    """

    def __init__(self) -> None:
        self._writes: list[tuple[Any, tuple[Any, ...], int | None]] = []

    def write(self, statement: Any, row: tuple[Any, ...], *, expect: int | None = None) -> None:
        """Keep one row's write."""
        self._writes.append((statement, row, expect))

    def join(self, tx: Transaction) -> None:
        """Hand everything over."""
        for statement, row, expect in self._writes:
            tx.write(statement, row, expect=expect)
        self._writes.clear()


class Mind(Protocol):
    """Long-term memory from a run's point of view."""

    def tools(self, release: AgentRelease) -> Mapping[str, Tool]:
        """Return the tools for its memory that a release has, by name."""
        ...

    def within(self, tool: Tool, log: "RunLog", gathered: Gathered) -> Tool:
        """Return a tool that works in this run's memory, its writes gathered; other tools as they are."""
        ...

    def changed(self, log: "RunLog", structured: Any) -> e.MemoryWritten | None:
        """Return the event for what a call of one of these tools says it has changed; None for nothing."""
        ...

    async def come_to_mind(self, log: "RunLog", turn: int) -> e.MemoryRecalled | None:
        """Return what comes to mind for the run's request; None where it asks nothing in words."""
        ...

    async def hear(self, log: "RunLog", *, asked: bool) -> None:
        """Let the run's transaction hold what can be recalled of it: what its user `asked`, else what it answered.

        It is done without giving way: nothing comes between what was heard and the rest or beginning it belongs to.
        """
        ...


def no_mind() -> Mind:
    """Raise RuntimeError: nobody has composed a memory, and an agent has one."""
    raise RuntimeError("an agent remembers, and this server was composed without memory")
