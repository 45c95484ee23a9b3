"""Runs as a process between the server and an MCP server's command: when the server dies, the command does too.

`python -I -S leash.py FD COMMAND...`: FD is the reading end of a pipe whose other end only the server holds. The
command gets this process's standard streams and belongs to its process group. When the command ends, this process ends
with its status; when the pipe ends, the server is gone, and everything is killed; SIGUSR1 says so at once. On Linux
that holds for whatever the command has started, also in a session of its own; elsewhere for its process group. It
imports nothing of ours.
"""

import contextlib
import ctypes
import os
import select
import signal
import sys
import time
from pathlib import Path

GRACE = 1.0
"""Seconds that a command has for noticing that its standard input has ended, once the server is gone."""

_LONGEST = 5.0
"""Seconds of killing: what begins new processes faster than they can be found is left."""

_SUBREAPER = 36
"""PR_SET_CHILD_SUBREAPER of prctl(2): whose parent has ended becomes a child of this process, not of init."""


def main(lifeline: int, command: list[str]) -> int:
    """Run the command and return its status as a shell would."""
    read, write = os.pipe()
    adopts = _adopt_orphans()
    child = os.fork()
    if child == 0:
        os.close(lifeline)
        os.close(read)
        os.close(write)
        try:
            os.execvp(command[0], command)  # noqa: S606 - the operator's command, without a shell
        except OSError as error:
            os.write(2, f"{command[0]}: {error.strerror}\n".encode())
            os._exit(127)
    os.set_blocking(write, False)
    for number in (signal.SIGCHLD, signal.SIGUSR1):
        signal.signal(number, lambda *_: None)
    signal.signal(signal.SIGTERM, signal.SIG_IGN)  # what ends the group ends the command, and then this
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.set_wakeup_fd(write)
    nothing = os.open(os.devnull, os.O_RDWR)
    for stream in (0, 1, 2):  # the command alone holds them, so that their ends mean what they say
        os.dup2(nothing, stream)
    status = _waited(child, lifeline, read)
    if adopts:
        _kill_all()
    if status is not None:
        return os.waitstatus_to_exitcode(status) % 256
    with contextlib.suppress(ProcessLookupError):
        os.killpg(0, signal.SIGKILL)
    return 1


def _waited(child: int, lifeline: int, signals: int) -> int | None:
    """Return the status with which the command ends; None when it has to be ended."""
    while True:
        status = _reaped().get(child)
        if status is not None:
            return status
        ready, _, _ = select.select([lifeline, signals], [], [])
        if lifeline in ready:
            select.select([signals], [], [], GRACE)
            return None
        if signal.SIGUSR1 in os.read(signals, 4096):
            return None


def _adopt_orphans() -> bool:
    """Become the parent of whatever the command leaves behind; False where the system has no such thing."""
    if sys.platform != "linux":
        return False
    try:
        failed: int = ctypes.CDLL(None).prctl(_SUBREAPER, 1, 0, 0, 0)
    except (OSError, AttributeError):
        return False
    return not failed


def _reaped() -> dict[int, int]:
    """Return the statuses of the children that have ended, by their ids."""
    found = {}
    with contextlib.suppress(ChildProcessError):
        while (ended := os.waitpid(-1, os.WNOHANG))[0]:
            found[ended[0]] = ended[1]
    return found


def _kill_all() -> None:
    """Kill the children, and then those whose parents these were, until there is none."""
    until = time.monotonic() + _LONGEST
    while (children := _children()) and time.monotonic() < until:
        for child in children:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.kill(child, signal.SIGKILL)
        time.sleep(0.001)
        _reaped()


def _children() -> list[int]:
    """Return the processes whose parent this one is."""
    own, found = str(os.getpid()).encode(), []
    for path in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):
            if path.read_bytes().rpartition(b")")[2].split()[1] == own:
                found.append(int(path.parent.name))
    return found


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1]), sys.argv[2:]))
