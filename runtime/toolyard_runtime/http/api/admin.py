"""What Toolyard's own routes stand on, and who of its callers sees what; knows no single route."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import msgspec
from litestar import Request
from msgspec import Struct
from toolyard_registry.rights import HOUSE
from toolyard_sdk.ids import read

from toolyard_runtime.engine.agents import Agents
from toolyard_runtime.engine.approving import Approving, may_decide
from toolyard_runtime.engine.cleaning import Cleaning
from toolyard_runtime.engine.engine import Engine
from toolyard_runtime.engine.erasing import Erasing
from toolyard_runtime.engine.long_term import LongTerm
from toolyard_runtime.engine.others import Others
from toolyard_runtime.engine.proving import Proving
from toolyard_runtime.engine.registry import Registry
from toolyard_runtime.engine.sight import may_look
from toolyard_runtime.engine.sources import Sources
from toolyard_runtime.engine.tool_search import ToolSearch
from toolyard_runtime.http.access import caller_of, end_user_of, only
from toolyard_runtime.http.api.reading import not_found
from toolyard_runtime.identity import Caller
from toolyard_runtime.run.services import Services
from toolyard_runtime.secrets.safe import Safe
from toolyard_runtime.store.keys import Keys
from toolyard_runtime.store.runs import RunRow
from toolyard_runtime.store.tenants import Tenants

if TYPE_CHECKING:  # loaded with memory, by whoever first asks for it
    from toolyard_memory.memory import Memory

EVERYBODY = only("user", "frontend", "author", "operator", "auditor")
DECIDERS = only("user", "frontend", "author", "operator")
OPERATORS = only("operator")
WATCHERS = only("operator", "auditor")


class Admin(Struct, frozen=True):
    """The parts of the server that these routes use.

    `copies` names the copies that upgrades have left beside the database.
    """

    engine: Engine
    approving: Approving
    keys: Keys
    tenants: Tenants
    erasing: Erasing
    agents: Agents
    services: Services
    safe: Safe
    registry: Registry
    sources: Sources
    others: Others
    long_term: LongTerm
    cleaning: Cleaning
    proving: Proving
    copies: Callable[[], tuple[str, ...]]
    tool_search: ToolSearch = msgspec.field(default_factory=ToolSearch)


def admin_of(request: Request[Any, Any, Any]) -> Admin:
    """Return what `app.py` has put into the application's state."""
    admin: Admin = request.app.state["admin"]
    return admin


def memory_of(request: Request[Any, Any, Any]) -> "Memory":
    """Return long-term memory, which is opened by whoever first asks for it."""
    return admin_of(request).long_term.memory()


def in_house(caller: Caller) -> bool:
    """Tell whether a caller may reach across tenants: an operator of the server itself."""
    return caller.tenant == HOUSE and "operator" in caller.roles


async def run_of(admin: Admin, request: Request[Any, Any, Any], name: str) -> RunRow:
    """Return a run the caller may see; raises RequestRefused (404), the same for one that is not there."""
    caller, run = caller_of(request), read("run", name)
    row = await admin.engine.row(caller.tenant, run) if run is not None else None
    if row is None or not may_look(caller, row, end_user_of(request, caller)):
        raise not_found("run", name)
    return row


async def run_to_decide(admin: Admin, request: Request[Any, Any, Any], name: str) -> RunRow:
    """Return a run whose calls the caller may decide about; raises RequestRefused (404)."""
    caller, run = caller_of(request), read("run", name)
    row = await admin.engine.row(caller.tenant, run) if run is not None else None
    if row is None or not may_decide(caller, row, end_user_of(request, caller)):
        raise not_found("run", name)
    return row


async def tenant_named(admin: Admin, caller: Caller, name: str | None) -> str:
    """Return the tenant a request is about; another one than the caller's own is not there, except for the house."""
    if name is None or name == caller.tenant:
        return caller.tenant
    found = await admin.tenants.find(name) if in_house(caller) else None
    if found is None or found.revoked_at is not None:
        raise not_found("tenant", name, param="tenant")
    return name
