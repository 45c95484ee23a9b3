"""Finds what a call of a session gave, whole: a result that was cut or put away; reads what was committed."""

from collections.abc import Iterable

from toolyard_sdk import events as e

from toolyard_runtime.run.services import Services
from toolyard_runtime.run.showing import text_of_result
from toolyard_runtime.store import payloads


async def whole_of(services: Services, tenant: str, session: bytes, run: bytes, call: int) -> bytes | None:
    """Return the whole of a call's result; None unless the run is of this tenant and session, and has it still."""
    row = await services.runs.find(tenant, run)
    if row is None or row.session != session:
        return None
    place = place_of(await services.journal.load(run), call)
    if place is None:
        return None
    kept = (await payloads.load(services.database, run, [place]))[place]
    return text_of_result(kept.kind, kept.data) if isinstance(kept, payloads.Payload) else None


def place_of(events: Iterable[e.RunEvent], call: int) -> int | None:
    """Return the payload with a call's result, uncut where that is kept; None for a call that was not answered."""
    for event in events:
        match event:
            case e.ToolReturned() if event.call == call:
                return (event.whole or event.result).n
            case e.ToolInDoubt() if event.call == call:
                return event.result.n
            case e.ClientToolsReturned():
                for one in event.results:
                    if one.call == call:
                        return one.result.n
            case _:
                pass
    return None
