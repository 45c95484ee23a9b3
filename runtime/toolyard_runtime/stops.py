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
        self.version = 0

    async def load(self, database: Database) -> None:
        """Read what was stopped before the server started."""
        for tenant, kind, name, at, by in await database.read(ALL):
            self._stopped[tenant, kind, name] = (at, by)
        self.version += 1

    def add(self, tx: Transaction, tenant: str, kind: StopKind, name: str, at: int, by: str) -> None:
        """Stop something: in force at once, kept with `tx`. Stopping twice changes nothing."""
        if (tenant, kind, name) not in self._stopped:
            self._stopped[tenant, kind, name] = (at, by)
            self.version += 1
            tx.write(ADD, (tenant, kind, name, at, by))

    def remove(self, tx: Transaction, tenant: str, kind: StopKind, name: str) -> bool:
        """Let something run again; False when it was not stopped."""
        if self._stopped.pop((tenant, kind, name), None) is None:
            return False
        self.version += 1
        tx.write(REMOVE, (tenant, kind, name))
        return True

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
