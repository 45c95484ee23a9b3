"""An MCP client of the server under test, with one key."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpx2
from mcp import Client
from mcp.client.streamable_http import streamable_http_client

from tests.http.serving import SECONDS
from tests.http.serving import Client as Key

RUN = "toolyard/run"


@asynccontextmanager
async def connected(key: Key, mode: Any = "auto", elicitation: Any = None, **headers: str) -> AsyncIterator[Any]:
    """Give an MCP client with this key; `headers` are written with underscores."""
    url = f"http://127.0.0.1:{key.port}/mcp"
    sent = {"authorization": f"Bearer {key.secret}"} | {name.replace("_", "-"): each for name, each in headers.items()}
    async with (
        asyncio.timeout(SECONDS),
        httpx2.AsyncClient(headers=sent) as web,
        Client(
            streamable_http_client(url, http_client=web), mode=mode, cache=None, elicitation_callback=elicitation
        ) as client,
    ):
        yield client


def text_of(result: Any) -> str:
    """Return the text of a result."""
    return "".join(part.text for part in result.content)
