"""What an operator has stopped: looked at before every effect, so it is held in memory and kept in SQL."""

from typing import Literal

from sqlalchemy import bindparam, delete, insert, select
from toolyard_sdk.ports import Database, Transaction

from toolyard_runtime.store.tables import STOP

StopKind = Literal["agent", "tool", "tenant"]

ADD = insert(STOP)
REMOVE = delete(STOP).where(
    STOP.c.tenant == bindparam("of_tenant"), STOP.c.kind == bindparam("of_kind"), STOP.c.name == bindparam("of_name")
)
ALL = select(STOP).order_by(STOP.c.created_at)


class Stops:
    """The stops in force, by tenant; `version` changes with every change."""

    def __init__(self) -> None:
        self._stopped: dict[tuple[str, str, str], tuple[int, str]] = {}
        self._unkept: set[tuple[str, str, str]] = set()
        self.version = 0

    async def load(self, database: Database) -> None:
        """Read what was stopped before the server started."""
        for tenant, kind, name, at, by in await database.read(ALL):
            self._stopped[tenant, kind, name] = (at, by)
        self.version += 1

    def add(self, tx: Transaction, tenant: str, kind: StopKind, name: str, at: int, by: str) -> None:
        """Stop something: in force at once, whatever the disk does; call `added` once `tx` is committed.

        What is kept already is left as it is; what could not be kept is written again.
        """
        stop = tenant, kind, name
        if stop not in self._stopped:
            self._stopped[stop] = (at, by)
            self._unkept.add(stop)
            self.version += 1
        if stop in self._unkept:
            tx.write(REMOVE, stop)  # nobody knows whether a commit that failed was made
            tx.write(ADD, (*stop, *self._stopped[stop]))

    def added(self, tenant: str, kind: StopKind, name: str) -> None:
        """Note that a stop is on disk."""
        self._unkept.discard((tenant, kind, name))

    def is_kept(self, tenant: str, kind: StopKind, name: str) -> bool:
        """Tell whether a stop is in force and outlives a restart."""
        stop = tenant, kind, name
        return stop in self._stopped and stop not in self._unkept

    def remove(self, tx: Transaction, tenant: str, kind: StopKind, name: str) -> None:
        """Take a stop back with `tx`; it is in force until that is committed and `removed` is called."""
        tx.write(REMOVE, (tenant, kind, name))

    def removed(self, tenant: str, kind: StopKind, name: str) -> None:
        """Note that a stop is not on disk any more: it is no longer in force."""
        self._stopped.pop((tenant, kind, name), None)
        self._unkept.discard((tenant, kind, name))
        self.version += 1

    def run_stopped(self, tenant: str, agent: str) -> str:
        """Return why no run of this agent may go on (`tenant` or `agent`), or ""."""
        if not self._stopped:
            return ""
        if (tenant, "tenant", tenant) in self._stopped:
            return "tenant"
        return "agent" if (tenant, "agent", agent) in self._stopped else ""

    def tools(self, tenant: str) -> frozenset[str]:
        """Return the names of the tenant's stopped tools."""
        if not self._stopped:
            return frozenset()
        return frozenset(name for of, kind, name in self._stopped if kind == "tool" and of == tenant)

    def listed(self, tenant: str) -> list[tuple[str, str, int, str]]:
        """Return (kind, name, at, by) of each of the tenant's stops."""
        return [(kind, name, at, by) for (of, kind, name), (at, by) in self._stopped.items() if of == tenant]
