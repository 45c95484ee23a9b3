"""`/api/v1/lock`: what the agents' files resolve to now, as the text of an agent.lock."""

from typing import Any

from litestar import Request, get
from litestar.response import Response
from toolyard_registry.agents.locks import FILE, make_lock, written
from toolyard_registry.rights import HOUSE

from toolyard_runtime.http.access import caller_of, only
from toolyard_runtime.http.api.admin import admin_of
from toolyard_runtime.http.api.reading import Query, answer
from toolyard_runtime.wire.errors import RequestRefused

READERS = only("author", "operator", "auditor")


@get("/api/v1/lock", opt=READERS, summary="Resolve what the agents name anew")
async def show_lock(request: Request[Any, Any, Any]) -> Response[bytes]:
    """Resolve every agent as if there were no agent.lock."""
    admin = admin_of(request)
    if caller_of(request).tenant != HOUSE:
        raise RequestRefused(
            "What agents resolve to names every tool of this server: only keys of its own tenant read it.",
            param="Authorization",
            code="missing_role",
            status=403,
        )
    Query(request)
    repository = await admin.agents.unlocked()
    if repository.problems:
        raise RequestRefused(
            f"Nothing can be locked while the files have mistakes: {repository.problems[0]}",
            code="invalid_repository",
            status=409,
        )
    now = make_lock(
        repository.agents.values(),
        repository.prompts.values(),
        repository.policies,
        repository.toolbox.releases,
        admin.registry.shelf,
    )
    return answer({"file": FILE, "text": written(now)})


ROUTES = (show_lock,)
