"""Reads and writes `server.json`, the official MCP registry's description of a server; starts nothing, asks nobody.

Source: the schema of 2025-12-11 (static.modelcontextprotocol.io). A server by address is preferred to one that has to
be installed. What has to be secret becomes a handle of a secret, and what a person has to say first is named.
"""

import re
import shlex
from collections.abc import Iterable, Mapping
from typing import Any

import msgspec
from msgspec import Struct, field
from toolyard_sdk.egress import secret
from toolyard_sdk.errors import ConfigError

SCHEMA = "https://static.modelcontextprotocol.io/schemas/2025-12-11/server.schema.json"

_STARTERS = {
    "npm": frozenset({"npx", "bunx"}),
    "oci": frozenset({"docker", "podman"}),
    "pypi": frozenset({"uvx", "python", "python3"}),
}
"""What may start a package of each kind: a file of a stranger names no other program."""

_LONGEST = 100
_NAMESPACE = re.compile(r"[a-zA-Z0-9.-]{1,120}\Z")
_PLACE = re.compile(r"\{([A-Za-z0-9_.-]+)\}")
_NOT_IN_NAMES = re.compile(r"[^A-Za-z0-9_-]+")


class Input(Struct, frozen=True, rename="camel"):
    """A value that a server is given; `value` may hold places in braces, which `variables` fill."""

    name: str = ""
    type: str = ""
    value: str = ""
    default: str = ""
    value_hint: str = ""
    is_required: bool = False
    is_secret: bool = False
    variables: dict[str, "Input"] = field(default_factory=dict)


class Transport(Struct, frozen=True):
    """How a server is spoken to."""

    type: str
    url: str = ""
    headers: tuple[Input, ...] = ()
    variables: dict[str, Input] = field(default_factory=dict)


class Package(Struct, frozen=True, rename="camel"):
    """A package that holds a server, and how it is started."""

    registry_type: str
    identifier: str
    transport: Transport
    version: str = ""
    runtime_hint: str = ""
    runtime_arguments: tuple[Input, ...] = ()
    package_arguments: tuple[Input, ...] = ()
    environment_variables: tuple[Input, ...] = ()


class ServerJson(Struct, frozen=True):
    """The whole file, as far as a source needs it."""

    name: str
    description: str
    version: str
    packages: tuple[Package, ...] = ()
    remotes: tuple[Transport, ...] = ()


class Described(Struct, frozen=True):
    """A source made of a server.json: its table, the secrets it names, and what a person still has to fill in."""

    name: str
    table: dict[str, Any]
    secrets: tuple[str, ...]
    missing: tuple[str, ...]


def read_server(text: bytes, path: str = "server.json") -> ServerJson:
    """Read a server.json; raises ConfigError."""
    try:
        return msgspec.json.decode(text, type=ServerJson)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise ConfigError(f"this is no server.json: {error}", path=path) from error


def source_of(server: ServerJson, name: str = "") -> Described:
    """Return a server as a `[sources.NAME]` table; raises ConfigError where it can be neither reached nor started."""
    made = _Making()
    table = _remote(server, made) or _local(server, made)
    if table is None:
        kinds = sorted({each.registry_type for each in server.packages} | {each.type for each in server.remotes})
        raise ConfigError(
            f"{server.name} can be neither reached nor started here: it offers {', '.join(kinds) or 'nothing'}"
        )
    short = name or _NOT_IN_NAMES.sub("_", server.name.rpartition("/")[2]).strip("_")[:40]
    return Described(short, {"kind": "mcp", **table}, tuple(made.secrets), tuple(made.missing))


class _Making:
    """A table while it is being made: the secrets it names, and what is missing."""

    def __init__(self) -> None:
        self.secrets: list[str] = []
        self.missing: list[str] = []

    def value(self, given: Input, label: str) -> str | None:
        """Return what an input is set to; None where it is left out."""
        if given.is_secret and not given.value:
            named = _NOT_IN_NAMES.sub("_", label).lower()
            self.secrets.append(named)
            return secret(named)
        text = given.value or given.default
        if not text:
            if given.is_required:
                self.missing.append(label)
            return None
        return self.filled(text, given.variables)

    def filled(self, text: str, variables: Mapping[str, Input]) -> str:
        def fill(match: re.Match[str]) -> str:
            variable = variables.get(match[1])
            found = self.value(variable, match[1]) if variable is not None else None
            if found is None:
                self.missing.append(match[1])
                return match[0]
            return found

        return _PLACE.sub(fill, text)


def _remote(server: ServerJson, made: _Making) -> dict[str, Any] | None:
    for remote in server.remotes:
        if remote.type == "streamable-http":
            headers = _named(remote.headers, made)
            return {"url": made.filled(remote.url, remote.variables)} | ({"headers": headers} if headers else {})
    return None


def _local(server: ServerJson, made: _Making) -> dict[str, Any] | None:
    for package in server.packages:
        started = _STARTS.get(package.registry_type)
        if package.transport.type != "stdio" or started is None:
            continue
        _check_package(server.name, package)
        command = [
            *started(package, tuple(_words(package.runtime_arguments, made))),
            *_words(package.package_arguments, made),
        ]
        env = _named(package.environment_variables, made)
        return {"command": command} | ({"env": env} if env else {})
    return None


def _check_package(server: str, package: Package) -> None:
    """Refuse what would start something else than the package; raises ConfigError."""
    known = _STARTERS[package.registry_type]
    if package.runtime_hint and package.runtime_hint not in known:
        raise ConfigError(
            f"{server} wants to be started by {package.runtime_hint[:80]!r}, and not by {' or '.join(sorted(known))}: "
            "write its [sources.NAME] by hand where you trust that"
        )
    if not package.identifier or package.identifier.startswith("-") or package.version.startswith("-"):
        raise ConfigError(f"{server} names the package {package.identifier[:80]!r}, which can be none")


def _named(inputs: Iterable[Input], made: _Making) -> dict[str, str]:
    values = ((each.name, made.value(each, each.name)) for each in inputs)
    return {name: value for name, value in values if value is not None}


def _words(inputs: Iterable[Input], made: _Making) -> Iterable[str]:
    for each in inputs:
        value = made.value(each, each.name or each.value_hint or "an argument")
        if each.type == "named":
            flag = bool(each.value or each.default or each.is_secret)
            yield from (each.name, value) if flag and value is not None else (each.name,)
        elif value is not None:
            yield value


def _npm(package: Package, before: tuple[str, ...]) -> list[str]:
    at = f"@{package.version}" if package.version else ""
    return [package.runtime_hint or "npx", *(before or ("-y",)), f"{package.identifier}{at}"]


def _pypi(package: Package, before: tuple[str, ...]) -> list[str]:
    if package.runtime_hint in ("", "uvx") and package.version:
        return ["uvx", *before, f"{package.identifier}=={package.version}"]
    return [package.runtime_hint or "uvx", *before, package.identifier]


def _oci(package: Package, before: tuple[str, ...]) -> list[str]:
    tag = f":{package.version}" if package.version and ":" not in package.identifier.rpartition("/")[2] else ""
    return [package.runtime_hint or "docker", *(before or ("run", "-i", "--rm")), f"{package.identifier}{tag}"]


_STARTS = {"npm": _npm, "pypi": _pypi, "oci": _oci}


def toml_table(name: str, table: Mapping[str, Any]) -> str:
    """Return a `[sources.NAME]` table as TOML."""
    lines = [f"[sources.{name}]"]
    nested = []
    for key, value in table.items():
        if isinstance(value, dict):
            nested += [
                "",
                f"[sources.{name}.{key}]",
                *(f"{_text(inner)} = {_text(each)}" for inner, each in value.items()),
            ]
        else:
            lines.append(f"{key} = {_text(value)}")
    return "\n".join([*lines, *nested]) + "\n"


def command_words(text: str) -> list[str]:
    """Return a command as its words; raises ConfigError."""
    try:
        return shlex.split(text)
    except ValueError as error:
        raise ConfigError(f"the command is no shell words: {error}") from error


def _text(value: Any) -> str:
    return msgspec.json.encode(value).decode()


def written(
    namespace: str, tool: Mapping[str, Any], *, distribution: str, plugin: str, sha256: str, mcp_url: str = ""
) -> dict[str, Any]:
    """Return a published tool as a server.json: its plugin by the SDK's server, and this server's own /mcp.

    Raises ConfigError for what can be no namespace (`io.github.somebody`).
    """
    if not _NAMESPACE.match(namespace):
        raise ConfigError(f"{namespace[:80]!r} is no namespace: write a domain backwards, as in io.github.somebody")
    description = " ".join(str(tool["description"]).split())
    cut = description if len(description) <= _LONGEST else description[: _LONGEST - 1] + "…"
    made: dict[str, Any] = {
        "$schema": SCHEMA,
        "name": f"{namespace}/{tool['name']}",
        "description": cut,
        "version": tool["version"],
        "packages": [
            {
                "registryType": "pypi",
                "identifier": distribution,
                "version": tool["version"],
                "fileSha256": sha256,
                "runtimeHint": "uvx",
                # The package stands between both kinds of arguments, where `--with` takes it.
                "runtimeArguments": [
                    {"type": "named", "name": "--from", "value": "toolyard-sdk[serve]"},
                    {"type": "named", "name": "--with"},
                ],
                "packageArguments": [
                    {"type": "positional", "value": "python"},
                    {"type": "named", "name": "-m", "value": "toolyard_sdk.serve"},
                    {"type": "positional", "value": plugin},
                ],
                "transport": {"type": "stdio"},
            }
        ],
        "_meta": {"io.modelcontextprotocol.registry/publisher-provided": {"toolyard": {"release": tool["release"]}}},
    }
    if mcp_url:
        key = {
            "name": "Authorization",
            "value": "Bearer {api_key}",
            "variables": {"api_key": {"isSecret": True, "isRequired": True}},
        }
        made["remotes"] = [{"type": "streamable-http", "url": mcp_url, "headers": [key]}]
    return made
