"""Looks names up once, in threads of its own: a name server that does not answer holds up nobody's tools."""

import asyncio
import socket
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor

Resolve = Callable[[str, int], Awaitable[tuple[str, ...]]]
"""Returns every address of a host name, in the order in which to try them; raises OSError."""

THREADS = 8


class Resolver:
    """The operating system's resolver; a `Resolve`."""

    def __init__(self) -> None:
        self._threads: ThreadPoolExecutor | None = None

    async def __call__(self, host: str, port: int) -> tuple[str, ...]:
        """Return the addresses of a host; raises OSError."""
        if self._threads is None:
            self._threads = ThreadPoolExecutor(THREADS, "toolyard-resolve")
        found = await asyncio.get_running_loop().run_in_executor(self._threads, _look_up, host, port)
        return tuple(dict.fromkeys(str(where[0]) for *_, where in found))

    def close(self) -> None:
        """Let go of the threads."""
        if self._threads is not None:
            self._threads.shutdown(wait=False, cancel_futures=True)
            self._threads = None


def _look_up(host: str, port: int) -> list[tuple[int, int, int, str, tuple[str | int, ...]]]:
    return socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)  # type: ignore[return-value] # the fourth item is text
