"""Liveness, readiness and metrics."""

from typing import Any

from litestar import Request, get, route
from litestar.enums import HttpMethod
from litestar.response import Response
from sqlalchemy import func, select
from toolyard_memory.tables.facts import FACT
from toolyard_memory.tables.vectors import OUTBOX
from toolyard_registry.rights import HOUSE

from toolyard_runtime.http.access import ANYBODY, caller_of, only
from toolyard_runtime.http.openai_routes import front_of
from toolyard_runtime.wire.errors import RequestRefused

FACTS_BELIEVED = select(func.count()).select_from(FACT).where(FACT.c.retired_at.is_(None))
CHANGES_WAITING = select(func.count()).select_from(OUTBOX)

PROBED = (HttpMethod.GET, HttpMethod.HEAD)
"""Some balancers probe with HEAD; it is answered as GET is, without the body."""


@route("/healthz", http_method=PROBED, opt=ANYBODY, media_type="text/plain", summary="The process is alive")
async def healthz() -> str:
    """Say that the process is alive."""
    return "ok"


@route("/readyz", http_method=PROBED, opt=ANYBODY, summary="The server takes runs")
async def readyz(request: Request[Any, Any, Any]) -> Response[dict[str, Any]]:
    """Say whether runs are taken: the database answers and the server is not stopping or full.

    `left_alone` counts the open runs that cannot go on here now; the log says why, and they are tried again.
    """
    engine = front_of(request).engine
    problems = await engine.unready()
    told = {"ready": not problems, "problems": problems, "left_alone": len(engine.left_alone)}
    return Response(told, status_code=503 if problems else 200)


@get("/metrics", opt=only("operator", "auditor"), summary="Prometheus metrics")
async def metrics(request: Request[Any, Any, Any]) -> Response[bytes]:
    """Return all metrics in the Prometheus text format: they count all tenants' runs, so only the house reads them."""
    if caller_of(request).tenant != HOUSE:
        raise RequestRefused(
            f"Metrics are of the whole server: they are read with a key of the tenant {HOUSE}.",
            param="Authorization",
            code="missing_role",
            status=403,
        )
    services = front_of(request).engine.services
    meters = services.meters
    ((facts,),) = await services.database.scan(FACTS_BELIEVED, {})
    ((waiting,),) = await services.database.scan(CHANGES_WAITING, {})
    meters.facts.set(facts)
    meters.passages_waiting.set(waiting)
    return Response(meters.exposition(), media_type="text/plain; version=0.0.4")


ROUTES = (healthz, readyz, metrics)
