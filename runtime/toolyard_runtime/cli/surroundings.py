"""Where a command was called from, and which server it therefore means; opens no connection."""

import os
from collections.abc import Mapping
from pathlib import Path

import msgspec
from msgspec import Struct

from toolyard_runtime.serving import ServerAddress

REPOSITORY_FILE = "toolyard.toml"
STATE_FOLDER = ".toolyard"
ADDRESS_FILE = "server.json"


class Surroundings(Struct, frozen=True):
    """What the entry module read from the process, so that no command reads it by itself.

    `environment` is for what the operator names there, such as a provider's `api_key_env`.
    """

    cwd: Path
    url: str = ""
    key: str = ""
    search_path: str = ""
    python: Path = Path("python3")
    environment: Mapping[str, str] = {}


class NotRunning(Exception):
    """No address of a live server was found; the message says where it was looked for."""


def find_repository(start: Path) -> Path | None:
    """Return the nearest folder at or above `start` that holds a `toolyard.toml`; None when there is none."""
    for folder in (start, *start.parents):
        if (folder / REPOSITORY_FILE).is_file():
            return folder
    return None


def read_address(state_dir: Path) -> ServerAddress | None:
    """Return what the last server wrote into `state_dir`, running or not; None when nothing readable is there."""
    try:
        return msgspec.json.decode((state_dir / ADDRESS_FILE).read_bytes(), type=ServerAddress)
    except (OSError, msgspec.MsgspecError):
        return None


def is_alive(pid: int) -> bool:
    """Tell whether a process with this id exists (signal 0 asks without touching it)."""
    if pid <= 0:
        return False
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


class Target(Struct, frozen=True):
    """Which server a command means, as the person said it: everything may be left out."""

    url: str = ""
    key: str = ""
    repository: Path | None = None
    state_dir: Path | None = None


def find_server(surroundings: Surroundings, target: Target) -> tuple[str, str]:
    """Return (url, key) of the server that is meant: options, then environment, then `server.json`.

    A url that was given takes its key from the options or the environment only: a key is never sent to a server it
    was not made by. Raises NotRunning.
    """
    url = target.url or surroundings.url
    key = target.key or surroundings.key
    if url:
        return url, key
    start = target.state_dir or target.repository or surroundings.cwd
    for state_dir in state_dirs(surroundings, target):
        address = read_address(state_dir)
        if address is not None:
            if not is_alive(address.pid):
                raise NotRunning(f"The server of {start} is not running any more (its process {address.pid} is gone).")
            return address.url, key or address.key
    above = "" if target.state_dir else " or a folder above it"
    raise NotRunning(f"No server is running for {start}{above}.")


def state_dirs(surroundings: Surroundings, target: Target) -> tuple[Path, ...]:
    """Return the folders in which a server may have left its address, the nearest first."""
    if target.state_dir:
        return (target.state_dir.resolve(),)
    start = target.repository.resolve() if target.repository else surroundings.cwd
    return tuple(folder / STATE_FOLDER for folder in (start, *start.parents))
