"""`toolyard.toml`: what the operator says of the server, its store, its model servers and its plugins."""

from collections.abc import Collection
from pathlib import Path
from typing import Annotated, Any, Literal
from urllib.parse import urlsplit

from msgspec import Meta, Struct
from toolyard_registry.toml.located import did_you_mean, line_of, load, read_text
from toolyard_sdk.egress import EgressGrant
from toolyard_sdk.errors import ConfigError
from toolyard_sdk.http.grants import grant_problems

FILE = "toolyard.toml"

ProfileName = Literal["vllm", "openai", "llama.cpp", "ollama", "generic"]


class ServerTable(Struct, frozen=True, forbid_unknown_fields=True):
    """`[server]`: where to listen and how much at once; sizes are bytes, times seconds."""

    host: str = "127.0.0.1"
    port: Annotated[int, Meta(ge=0, le=65535)] = 8700
    max_runs: Annotated[int, Meta(ge=1)] = 64
    public_url: str = ""
    allowed_hosts: tuple[str, ...] = ()
    cors_origins: tuple[str, ...] = ()
    max_body_bytes: Annotated[int, Meta(ge=1024)] = 8 * 1024 * 1024
    drain_seconds: Annotated[float, Meta(ge=0, le=3600)] = 20.0


class StoreTable(Struct, frozen=True, forbid_unknown_fields=True):
    """`[store]`: the database, whose relative path is relative to the repository, and when it is written."""

    url: str = ""
    record_first: bool = False


class ProviderTable(Struct, frozen=True, forbid_unknown_fields=True):
    """`[providers.NAME]`: a model server. The key is read from the environment variable `api_key_env`.

    `kind` names what a plugin has registered in place of the built-in clients.
    """

    base_url: str
    api_key_env: str = ""
    profile: ProfileName | None = None
    default_model: str = ""
    client: Literal["thin", "openai"] = "thin"
    kind: str = ""


class ModelsTable(Struct, frozen=True, forbid_unknown_fields=True):
    """`[models]`: which model answers for agents that name none, as `provider/model`."""

    default: str = ""


class SecretsTable(Struct, frozen=True, forbid_unknown_fields=True):
    """`[secrets]`: where secrets lie beside the database; values never stand in this file.

    `environment` maps a secret (`NAME`, or `TENANT/NAME`) to the variable it is read from; `directory` is relative to
    the repository.
    """

    environment: dict[str, str] = {}
    directory: str = ""


class EnvironmentsTable(Struct, frozen=True, forbid_unknown_fields=True):
    """`[environments]`: where uv finds what a release needs that runs in an environment of its own.

    `find_links` are folders of wheels, relative to the repository; `index_url` takes the place of uv's own index;
    with `offline`, nothing but the folders is looked at. With `check_published`, a wheel that is published is loaded in
    one, to see whether it holds what its author says. A release that nobody has called for `idle_seconds` (0: for ever)
    is stopped until it is called again; `most_running` of them run at a time.
    """

    find_links: tuple[str, ...] = ()
    index_url: str = ""
    offline: bool = False
    check_published: bool = True
    idle_seconds: Annotated[float, Meta(ge=0)] = 600.0
    most_running: Annotated[int, Meta(ge=1)] = 16


class EmbedderTable(Struct, frozen=True, forbid_unknown_fields=True):
    """What turns texts into vectors: `"hashing"`, `"onnx:FOLDER"` (relative to the repository) or `"provider/model"`.

    `revision` tells a server's model from another one that had its name, `dimensions` asks it for shorter vectors, and
    the prefixes are what it wants before texts and questions.
    """

    embedder: str = ""
    revision: str = ""
    dimensions: Annotated[int, Meta(ge=8)] | None = None
    text_prefix: str = ""
    query_prefix: str = ""


class SearchTable(EmbedderTable, frozen=True, forbid_unknown_fields=True):
    """`[search]`: whether vectors help to find tools, and what they count beside words, which count 1.

    Without an `embedder` tools are found by words alone; without a `weight` it is what fits the kind of embedder.
    """

    weight: Annotated[float, Meta(ge=0, le=10)] | None = None


class MemoryTable(EmbedderTable, frozen=True, forbid_unknown_fields=True):
    """`[memory]`: what turns texts into vectors, and where these are searched; agents' files say who remembers.

    `vectors` `"auto"` is Chroma where it is installed, and an exact search otherwise; `"none"` leaves vectors out.
    `former` is the embedder whose vectors serve until `embedder` has made its own.
    """

    embedder: str = "hashing"
    former: str = ""
    vectors: Literal["auto", "chroma", "exact", "none"] = "auto"
    chroma_url: str = ""


class Config(Struct, frozen=True, forbid_unknown_fields=True):
    """The whole file."""

    server: ServerTable = ServerTable()
    store: StoreTable = StoreTable()
    providers: dict[str, ProviderTable] = {}
    models: ModelsTable = ModelsTable()
    plugins: dict[str, Any] = {}
    sources: dict[str, dict[str, Any]] = {}
    egress: dict[str, EgressGrant] = {}
    secrets: SecretsTable = SecretsTable()
    environments: EnvironmentsTable = EnvironmentsTable()
    memory: MemoryTable = MemoryTable()
    search: SearchTable = SearchTable()

    @property
    def plugins_off(self) -> tuple[str, ...]:
        """The plugins that are switched off."""
        off = self.plugins.get("off", [])
        return tuple(off) if isinstance(off, list) else ()

    @property
    def plugin_settings(self) -> dict[str, dict[str, Any]]:
        """The `[plugins.NAME]` tables."""
        return {name: table for name, table in self.plugins.items() if isinstance(table, dict)}


def read_config(repository: Path) -> Config:
    """Read a repository's toolyard.toml; raises ConfigError with the file, the line and the nearest valid key."""
    path = repository / FILE
    if not path.exists():
        return Config()
    config = load(path, Config, shown=FILE)
    _check_server(path, config.server)
    for name, grant in config.egress.items():
        for problem in grant_problems(grant):
            line = line_of(read_text(path, shown=FILE), "egress", name, problem.partition(":")[0].partition(".")[0])
            raise ConfigError(f"[egress.{name}] {problem}", path=FILE, line=line)
    for name in config.providers:
        if "/" in name:
            raise ConfigError(
                f"the provider name {name!r} may not hold a '/': models are named provider/model", path=FILE
            )
    return config


def _check_server(path: Path, server: ServerTable) -> None:
    """Refuse addresses that only a browser or a client would find wrong; raises ConfigError with the line."""
    if server.public_url and not _is_address(server.public_url):
        raise ConfigError(
            f"`server.public_url` cannot be {server.public_url!r}: write http://HOST or https://HOST, with the port "
            "where people reach this server under another one than the usual",
            path=FILE,
            line=line_of(read_text(path, shown=FILE), "server", "public_url"),
        )
    for index, host in enumerate(server.allowed_hosts):
        if not host.strip():
            raise ConfigError(
                '`server.allowed_hosts` holds an empty name: write host names, "*" for any, or remove it',
                path=FILE,
                line=line_of(read_text(path, shown=FILE), "server", "allowed_hosts", index),
            )


def _is_address(text: str) -> bool:
    try:
        parts = urlsplit(text)
        return (
            parts.scheme in ("http", "https")
            and bool(parts.hostname)
            and parts.port != 0
            and not (parts.query or parts.fragment)
            and text.isprintable()
            and " " not in text
        )
    except ValueError:  # no number for a port, or half a pair of brackets
        return False


def check_kinds(repository: Path, config: Config, kinds: Collection[str]) -> None:
    """Refuse a provider of a kind that no plugin has registered; raises ConfigError with the line and the nearest."""
    for name, table in config.providers.items():
        if table.kind and table.kind not in kinds:
            line = line_of(read_text(repository / FILE), "providers", name, "kind")
            known = did_you_mean(table.kind, kinds) or "; no plugin registers one"
            raise ConfigError(f"there is no kind of model provider `{table.kind}`{known}", path=FILE, line=line)
