"""Requests of a served plugin on their way to the server that started it: frames over a Unix socket, one per exchange.

A request names its call by the secret that came with the call: the server sends it on as that call's own egress would,
and no longer than the call lives.
"""

import asyncio
from collections.abc import Awaitable, Callable

LONGEST = 64 * 1024 * 1024
"""Bytes of a frame; a longer one is a mistake, or an attack."""

Exchange = Callable[[bytes], Awaitable[bytes]]
"""Sends one encoded request and returns the encoded answer."""


def exchange_over(path: str, call: str) -> Exchange:
    """Return what sends requests of a call over the socket at `path`; it raises ConnectionError when that is broken."""

    async def exchange(request: bytes) -> bytes:
        try:
            reader, writer = await asyncio.open_unix_connection(path)
        except OSError as error:
            raise ConnectionRefusedError(f"the server that sends requests is gone: {error}") from error
        try:
            write_frame(writer, call.encode())
            write_frame(writer, request)
            await writer.drain()
            return await read_frame(reader)
        finally:
            writer.close()

    return exchange


def write_frame(writer: asyncio.StreamWriter, content: bytes) -> None:
    """Write a frame: its length in four bytes, then itself."""
    writer.write(len(content).to_bytes(4))
    writer.write(content)


async def read_frame(reader: asyncio.StreamReader, longest: int = LONGEST) -> bytes:
    """Return the next frame; raises ConnectionError when it ends early or is too long."""
    try:
        length = int.from_bytes(await reader.readexactly(4))
        if length > longest:
            raise ConnectionResetError(f"a frame of {length} bytes is longer than {longest}")
        return await reader.readexactly(length)
    except asyncio.IncompleteReadError as error:
        raise ConnectionResetError("the other side ended in the middle of a frame") from error
