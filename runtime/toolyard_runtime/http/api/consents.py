"""`/api/v1/consents`: where people come back to from the page on which they allowed a source to act for them.

It is open, since a browser brings no key: the `state` that comes with it is unguessable, used once, and bound to the
tenant and end user for whom the link was made.
"""

import html
import logging
from typing import Any

from litestar import Request, get
from litestar.response import Response
from toolyard_sdk.asking import Answer

from toolyard_runtime.engine.answering import give, questions_of
from toolyard_runtime.http.access import ANYBODY
from toolyard_runtime.http.api.admin import Admin, admin_of
from toolyard_runtime.wire.errors import RequestRefused

BY = "consent"
"""Who is said to have answered: the person was at the authorization server, and showed nobody here a key."""

_PAGE = """<!doctype html>
<html lang="en"><meta charset="utf-8"><title>{title}</title>
<body><h1>{title}</h1><p>{words}</p></body></html>
"""
_HEADERS = {
    "cache-control": "no-store",
    "content-security-policy": "default-src 'none'",
    "referrer-policy": "no-referrer",
    "x-content-type-options": "nosniff",
}

_log = logging.getLogger("toolyard.consents")


@get("/api/v1/consents", opt=ANYBODY, media_type="text/html", summary="Come back from a consent")
async def come_back(request: Request[Any, Any, Any]) -> Response[str]:
    """Take what an authorization server sends a person back with, and let the calls that wait for it go on."""
    admin = admin_of(request)
    parameters = dict(request.query_params.items())
    outcome = await admin.sources.returned(parameters)
    if outcome is None:
        words = "Nobody waits for this any more. Ask the agent again: it gives you a new link."
        return _page("This link is over", words, 404)
    if outcome:
        return _page("It was not allowed", f"{outcome} Ask the agent again if you want to try once more.", 400)
    for waiting in admin.services.ways_back.come(parameters.get("state", "")):
        await _go_on(admin, waiting.tenant, waiting.run, waiting.call)
    return _page("Done", "You can close this page; the agent goes on.", 200)


async def _go_on(admin: Admin, tenant: str, run: bytes, call: int) -> None:
    """Answer for the person what they have answered elsewhere; it is no harm when the run does not wait any more."""
    row = await admin.services.runs.find(tenant, run)
    asking = questions_of(*await admin.engine.journal_of(run)).get(call) if row is not None else None
    if row is None or asking is None:
        return
    try:
        await give(admin.engine, row, asking, Answer("accept"), BY)
    except RequestRefused as error:
        _log.info("run_%s does not wait for its consent any more: %s", run.hex(), error)


def _page(title: str, words: str, status: int) -> Response[str]:
    content = _PAGE.format(title=title, words=html.escape(words))
    return Response(content, status_code=status, media_type="text/html", headers=_HEADERS)


ROUTES = (come_back,)
