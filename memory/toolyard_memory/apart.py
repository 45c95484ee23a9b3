"""Asks a module in a process of its own: work that may take all of a processor, or that a hostile file can break.

The process has this interpreter and its packages and nothing else: no environment, no folder, no standard error. It
knows nothing of what is asked.
"""

import asyncio
import sys


async def ask_apart(module: str, *arguments: str, said: bytes, seconds: float) -> tuple[int, bytes]:
    """Run a module with arguments and standard input; return its exit code and what it wrote to standard output.

    Raises TimeoutError after `seconds`. Whatever ends the wait, the process is over when this returns.
    """
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-I",
        "-m",
        module,
        *arguments,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
        cwd="/",
        env={},
    )
    try:
        async with asyncio.timeout(seconds):
            answer, _ = await process.communicate(said)
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    return process.returncode or 0, answer
