"""Runs uv, found on PATH, for a bounded time; knows nothing of what is installed."""

import asyncio
import contextlib
import os
import shutil
import signal
from collections.abc import Mapping
from pathlib import Path

LAST_LINES = 12
"""Lines of uv's own words that are told when it fails."""


class BuildFailed(Exception):
    """An environment that could not be made: why, in words for an operator."""


def find_uv(environment: Mapping[str, str]) -> str:
    """Return the path of uv; raises BuildFailed, saying how to get it."""
    found = shutil.which("uv", path=environment.get("PATH", os.defpath))
    if found is None:
        raise BuildFailed(
            "a release other than the installed one runs in an environment of its own, which uv makes, and there is no "
            "uv on PATH: install it (https://docs.astral.sh/uv, or `python -m pip install uv`)"
        )
    return found


async def run_uv(*arguments: str | Path, environment: Mapping[str, str], seconds: float) -> str:
    """Return what uv wrote; raises BuildFailed with its last words when it fails or takes longer."""
    command = (find_uv(environment), *(str(argument) for argument in arguments))
    process = await asyncio.create_subprocess_exec(
        *command,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
        env=dict(environment),
        start_new_session=True,
    )
    try:
        async with asyncio.timeout(seconds):
            out, _ = await process.communicate()
    except TimeoutError:
        raise BuildFailed(f"`uv {arguments[0]}` has not ended within {seconds:g} seconds") from None
    finally:
        if process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            await process.wait()
    said = out.decode(errors="replace")
    if process.returncode:
        words = "\n".join(said.strip().splitlines()[-LAST_LINES:])
        raise BuildFailed(f"`uv {arguments[0]}` ended with status {process.returncode}:\n{words}")
    return said
