"""A well-behaved server's tools are listed, called, cancelled and refreshed, in both eras of the protocol."""

import asyncio
import json
import sys
from pathlib import Path
from typing import Any

import pytest
from toolyard_sdk.errors import ArgumentsInvalid, CallInDoubt
from toolyard_sdk.messages import Annotations
from toolyard_sdk.testing import FixedClock, Recorder

from tests.registry.sources.mcp.opened import SERVERS, Held, Known, eventually, opened, puppet

ERAS = pytest.mark.parametrize("era", ["legacy", "modern"])
VERSIONS = {"legacy": "2025-11-25", "modern": "2026-07-28"}


def received(log: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in log.read_text().splitlines()]


@ERAS
async def test_a_servers_tools_are_listed_with_what_it_says_of_them_and_called(era: str) -> None:
    async with opened({"command": puppet(era, "normal")}) as it:
        assert it.problem == ""
        spec = it.tool("add").spec
        assert (spec.title, spec.description) == ("Adding", "Do add.")
        assert spec.annotations == Annotations(read_only=True, destructive=False, idempotent=True)
        assert it.tool("hang").spec.annotations == Annotations()
        assert (await it.call("add", b'{"a": 1, "b": 2}')).text == "3"
        with pytest.raises(ArgumentsInvalid, match='`a`: the value is not of type "integer"'):
            it.tool("add").check(b'{"a": "1", "b": 2}')


@ERAS
async def test_many_calls_are_under_way_at_once_on_one_connection(era: str, tmp_path: Path) -> None:
    log = tmp_path / "log"
    async with opened({"command": puppet(era, "normal"), "env": {"LOG": str(log)}}) as it:
        results = await asyncio.gather(*(it.call("add", b'{"a": %d, "b": 1}' % number) for number in range(50)))
    assert [result.text for result in results] == [str(number + 1) for number in range(50)]
    opening = "initialize" if era == "legacy" else "server/discover"
    assert [message["method"] for message in received(log)].count(opening) == 1


@ERAS
async def test_every_page_of_the_list_is_read(era: str) -> None:
    async with opened({"command": puppet(era, "pages")}) as it:
        assert it.names == [f"tool{number}" for number in range(10)]


async def test_only_the_tools_that_are_wanted_are_taken_and_named_with_the_prefix() -> None:
    async with opened({"command": puppet("modern", "normal"), "tools": ["a*", "die"], "prefix": "p-"}) as it:
        assert it.names == ["p-add", "p-ask", "p-ask_twice", "p-die"]
        assert (await it.call("p-add", b'{"a": 1, "b": 2}')).text == "3"


@ERAS
async def test_a_list_that_changes_is_read_again_and_what_stayed_the_same_stays_the_same_tool(era: str) -> None:
    async with opened({"command": puppet(era, "grows")}) as it:
        before = it.tool("add")
        await it.until(lambda: "later" in it.names)
        assert "early" not in it.names
        assert it.tool("add") is before


async def test_a_list_that_holds_for_some_time_is_read_again_after_it(tmp_path: Path) -> None:
    log = tmp_path / "log"
    clock = FixedClock()
    async with opened({"command": puppet("modern", "ttl"), "env": {"LOG": str(log)}}, clock=clock):
        await eventually(lambda: sum(message["method"] == "tools/list" for message in received(log)) >= 3)
    assert 20.0 in clock.slept


@ERAS
async def test_every_kind_of_content_becomes_text(era: str) -> None:
    async with opened({"command": puppet(era, "normal")}) as it:
        result = await it.call("content")
        assert result.text.splitlines() == [
            "Look:",
            "[image, image/png, 5 bytes: it is not shown]",
            "[audio, audio/wav, 6 bytes: it is not shown]",
            "[resource notes at file:///notes.txt, text/plain, 7 bytes: What was said]",
            "[resource file:///a.txt, text/plain]",
            "inside",
            "[resource file:///b.bin, 2 bytes: it is not shown]",
        ]
        assert result.structured == {"n": 1}
        assert (await it.call("empty")).text == '{"n":1}'


@ERAS
async def test_a_structured_value_is_kept_where_it_fits_the_tools_own_schema(era: str) -> None:
    async with opened({"command": puppet(era, "normal")}) as it:
        assert it.tool("fits").spec.output_schema["required"] == ["total"]
        assert (await it.call("fits")).structured == {"total": 5}
        misfit = await it.call("misfit")
        assert misfit.structured is None
        assert misfit.text.startswith(
            "about five\n[the structured value does not fit the tool's output schema: `total`:"
        )


@ERAS
async def test_a_tools_error_is_a_result_and_so_is_the_servers(era: str) -> None:
    async with opened({"command": puppet(era, "normal")}) as it:
        failing = await it.call("failing")
        assert (failing.text, failing.is_error) == ("no such city", True)
        refused = await it.call("error")
        assert (refused.text, refused.is_error) == ("The server answers with an error: no such city", True)


@ERAS
async def test_progress_is_told_to_whoever_watches_the_call(era: str) -> None:
    recorder = Recorder()
    async with opened({"command": puppet(era, "normal")}) as it:
        assert (await it.call("progress", context=recorder.context())).text == "done"
    (report,) = recorder.reports
    assert (report.done, report.total, report.message) == (1.0, 2.0, "half")


@ERAS
async def test_a_cancelled_call_is_cancelled_at_the_server_and_the_connection_stays(era: str, tmp_path: Path) -> None:
    log = tmp_path / "log"
    async with opened({"command": puppet(era, "normal"), "env": {"LOG": str(log)}}) as it:
        call = asyncio.create_task(it.call("hang"))
        await eventually(lambda: any(message["method"] == "tools/call" for message in received(log)))
        loop = asyncio.get_running_loop()
        began = loop.time()
        call.cancel()
        with pytest.raises(asyncio.CancelledError):
            await call
        assert loop.time() - began < 0.5
        assert (await it.call("add", b'{"a": 1, "b": 2}')).text == "3"
        (asked,) = [message["id"] for message in received(log) if message.get("params", {}).get("name") == "hang"]
        (cancelled,) = [message for message in received(log) if message["method"] == "notifications/cancelled"]
        assert cancelled["params"]["requestId"] == asked


@ERAS
async def test_a_call_that_takes_too_long_times_out_and_is_cancelled_at_the_server(era: str, tmp_path: Path) -> None:
    log = tmp_path / "log"
    async with opened({"command": puppet(era, "normal"), "timeout": 0.5, "env": {"LOG": str(log)}}) as it:
        with pytest.raises(TimeoutError):
            await it.call("hang")
        assert (await it.call("add", b'{"a": 1, "b": 2}')).text == "3"
        assert "notifications/cancelled" in log.read_text()


@ERAS
async def test_a_call_whose_server_dies_is_in_doubt_and_the_next_one_reaches_the_next_server(
    era: str, tmp_path: Path
) -> None:
    lives = tmp_path / "lives"
    async with opened({"command": puppet(era, "normal"), "env": {"LIVES": str(lives)}}) as it:
        with pytest.raises(CallInDoubt):
            await it.call("die")
        await it.until(lambda: "out of cheese" in it.problem)
        assert "ended with status 4" in it.problem
        assert "add" in it.names
        await it.until(lambda: it.problem == "")
        assert (await it.call("add", b'{"a": 1, "b": 2}')).text == "3"
        assert lives.read_text() == "ii"


async def test_the_environment_is_minimal_and_secrets_are_filled_in(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TOOLYARD_OWN", "private")
    table = {"command": puppet("modern", "normal"), "env": {"KEY": "Bearer {{secret:key}}"}, "cwd": str(tmp_path)}
    async with opened(table, secrets=Known(key="s3cret")) as it:
        seen = json.loads((await it.call("env")).text)
    assert seen["variables"]["KEY"] == "Bearer [secret key]", "it was given the value, and nobody hears it from there"
    assert seen["folder"] == str(tmp_path)
    allowed = {"HOME", "KEY", "LANG", "LC_ALL", "LC_CTYPE", "LOGNAME", "PATH", "TMPDIR", "TZ", "USER"}
    assert set(seen["variables"]) <= allowed


async def test_a_secret_that_is_not_set_is_named() -> None:
    table = {"command": puppet("modern", "normal"), "env": {"KEY": "{{secret:key}}"}}
    async with opened(table, clock=Held()) as it:
        assert it.problem == "the secret key, which KEY needs, is not set"


async def test_a_server_written_with_the_sdk_is_called_cancelled_and_listed_again(tmp_path: Path) -> None:
    sign, recorder = tmp_path / "sign", Recorder()
    async with opened({"command": [sys.executable, str(SERVERS / "desk.py")], "env": {"SIGN": str(sign)}}) as it:
        assert (await it.call("add", b'{"a": 1, "b": 2}')).structured == {"total": 3}
        assert it.source.supply.about == "Reading room Lends books."
        call = asyncio.create_task(it.call("slow", b'{"seconds": 600}', recorder.context()))
        await eventually(lambda: bool(recorder.reports))
        call.cancel()
        await eventually(sign.exists)
        await it.call("grow")
        await it.until(lambda: "more" in it.names)
        assert (await it.call("more")).text == "new"
        assert it.source.supply.about == "Reading room Lends books."
