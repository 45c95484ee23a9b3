"""An end user consents to a remote server for themselves: a link, a way back, a token that is theirs alone."""

import asyncio
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import msgspec
import pytest
from toolyard_registry.sources.mcp.consent import AuthorizationNeeded
from toolyard_registry.sources.mcp.tokens import RememberedTokens
from toolyard_sdk.asking import Answer, InputNeeded, Question, answering
from toolyard_sdk.context import ToolContext
from toolyard_sdk.egress import CLOSED, Egress
from toolyard_sdk.errors import ToolError

from tests.registry.sources.mcp.consent_server import METADATA, Gate, Reply
from tests.registry.sources.mcp.opened import CONTEXT, Held, Opened, opened
from tests.registry.sources.mcp.openly import CALLBACK, OpenEgress, agree
from tests.registry.sources.mcp.web_server import WebServer, serving

ADA = ToolContext(tenant="acme", end_user="ada")
BOB = ToolContext(tenant="acme", end_user="bob")
OTHER_ADA = ToolContext(tenant="other", end_user="ada")
LINK = re.compile(r"http://\S+/authorize\?\S+")


@asynccontextmanager
async def gated(
    *, tokens: RememberedTokens | None = None, egress: Egress | None = None, gate: Gate | None = None
) -> AsyncIterator[tuple[Opened, WebServer, Gate]]:
    """Give a source whose server wants consent."""
    gate = gate or Gate()
    async with serving(gate=gate) as server:
        gate.at = server.url.removesuffix("/mcp")
        table = {"url": server.url, "oauth": {"callback": CALLBACK}}
        async with opened(table, clock=Held(), egress=egress or OpenEgress(), tokens=tokens) as it:
            yield it, server, gate


async def opened_by_the_operator(it: Opened) -> None:
    """Consent for the list of tools."""
    (link,) = LINK.findall(it.problem)
    assert await it.source.returned(await agree(link)) == ""
    await it.until(lambda: it.names != [])


async def token_of(it: Opened, context: ToolContext = CONTEXT) -> str:
    """Return the token that a call goes out with; the server says it backwards, which nobody looks for."""
    return (await it.call("whose", context=context)).text[::-1].removeprefix("Bearer ")


async def test_the_operator_consents_once_for_the_list_which_is_then_read_at_once() -> None:
    async with gated() as (it, _, gate):
        assert it.names == []
        assert "somebody has to allow it first, at " in it.problem
        await opened_by_the_operator(it)
        assert it.problem == ""
        assert await token_of(it) == "token1"
        assert gate.registered[0]["redirect_uris"] == [CALLBACK]


async def test_every_end_user_is_given_a_link_of_their_own_and_then_a_token_of_their_own() -> None:
    async with gated() as (it, _, gate):
        await opened_by_the_operator(it)
        for number, who in enumerate((ADA, BOB, OTHER_ADA), start=2):
            with pytest.raises(AuthorizationNeeded) as needed:
                await it.call("who", context=who)
            assert needed.value.url in str(needed.value)
            assert await it.source.returned(await agree(needed.value.url)) == ""
            assert await token_of(it, who) == f"token{number}"
        assert await token_of(it, ADA) == "token2"
        assert len(gate.registered) == 1


async def test_a_person_who_can_be_asked_is_asked_and_the_call_goes_on_with_their_consent() -> None:
    async with gated() as (it, _, _gate):
        await opened_by_the_operator(it)
        with pytest.raises(InputNeeded) as needed:
            await it.call("who", context=msgspec.structs.replace(ADA, ask=answering(())))
        question = needed.value.question
        assert question == Question("it needs your permission. Allow it at this address:", None, question.url)
        assert await it.source.returned(await agree(question.url)) == ""
        again = msgspec.structs.replace(ADA, ask=answering(((question, Answer("accept")),)))
        assert await token_of(it, again) == "token2"


async def test_a_token_that_the_server_repeats_is_in_no_result_also_when_it_is_a_new_one() -> None:
    async with gated() as (it, _, gate):
        await opened_by_the_operator(it)
        assert (await it.call("who")).text == "Bearer [secret token]"
        gate.good.clear()
        with pytest.raises(AuthorizationNeeded) as needed:
            await it.call("who")
        assert await it.source.returned(await agree(needed.value.url)) == ""
        said = (await it.call("who")).text
        assert said.startswith("Bearer [secret token")
        assert "token2" not in said
        assert await token_of(it) == "token2"


async def test_the_same_link_is_given_until_somebody_has_come_back_from_it() -> None:
    async with gated() as (it, _, _gate):
        await opened_by_the_operator(it)
        links = set()
        for _ in range(3):
            with pytest.raises(AuthorizationNeeded) as needed:
                await it.call("who", context=ADA)
            links.add(needed.value.url)
        assert len(links) == 1


async def test_who_comes_back_with_a_no_or_with_somebody_elses_state_gets_no_token() -> None:
    async with gated() as (it, _, gate):
        await opened_by_the_operator(it)
        with pytest.raises(AuthorizationNeeded) as needed:
            await it.call("who", context=ADA)
        assert await it.source.returned({"state": "made-up", "code": "code9"}) is None
        assert await it.source.returned({}) is None
        gate.refuses = True
        assert await it.source.returned(await agree(needed.value.url)) == "access_denied"
        with pytest.raises(AuthorizationNeeded) as other:
            await it.call("who", context=ADA)
        assert other.value.url != needed.value.url


async def test_a_kept_token_is_used_by_the_next_server_and_refreshed_once_it_has_ended() -> None:
    tokens, gate = RememberedTokens(), Gate()
    async with gated(tokens=tokens, gate=gate) as (it, _, _gate):
        await opened_by_the_operator(it)
    async with gated(tokens=tokens, gate=gate) as (it, _, _gate):
        assert await token_of(it) == "token1"
    kept = await tokens.kept("default", None, "mcp:it:token")
    assert kept is not None
    await tokens.keep("default", None, "mcp:it:token", re.sub(r'"ends":[0-9.]+', '"ends":1.0', kept))
    async with gated(tokens=tokens, gate=gate) as (it, _, _gate):
        assert it.problem == ""
        assert await token_of(it) == "token2"
    assert (gate.refreshed, len(gate.registered)) == (1, 1)


async def test_a_token_that_the_server_takes_back_is_asked_for_anew() -> None:
    async with gated() as (it, _, gate):
        await opened_by_the_operator(it)
        gate.good.clear()
        with pytest.raises(AuthorizationNeeded):
            await it.call("who")


async def test_an_authorization_server_elsewhere_is_reached_only_where_the_operator_allows_it() -> None:
    gate = Gate()
    async with serving(gate=gate) as elsewhere, serving(gate=gate) as server:
        gate.at = elsewhere.url.removesuffix("/mcp")
        table = {"url": server.url, "oauth": {"callback": CALLBACK}}
        async with opened(table, clock=Held(), egress=CLOSED) as it:
            assert "was not sent: this tool was given no way out" in it.problem
        assert elsewhere.asked == []


async def test_links_that_nobody_comes_back_from_do_not_keep_a_source_from_closing() -> None:
    async with gated() as (it, _, _gate):
        await opened_by_the_operator(it)
        results = await asyncio.gather(
            *(it.call("who", context=ToolContext(end_user=str(number))) for number in range(5)), return_exceptions=True
        )
    assert all(isinstance(result, ToolError) for result in results)


class Flood(Gate):
    """Says far more of itself than there is to say."""

    def __call__(self, method: str, path: str, headers: dict[str, str], body: bytes) -> Reply | None:
        """Answer as ever, but for what describes it."""
        if path.startswith(METADATA):
            return 200, b" " * 3_000_000, {}
        return super().__call__(method, path, headers, body)


async def test_a_server_whose_description_has_no_end_is_told_and_not_read_to_it() -> None:
    async with gated(gate=Flood()) as (it, server, _):
        assert f"{server.url.removesuffix('/mcp')}{METADATA}/mcp answers with more than 1000000 bytes" in it.problem
