"""Writes the HTTP request of one call: address, headers and body out of checked arguments; sends nothing.

An argument can fill in what the document leaves open and nothing else: it cannot leave its path segment, add a
parameter or a header, or name a secret.
"""

import base64
import binascii
import re
from typing import Any

import msgspec
from msgspec import Struct
from toolyard_sdk.egress import secret
from toolyard_sdk.errors import ArgumentsInvalid

from toolyard_registry.sources.openapi.accepting import USUAL
from toolyard_registry.sources.openapi.bodies import BodyPlan
from toolyard_registry.sources.openapi.escaping import HARMLESS, IN_PATH, percent
from toolyard_registry.sources.openapi.forms import multipart, urlencoded
from toolyard_registry.sources.openapi.parameters import IDEMPOTENCY_KEY, Parameter
from toolyard_registry.sources.openapi.security import Credential
from toolyard_registry.sources.openapi.styles import in_header, in_path, in_query, text_of

_HANDLE = re.compile(r"(?:\{|%7B){2}\s*secret", re.IGNORECASE)
"""What the way out might take for a secret's handle, also percent-encoded."""

_CONTROLS = re.compile(r"[\x00-\x1f\x7f]")
_PLACE = re.compile(r"\{([^{}]+)\}")


class Plan(Struct, frozen=True):
    """All that is needed to write an operation's request."""

    method: str
    path: str
    base: str
    parameters: tuple[Parameter, ...] = ()
    body: BodyPlan | None = None
    credentials: tuple[Credential, ...] = ()
    accept: str = USUAL


class HttpRequest(Struct, frozen=True):
    """One request; secrets stand in it as handles."""

    method: str
    url: str
    headers: dict[str, str]
    body: bytes = b""


def places(path: str) -> tuple[str, ...]:
    """Return the names of the places in a path template, in their order: `petId` of `/pets/{petId}`."""
    return tuple(dict.fromkeys(_inner(found) for found in _PLACE.findall(path)))


def write_request(plan: Plan, arguments: dict[str, Any], *, idempotency_key: str = "") -> HttpRequest:
    """Return the request of a call with arguments that fit the schema; raises ArgumentsInvalid where none can be."""
    values = [
        (parameter, arguments[parameter.argument])
        for parameter in plan.parameters
        if not parameter.automatic and arguments.get(parameter.argument) is not None
    ]
    path, query = _path(plan, values)
    cookies: list[str] = []
    headers = {"Accept": plan.accept}
    for parameter, value in values:
        match parameter.place:
            case "query":
                query += _query(parameter, value)
            case "cookie":
                cookies += in_query(parameter.style, parameter.explode, parameter.name, _plain(parameter, value))
            case "header":
                headers[parameter.name] = _header(parameter, value)
            case "path":
                pass  # it is in the path already
    body = b""
    if plan.body is not None and "body" in arguments:
        media, body = _body(plan.body, arguments["body"])
        headers["Content-Type"] = media
    given = "\n".join((path, *query, *cookies, *headers.values(), body.decode("latin-1")))
    if _HANDLE.search(given):
        raise ArgumentsInvalid("Arguments cannot name secrets: the operator's settings fill them in where they belong.")
    _automatic(plan, idempotency_key, headers, query, cookies)
    if cookies:
        headers["Cookie"] = "; ".join(cookies)
    address = plan.base + path + ("?" + "&".join(query) if query else "")
    return HttpRequest(plan.method.upper(), address, headers, body)


def _automatic(plan: Plan, key: str, headers: dict[str, str], query: list[str], cookies: list[str]) -> None:
    """Add what no argument gives: the idempotency key, and the handles of secrets."""
    filled = [
        Credential(one.place, one.name, secret(one.fixed))
        for one in plan.parameters
        if one.fixed and one.place != "path"
    ]
    for credential in (*plan.credentials, *filled):
        match credential.place:
            case "header":
                headers[credential.name] = credential.value
            case "query":
                query.append(f"{percent(credential.name)}={credential.value}")
            case "cookie":
                cookies.append(f"{percent(credential.name)}={credential.value}")
    for parameter in plan.parameters:
        if parameter.place == "header" and parameter.name.lower() == IDEMPOTENCY_KEY and key and not parameter.fixed:
            headers[parameter.name] = key


def _inner(place: str) -> str:
    """Return the name in a place: some documents write RFC 6570's `{+name}` and `{name*}`."""
    return place.removeprefix("+").removesuffix("*")


def _path(plan: Plan, values: list[tuple[Parameter, Any]]) -> tuple[str, list[str]]:
    """Return the path with its places filled, and the query that some documents write into it.

    A fragment, which some write to tell operations apart, is never sent.
    """
    template = plan.path.partition("#")[0]
    given = {parameter.name: (parameter, value) for parameter, value in values if parameter.place == "path"}

    def fill(found: re.Match[str]) -> str:
        name = _inner(found.group(1))
        if name not in given:
            raise ArgumentsInvalid(f"`{name}` is missing: it is a part of the address.")
        parameter, value = given[name]
        keep = frozenset("/") if parameter.reserved or found.group(1).startswith("+") else frozenset()
        text = in_path(parameter.style, parameter.explode, name, _plain(parameter, value), keep)
        if not text.strip(".;"):
            raise ArgumentsInvalid(f"`{parameter.argument}` cannot be empty or dots: it is a part of the address.")
        return text

    def filled(part: str) -> str:
        pieces: list[str] = []
        at = 0
        for found in _PLACE.finditer(part):
            pieces += [percent(part[at : found.start()], IN_PATH | {"%"}), fill(found)]
            at = found.end()
        return "".join((*pieces, percent(part[at:], IN_PATH | {"%", "?"})))

    path, mark, query = template.partition("?")
    written = filled(path)
    if any(segment in (".", "..") for segment in written.split("/")):
        raise ArgumentsInvalid("`.` and `..` cannot be parts of the address.")
    return written, [filled(query)] if mark and query else []


def _plain(parameter: Parameter, value: Any) -> Any:
    """Return the value to write: a parameter described by `content` is one text in its media type."""
    if not parameter.media or (isinstance(value, str) and "json" not in parameter.media):
        return value
    return msgspec.json.encode(value).decode()


def _query(parameter: Parameter, value: Any) -> list[str]:
    keep = HARMLESS if parameter.reserved else frozenset[str]()
    return in_query(parameter.style, parameter.explode, parameter.name, _plain(parameter, value), keep)


def _header(parameter: Parameter, value: Any) -> str:
    text = in_header(parameter.explode, _plain(parameter, value)).strip()
    if _CONTROLS.search(text) or not text.isascii():
        raise ArgumentsInvalid(f"`{parameter.argument}` goes into a header: only ASCII without line breaks fits there.")
    return text


def _body(plan: BodyPlan, value: Any) -> tuple[str, bytes]:
    match plan.kind:
        case "json":
            return plan.media, msgspec.json.encode(value)
        case "text":
            return plan.media, text_of(value).encode(errors="replace")
        case "binary":
            return plan.media, decoded("body", value)
        case "form" | "multipart" if not isinstance(value, dict):
            raise ArgumentsInvalid("`body` must be an object: each of its fields is a field of the form.")
        case "form":
            return plan.media, urlencoded(value, plan.parts).encode()
        case "multipart":
            files = {
                name: _files(name, value[name]) for name, part in plan.parts.items() if part.is_file and name in value
            }
            return multipart(value, plan.parts, files, plan.media)


def _files(name: str, value: Any) -> list[bytes]:
    return [decoded(name, one) for one in (value if isinstance(value, list) else [value]) if one is not None]


def decoded(name: str, value: Any) -> bytes:
    """Return what base64 text stands for; raises ArgumentsInvalid."""
    try:
        return base64.b64decode("".join(str(value).split()), validate=True)
    except (binascii.Error, ValueError) as error:
        raise ArgumentsInvalid(f"`{name}` must be base64: {error}.") from error
