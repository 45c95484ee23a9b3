"""The entry of the `toolyard` program: reads the environment, hands over to a command; knows no command's work."""

import os
import sys
from pathlib import Path

from toolyard_runtime.cli.program import program
from toolyard_runtime.cli.surroundings import Surroundings


def main() -> None:
    """Run the command line given to this process and exit with its code."""
    surroundings = Surroundings(
        cwd=Path.cwd(),
        url=os.environ.get("TOOLYARD_URL", ""),
        key=os.environ.get("TOOLYARD_KEY", ""),
        search_path=os.environ.get("PATH", os.defpath),
        python=Path(sys.executable),
        environment=dict(os.environ),
    )
    program.main(prog_name="toolyard", obj=surroundings)
