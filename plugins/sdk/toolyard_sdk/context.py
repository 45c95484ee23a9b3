"""`ToolContext`: what a tool may know of the call it serves."""

import logging
from collections.abc import Callable
from typing import Any

import msgspec
from msgspec import Struct

from toolyard_sdk.asking import Ask, nobody
from toolyard_sdk.egress import CLOSED, Egress


def _ignore(_done: float, _total: float | None, _message: str) -> None:
    """Take a progress report that nobody watches."""


_silent = logging.getLogger("toolyard.tool")


class ToolContext(Struct, frozen=True):
    """One call's surroundings. Ask for it by annotating a parameter with `ToolContext`; the model never sees it.

    `deadline` is UTC microseconds after which the result is no longer wanted (0: none). `idempotency_key` is the same
    for every attempt of one call: hand it to services that can tell a repetition. `settings` holds the plugin's table
    of toolyard.toml. `progress(done, total, message)` reports to whoever watches the run. `egress` is the only way
    out: it reaches the hosts an operator has allowed this tool, and fills in secrets that the tool never sees.
    `await ask(message, schema)` asks the person for whom the call is made: see `toolyard_sdk.asking`.
    """

    tenant: str = "default"
    end_user: str | None = None
    run: str = ""
    session: str = ""
    call: str = ""
    idempotency_key: str = ""
    deadline: int = 0
    attempt: int = 1
    settings: dict[str, Any] = msgspec.field(default_factory=dict)
    logger: logging.Logger = _silent
    progress: Callable[[float, float | None, str], None] = _ignore
    egress: Egress = CLOSED
    ask: Ask = nobody
