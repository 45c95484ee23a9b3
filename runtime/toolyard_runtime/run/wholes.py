"""Finds what an earlier run of a session keeps of a result that was cut; reads what was committed, and nothing else."""

from toolyard_sdk import events as e

from toolyard_runtime.run.services import Services
from toolyard_runtime.store import payloads


async def whole_of(services: Services, tenant: str, session: bytes, run: bytes, call: int) -> bytes | None:
    """Return the whole of a call's result; None unless the run is of this tenant and session, and keeps it still."""
    row = await services.runs.find(tenant, run)
    if row is None or row.session != session:
        return None
    for event in await services.journal.load(run):
        if isinstance(event, e.ToolReturned) and event.call == call and event.whole is not None:
            found = await payloads.load(services.database, run, [event.whole.n])
            kept = found[event.whole.n]
            return kept.data if isinstance(kept, payloads.Payload) else None
    return None
