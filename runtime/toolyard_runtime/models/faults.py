"""Says how a model call failed, in the SDK's words: from a status, an error object or a header; does no I/O."""

import re
from email.utils import parsedate_to_datetime
from typing import Any

import msgspec
from toolyard_sdk.errors import ModelError
from toolyard_sdk.events import ModelFault

__all__ = ["ModelFault", "describe", "error", "of_object", "of_status", "retry_after", "secrets"]

_TOO_LONG = re.compile(
    r"context[ _]?(length|window|size)|maximum (model|context|input) len|max_model_len|too (long|many tokens)"
    r"|exceed\w* .{0,40}(context|token)|reduce the length",
    re.IGNORECASE,
)
_BY_STATUS: dict[int, ModelFault] = {
    401: "unauthorized",
    403: "unauthorized",
    404: "not_found",
    408: "timeout",
    429: "rate_limited",
    503: "overloaded",
    504: "timeout",
    529: "overloaded",
}
_BY_CODE: dict[str, ModelFault] = {
    "context_length_exceeded": "too_long",
    "exceed_context_size_error": "too_long",
    "rate_limit_exceeded": "rate_limited",
    "rate_limit_error": "rate_limited",
    "insufficient_quota": "rate_limited",
    "invalid_api_key": "unauthorized",
    "authentication_error": "unauthorized",
    "permission_error": "unauthorized",
    "model_not_found": "not_found",
    "overloaded_error": "overloaded",
    "unavailable_error": "overloaded",
    "invalid_request_error": "bad_request",
    "badrequesterror": "bad_request",
    "internalservererror": "server_error",
    "server_error": "server_error",
    "timeout": "timeout",
}
_ADVICE: dict[ModelFault, str] = {
    "connect": "is the server running at this address?",
    "timeout": "the server is slow or stuck; look at its queue, or allow more time",
    "rate_limited": "too many requests for this key or server; wait, or raise the limit",
    "overloaded": "the server has no room now; wait, or add a replica",
    "server_error": "look at the model server's log",
    "bad_request": "the server does not accept what was sent; check the provider's profile and the model's template",
    "too_long": "the prompt does not fit the model's context; lower the agent's window_tokens",
    "unauthorized": "check the API key of this provider",
    "not_found": "check the base URL (it usually ends in /v1) and the model's name",
    "bad_answer": "is this the address of an OpenAI-compatible server? (the base URL usually ends in /v1)",
    "broken_stream": "the server or something between dropped the connection",
    "cancelled": "",
}
_SHORT = 240
_SECRET = 6


def error(
    fault: ModelFault,
    where: str,
    what: str,
    *,
    status: int = 0,
    retry_after: float | None = None,
    secrets: tuple[str, ...] = (),
) -> ModelError:
    """Make a ModelError whose message says where, what and what to do, is short, and never holds one of `secrets`."""
    for secret in secrets:
        what = what.replace(secret, "[key]")
    what = " ".join(what.split())
    what = what if len(what) <= _SHORT else what[:_SHORT] + "..."
    advice = _ADVICE[fault]
    message = f"{where}: {what}" + (f"; {advice}" if advice else "")
    return ModelError(fault, message, status=status, retry_after=retry_after)


def secrets(api_key: str, headers: tuple[tuple[str, str], ...]) -> tuple[str, ...]:
    """Return what must never be told: the key, and every header value long enough to be one."""
    return tuple(value for value in (api_key, *(value for _, value in headers)) if len(value) >= _SECRET)


def of_status(status: int, text: str, code: str = "") -> ModelFault:
    """Return the fault of an HTTP status, refined by what the error object says."""
    if status in (400, 413, 422):
        if status == 413 or _BY_CODE.get(code) == "too_long" or _TOO_LONG.search(text):  # noqa: PLR2004 - too large
            return "too_long"
        return "bad_request"
    known = _BY_STATUS.get(status)
    if known is not None:
        return known
    if status >= 500:  # noqa: PLR2004 - the server's fault, by definition
        return "server_error"
    return "bad_request" if status >= 400 else "bad_answer"  # noqa: PLR2004 - the caller's fault, by definition


def of_object(value: Any, message: Any = None) -> tuple[ModelFault, str, int]:
    """Read an error object that came inside an answer; return (fault, text, status or 0).

    `value` is what stands under `error` (an object or a text), `message` a text beside it, as older servers write.
    """
    text, code, status = "", "", 0
    if isinstance(value, dict):
        text = str(value.get("message") or value.get("detail") or "")
        for key in ("code", "type", "status"):
            found = value.get(key)
            if isinstance(found, int) and not isinstance(found, bool) and 400 <= found < 600:  # noqa: PLR2004 - a status
                status = status or found
            elif isinstance(found, str):
                if found.isascii() and found.isdigit() and 400 <= int(found[:4]) < 600:  # noqa: PLR2004 - a status
                    status = status or int(found)
                elif found.lower() in _BY_CODE and not code:
                    code = found.lower()
    elif isinstance(value, str):
        text = value
    text = text or (message if isinstance(message, str) else "") or "the server reports an error without words"
    fault = _BY_CODE.get(code)
    if status:
        return of_status(status, text, code), text, status
    if _TOO_LONG.search(text) and fault in (None, "bad_request"):
        return "too_long", text, 0
    return fault or "server_error", text, 0


def describe(body: bytes) -> tuple[str, str]:
    """Return (text, code) of an error answer's body, whatever it is; HTML and noise give a few plain words."""
    try:
        value = msgspec.json.decode(body[:65536])
    except (ValueError, RecursionError):  # msgspec's own errors and bad UTF-8 are ValueErrors
        plain = re.sub(r"<[^>]*>|\s+", " ", body[:2000].decode("utf-8", "replace"))
        return " ".join(plain.split())[:_SHORT], ""
    if not isinstance(value, dict):
        return str(value)[:_SHORT], ""
    inner = value.get("error")
    held = inner if isinstance(inner, dict) else value
    text = held.get("message") or held.get("detail") or (inner if isinstance(inner, str) else "") or ""
    code = held.get("code") if isinstance(held.get("code"), str) else held.get("type")
    if not isinstance(text, str):
        text = msgspec.json.encode(text).decode()
    return text, code.lower() if isinstance(code, str) else ""


def retry_after(headers: dict[bytes, bytes], now: float) -> float | None:
    """Return the seconds a server asks us to wait, from `retry-after-ms` or `retry-after` (RFC 9110, section 10.2.3).

    A date is read against the server's own `date` where there is one, else against `now` (seconds since 1970).
    """
    milliseconds = _number(headers.get(b"retry-after-ms"))
    if milliseconds is not None:
        return milliseconds / 1000
    given = headers.get(b"retry-after")
    seconds = _number(given)
    if seconds is not None or given is None:
        return seconds
    until = _date(given)
    if until is None:
        return None
    sent = _date(headers.get(b"date"))
    return max(0.0, until - (now if sent is None else sent))


def _number(value: bytes | None) -> float | None:
    if value is None or not re.fullmatch(rb"\d{1,9}(\.\d{1,6})?", value):
        return None
    return float(value)


def _date(value: bytes | None) -> float | None:
    if value is None:
        return None
    try:
        return parsedate_to_datetime(value.decode("ascii", "replace")).timestamp()
    except (TypeError, ValueError, OverflowError):
        return None
