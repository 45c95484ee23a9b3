"""Runs the MCP conformance suite in client mode: `python -m tests.registry.mcp.conformance [REVISION...]`."""

import os
import re
import subprocess
import sys
from pathlib import Path

from tests.registry.mcp.node import cache, installed

SUITE = "@modelcontextprotocol/conformance@0.2.0-alpha.12"
REVISIONS = ("2026-07-28", "2025-11-25")
ROOT = Path(__file__).parents[3]


def run(revision: str) -> int:
    """Run one revision's requirements, print the suite's own summary, and return its exit code."""
    bin_folder = installed(SUITE)
    output = cache() / "conformance" / revision
    done = subprocess.run(
        [
            *(str(bin_folder / "node"), str(bin_folder / "conformance"), "client", "--requirements", revision),
            *("--command", f"{sys.executable} -m tests.registry.mcp.conformance_client", "-o", str(output)),
        ],
        cwd=ROOT,
        env={**os.environ, "PATH": f"{bin_folder}{os.pathsep}{os.environ['PATH']}"},
        capture_output=True,
        text=True,
        timeout=1800,
    )
    print(f"== {revision}: exit {done.returncode}, details in {output}")
    told = re.sub(r"\x1b\[[0-9;]*m", "", done.stdout)
    print(told[-6_000:])
    return done.returncode


if __name__ == "__main__":
    sys.exit(max(run(revision) for revision in sys.argv[1:] or REVISIONS))
