"""What a person may say when starting a server; knows neither the files nor the server that will read it."""

from pathlib import Path
from typing import Literal

from msgspec import Struct

LOCAL_KEY = "local"
"""The name of the key that is made at the first start, for commands on this machine."""

LogLevel = Literal["debug", "info", "warning", "error"]


class ServeOptions(Struct, frozen=True):
    """How to serve one agent repository.

    `host` and `port` are those of `toolyard.toml` where None; port 0 takes any free one. `model_url` ends in `/v1` and
    takes the place of the repository's model server; `model` names the model there. `rehearsal` answers with the
    rehearsal model instead, and only when asked to. `state_dir` holds the database and `server.json`. `packages` are
    folders of tool packages in development: their tools are served as their files are now.
    """

    repository: Path
    state_dir: Path
    host: str | None = None
    port: int | None = None
    model_url: str = ""
    model: str = ""
    rehearsal: bool = False
    log_level: LogLevel = "info"
    packages: tuple[Path, ...] = ()


class ServerAddress(Struct, frozen=True):
    """What a running server leaves in `server.json`, so that commands on the same machine can talk to it."""

    url: str
    key: str
    pid: int


class NoModel(Exception):
    """Neither the options nor the repository name a model, so no agent could answer."""
