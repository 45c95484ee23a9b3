"""The doctor looks at long-term memory: who remembers, whether the embedder works, how far vectors are."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import msgspec
from toolyard_sdk.errors import ConfigError

from toolyard_runtime.cli.connection import Connection, Refused, Unreachable
from toolyard_runtime.cli.findings import Finding
from toolyard_runtime.cli.surroundings import is_alive, read_address
from toolyard_runtime.config import FILE, Config, MemoryTable, ProviderTable
from toolyard_runtime.engine.memory_settings import trouble_with
from toolyard_runtime.serving import LOCAL_KEY

SUBJECT: Final = "Memory"
BY_COMMAND_LINE: Final = "model"
"""The provider that `serve --model-url` makes, of which the files know nothing."""

_HASHING: Final = "hashing"
_ONNX: Final = "onnx:"
_PROBE_SECONDS: Final = 5.0
_MOST: Final = 100


def memory(
    config: Config, remembering: Sequence[str], repository: Path, state_dir: Path, environment: Mapping[str, str]
) -> list[Finding]:
    """Look at the memory that the agents `remembering` have."""
    settings = config.memory
    trouble = trouble_with(settings, (*config.providers, BY_COMMAND_LINE), repository)
    if trouble:
        return [Finding("broken", SUBJECT, f"{FILE}: {trouble}", "Correct the line: no server starts with it.")]
    if not remembering:
        return [Finding("ok", SUBJECT, "no agent remembers: none has a table [memory]")]
    who = f"{', '.join(remembering)} {'remembers' if len(remembering) == 1 else 'remember'}"
    unusable = _embedder(settings, config.providers, repository, environment)
    if unusable:
        advice = "Until it answers, memory is searched by words alone."
        return [Finding("broken", SUBJECT, f"{who}, and the embedder cannot be used: {unusable}", advice)]
    return _of_server(who, settings, state_dir)


def _embedder(
    settings: MemoryTable, providers: Mapping[str, ProviderTable], repository: Path, environment: Mapping[str, str]
) -> str:
    """Have the embedder embed a word, or look at its files; return what went wrong."""
    if settings.vectors == "none" or settings.embedder == _HASHING:
        return ""
    if settings.embedder.startswith(_ONNX):
        return _of_folder(repository / settings.embedder.removeprefix(_ONNX))
    provider, _, model = settings.embedder.partition("/")
    table = providers.get(provider)
    if table is None:
        return ""  # named on the command line of a server
    key = environment.get(table.api_key_env, "") if table.api_key_env else ""
    return _of_provider(table.base_url, key, {"model": model, "input": [f"{settings.text_prefix}word"]})


def _of_folder(folder: Path) -> str:
    from toolyard_memory.embedders.onnx import OnnxEmbedder  # noqa: PLC0415 - only who has a model pays for it

    try:
        OnnxEmbedder(folder)
    except ConfigError as error:
        return str(error)
    return ""


def _of_provider(base_url: str, key: str, body: dict[str, Any]) -> str:
    path = "/v1/embeddings" if base_url.rstrip("/").endswith("/v1") else "/embeddings"
    try:
        answer = Connection(base_url, key, seconds=_PROBE_SECONDS).post(path, body)
        vector = msgspec.convert(answer["data"][0]["embedding"], list[float])
    except Unreachable as error:
        return str(error)
    except (Refused, ValueError, KeyError, IndexError, TypeError) as error:
        return f"{base_url}: {error}"
    return "" if vector else f"{base_url}: the vector it gives is empty"


def _of_server(who: str, settings: MemoryTable, state_dir: Path) -> list[Finding]:
    """Ask a running server how far its vectors are, and whether any key may name end users."""
    address = read_address(state_dir)
    if address is None or not is_alive(address.pid):
        by = "by words alone" if settings.vectors == "none" else f"embedder {settings.embedder}"
        return [Finding("ok", SUBJECT, f"{who}; {by}")]
    connection = Connection(address.url, address.key, seconds=_PROBE_SECONDS)
    try:
        stats = connection.get("/api/v1/memory/stats")
        keys = connection.get("/api/v1/keys", limit=_MOST)["data"]
    except (Refused, Unreachable) as error:
        return [Finding("warn", SUBJECT, f"{who}; the server does not tell more: {error}", "Its log says why.")]
    findings = [_vectors(who, stats["vectors"])]
    if not any(_names_people(key) for key in keys):
        told = f"{who}, and no key but `{LOCAL_KEY}` may say for which end user a request is"
        advice = "`toolyard key create APP --role frontend` makes one: who names nobody is answered without memory."
        findings.append(Finding("warn", SUBJECT, told, advice))
    return findings


def _vectors(who: str, vectors: dict[str, Any] | None) -> Finding:
    if vectors is None:
        return Finding("ok", SUBJECT, f"{who}; by words alone")
    told = f"{who}; {vectors['embedder']}, {vectors['state']}, {vectors['waiting']} waiting"
    if vectors["degraded"]:
        return Finding("warn", SUBJECT, f"{told}: {vectors['degraded']}", "What it misses is found by words meanwhile.")
    return Finding("ok", SUBJECT, told)


def _names_people(key: dict[str, Any]) -> bool:
    return key.get("name") != LOCAL_KEY and "frontend" in key.get("roles", ()) and not key.get("revoked_at")
