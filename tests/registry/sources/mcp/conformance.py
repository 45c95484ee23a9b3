"""Runs the MCP conformance suite in client mode: `python -m tests.registry.sources.mcp.conformance [REVISION...]`.

The suite would start every scenario's client at once; one after the other they are not late for each other's sake.
"""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

from tests.registry.sources.mcp.node import cache, installed

SUITE = "@modelcontextprotocol/conformance@0.2.0-alpha.12"
REVISIONS = ("2026-07-28", "2025-11-25")
ROOT = Path(__file__).parents[4]
CLIENT = f"{sys.executable} -m tests.registry.sources.mcp.conformance_client"


def required(bin_folder: Path, revision: str) -> tuple[list[str], list[str]]:
    """Return the client scenarios that a revision scores, and those it only runs."""
    text = (bin_folder.parent / "@modelcontextprotocol/conformance/requirements" / f"{revision}.yaml").read_text()
    scored, _, others = text.partition("\nclient:\n")[2].partition("\nnot_scored:\n")
    unscored = [entry.split("\n")[0] for entry in others.split("- scenario: ")[1:] if "leg: client" in entry]
    return [line.removeprefix("  - ") for line in scored.splitlines() if line.startswith("  - ")], unscored


def failures(bin_folder: Path, revision: str, scenario: str) -> tuple[int, list[str]]:
    """Run one scenario; return how many checks have passed, and those that have not, in words."""
    output = cache() / "conformance" / revision / scenario.replace("/", "-")
    shutil.rmtree(output, ignore_errors=True)
    program = (str(bin_folder / "node"), str(bin_folder / "conformance"))
    subprocess.run(
        [
            *(*program, "client", "--scenario", scenario, "--spec-version", revision, "--timeout", "60000"),
            *("--command", CLIENT, "-o", str(output)),
        ],
        cwd=ROOT,
        env={**os.environ, "PATH": f"{bin_folder}{os.pathsep}{os.environ['PATH']}"},
        capture_output=True,
        timeout=120,
        check=False,  # what has failed is in its checks
    )
    found = list(output.rglob("checks.json"))
    if not found:
        return 0, ["the scenario left no checks"]
    checks = json.loads(found[0].read_text())
    failed = [check for check in checks if check["status"] in ("FAILURE", "WARNING")]
    passed = sum(check["status"] == "SUCCESS" for check in checks)
    return passed, [f"{check['id']}: {check.get('errorMessage') or check['description']}" for check in failed]


def run(bin_folder: Path, revision: str) -> int:
    """Run what a revision requires, print it, and return how many scored scenarios have failed."""
    scored, unscored = required(bin_folder, revision)
    failed, others = 0, 0
    print(f"== {revision}, client")
    for scenario in (*scored, *unscored):
        passed, told = failures(bin_folder, revision, scenario)
        note = "" if scenario in scored else " (not scored)"
        print(f"{'FAILED' if told else 'passed'}  {scenario}{note}: {passed} checks passed, {len(told)} failed")
        for line in told:
            print(f"        {line}")
        failed += bool(told) and scenario in scored
        others += bool(told) and scenario in unscored
    print(f"{revision}: {failed} of {len(scored)} scored scenarios failed, {others} of {len(unscored)} not scored")
    return failed


if __name__ == "__main__":
    programs = installed(SUITE)
    sys.exit(min(1, sum([run(programs, revision) for revision in sys.argv[1:] or REVISIONS])))
