"""The entry of the `toolyard` program: reads the environment, hands over to a command; knows no command's work."""

import errno
import os
import sys
from pathlib import Path

from toolyard_runtime.cli.program import program
from toolyard_runtime.cli.surroundings import Surroundings

_STDOUT = 1
_CANNOT_WRITE = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO, errno.EPIPE, errno.EBADF})
"""What a write to standard output fails with: a full disk, a closed pipe."""


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
    try:
        try:
            program.main(prog_name="toolyard", obj=surroundings)
        finally:
            if sys.stdout is not None:  # it is None where the process was started with it closed
                sys.stdout.flush()
    except OSError as error:
        if error.filename is not None or error.errno not in _CANNOT_WRITE:
            raise
        # What is left in the buffer would fail once more when the interpreter ends, with a message of its own.
        os.dup2(os.open(os.devnull, os.O_WRONLY), _STDOUT)
        if error.errno != errno.EPIPE:  # whoever closes a pipe, as `head` does, has read enough
            sys.stderr.write(f"toolyard: the output cannot be written: {error.strerror}\n")
        sys.exit(1)
