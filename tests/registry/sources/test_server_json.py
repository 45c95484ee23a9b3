"""A server.json becomes the table of a source, and a published tool becomes a server.json that fits its schema."""

import json
import re
import tomllib
from pathlib import Path
from typing import Any

import msgspec
import pytest
from toolyard_registry.schemas.checking import compile_schema
from toolyard_registry.sources.mcp.settings import read_settings
from toolyard_registry.sources.server_json import SCHEMA, Described, read_server, source_of, toml_table, written
from toolyard_sdk.errors import ConfigError


def described(**parts: Any) -> Described:
    text = {"name": "io.github.somebody/weather", "description": "Weather.", "version": "1.0.0", **parts}
    return source_of(read_server(json.dumps(text).encode()))


def package(kind: str, identifier: str, **more: Any) -> dict[str, Any]:
    return {"registryType": kind, "identifier": identifier, "version": "1.0.2", "transport": {"type": "stdio"}, **more}


@pytest.mark.parametrize(
    ("given", "command"),
    [
        (package("npm", "@acme/weather"), ["npx", "-y", "@acme/weather@1.0.2"]),
        (package("pypi", "acme-weather"), ["uvx", "acme-weather==1.0.2"]),
        (package("oci", "docker.io/acme/weather"), ["docker", "run", "-i", "--rm", "docker.io/acme/weather:1.0.2"]),
        (package("oci", "ghcr.io/acme/weather:2"), ["docker", "run", "-i", "--rm", "ghcr.io/acme/weather:2"]),
        (
            package(
                "npm",
                "weather",
                runtimeArguments=[{"type": "named", "name": "--yes"}],
                packageArguments=[
                    {"type": "positional", "value": "serve"},
                    {"type": "named", "name": "--port", "default": "80"},
                    {"type": "positional", "valueHint": "folder"},
                ],
            ),
            ["npx", "--yes", "weather@1.0.2", "serve", "--port", "80"],
        ),
    ],
)
def test_a_package_becomes_a_command(given: dict[str, Any], command: list[str]) -> None:
    found = described(packages=[given])
    assert (found.name, found.table["kind"], found.table["command"]) == ("weather", "mcp", command)
    assert found.missing == ()


def test_a_server_by_address_is_preferred_and_its_secrets_become_handles() -> None:
    header = {"name": "X-API-Key", "isSecret": True, "isRequired": True}
    remote = {
        "type": "streamable-http",
        "url": "https://{region}.example.org/mcp",
        "headers": [header],
        "variables": {"region": {"default": "eu"}},
    }
    found = described(remotes=[remote], packages=[package("npm", "weather")])
    assert found.table["url"] == "https://eu.example.org/mcp"
    assert found.table["headers"] == {"X-API-Key": "{{secret:x-api-key}}"}
    assert found.secrets == ("x-api-key",)


def test_what_a_person_has_to_say_is_named() -> None:
    env = [{"name": "REGION", "isRequired": True}, {"name": "MODE"}, {"name": "TOKEN", "isSecret": True}]
    found = described(packages=[package("npm", "weather", environmentVariables=env)])
    assert found.missing == ("REGION",)
    assert found.table["env"] == {"TOKEN": "{{secret:token}}"}


@pytest.mark.parametrize(
    "parts",
    [{}, {"remotes": [{"type": "sse", "url": "https://x"}]}, {"packages": [package("mcpb", "https://x/a.mcpb")]}],
)
def test_what_can_be_neither_reached_nor_started_is_refused(parts: dict[str, Any]) -> None:
    with pytest.raises(ConfigError, match="neither reached nor started"):
        described(**parts)


@pytest.mark.parametrize(
    ("kind", "identifier", "more", "words"),
    [
        ("npm", "weather", {"runtimeHint": "/bin/sh"}, "wants to be started by '/bin/sh', and not by bunx or npx"),
        ("oci", "weather", {"runtimeHint": "npx"}, "not by docker or podman"),
        ("npm", "-c=touch x", {}, "names the package '-c=touch x', which can be none"),
        ("oci", "-v=/:/host", {}, "which can be none"),
        ("pypi", "--index-url=http://evil", {}, "which can be none"),
        ("pypi", "", {}, "which can be none"),
    ],
)
def test_a_file_starts_nothing_but_its_package(kind: str, identifier: str, more: dict[str, Any], words: str) -> None:
    with pytest.raises(ConfigError, match=re.escape(words)):
        described(packages=[package(kind, identifier, **more)])


@pytest.mark.parametrize(
    "text", [b"", b"[]", b"{}", b'{"name": 1}', b'{"name":"a/b","description":"x","version":"1","packages":{}}']
)
def test_what_is_no_server_json_is_refused(text: bytes) -> None:
    with pytest.raises(ConfigError, match=r"no server\.json"):
        read_server(text)


def test_a_table_is_toml_that_the_source_reads_back(tmp_path: Path) -> None:
    env = [{"name": "TOKEN", "isSecret": True}]
    found = described(packages=[package("npm", 'we"ather', environmentVariables=env)])
    table = tomllib.loads(toml_table(found.name, found.table))["sources"]["weather"]
    settings = read_settings("weather", {key: value for key, value in table.items() if key != "kind"}, tmp_path)
    assert settings.arguments == ("npx", "-y", 'we"ather@1.0.2')
    assert settings.env == {"TOKEN": "{{secret:token}}"}


TOOL = {
    "name": "weather",
    "description": "Tell the weather. " * 20,
    "version": "0.1.0",
    "release": "sha256:" + "0" * 64,
}


def exported(**more: Any) -> dict[str, Any]:
    return written("io.github.acme", TOOL, distribution="acme-weather", plugin="weather", sha256="ab" * 32, **more)


def test_an_exported_tool_can_be_added_again() -> None:
    made = exported()
    assert made["$schema"] == SCHEMA
    assert len(made["description"]) <= 100
    found = source_of(read_server(msgspec.json.encode(made)))
    started = "uvx --from toolyard-sdk[serve] --with acme-weather==0.1.0 python -m toolyard_sdk.serve weather"
    assert found.table["command"] == started.split()


def test_an_exported_tool_fits_what_the_schema_demands() -> None:
    """The rules of the schema of 2025-12-11 that our files touch; the schema itself is not ours to copy."""
    text = {"type": "string", "minLength": 1}
    argument = {
        "type": "object",
        "required": ["type"],
        "properties": {"type": {"enum": ["named", "positional"]}, "name": text, "value": text},
        "allOf": [{"if": {"properties": {"type": {"const": "named"}}}, "then": {"required": ["name"]}}],
    }
    rules = {
        "type": "object",
        "required": ["name", "description", "version"],
        "properties": {
            "name": {"pattern": "^[a-zA-Z0-9.-]+/[a-zA-Z0-9._-]+$", "minLength": 3, "maxLength": 200},
            "description": {"minLength": 1, "maxLength": 100},
            "packages": {
                "items": {
                    "required": ["registryType", "identifier", "transport"],
                    "properties": {
                        "fileSha256": {"pattern": "^[a-f0-9]{64}$"},
                        "runtimeArguments": {"items": argument},
                        "packageArguments": {"items": argument},
                    },
                }
            },
            "remotes": {
                "items": {"required": ["type", "url"], "properties": {"url": {"pattern": "^https?://[^\\s]+$"}}}
            },
        },
    }
    assert compile_schema(rules).faults(exported(mcp_url="https://tools.example.org/mcp")) == ()


def test_what_can_be_no_namespace_is_refused() -> None:
    with pytest.raises(ConfigError, match="no namespace"):
        written("a b", TOOL, distribution="d", plugin="p", sha256="")
