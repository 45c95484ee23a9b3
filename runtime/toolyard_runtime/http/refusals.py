"""What goes wrong, as a response: OpenAI's shape under /v1, RFC 9457 elsewhere; nobody is shown a stack."""

import logging
from typing import Any

from litestar import Request
from litestar.exceptions import HTTPException
from litestar.response import Response
from toolyard_sdk.errors import ConfigError, Conflict
from toolyard_sdk.events import UnknownEvent

from toolyard_runtime.engine.engine import Full, RunUnavailable, Stopped
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


def on_broken(request: Request[Any, Any, Any], error: Exception) -> Response[bytes]:
    """Answer what the caller could not help, and log it."""
    return respond(request, told(error, f"{request.scope['method']} {request.scope['path']}"))


def told(error: Exception, doing: str) -> RequestRefused:
    """Log what broke and return what a caller is told of it: never a path, a statement or a setting of the server."""
    match error:
        case Conflict():
            _log.warning("%s: somebody was faster: %s", doing, error)
            words = "Somebody else was faster, and what this request goes on from has changed; read it again."
            return RequestRefused(words, code="conflict", status=409)
        case StorageError():
            words = "The server's store cannot be used now, and its log says why; try again later."
        case UnknownEvent():
            words = "A newer version of this server wrote the run; it goes on once that version is back."
        case RunUnavailable() if error.__cause__ is None:
            words = str(error)
        case RunUnavailable():
            words = "The agent's model is not set up here; the server's log tells its operator what is missing."
        case ConfigError():
            words = "A setting of this server cannot be used; the server's log tells its operator which one."
        case _:
            _log.exception("%s failed", doing, exc_info=error)
            words = "The server failed; its log says why. Nothing that was acknowledged is lost."
            return RequestRefused(words, code="internal_error", status=500)
    _log.error("%s: unavailable: %s", doing, error)
    return RequestRefused(words, code="unavailable", status=503)


def on_http(request: Request[Any, Any, Any], error: HTTPException) -> Response[bytes]:
    """Answer what litestar itself refuses: unknown paths, methods, bodies that are too large."""
    words = {
        404: f"There is no route {request.scope['path']}.",
        405: f"{request.scope['path']} does not take {request.scope['method']}.",
        413: "The body is too large: at most [server] max_body_bytes are taken, 48 MiB where a wheel comes; send less.",
    }
    text = words.get(error.status_code) or _fields(error)
    response = respond(request, RequestRefused(text, code="http_error", status=error.status_code))
    allowed = {name.lower(): value for name, value in (error.headers or {}).items()}.get("allow")
    if allowed:
        response.headers["allow"] = allowed
    return response


def _fields(error: HTTPException) -> str:
    extra = error.extra
    fields = (
        [f"{one.get('key')}: {one.get('message')}" for one in extra if isinstance(one, dict)]
        if isinstance(extra, list)
        else []
    )
    return "; ".join(fields) or error.detail


HANDLERS: dict[int | type[Exception], Any] = {
    RequestRefused: on_refused,
    Full: on_full,
    Stopped: on_stopped,
    HTTPException: on_http,
    Exception: on_broken,
}
