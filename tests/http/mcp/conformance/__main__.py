"""`python -m tests.http.mcp.conformance`: the MCP conformance suite in server mode, against `/mcp`; prints a table.

Needs npm. What it installs lies in the user's cache folder, outside the repository.
"""

import asyncio
import contextlib
import json
import os
import re
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

from tests.http.mcp.conformance.serving import serving

SUITE = "@modelcontextprotocol/conformance@0.2.0-alpha.12"
NODE = "node@24"
REVISIONS = ("2026-07-28", "2025-11-25")
SECONDS = 600.0
LAST_RUN = Path(__file__).with_name("last_run.txt")

OURS = frozenset(
    {
        *("server-initialize", "server-stateless", "ping", "tools-list", "tools-call-simple-text", "tools-call-error"),
        *("tools-call-with-progress", "server-sse-multiple-streams", "dns-rebinding-protection", "caching"),
        *("http-header-validation", "http-custom-header-server-validation", "json-schema-2020-12"),
    }
)
"""Scenarios about what a Toolyard server itself offers; the others pass or fail by the SDK and the test's handlers."""


def installed() -> Path:
    """Return the folder of programs in which the suite lies, installed where it is not."""
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "toolyard-tests" / "mcp-conformance"
    programs = cache / "node_modules" / ".bin"
    if not (programs / "conformance").exists() or not (programs / "node").exists():
        cache.mkdir(parents=True, exist_ok=True)
        command = ["npm", "install", "--silent", "--no-audit", "--no-fund", "--prefix", str(cache), SUITE, NODE]
        subprocess.run(command, check=True, timeout=SECONDS)
    return programs


async def run(programs: Path, revision: str, folder: Path) -> tuple[int, str]:
    """Run one revision's requirements; return the suite's status (0: no scored failure) and what it printed."""
    async with serving(folder / f"server-{revision}") as url:
        process = await asyncio.create_subprocess_exec(
            *(programs / "conformance", "server", "--url", url, "--requirements", revision),
            *("-o", str(folder / revision)),
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
            env={**os.environ, "PATH": f"{programs}{os.pathsep}{os.environ['PATH']}"},
        )
        async with asyncio.timeout(SECONDS):
            out, _ = await process.communicate()
    return process.returncode or 0, out.decode(errors="replace")


def table(revision: str, folder: Path, said: str) -> list[str]:
    """Return the lines of one revision: a scenario each, whether it counts, and its checks."""
    unscored = dict(re.findall(r"([a-z0-9-]+) \((extension|pending|added-after-release)\)", said))
    lines = [f"requirements {revision}"]
    totals: Counter[str] = Counter()
    for file in sorted(folder.glob("**/checks.json")):
        name = re.sub(r"^server-(?=.*-\d{4}-)|-\d{4}-\d\d-\d\dT.*$", "", file.parent.name)
        if unscored.get(name) == "extension":
            continue
        checks = json.loads(file.read_text())
        found = Counter(check["status"].lower() for check in checks)
        if name not in unscored:
            totals += found
        by = "Toolyard" if name in OURS else "fixture"
        shown = ", ".join(f"{count} {status}" for status, count in sorted(found.items()))
        lines.append(f"  {by:9} {name:48} {shown}{f' (not scored: {unscored[name]})' if name in unscored else ''}")
        lines += [
            f"      {check['status'].lower()}: {check['id']}: {str(check.get('errorMessage', ''))[:160]}"
            for check in checks
            if check["status"] in ("FAILURE", "WARNING")
        ]
    lines.append(f"  scored: {', '.join(f'{count} {status}' for status, count in sorted(totals.items()))}")
    extensions = sorted(name for name, reason in unscored.items() if reason == "extension")
    return [*lines, f"  extensions that are not offered: {', '.join(extensions) or 'none'}"]


async def main() -> int:
    """Run both revisions; the exit status is 1 when the suite counts a failure."""
    programs = await asyncio.to_thread(installed)
    lines, failed = [time.strftime("%Y-%m-%d"), SUITE], 0
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        for revision in REVISIONS:
            (Path(folder) / f"server-{revision}").mkdir()
            status, said = await run(programs, revision, Path(folder))
            failed |= status
            lines += table(revision, Path(folder) / revision, said)
    lines.append("a scored check has failed" if failed else "no scored check has failed")
    text = "\n".join(lines) + "\n"
    print(text)
    with contextlib.suppress(OSError):
        LAST_RUN.write_text(text)
    return int(bool(failed))


if __name__ == "__main__":
    sys.exit(asyncio.run(main()))
