"""Turns an HTTP answer into a tool's result: status, JSON, what failed, where more is; knows no document."""

import base64
import http
import re
from collections.abc import Collection
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import msgspec
from toolyard_sdk.egress import EgressReply
from toolyard_sdk.messages import ToolResult

EXCERPT = 2_000
"""Characters of a failed request's body that a model is shown."""

_BINARY = 65_536
_NEXT = re.compile(r'<([^<>]*)>\s*;(?:[^,<]*;)?\s*rel\s*=\s*"?(?:[^"\s,;]+\s+)*next(?:["\s,;]|$)', re.IGNORECASE)
_CURSORS = frozenset(
    {
        "next",
        "nexttoken",
        "nextpage",
        "nextpagetoken",
        "nextcursor",
        "nextmarker",
        "nextlink",
        "nextpageurl",
        "nexturl",
        "continuationtoken",
        "endcursor",
        "continue",
        "odatanextlink",
    }
)
_HOLDERS = frozenset(
    {
        "meta",
        "metadata",
        "pagination",
        "paging",
        "page",
        "pageinfo",
        "links",
        "link",
        "cursor",
        "cursors",
        "responsemetadata",
        "odata",
        "result",
    }
)
_UNKNOWN = frozenset({502, 504})
_FIRST_ERROR = 400


def read_reply(reply: EgressReply, place: str, *, safe: bool, arguments: Collection[str] = ()) -> ToolResult:
    """Return the result of a request that was answered.

    `place` is the operation (`GET /pets`), `safe` whether its method changes nothing, `arguments` are the names a next
    page can be asked for by.
    """
    status = _status(reply.status)
    structured, text = _content(reply)
    if reply.status >= _FIRST_ERROR or reply.status < 200:  # noqa: PLR2004 - what is not an answer is no success
        return ToolResult(_failure(reply, place, status, text, safe=safe), structured, is_error=True)
    hints = _hints(reply, structured, arguments)
    return ToolResult("\n".join((status, *hints, *([text] if text else []))), structured)


def _status(number: int) -> str:
    try:
        return f"HTTP {number} {http.HTTPStatus(number).phrase}"
    except ValueError:
        return f"HTTP {number}"


def _content(reply: EgressReply) -> tuple[Any, str]:
    """Return the body as JSON (None where it is none) and as text."""
    if not reply.body:
        return None, ""
    media, _, parameters = reply.header("content-type").partition(";")
    media = media.strip().lower()
    if "json" in media or (not media and reply.body[:1] in b"{["):
        try:
            structured = msgspec.json.decode(reply.body)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            return None, reply.body.decode(errors="replace")
        return structured, msgspec.json.encode(structured).decode()
    charset = re.search(r'charset\s*=\s*"?([\w.:-]+)', parameters, re.IGNORECASE)
    if (
        charset
        or media.startswith("text/")
        or media.endswith(("+xml", "/xml", "/yaml", "-yaml", "script", "urlencoded"))
    ):
        return None, _decoded(reply.body, charset.group(1) if charset else "utf-8")
    try:
        text = reply.body.decode()
    except UnicodeDecodeError:
        return _of_binary(media, reply.body)
    return None, text


def _decoded(body: bytes, charset: str) -> str:
    try:
        return body.decode(charset, "replace")
    except (LookupError, ValueError):  # a charset nobody knows, or one that is no text's
        return body.decode(errors="replace")


def _of_binary(media: str, body: bytes) -> tuple[Any, str]:
    kind = media or "unknown type"
    if len(body) > _BINARY:
        return None, f"({len(body)} bytes of {kind}, which are too many to show)"
    content = base64.b64encode(body).decode()
    return {"content_type": kind, "base64": content}, f"({len(body)} bytes of {kind}, in base64)\n{content}"


def _failure(reply: EgressReply, place: str, status: str, text: str, *, safe: bool) -> str:
    lines = [f"{status}, answered to {place}."]
    wait = reply.header("retry-after")
    if wait:
        lines.append(f"It may be asked again after {wait[:40]}{' seconds' if wait.isdecimal() else ''}.")
    if reply.status in (401, 403):
        lines.append("The credentials are the operator's to set; other arguments will hardly help.")
    if reply.status in _UNKNOWN and not safe:
        lines.append("Whether it took effect is unknown: look before you try again.")
    if text:
        lines.append(text if len(text) <= EXCERPT else f"{text[:EXCERPT]}\n[cut: {EXCERPT} of {len(text)} characters]")
    return "\n".join(lines)


def _hints(reply: EgressReply, structured: Any, arguments: Collection[str]) -> list[str]:
    """Say in words how to get the next page, if there is one."""
    for name, value in reply.headers:
        if name == "link":
            found = _NEXT.search(value)
            if found:
                return [_by_address(found.group(1), arguments)]
    cursor = _cursor(structured, 3)
    if cursor is None:
        return []
    field, token = cursor
    if isinstance(token, str) and (("/" in token and "?" in token) or token.startswith(("http://", "https://"))):
        return [_by_address(token, arguments)]
    if token is True:
        return [f"There is more: `{field}` says so."]
    named = _argument_for(field, arguments)
    shown = msgspec.json.encode(token).decode()[:500]
    return [f"There is more: call again with {named}={shown}." if named else f"There is more: `{field}` is {shown}."]


def _by_address(url: str, arguments: Collection[str]) -> str:
    try:
        query = parse_qsl(urlsplit(url).query, max_num_fields=50)
    except ValueError:
        query = []
    given = [f"{name}={msgspec.json.encode(value).decode()}" for name, value in query if name in arguments]
    if given:
        return f"There is more: call again with {', '.join(given)[:1000]}."
    return f"There is more, at {url[:500]}."


def _cursor(value: Any, depth: int) -> tuple[str, Any] | None:
    """Find a field that names the next page, at the top or in one of the places APIs keep it."""
    if not isinstance(value, dict) or not depth:
        return None
    for key, part in value.items():
        plain = _letters(key)
        if plain in _CURSORS and isinstance(part, str | int) and part not in ("", 0, False):
            return key, part
    for key, part in value.items():
        if _letters(key) in _HOLDERS:
            found = _cursor(part, depth - 1)
            if found is not None:
                return f"{key}.{found[0]}", found[1]
    for key in ("has_more", "hasMore", "has_next", "hasNextPage", "more"):
        if value.get(key) is True:
            return key, True
    return None


def _argument_for(field: str, arguments: Collection[str]) -> str:
    """Return the argument that takes a cursor found in `field`: `next_cursor` goes into `cursor`."""
    last = _letters(field.rsplit(".", 1)[-1])
    wanted = (
        last,
        last.removeprefix("next"),
        "cursor",
        "pagetoken",
        "nexttoken",
        "after",
        "startingafter",
        "token",
        "page",
    )
    by_letters = {_letters(name): name for name in arguments}
    return next((by_letters[one] for one in wanted if one in by_letters), "")


def _letters(text: str) -> str:
    return "".join(char for char in text.lower() if char.isalnum())
