"""Runs as a process between the server and an MCP server's command: when the server dies, the command does too.

`python -I -S leash.py FD COMMAND...`: FD is the reading end of a pipe whose other end only the server holds. The
command gets this process's standard streams and belongs to its process group. When the command ends, this process ends
with its status; when the pipe ends, the server is gone, and the whole group is killed. It imports nothing of ours.
"""

import contextlib
import os
import select
import signal
import sys

GRACE = 1.0
"""Seconds that a command has for noticing that its standard input has ended, once the server is gone."""


def main(lifeline: int, command: list[str]) -> int:
    """Run the command and return its status as a shell would."""
    read, write = os.pipe()
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
    signal.signal(signal.SIGCHLD, lambda *_: None)
    signal.signal(signal.SIGTERM, signal.SIG_IGN)  # what ends the group ends the command, and then this
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.set_wakeup_fd(write)
    nothing = os.open(os.devnull, os.O_RDWR)
    for stream in (0, 1, 2):  # the command alone holds them, so that their ends mean what they say
        os.dup2(nothing, stream)
    while True:
        ended, status = os.waitpid(child, os.WNOHANG)
        if ended:
            return os.waitstatus_to_exitcode(status) % 256
        ready, _, _ = select.select([lifeline, read], [], [])
        if lifeline in ready:
            break
        os.read(read, 4096)
    select.select([read], [], [], GRACE)
    with contextlib.suppress(ProcessLookupError):
        os.killpg(0, signal.SIGKILL)
    return 1


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1]), sys.argv[2:]))
