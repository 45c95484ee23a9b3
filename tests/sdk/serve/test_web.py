import asyncio
import os
import re
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpx2
import pytest
from mcp import Client
from mcp.client.streamable_http import streamable_http_client

from tests.sdk.serve.serving import SECONDS, WORKBENCH, text_of

KEY = "k" * 32


@asynccontextmanager
async def listening(address: str, **environment: str) -> AsyncIterator[str]:
    """Give the URL of the workbench, served by HTTP."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        *("-m", "toolyard_sdk.serve", WORKBENCH, "--http", address),
        stderr=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.DEVNULL,
        env={**os.environ, **environment},
    )
    assert process.stderr is not None
    try:
        async with asyncio.timeout(SECONDS):
            found = None
            while found is None:
                found = re.search(r"http://\S+", (await process.stderr.readline()).decode())
            yield found[0].replace("0.0.0.0", "127.0.0.1")
    finally:
        process.terminate()
        await asyncio.wait_for(process.communicate(), SECONDS)


@pytest.mark.parametrize("mode", ["auto", "legacy"])
async def test_a_plugin_is_served_by_http_on_this_machine(mode: Any) -> None:
    async with listening("127.0.0.1:0") as url:
        async with Client(url, mode=mode) as client:
            assert text_of(await client.call_tool("climb", {"steps": 2})) == "took 2"
        async with httpx2.AsyncClient() as web:
            rebound = await web.post(url, headers={"host": "evil.example"}, json={})
            assert rebound.status_code in (403, 421)


async def test_who_serves_other_machines_asks_for_a_key() -> None:
    async with listening("0.0.0.0:0", TOOLYARD_SERVE_KEY=KEY) as url:
        async with httpx2.AsyncClient() as web:
            for headers in ({}, {"authorization": "Bearer no"}):
                answer = await web.post(url, headers=headers, json={})
                assert (answer.status_code, answer.headers["www-authenticate"]) == (401, "Bearer")
        async with (
            httpx2.AsyncClient(headers={"authorization": f"Bearer {KEY}"}) as web,
            Client(streamable_http_client(url, http_client=web)) as client,
        ):
            assert text_of(await client.call_tool("climb", {"steps": 2})) == "took 2"
