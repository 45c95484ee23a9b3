"""The doctor's checks of what a server needs around it: models, its address and the disk under its database."""

import shutil
import stat
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec
from msgspec import Struct

from toolyard_runtime.cli.connection import Connection, Refused, Unreachable
from toolyard_runtime.cli.findings import Finding
from toolyard_runtime.cli.surroundings import ADDRESS_FILE, is_alive, read_address
from toolyard_runtime.config import Config, ProviderTable

_PROBE_SECONDS = 5.0
_LITTLE = 1_000_000_000
_TOO_LITTLE = 100_000_000


def model_servers(config: Config, environment: Mapping[str, str]) -> list[Finding]:
    """Ask every configured model server for its list of models."""
    if not config.providers:
        return [
            Finding(
                "warn",
                "Model server",
                "none is configured",
                "Name one under [providers.NAME] in toolyard.toml or with serve --model-url, or serve --rehearsal.",
            )
        ]
    findings = [_model_server(name, provider, environment) for name, provider in config.providers.items()]
    provider_name, slash, model = config.models.default.partition("/")
    if config.models.default and (not slash or not model or provider_name not in config.providers):
        known = ", ".join(sorted(config.providers))
        findings.append(
            Finding(
                "broken",
                "Default model",
                f"{config.models.default!r} names no configured provider",
                f'Write "provider/model" in [models], with one of: {known}.',
            )
        )
    return findings


def _model_server(name: str, provider: ProviderTable, environment: Mapping[str, str]) -> Finding:
    subject = f"Model {name}"
    if provider.api_key_env and not environment.get(provider.api_key_env):
        return Finding(
            "broken",
            subject,
            f"{provider.api_key_env} is not set",
            f"Set it before serving: export {provider.api_key_env}=...",
        )
    key = environment.get(provider.api_key_env, "") if provider.api_key_env else ""
    try:
        path = "/v1/models" if provider.base_url.rstrip("/").endswith("/v1") else "/models"
        answer = Connection(provider.base_url, key, seconds=_PROBE_SECONDS).get(path)
        models = [str(model["id"]) for model in answer["data"]]
    except Unreachable as error:
        return Finding(
            "broken", subject, str(error), "Start it, or correct base_url under [providers] in toolyard.toml."
        )
    except (Refused, ValueError, KeyError, TypeError) as error:
        return Finding("broken", subject, f"{provider.base_url}: {error}", "`toolyard model check` tells more.")
    if provider.default_model and provider.default_model not in models:
        told = f"{provider.base_url} does not offer {provider.default_model}"
        return Finding("broken", subject, told, f"It offers: {', '.join(models[:8]) or 'nothing'}.")
    return Finding("ok", subject, f"{provider.base_url} offers {', '.join(models[:3])}{' ...' if models[3:] else ''}")


def server(state_dir: Path) -> Finding:
    """Look whether a server runs on this repository, and whether its key is kept from other users."""
    path = state_dir / ADDRESS_FILE
    address = read_address(state_dir)
    if address is None:
        return Finding("ok", "Server", "not running")
    if stat.S_IMODE(path.stat().st_mode) & 0o077:
        return Finding("broken", "Server", f"{path} holds a key and others can read it", f"chmod 600 {path}")
    if not is_alive(address.pid):
        return Finding("ok", "Server", f"not running (the last one was process {address.pid})")
    try:
        told = Connection(address.url, address.key, seconds=_PROBE_SECONDS).get("/readyz")
    except (Refused, Unreachable) as error:
        return Finding("broken", "Server", str(error), f"Process {address.pid} runs but is not ready: look at its log.")
    if told.get("left_alone"):
        return Finding(
            "warn",
            "Server",
            f"{address.url} (process {address.pid}): runs that cannot go on now: {told['left_alone']}",
            "Its log says why for each. They are tried again; `toolyard runs cancel RUN` ends one.",
        )
    return Finding("ok", "Server", f"{address.url} (process {address.pid})")


class AsServed(Struct, frozen=True):
    """What a running server says of its agents: those it serves, and what is wrong with the files, in words."""

    data: tuple[dict[str, Any], ...]
    problems: tuple[str, ...]


def told_by_server(state_dir: Path) -> AsServed | None:
    """Ask the server that runs on this repository; None where none answers."""
    address = read_address(state_dir)
    if address is None or not is_alive(address.pid):
        return None
    try:
        told = Connection(address.url, address.key, seconds=_PROBE_SECONDS).get("/api/v1/agents")
        return msgspec.convert(told, AsServed)
    except (Refused, Unreachable, msgspec.ValidationError):
        return None


def disk(state_dir: Path) -> Finding:
    """Look how much room is left where the database grows."""
    nearest = next(folder for folder in (state_dir, *state_dir.parents) if folder.exists())
    free = shutil.disk_usage(nearest).free
    told = f"{free / 1e9:.1f} GB free at {nearest}"
    if free < _TOO_LITTLE:
        return Finding("broken", "Disk", told, "Make room: when nothing can be written, no run can go on.")
    if free < _LITTLE:
        return Finding("warn", "Disk", told, "Journals only grow; make room before it is needed.")
    return Finding("ok", "Disk", told)
