"""What goes wrong, as a response: OpenAI's shape under /v1, RFC 9457 elsewhere; nobody is shown a stack."""

import logging
from typing import Any

from litestar import Request
from litestar.exceptions import HTTPException
from litestar.response import Response
from toolyard_sdk.errors import ConfigError, Conflict
from toolyard_sdk.events import UnknownEvent

from toolyard_runtime.engine import Full, RunUnavailable, Stopped
from toolyard_runtime.store.errors import StorageError
from toolyard_runtime.wire.errors import PROBLEM_MEDIA_TYPE, RequestRefused, problem, refusal

_log = logging.getLogger("toolyard.http")


def respond(request: Request[Any, Any, Any], refused: RequestRefused) -> Response[bytes]:
    """Return a refusal in the shape of the route that was asked."""
    headers = {"retry-after": "1"} if refused.status in (429, 503) else {}
    if refused.status == 401:  # noqa: PLR2004 - the status that carries a challenge (RFC 9110, section 15.5.2)
        headers["www-authenticate"] = "Bearer"
    path = request.scope["path"]
    if path.startswith("/v1/"):
        return Response(refusal(refused), status_code=refused.status, media_type="application/json", headers=headers)
    content = problem(refused, instance=path)
    return Response(content, status_code=refused.status, media_type=PROBLEM_MEDIA_TYPE, headers=headers)


def on_refused(request: Request[Any, Any, Any], error: RequestRefused) -> Response[bytes]:
    """Answer what a route has refused."""
    return respond(request, error)


def on_full(request: Request[Any, Any, Any], _error: Full) -> Response[bytes]:
    """Answer that too much is going on."""
    words = "As many runs are live as this server takes; try again in a moment."
    return respond(request, RequestRefused(words, code="too_many_runs", status=429))


def on_stopped(request: Request[Any, Any, Any], error: Stopped) -> Response[bytes]:
    """Answer that an operator has stopped the agent."""
    words = f"The agent {error} is stopped by its operator; it answers again when the stop is taken back."
    return respond(request, RequestRefused(words, param="model", code="stopped", status=503))


def on_conflict(request: Request[Any, Any, Any], error: Conflict) -> Response[bytes]:
    """Answer that somebody else was faster."""
    return respond(request, RequestRefused(f"Somebody else was faster: {error}", code="conflict", status=409))


def on_unavailable(
    request: Request[Any, Any, Any], error: RunUnavailable | UnknownEvent | StorageError | ConfigError
) -> Response[bytes]:
    """Answer that the server cannot do this now."""
    _log.error("unavailable: %s", error)
    return respond(request, RequestRefused(str(error), code="unavailable", status=503))


def on_http(request: Request[Any, Any, Any], error: HTTPException) -> Response[bytes]:
    """Answer what litestar itself refuses: unknown paths, methods, bodies that are too large."""
    words = {
        404: f"There is no route {request.scope['path']}.",
        405: f"{request.scope['path']} does not take {request.scope['method']}.",
        413: "The body is larger than [server] max_body_bytes allows; send less.",
    }
    text = words.get(error.status_code) or _told(error)
    response = respond(request, RequestRefused(text, code="http_error", status=error.status_code))
    allowed = {name.lower(): value for name, value in (error.headers or {}).items()}.get("allow")
    if allowed:
        response.headers["allow"] = allowed
    return response


def _told(error: HTTPException) -> str:
    extra = error.extra
    fields = (
        [f"{one.get('key')}: {one.get('message')}" for one in extra if isinstance(one, dict)]
        if isinstance(extra, list)
        else []
    )
    return "; ".join(fields) or error.detail


def on_error(request: Request[Any, Any, Any], error: Exception) -> Response[bytes]:
    """Answer a fault of the server itself, and log it."""
    _log.exception("%s %s failed", request.scope["method"], request.scope["path"], exc_info=error)
    words = "The server failed; its log says why. Nothing that was acknowledged is lost."
    return respond(request, RequestRefused(words, code="internal_error", status=500))


HANDLERS: dict[int | type[Exception], Any] = {
    RequestRefused: on_refused,
    Full: on_full,
    Stopped: on_stopped,
    Conflict: on_conflict,
    RunUnavailable: on_unavailable,
    UnknownEvent: on_unavailable,
    StorageError: on_unavailable,
    ConfigError: on_unavailable,
    HTTPException: on_http,
    Exception: on_error,
}
