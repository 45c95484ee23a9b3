"""A person and an open network for tests of consent: whoever is sent to a link agrees, and every host is reached."""

import asyncio
from collections.abc import Mapping
from urllib.parse import parse_qsl, urlsplit

import httpx2
from toolyard_sdk.egress import EgressReply

CALLBACK = "http://localhost:3000/callback"


class OpenEgress:
    """Implements Egress without a rule: for servers of a test."""

    async def request(
        self,
        method: str,
        url: str,
        *,
        headers: Mapping[str, str] | None = None,
        body: bytes = b"",
        timeout: float = 30.0,  # noqa: ASYNC109 - it is part of the port
        max_bytes: int = 1_000_000,
    ) -> EgressReply:
        """Send one request."""
        del max_bytes
        async with httpx2.AsyncClient(trust_env=False, timeout=timeout) as client:
            reply = await client.request(method, url, headers=dict(headers or {}), content=body)
        return EgressReply(reply.status_code, tuple(reply.headers.items()), reply.content, str(reply.url))


async def agree(link: str) -> dict[str, str]:
    """Go to a link, allow what it asks for, and return the query with which the callback is visited."""
    async with asyncio.timeout(20), httpx2.AsyncClient(trust_env=False) as client:
        reply = await client.get(link)
    return dict(parse_qsl(urlsplit(reply.headers["location"]).query, keep_blank_values=True))
