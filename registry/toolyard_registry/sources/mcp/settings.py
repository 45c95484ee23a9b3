"""Reads the table of an MCP source: a command to start or a URL to reach, and what is taken from it; starts nothing."""

import fnmatch
import re
import shlex
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any
from urllib.parse import urlsplit

import msgspec
from msgspec import Meta, Struct
from toolyard_sdk.errors import ConfigError

from toolyard_registry.toml.located import did_you_mean

_HEADER = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]+\Z")
_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*\Z")
_OWN_HEADERS = frozenset({"accept", "content-length", "content-type", "host", "mcp-session-id", "transfer-encoding"})


class OauthSettings(Struct, frozen=True, forbid_unknown_fields=True):
    """`[sources.NAME.oauth]`: every end user consents for themselves.

    `callback` is this server's public address of the route that takes consents. `client_id` and `client_secret` are
    those of a registration made by hand; without them the source registers itself, or presents `client_metadata`, the
    https address of a document that describes it.
    """

    callback: str
    client_id: str = ""
    client_secret: str = ""
    client_metadata: str = ""


class McpSettings(Struct, frozen=True, forbid_unknown_fields=True):
    """`[sources.NAME]` with `kind = "mcp"`: `command` or `url`, and the rest.

    `timeout` is seconds for one call, without the time in which a person is asked. `tools` are globs over the server's
    own names. `max_bytes` bounds one message of the server.
    """

    command: str | tuple[str, ...] = ()
    env: dict[str, str] = {}
    cwd: str = ""
    url: str = ""
    headers: dict[str, str] = {}
    oauth: OauthSettings | None = None
    prefix: str | None = None
    timeout: Annotated[float, Meta(gt=0, le=86_400)] = 60.0
    tools: tuple[str, ...] = ("*",)
    max_bytes: Annotated[int, Meta(ge=10_000, le=256_000_000)] = 4_000_000

    @property
    def arguments(self) -> tuple[str, ...]:
        """The command as its words."""
        return tuple(shlex.split(self.command)) if isinstance(self.command, str) else self.command

    def takes(self, tool: str) -> bool:
        """Whether a tool of the server is wanted, by its own name."""
        return any(fnmatch.fnmatchcase(tool, glob) for glob in self.tools)


def read_settings(name: str, table: Mapping[str, Any], root: Path) -> McpSettings:
    """Return the settings of the source `name`; raises ConfigError. A relative `cwd` is below the repository."""
    try:
        settings = msgspec.convert(dict(table), McpSettings)
    except msgspec.ValidationError as error:
        raise _wrong(name, f"{error}{_meant(table)}") from error
    try:
        arguments = settings.arguments
    except ValueError as error:
        raise _wrong(name, f"`command` is no shell words: {error}") from error
    if bool(arguments) == bool(settings.url):
        raise _wrong(name, "write either `command` (a server to start) or `url` (one that runs)")
    for key in ("headers", "oauth") if arguments else ("env", "cwd"):
        if getattr(settings, key):
            raise _wrong(name, f"`{key}` has no effect together with `{'command' if arguments else 'url'}`")
    if arguments:
        return msgspec.structs.replace(settings, cwd=str(_folder(name, settings, root)))
    _check_url(name, "url", settings.url)
    _check_headers(name, settings)
    if settings.oauth is not None:
        _check_url(name, "oauth.callback", settings.oauth.callback)
        if settings.oauth.client_metadata and not settings.oauth.client_metadata.startswith("https://"):
            raise _wrong(name, "`oauth.client_metadata` is no https address")
    return settings


def _folder(name: str, settings: McpSettings, root: Path) -> Path:
    for variable, value in settings.env.items():
        if not _VARIABLE.match(variable) or "\0" in value:
            raise _wrong(name, f"`env` cannot set {variable[:80]!r}")
    if any("\0" in word for word in settings.arguments):
        raise _wrong(name, "`command` holds a zero byte")
    folder = (root / settings.cwd).resolve()
    if not folder.is_dir():
        raise _wrong(name, f"`cwd` is no folder: {folder}")
    return folder


def _check_url(name: str, key: str, url: str) -> None:
    try:
        parts = urlsplit(url)
        usable = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        usable = False
    if not usable or not url.isprintable() or " " in url:
        raise _wrong(name, f"`{key}` is no http(s) address: {url[:200]!r}")
    if parts.username is not None or parts.fragment:
        raise _wrong(name, f"`{key}` holds a name, a password or a fragment; credentials belong into `headers`")


def _check_headers(name: str, settings: McpSettings) -> None:
    for header, value in settings.headers.items():
        if not _HEADER.match(header) or not value.isprintable() or not value.isascii():
            raise _wrong(name, f"`headers` cannot set {header[:80]!r}: names and values are printable ASCII")
        if header.lower() in _OWN_HEADERS or (settings.oauth and header.lower() == "authorization"):
            raise _wrong(name, f"`headers` cannot set {header}: it is set by the protocol")


def _meant(table: Mapping[str, Any]) -> str:
    unknown = [key for key in table if key not in McpSettings.__struct_fields__]
    return did_you_mean(unknown[0], McpSettings.__struct_fields__) if unknown else ""


def _wrong(name: str, words: str) -> ConfigError:
    return ConfigError(f"[sources.{name}]: {words}", path="toolyard.toml")
