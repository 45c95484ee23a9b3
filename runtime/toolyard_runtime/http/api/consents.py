"""`/api/v1/consents`: where people come back to from the page on which they allowed a source to act for them.

It is open, since a browser brings no key: the `state` that comes with it is unguessable, used once, and bound to the
tenant and end user for whom the link was made.
"""

import asyncio
import contextlib
import html
import logging
from typing import Any

from litestar import Request, get
from litestar.response import Response
from toolyard_sdk.asking import Answer

from toolyard_runtime.engine.answering import give, questions_of
from toolyard_runtime.http.access import ANYBODY
from toolyard_runtime.http.api.admin import Admin, admin_of
from toolyard_runtime.run.drive import Driver
from toolyard_runtime.run.ways_back import Waiting
from toolyard_runtime.wire.errors import RequestRefused

BY = "consent"
"""Who is said to have answered: the person was at the authorization server, and showed nobody here a key."""

_PAGE = """<!doctype html>
<html lang="en"><meta charset="utf-8"><title>{title}</title>
<body><h1>{title}</h1><p>{words}</p>{link}</body></html>
"""
_LINK = '<p><a href="{}" rel="noreferrer">Allow it</a></p>'
_OVER = "This link was over: it was made before the server was started anew, or too long ago."
_LINK_SECONDS = 10.0
"""How long somebody with a link that is over waits for the new one."""

_HEADERS = {
    "cache-control": "no-store",
    "content-security-policy": "default-src 'none'",
    "referrer-policy": "no-referrer",
    "x-content-type-options": "nosniff",
}

_log = logging.getLogger("toolyard.consents")


@get("/api/v1/consents", opt=ANYBODY, media_type="text/html", summary="Come back from a consent")
async def come_back(request: Request[Any, Any, Any]) -> Response[str]:
    """Take what an authorization server sends a person back with, and let the calls that wait for it go on.

    Of a link that is over, since the server was started anew or nobody came in time, the calls begin again, and ask
    with a new one.
    """
    admin = admin_of(request)
    parameters = dict(request.query_params.items())
    outcome = await admin.sources.returned(parameters)
    if outcome:
        return _page("It was not allowed", f"{outcome} Ask the agent again if you want to try once more.", 400)
    waiting = await admin.services.ways_back.come(parameters.get("state", ""))
    if outcome is None and not waiting:
        words = "Nobody waits for this any more. Ask the agent again: it gives you a new link."
        return _page("This link is over", words, 404)
    drivers = [await _go_on(admin, one.tenant, one.run, one.call) for one in waiting]
    if outcome is not None:
        return _page("Done", "You can close this page; the agent goes on.", 200)
    for one, driver in zip(waiting, drivers, strict=True):
        link = await _new_link(admin, one, driver) if driver is not None else ""
        if link:
            return _page("Once more, please", _OVER, 200, link)
    return _page("Once more, please", f"{_OVER} Go back to the agent: it asks you again.", 200)


async def _go_on(admin: Admin, tenant: str, run: bytes, call: int) -> Driver | None:
    """Answer for the person what they have answered elsewhere; it is no harm when the run does not wait any more."""
    row = await admin.services.runs.find(tenant, run)
    asking = questions_of(*await admin.engine.journal_of(run)).get(call) if row is not None else None
    if row is None or asking is None:
        return None
    try:
        return await give(admin.engine, row, asking, Answer("accept"), BY)
    except RequestRefused as error:
        _log.info("run_%s does not wait for its consent any more: %s", run.hex(), error)
        return None


async def _new_link(admin: Admin, waiting: Waiting, driver: Driver) -> str:
    """Return where a call that has begun again sends its person now; "" where it does not, or not yet."""
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(_LINK_SECONDS):
            await driver.log.feed.settled()
    asking = questions_of(*await admin.engine.journal_of(waiting.run)).get(waiting.call)
    if asking is None or asking.question is None or asking.given is not None or asking.withdrawn:
        return ""
    return asking.question.url


def _page(title: str, words: str, status: int, link: str = "") -> Response[str]:
    content = _PAGE.format(title=title, words=html.escape(words), link=_LINK.format(html.escape(link)) if link else "")
    return Response(content, status_code=status, media_type="text/html", headers=_HEADERS)


ROUTES = (come_back,)
