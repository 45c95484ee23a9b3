"""What a model server says of itself: which models it serves and which kind of server it is; checks nothing."""

from typing import Any
from urllib.parse import urlsplit

import msgspec
from msgspec import Struct

from toolyard_runtime.models.connection import LineError, Origin


class Discovered(Struct, frozen=True):
    """`models` in the server's order; `profile` a name of toolyard.toml, "" where nothing gave it away."""

    models: tuple[str, ...]
    profile: str


async def discover(base_url: str, api_key: str, *, seconds: float = 3.0) -> Discovered:
    """Ask a server for its models and its kind; raises LineError when it cannot be reached."""
    parts = urlsplit(base_url)
    prefix = parts.path.rstrip("/")
    root = prefix.removesuffix("/v1")
    origin = Origin(base_url, headers=(("Authorization", f"Bearer {api_key}"),) if api_key else ())
    try:
        listed = await _json(origin, f"{prefix}/models", seconds)
        entries = [entry for entry in listed.get("data") or () if isinstance(entry, dict)]
        names = tuple(str(entry["id"]) for entry in entries if entry.get("id"))
        if parts.hostname == "api.openai.com":
            return Discovered(names, "openai")
        return Discovered(names, await _kind(origin, root, seconds))
    finally:
        await origin.close()


async def _kind(origin: Origin, root: str, seconds: float) -> str:
    try:
        if isinstance((await _json(origin, f"{root}/version", seconds)).get("version"), str):
            return "vllm"
        if isinstance((await _json(origin, f"{root}/api/version", seconds)).get("version"), str):
            return "ollama"
        return "llama.cpp" if "default_generation_settings" in await _json(origin, f"{root}/props", seconds) else ""
    except LineError:
        return ""


async def _json(origin: Origin, path: str, seconds: float) -> dict[str, Any]:
    answer = await origin.send(b"GET", path.encode(), timeout=seconds)
    try:
        found = msgspec.json.decode(answer.body)
    except (ValueError, RecursionError):  # msgspec's own errors and bad UTF-8 are ValueErrors
        return {}
    return found if isinstance(found, dict) else {}
