"""The servers that are compared, as data: how each is started, where it listens and what a run is for it."""

import shlex
import sys
from pathlib import Path

import msgspec
from msgspec import Struct

AGENT = Path(__file__).resolve().parent / "agent"
ROOT = AGENT.parents[2]
KEY = "tyk_bench_0000000000000000000000000000000000000000"
TEXT = "@@MSG@@"
"""Stands for the user's text in a body; `{{sid}}` for a fresh id, `"{{prev}}"` for the id of the answer before."""


class Call(Struct, frozen=True):
    """A request; its body is JSON."""

    path: str
    body: dict[str, object]
    headers: dict[str, str] = {}


class Target(Struct, frozen=True, omit_defaults=True):
    """One server. `$PORT`, `$RUNDIR` and `$MODEL` (the model server's base URL) are filled in where it is started.

    `turn` continues a session; without it, `run` with the same id does.
    """

    cmd: tuple[str, ...]
    health: str
    run: Call
    stream: Call
    turn: Call | None = None
    env: dict[str, str] = {}
    port: int = 0


FLOOR = Target(
    cmd=(
        *(sys.executable, "-m", "uvicorn", "--factory", "tests.bench.floor:create", "--app-dir", str(ROOT)),
        *("--port", "$PORT", "--loop", "uvloop", "--http", "httptools", "--no-access-log", "--log-level", "warning"),
    ),
    health="/healthz",
    run=Call("/run", {"session": "{{sid}}", "text": TEXT}),
    stream=Call("/stream", {"session": "{{sid}}", "text": TEXT}),
)
_SERVE = (
    *(sys.executable, "-m", "toolyard_runtime.cli", "serve", "--repo", str(AGENT), "--state-dir", "$RUNDIR"),
    *("--host", "127.0.0.1", "--port", "$PORT", "--log-level", "warning", "--model-url", "$MODEL"),
)
_HEADERS = {"authorization": f"Bearer {KEY}"}
_MESSAGES: list[dict[str, object]] = [{"role": "user", "content": TEXT}]
CHAT = Target(
    cmd=_SERVE,
    env={"TOOLYARD_BOOTSTRAP_KEY": KEY},
    health="/readyz",
    run=Call("/v1/chat/completions", {"model": "bench", "messages": _MESSAGES}, _HEADERS),
    stream=Call("/v1/chat/completions", {"model": "bench", "messages": _MESSAGES, "stream": True}, _HEADERS),
)
RESPONSES = Target(
    cmd=_SERVE,
    env={"TOOLYARD_BOOTSTRAP_KEY": KEY},
    health="/readyz",
    run=Call("/v1/responses", {"model": "bench", "input": TEXT}, _HEADERS),
    stream=Call("/v1/responses", {"model": "bench", "input": TEXT, "stream": True}, _HEADERS),
    turn=Call("/v1/responses", {"model": "bench", "input": TEXT, "previous_response_id": "{{prev}}"}, _HEADERS),
)
TARGETS = {"floor": FLOOR, "chat": CHAT, "responses": RESPONSES}


def printed() -> str:
    """Return the targets of Toolyard as JSON for a harness that gives the model server as OPENAI_BASE_URL.

    A shell reads that variable where the server starts, and is then replaced by the server.
    """
    entries = {}
    for number, name in enumerate(("chat", "responses")):
        target = TARGETS[name]
        port = 9201 + number
        filled = {"$PORT": str(port), "$MODEL": '"$OPENAI_BASE_URL"', "$RUNDIR": '"$RUNDIR"'}
        line = " ".join(filled.get(part) or shlex.quote(part) for part in target.cmd)
        entries[f"toolyard-{name}"] = msgspec.structs.replace(target, cmd=("sh", "-c", f"exec {line}"), port=port)
    return msgspec.json.format(msgspec.json.encode(entries)).decode()
