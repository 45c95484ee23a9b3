"""A server by URL: both eras, headers with each caller's own secrets, and what fails, fails by itself."""

import asyncio

import pytest
from toolyard_sdk.context import ToolContext
from toolyard_sdk.errors import CallInDoubt, ToolError
from toolyard_sdk.testing import Recorder

from tests.registry.sources.mcp.opened import Held, Known, opened
from tests.registry.sources.mcp.web_server import serving

ERAS = pytest.mark.parametrize("era", ["legacy", "modern"])
ADA = ToolContext(tenant="acme", end_user="ada")
BOB = ToolContext(tenant="acme", end_user="bob")


@ERAS
async def test_a_server_by_url_is_listed_and_called(era: str) -> None:
    async with serving(era) as server, opened({"url": server.url}) as it:
        assert it.problem == ""
        assert (await it.call("add")).text == "3"


@ERAS
async def test_a_streamed_answer_is_read_with_its_progress(era: str) -> None:
    recorder = Recorder()
    async with serving(era) as server, opened({"url": server.url}) as it:
        assert (await it.call("stream", context=recorder.context())).text == "streamed"
        assert [report.done for report in recorder.reports] == [1.0]


@ERAS
@pytest.mark.parametrize("name", ["broken", "cut", "down", "garbage"])
async def test_a_call_of_which_nobody_knows_the_end_is_in_doubt_and_others_go_on(era: str, name: str) -> None:
    async with serving(era) as server, opened({"url": server.url}) as it:
        slow = asyncio.create_task(it.call("late"))
        with pytest.raises(CallInDoubt):
            await it.call(name)
        assert not slow.done()
        assert (await it.call("add")).text == "3"
        slow.cancel()


@ERAS
@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("busy", "The call was turned away: the server answers HTTP 429."),
        ("huge", "the answer has more than 4000000 bytes"),
        ("html", "Unexpected content type: text/html"),
        ("redirect", "not followed"),
    ],
)
async def test_a_call_that_was_turned_away_is_an_error_in_words(era: str, name: str, words: str) -> None:
    async with serving(era) as server, opened({"url": server.url}) as it:
        result = await it.call(name)
        assert result.is_error
        assert words in result.text
        assert (await it.call("add")).text == "3"


async def test_a_redirect_to_another_origin_takes_no_header_there() -> None:
    async with serving() as other, serving() as server:
        server.elsewhere = other.url
        table = {"url": server.url, "headers": {"authorization": "Bearer {{secret:key}}"}}
        async with opened(table, secrets=Known(key="s3cret")) as it:
            assert "not followed" in (await it.call("redirect")).text
        assert other.asked == []


@ERAS
async def test_every_caller_has_their_own_secrets_and_so_their_own_connection(era: str) -> None:
    secrets = Known(key="house")
    secrets.secrets[("acme", "ada", "key")] = "of-ada"
    secrets.secrets[("acme", "bob", "key")] = "of-bob"
    async with serving(era) as server:
        table = {"url": server.url, "headers": {"authorization": "Bearer {{secret:key}}"}}
        async with opened(table, secrets=secrets) as it:
            backwards = [(await it.call("whose", context=who)).text for who in (ADA, BOB, ToolContext(), ADA)]
            assert (await it.call("who", context=ADA)).text == "Bearer [secret key]"
    assert [each[::-1] for each in backwards] == ["Bearer of-ada", "Bearer of-bob", "Bearer house", "Bearer of-ada"]


async def test_a_caller_without_the_secret_is_told_which_one_is_missing() -> None:
    secrets = Known()
    secrets.secrets[("default", None, "key")] = "house"
    async with serving() as server:
        table = {"url": server.url, "headers": {"x-key": "{{secret:key}}"}}
        async with opened(table, secrets=secrets) as it:
            with pytest.raises(ConnectionRefusedError, match="the secret key, which x-key needs, is not set"):
                await it.call("who", context=ADA)


async def test_a_secret_that_no_header_can_hold_is_a_problem_that_does_not_show_it() -> None:
    async with serving() as server:
        table = {"url": server.url, "headers": {"x-key": "{{secret:key}}"}}
        async with opened(table, secrets=Known(key="a\r\nb: c"), clock=Held()) as it:
            assert it.problem == "the secret in the header x-key holds what no header can"
        assert server.asked == []


async def test_a_session_that_the_server_has_ended_is_begun_anew_and_the_call_made_again() -> None:
    async with serving("legacy") as server, opened({"url": server.url}) as it:
        assert (await it.call("over")).text == "session 2"


async def test_a_server_that_is_not_there_is_told_and_found_when_it_comes() -> None:
    async with opened({"url": "http://127.0.0.1:9/mcp"}, clock=Held()) as it:
        assert it.problem.startswith("cannot connect: ")


async def test_a_server_that_wants_credentials_says_so_in_the_list_and_in_a_call() -> None:
    async with serving(behaviour="denies") as server, opened({"url": server.url}, clock=Held()) as it:
        assert "HTTP 401" in it.problem
    async with serving() as server, opened({"url": server.url}) as it:
        with pytest.raises(ToolError, match="HTTP 401"):
            await it.call("denied")


async def test_a_call_to_a_server_that_has_gone_is_refused_because_nothing_was_sent() -> None:
    async with serving() as server, opened({"url": server.url}, clock=Held()) as it:
        await server.close()
        with pytest.raises(ConnectionRefusedError, match="cannot connect"):
            await it.call("add")
        await it.until(lambda: it.problem.startswith("cannot connect"))
        assert "add" in it.names
