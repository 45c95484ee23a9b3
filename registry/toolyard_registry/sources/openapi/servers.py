"""Finds the address an operation is sent to: its servers, their variables, and what an operator says instead."""

import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import urljoin, urlsplit

from toolyard_registry.sources.openapi.problems import Unusable

_VARIABLE = re.compile(r"\{([^{}]+)\}")


def base_url(servers: Any, *, chosen: str, variables: Mapping[str, str], document_url: str) -> str:
    """Return the address that paths are added to, without a slash at its end; raises Unusable.

    `servers` is a list of the document (the nearest one: of the operation, its path, or all), of which the first
    counts; `chosen` is the operator's server and is used instead. A relative server is relative to where the document
    came from.
    """
    if chosen:
        return checked(_filled(chosen, {}, variables))
    listed = servers if isinstance(servers, list) and servers else [{"url": "/"}]
    first = listed[0] if isinstance(listed[0], dict) else {}
    url = first.get("url")
    if not isinstance(url, str):
        raise Unusable("server.invalid", "its server has no url")
    declared = first.get("variables")
    filled = _filled(url, declared if isinstance(declared, dict) else {}, variables)
    if not urlsplit(filled).netloc or filled.startswith("//"):
        if not document_url:
            words = f'its server {filled[:80]!r} names no host; write server = "https://..." in toolyard.toml'
            raise Unusable("document.servers", words)
        filled = urljoin(document_url, filled)
    return checked(filled)


def checked(url: str) -> str:
    """Return an address that requests can be sent to; raises Unusable."""
    try:
        parts = urlsplit(url.strip())
        host = parts.hostname
        _ = parts.port
    except ValueError as error:
        raise Unusable("server.invalid", f"its server {url[:80]!r} is no address: {error}") from error
    if parts.scheme not in ("http", "https") or not host:
        raise Unusable("server.invalid", f"its server {url[:80]!r} is no http or https address")
    if parts.username is not None or not url.isprintable() or " " in url.strip() or not url.isascii():
        raise Unusable("server.invalid", f"its server {url[:80]!r} holds what no address may: a password, a blank, ...")
    return f"{parts.scheme}://{parts.netloc}{parts.path}".rstrip("/")


def host_of(url: str) -> str:
    """Return the host and, where it is not the usual one, the port of an address: `api.example.org`, `localhost:80`."""
    return urlsplit(url).netloc.lower()


def _filled(url: str, declared: Mapping[str, Any], given: Mapping[str, str]) -> str:
    """Put values in for `{variables}`: the operator's, else the default."""

    def value(found: re.Match[str]) -> str:
        name = found.group(1)
        about = declared.get(name)
        raw: Mapping[str, Any] = about if isinstance(about, dict) else {}
        options = raw.get("enum")
        if name in given:
            if isinstance(options, list) and options and given[name] not in map(str, options):
                listed = ", ".join(map(str, options[:20]))
                raise Unusable("server.invalid", f"its server's variable {name} can be {listed}, not {given[name]!r}")
            return given[name]
        default = raw.get("default", options[0] if isinstance(options, list) and options else None)
        if default is None:
            raise Unusable("server.invalid", f'its server {url[:80]!r} needs variables = {{ {name} = "..." }}')
        return str(default)

    return _VARIABLE.sub(value, url)
