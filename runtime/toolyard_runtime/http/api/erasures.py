"""`/api/v1/erasures`: deletes what one end user said and was told; what was decided stays provable."""

import asyncio
from typing import Annotated, Any

from litestar import Request, post
from litestar.response import Response
from msgspec import Meta, Struct

from toolyard_runtime.engine.erasing import SubjectBusy
from toolyard_runtime.http.access import caller_of
from toolyard_runtime.http.api.admin import OPERATORS, admin_of, tenant_named
from toolyard_runtime.http.api.forgetting import only_in_house
from toolyard_runtime.http.api.reading import answer, fields_of
from toolyard_runtime.wire.errors import RequestRefused
from toolyard_runtime.wire.reading import Reader


class Erase(Struct, frozen=True, forbid_unknown_fields=True):
    """Whom to erase: an end user of the caller's tenant, or of the one an operator of the server names.

    `verify` has every file searched for what they said, before and after.
    """

    subject: Annotated[str, Meta(extra_json_schema={"minLength": 1})]
    tenant: str | None = None
    verify: bool = False


_read_erase = Reader(Erase, frozenset(), {"subject": "send the end user's id as the frontend sends it"})


@post("/api/v1/erasures", opt=OPERATORS, status_code=200, summary="Erase an end user")
async def erase_subject(request: Request[Any, Any, Any]) -> Response[bytes]:
    """Cancel the end user's open runs, delete what they said, were told and are remembered by, and return counts.

    `backups` are copies of the database beside it, which an upgrade has made and which no erasure reaches. With
    `verify`, `proof` says what was found of them afterwards.
    """
    admin, caller = admin_of(request), caller_of(request)
    wanted, _ = _read_erase.read(await request.body())
    if not wanted.subject:
        raise RequestRefused("subject: it is empty; send the end user's id as the frontend sends it.", param="subject")
    tenant = await tenant_named(admin, caller, wanted.tenant)
    if wanted.verify:
        only_in_house(caller, "verify")
    needles = await admin.proving.needles(tenant, wanted.subject) if wanted.verify else ()
    try:
        done = await admin.erasing.erase(tenant, wanted.subject, caller.key)
    except SubjectBusy as error:
        raise RequestRefused(
            "subject: they keep starting runs; revoke the key of their frontend or stop its agent, then erase again.",
            param="subject",
            code="runs_open",
            status=409,
        ) from error
    backups = await asyncio.to_thread(admin.copies)
    if not wanted.verify:
        return answer({**fields_of(done), "backups": backups})
    proof = await admin.proving.of_subject(tenant, wanted.subject, needles)
    return answer({**fields_of(done), "backups": backups, "proof": proof})


ROUTES = (erase_subject,)
