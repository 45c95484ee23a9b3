"""`python -m toolyard_sdk.testing MODULE_OR_FILE`: print what the conformance suite finds about a module's tools."""

import argparse
import asyncio
import os
import subprocess
import sys
import tomllib
from collections.abc import Iterable
from typing import Any

import msgspec

from toolyard_sdk.canonical import digest
from toolyard_sdk.ports import Tool
from toolyard_sdk.testing.checks import findings
from toolyard_sdk.testing.discovery import tools_of
from toolyard_sdk.testing.findings import Finding, Subject
from toolyard_sdk.testing.presenting import presentation

_DIGESTS = "import sys; from toolyard_sdk.testing.__main__ import digests; print(digests(sys.argv[1], sys.argv[2]))"


def digests(module: str, settings: str) -> str:
    """Return the JSON of {tool name: digest of its definition}."""
    return msgspec.json.encode(
        {each.spec.name: digest(each.spec) for each in tools_of(module, _settings(settings))}
    ).decode()


def main(arguments: list[str] | None = None) -> int:
    """Run the command; the exit status is 1 when an error (not mere advice) was found, 2 when there is no tool."""
    parser = argparse.ArgumentParser(prog="python -m toolyard_sdk.testing", description=__doc__)
    parser.add_argument("module", help="import name or file of the module: toolyard_clock, tools/refunds.py")
    parser.add_argument("--settings", default="", metavar="TOML", help="""the plugin's settings: 'root = "/tmp/x"'""")
    parser.add_argument("--no-call", action="store_true", help="look at definitions only, and call nothing")
    options = parser.parse_args(arguments)
    sys.path.insert(0, os.getcwd())  # noqa: PTH109 - sys.path holds text; a module beside the author is importable
    try:
        tools = tools_of(options.module, _settings(options.settings))
    except ImportError as error:
        sys.stderr.write(f"{options.module} cannot be imported: {error}\n")
        return 2
    if not tools:
        sys.stderr.write(f"{options.module} registers no tool\n")
        return 2
    found = [
        *asyncio.run(_all(tools, may_call=not options.no_call)),
        *_unsteady(options.module, options.settings, tools),
    ]
    for tool in tools:
        tokens = presentation(tool).tokens
        wrong = sum(each.tool == tool.spec.name for each in found)
        sys.stdout.write(
            f"{tool.spec.name}: about {tokens} tokens, {wrong or 'no'} finding{'' if wrong == 1 else 's'}\n"
        )
    sys.stdout.writelines(f"  {each}\n" for each in found)
    return int(any(each.level == "error" for each in found))


async def _all(tools: Iterable[Tool], *, may_call: bool) -> list[Finding]:
    subjects = [Subject(each, calls=may_call) for each in tools]
    return [finding for subject in subjects for finding in await findings(subject)]


def _settings(toml: str) -> dict[str, Any]:
    return tomllib.loads(toml)


def _unsteady(module: str, settings: str, tools: Iterable[Tool]) -> list[Finding]:
    """Compare the digests with those of two other processes, in which sets and hashes fall out differently."""
    here = {each.spec.name: digest(each.spec) for each in tools}
    unsteady: set[str] = set()
    for seed in ("1", "2"):
        other = subprocess.run(  # noqa: S603 - this interpreter, a fixed program, arguments as a list
            [sys.executable, "-c", _DIGESTS, module, settings],
            env={**os.environ, "PYTHONHASHSEED": seed},
            capture_output=True,
            check=True,
            timeout=60,
        )
        there = msgspec.json.decode(other.stdout, type=dict[str, str])
        unsteady |= {name for name in here if there.get(name) != here[name]}
    advice = "its definition differs from process to process: does it hold a set, a time or an id?"
    return [Finding(name, "its definition has a stable digest", "error", advice) for name in sorted(unsteady)]


if __name__ == "__main__":
    sys.exit(main())
