"""`/api/v1/erasures`: deletes what one end user said and was told; what was decided stays provable."""

import asyncio
import logging
from typing import Annotated, Any

from litestar import Request, post
from litestar.response import Response
from msgspec import Meta, Struct
from toolyard_sdk.events import UnknownEvent

from toolyard_runtime.engine.engine import RunUnavailable
from toolyard_runtime.http.access import caller_of
from toolyard_runtime.http.api.admin import OPERATORS, Admin, admin_of, tenant_named
from toolyard_runtime.http.api.reading import answer
from toolyard_runtime.http.api.runs import end
from toolyard_runtime.store.erasure import Erasure, RunsOpenError
from toolyard_runtime.store.errors import StorageError
from toolyard_runtime.store.runs import RunRow
from toolyard_runtime.wire.errors import RequestRefused
from toolyard_runtime.wire.reading import Reader

ROUNDS = 5
"""How often it is tried to find a subject without an open run: they may go on starting some."""

_log = logging.getLogger("toolyard.erasure")


class Erase(Struct, frozen=True, forbid_unknown_fields=True):
    """Whom to erase: an end user of the caller's tenant, or of the one an operator of the server names."""

    subject: Annotated[str, Meta(extra_json_schema={"minLength": 1})]
    tenant: str | None = None


_read_erase = Reader(Erase, frozenset(), {"subject": "send the end user's id as the frontend sends it"})


@post("/api/v1/erasures", opt=OPERATORS, status_code=200, summary="Erase an end user")
async def erase_subject(request: Request[Any, Any, Any]) -> Response[bytes]:
    """Cancel the end user's open runs, delete the content of all their runs and their secrets, and return counts.

    `backups` are copies of the database beside it, which an upgrade has made and which no erasure reaches.
    """
    admin, caller = admin_of(request), caller_of(request)
    wanted, _ = _read_erase.read(await request.body())
    if not wanted.subject:
        raise RequestRefused("subject: it is empty; send the end user's id as the frontend sends it.", param="subject")
    tenant = await tenant_named(admin, caller, wanted.tenant)
    cancelled, erasure = await _erase(admin, tenant, wanted.subject, caller.key)
    runs, secrets = set(erasure.runs), erasure.secrets
    subject = wanted.subject
    while not await admin.eraser.verify_erased(tenant, erasure.pseudonym):  # a run began while the others went
        more, again = await _erase(admin, tenant, erasure.pseudonym, caller.key, live_as=subject)
        cancelled, erasure = cancelled + more, again
        runs |= set(again.runs)
    admin.engine.forget(frozenset(runs))
    scrubbed = True
    try:
        await admin.scrub()
    except StorageError:
        _log.exception("the database still holds some of what was deleted; erase again, or wait for its own upkeep")
        scrubbed = False
    return answer(
        {
            "runs": len(runs),
            "cancelled_runs": cancelled,
            "secrets": secrets,
            "pseudonym": erasure.pseudonym,
            "log_emptied": scrubbed,
            "backups": await asyncio.to_thread(admin.copies),
        }
    )


async def _erase(admin: Admin, tenant: str, subject: str, actor: str, live_as: str = "") -> tuple[int, Erasure]:
    """Cancel and erase until no run is open; return how many were cancelled. Raises RequestRefused (409)."""
    cancelled = 0
    for _ in range(ROUNDS):
        for row in await admin.services.runs.open_of(tenant, subject):
            await _end(admin, row, actor)
            cancelled += 1
        for driver in [one for one in admin.engine.live.values() if one.log.identity.tenant == tenant]:
            if driver.log.identity.end_user in (subject, live_as or subject):
                await end(admin, driver.row, actor, "erased")
                cancelled += 1
        tx = admin.services.database.begin()
        try:
            erasure = await admin.eraser.erase(tx, tenant, subject, actor)
        except RunsOpenError:
            continue
        await admin.services.database.commit(tx, "full")
        return cancelled, erasure
    raise RequestRefused(
        "subject: they keep starting runs; revoke the key of their frontend or stop its agent, then erase again.",
        param="subject",
        code="runs_open",
        status=409,
    )


async def _end(admin: Admin, row: RunRow, actor: str) -> None:
    """Cancel an open run; one that cannot be read is given up, since its content shall go all the same."""
    try:
        await end(admin, row, actor, "erased")
    except (UnknownEvent, RunUnavailable, LookupError, ValueError) as error:
        _log.error("run_%s is given up, since it cannot be read: %s", row.id.hex(), error)
        await admin.engine.give_up(row)


ROUTES = (erase_subject,)
