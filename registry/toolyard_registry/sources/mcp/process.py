"""Starts an MCP server's command and ends it with everything it has started; knows no message of the protocol."""

import asyncio
import contextlib
import os
import shutil
import signal
import sys
from collections import deque
from collections.abc import Mapping
from pathlib import Path

_LEASH = Path(__file__).with_name("leash.py")
_KEPT = ("HOME", "LANG", "LC_ALL", "LC_CTYPE", "LOGNAME", "PATH", "TMPDIR", "TZ", "USER")
"""Variables that say where things are on this machine; every other one is the server's own business."""

GRACE = 1.0
"""Seconds for ending by itself once its input has ended, then once more after SIGTERM."""

_STDERR_LINES = 5
_STDERR_BYTES = 2_000


class CommandMissing(Exception):
    """There is no such command, in words."""


class Process:
    """A command with pipes to it: `stdin` and `stdout` carry messages; the last words on stderr are kept."""

    def __init__(self, process: asyncio.subprocess.Process, lifeline: int) -> None:
        self._process = process
        self._lifeline = lifeline
        self._last: deque[str] = deque(maxlen=_STDERR_LINES)
        self._listening = asyncio.create_task(self._listen())

    @property
    def pid(self) -> int:
        """The process group that holds the command and what it has started."""
        return self._process.pid

    @property
    def stdin(self) -> asyncio.StreamWriter:
        if self._process.stdin is None:
            raise RuntimeError("started without a pipe")
        return self._process.stdin

    @property
    def stdout(self) -> asyncio.StreamReader:
        if self._process.stdout is None:
            raise RuntimeError("started without a pipe")
        return self._process.stdout

    def last_words(self) -> str:
        """Say how it ended and what it last wrote on stderr."""
        code = self._process.returncode
        ended = "" if code is None else f"it ended with status {code}"
        said = " | ".join(self._last)
        return ": ".join(part for part in (ended, said) if part)

    async def ended(self) -> None:
        """Return when the command has ended and its last words are known, or after a moment."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(GRACE):
                await self._process.wait()
                await asyncio.shield(self._listening)

    async def end(self) -> None:
        """End it: by the end of its input, by SIGTERM, then with all that it has started; returns within seconds."""
        with contextlib.suppress(OSError, RuntimeError):
            self.stdin.close()
        try:
            if not await self._gone(GRACE):
                self._signal(signal.SIGTERM)
                if not await self._gone(GRACE):
                    with contextlib.suppress(ProcessLookupError):  # the leash kills what the group does not hold, too
                        self._process.send_signal(signal.SIGUSR1)
                    await self._gone(GRACE)
        finally:
            self._signal(signal.SIGKILL)
            os.close(self._lifeline)
        await self._gone(GRACE)
        self._listening.cancel()
        transport = self._process._transport  # type: ignore[attr-defined]  # noqa: SLF001 - nothing public closes pipes that an escaped grandchild holds open
        transport.close()

    async def _gone(self, seconds: float) -> bool:
        """Whether the command has ended within `seconds`; the end of its pipes is not waited for."""
        waiting = asyncio.ensure_future(self._process.wait())
        await asyncio.wait((waiting,), timeout=seconds)
        waiting.cancel()
        return self._process.returncode is not None

    def _signal(self, number: signal.Signals) -> None:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self._process.pid, number)

    async def _listen(self) -> None:
        """Keep the end of stderr, so that it never fills and a failure can be told in the server's own words."""
        stderr = self._process.stderr
        rest = b""
        while stderr is not None and (read := await stderr.read(4096)):
            *lines, rest = (rest + read).split(b"\n")
            rest = rest[-_STDERR_BYTES:]
            self._last.extend(line.decode(errors="replace").strip()[:300] for line in lines if line.strip())
        if rest.strip():
            self._last.append(rest.decode(errors="replace").strip()[:300])


async def start(command: tuple[str, ...], environment: Mapping[str, str], folder: str) -> Process:
    """Start a command with `environment` on top of a minimal one; raises CommandMissing and OSError."""
    variables = {name: value for name in _KEPT if (value := os.environ.get(name)) is not None} | dict(environment)
    found = shutil.which(command[0], path=variables.get("PATH", os.defpath))
    if found is None and not os.access(Path(folder) / command[0], os.X_OK):
        raise CommandMissing(f"there is no command {command[0]!r} on PATH; install it, or write its full path")
    held, lifeline = os.pipe()
    try:
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-I", "-S", str(_LEASH), str(held), found or command[0], *command[1:]),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            env=variables,
            cwd=folder,
            start_new_session=True,
            pass_fds=(held,),
        )
    except BaseException:
        os.close(lifeline)
        raise
    finally:
        os.close(held)
    return Process(process, lifeline)
