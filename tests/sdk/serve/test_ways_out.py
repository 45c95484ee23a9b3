import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path

from toolyard_sdk.egress import Egress, EgressReply
from toolyard_sdk.errors import EgressRefused
from toolyard_sdk.http import serve_request
from toolyard_sdk.serve.forwarding import read_frame, write_frame
from toolyard_sdk.serve.meta import CONTEXT, PARENT

from tests.sdk.serve.serving import WORKBENCH, served, text_of


class Noting:
    """Answers every request with the call it was made for."""

    def __init__(self, call: str) -> None:
        self._call = call

    async def request(
        self,
        method: str,
        url: str,
        *,
        headers: Mapping[str, str] | None = None,
        body: bytes = b"",
        timeout: float = 30.0,  # noqa: ASYNC109 - the port's own word
        max_bytes: int = 1_000_000,
    ) -> EgressReply:
        """Answer, or refuse one host."""
        if "forbidden" in url:
            raise EgressRefused(f"{method} {url} was not sent: not allowed")
        return EgressReply(200, (), f"{method} {url} for {self._call}".encode(), url)


@asynccontextmanager
async def _gate(path: Path, calls: Mapping[str, Egress]) -> AsyncIterator[None]:
    """Serve the requests of calls by their secrets; a connection that names another is closed."""

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        call = (await read_frame(reader)).decode()
        request = await read_frame(reader)
        if call in calls:
            write_frame(writer, await serve_request(calls[call], request))
        writer.close()

    server = await asyncio.start_unix_server(answer, path)
    async with server:
        yield


async def test_requests_go_out_by_the_server_that_started_the_process_and_for_the_call_that_sent_them(
    tmp_path: Path,
) -> None:
    gate = tmp_path / "gate"
    async with _gate(gate, {"secret": Noting("this call")}), served(env={PARENT: str(gate)}) as client:
        asked = {"url": "https://api.example.org/"}
        result = await client.call_tool("reach", asked, meta={CONTEXT: {"egress": "secret"}})
        assert text_of(result) == "200 GET https://api.example.org/ for this call"
        for meta, words in (
            ({}, "was not sent: this tool was given no way out"),
            ({CONTEXT: {"egress": "guessed"}}, "the other side ended"),
        ):
            result = await client.call_tool("reach", asked, meta=meta)
            assert result.is_error
            assert words in text_of(result)
        refused = await client.call_tool("reach", {"url": "https://forbidden/"}, meta={CONTEXT: {"egress": "secret"}})
        assert text_of(refused) == "GET https://forbidden/ was not sent: not allowed"


async def test_a_process_of_a_stranger_reaches_the_hosts_it_was_given_and_no_other() -> None:
    async with served(WORKBENCH, "--allow-host", "api.invalid") as client:
        allowed = text_of(await client.call_tool("reach", {"url": "https://api.invalid/"}))
        assert "there is no host api.invalid" in allowed
        other = text_of(await client.call_tool("reach", {"url": "https://other.invalid/"}))
        assert "was not sent" in other
