"""Puts a served plugin together: its tools, where their requests go out, and how it is reached."""

import asyncio
import os
import sys
import threading
import time
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from mcp.server.lowlevel import Server

from toolyard_sdk.egress import CLOSED
from toolyard_sdk.serve.finding import NotServable, find
from toolyard_sdk.serve.server import WayOut, mcp_server
from toolyard_sdk.serve.transports import NotListening, serve_http, serve_stdio

TOOL_THREADS = 32
TOOL_THREAD = "toolyard-tool"
LAST_SECONDS = 1.0
"""How long tools have for stopping once nobody listens any more."""


class NotSettings(Exception):
    """Settings that cannot be read, in words."""


REFUSALS = (NotServable, NotListening, NotSettings)
"""What `serve` and its options are refused by, in words for a person."""


async def serve(
    plugin: str, settings: Mapping[str, Any], parent: str, hosts: tuple[str, ...], address: str, key: str
) -> None:
    """Serve a plugin until its client is gone, or by HTTP until a signal; raises one of REFUSALS.

    `parent` is the socket of the Toolyard server that started this process, "" where none did: only such a server is
    believed what it says of a call, and only by it do requests go out. Else they go to `hosts`, and nowhere without.
    """
    way_out = _by_parent(parent) if parent else _by_hosts(hosts)

    def made() -> Server[Any]:
        return mcp_server(find(plugin, settings), settings, way_out, trusting=bool(parent))

    threads = ThreadPoolExecutor(TOOL_THREADS, thread_name_prefix=TOOL_THREAD)
    asyncio.get_running_loop().set_default_executor(threads)
    if address:
        await serve_http(made, address, key)
    else:
        await serve_stdio(made)
    threads.shutdown(wait=False, cancel_futures=True)
    await _leave_behind()


async def _leave_behind() -> None:
    """End the process also when tools that will not stop are still at work: nobody is there to hear of them."""
    deadline = time.monotonic() + LAST_SECONDS
    while any(thread.name.startswith(TOOL_THREAD) for thread in threading.enumerate()):
        if time.monotonic() > deadline:
            sys.stderr.write("tools that would not stop are left behind\n")
            sys.stderr.flush()
            os._exit(0)
        await asyncio.sleep(0.01)


def _by_hosts(hosts: tuple[str, ...]) -> WayOut:
    """Return the way out of a process that a stranger has started: the hosts it was given, and nowhere without."""
    del hosts
    return lambda _asking: CLOSED


def _by_parent(path: str) -> WayOut:
    """Return the way out of a process that a Toolyard server has started: each call's own, by that server."""
    del path
    return lambda _asking: CLOSED
