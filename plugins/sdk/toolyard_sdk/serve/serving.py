"""Puts a served plugin together: its tools, where their requests go out, and how it is reached."""

import asyncio
import contextlib
import os
import sys
import threading
import time
from collections.abc import AsyncIterator, Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from mcp.server.lowlevel import Server

from toolyard_sdk.egress import CLOSED, Egress, EgressGrant
from toolyard_sdk.serve.finding import NotServable, find
from toolyard_sdk.serve.forwarding import exchange_over
from toolyard_sdk.serve.meta import CallContext
from toolyard_sdk.serve.server import WayOut, mcp_server
from toolyard_sdk.serve.transports import NotListening, serve_http, serve_stdio

TOOL_THREADS = 32
TOOL_THREAD = "toolyard-tool"
LAST_SECONDS = 1.0
"""How long tools have for stopping once nobody listens any more."""


class NotSettings(Exception):
    """Settings that cannot be read, in words."""


class NotHosts(Exception):
    """Hosts that cannot be allowed, in words."""


REFUSALS = (NotServable, NotListening, NotSettings, NotHosts)
"""What `serve` and its options are refused by, in words for a person."""


async def serve(
    plugin: str,
    settings: Mapping[str, Any],
    parent: str,
    hosts: tuple[str, ...],
    address: str,
    key: str,
    now: Callable[[], int],
) -> None:
    """Serve a plugin until its client is gone, or by HTTP until a signal; raises one of REFUSALS.

    `parent` is the socket of the Toolyard server that started this process, "" where none did: only such a server is
    believed what it says of a call, and only by it do requests go out. Else they go to `hosts`, and nowhere without.
    `now()` is UTC microseconds.
    """
    threads = ThreadPoolExecutor(TOOL_THREADS, thread_name_prefix=TOOL_THREAD)
    asyncio.get_running_loop().set_default_executor(threads)
    async with _by_parent(parent) if parent else _by_hosts(plugin, hosts) as way_out:

        def made() -> Server[Any]:
            return mcp_server(find(plugin, settings), settings, way_out, now, trusting=bool(parent))

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


@contextlib.asynccontextmanager
async def _by_hosts(plugin: str, hosts: tuple[str, ...]) -> AsyncIterator[WayOut]:
    """Give the way out of a process that a stranger has started: the hosts it was given, and nowhere without.

    Secrets are a server's: a request that names one is refused.
    """
    if not hosts:
        yield lambda _asking: CLOSED
        return
    from toolyard_sdk.http import grant_problems, open_egress  # noqa: PLC0415 - only who sends needs an HTTP client

    grant = EgressGrant(hosts=hosts)
    problems = grant_problems(grant)
    if problems:
        raise NotHosts(f"--allow-host: {problems[0]}")

    async def reveal(_name: str) -> None:
        return None

    client = open_egress()
    try:
        yield lambda _asking: client.for_tool(plugin, grant, reveal)
    finally:
        await client.close()


@contextlib.asynccontextmanager
async def _by_parent(path: str) -> AsyncIterator[WayOut]:
    """Give the way out of a process that a Toolyard server has started: each call's own, by that server."""
    from toolyard_sdk.http import ForwardedEgress  # noqa: PLC0415 - see above

    def way_out(asking: CallContext) -> Egress:
        return ForwardedEgress(exchange_over(path, asking.egress)) if asking.egress else CLOSED

    yield way_out
