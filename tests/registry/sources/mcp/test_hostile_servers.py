"""Whatever a server does, its source says what is wrong, memory stays bounded and no process is left behind."""

import asyncio
import os
import signal
import subprocess
import sys
import time
import tracemalloc
from pathlib import Path
from typing import Any

import pytest
from toolyard_registry.sources.mcp.listing import MOST_TOOLS
from toolyard_sdk.errors import CallInDoubt, ToolError
from toolyard_sdk.testing import FixedClock

from tests.registry.sources.mcp.opened import SECONDS, Held, Opened, eventually, opened, puppet

ERAS = pytest.mark.parametrize("era", ["legacy", "modern"])


async def problem_of(behaviour: str, era: str = "modern", **more: Any) -> str:
    async with opened({"command": puppet(era, behaviour)}, clock=Held(), **more) as it:
        assert it.names == []
        return it.problem


def alive(pid: int) -> bool:
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return False
    return stat.rpartition(")")[2].split()[0] != "Z"


@pytest.mark.parametrize(
    ("behaviour", "words"),
    [
        ("hang", "it has not introduced itself within 0.5 seconds"),
        ("hang_list", "it has not listed its tools within 0.5 seconds"),
        ("noise", "it writes what is no message of the protocol: 'Starting the server on port 3000...'"),
        ("endless", "it has not introduced itself within 0.5 seconds"),
    ],
)
async def test_a_server_that_hangs_is_given_up_in_time_and_in_words(behaviour: str, words: str) -> None:
    assert words in await problem_of(behaviour, start=0.5)


@ERAS
@pytest.mark.parametrize(
    ("behaviour", "words"),
    [
        ("dies", "it ended with status 7: no cheese today"),
        ("error_list", "its tools cannot be listed: the shelf is empty"),
        ("odd_list", "its list of tools does not conform to the protocol: tools.0.inputSchema: Field required"),
        ("wrong_version", "nsupported protocol version"),
    ],
)
async def test_a_server_that_cannot_be_used_says_why(era: str, behaviour: str, words: str) -> None:
    assert words in await problem_of(behaviour, era)


async def test_a_command_that_is_not_there_is_named() -> None:
    async with opened({"command": "no-such-command --flag"}, clock=Held()) as it:
        assert "there is no command 'no-such-command' on PATH" in it.problem


@ERAS
async def test_a_greeting_that_is_no_message_is_passed_over(era: str) -> None:
    async with opened({"command": puppet(era, "chatty")}) as it:
        assert it.problem == ""
        assert "add" in it.names


async def test_a_dead_server_is_tried_again_later_and_later() -> None:
    clock = FixedClock()
    async with opened({"command": puppet("modern", "dies")}, clock=clock):
        await eventually(lambda: len(clock.slept) >= 4)
    assert clock.slept[:4] == [1.0, 2.0, 4.0, 8.0]


async def test_a_server_that_dies_after_each_beginning_is_tried_later_and_later_too() -> None:
    clock = FixedClock()
    async with opened({"command": puppet("modern", "dies_after_list")}, clock=clock) as it:
        await eventually(lambda: 4.0 in clock.slept)
        assert "add" in it.names


async def test_a_server_that_comes_back_is_listed_anew(tmp_path: Path) -> None:
    lives = tmp_path / "lives"
    async with opened({"command": puppet("modern", "counts"), "env": {"LIVES": str(lives)}}) as it:
        assert it.names == ["life1"]
        os.killpg(group(it), signal.SIGKILL)
        await it.until(lambda: it.names == ["life3"] and not it.problem)


async def test_a_call_while_the_server_is_down_is_refused_with_the_reason_and_nothing_is_sent() -> None:
    async with opened({"command": puppet("modern", "normal")}, clock=Held()) as it:
        with pytest.raises(CallInDoubt):
            await it.call("die")
        await it.until(lambda: "out of cheese" in it.problem)
        with pytest.raises(ConnectionRefusedError, match=r"the MCP server it is not there: .*out of cheese"):
            await it.call("add", b'{"a": 1, "b": 2}')


@ERAS
@pytest.mark.parametrize("name", ["long", "tail"])
async def test_an_answer_of_ten_megabytes_is_an_error_and_the_connection_stays(era: str, name: str) -> None:
    async with opened({"command": puppet(era, "normal")}) as it:
        tracemalloc.start()
        try:
            result = await it.call(name)
            _, most = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
        assert result.is_error
        assert "the answer has 10000" in result.text
        assert most < 10_000_000
        assert (await it.call("add", b'{"a": 1, "b": 2}')).text == "3"


@ERAS
@pytest.mark.parametrize("name", ["garbage", "surrogate", "deep", "wrong"])
async def test_an_answer_that_cannot_be_read_leaves_the_call_in_doubt_and_the_connection_stays(
    era: str, name: str
) -> None:
    async with opened({"command": puppet(era, "normal")}) as it:
        with pytest.raises(CallInDoubt):
            await it.call(name)
        assert (await it.call("add", b'{"a": 1, "b": 2}')).text == "3"


@ERAS
async def test_a_flood_of_notifications_is_read_at_a_bounded_pace_and_the_answer_comes(era: str) -> None:
    async with opened({"command": puppet(era, "normal")}) as it:
        began = time.monotonic()
        assert (await it.call("flood")).text == "done"
        assert time.monotonic() - began > 0.5


async def test_a_hundred_thousand_tools_are_cut_with_a_problem() -> None:
    async with opened({"command": puppet("modern", "many")}) as it:
        assert len(it.names) == MOST_TOOLS
        assert "it offers more than 10000 tools; the rest is left out: name those you need in `tools`" in it.problem


async def test_a_list_longer_than_a_message_may_be_is_a_problem() -> None:
    words = await problem_of("crowd")
    assert "its tools cannot be listed: the answer has" in words
    assert "more than 4000000" in words


async def test_a_list_that_goes_round_in_a_circle_ends() -> None:
    async with opened({"command": puppet("modern", "circle")}) as it:
        assert it.problem.endswith("its list of tools goes round in a circle")


async def test_names_that_do_not_fit_and_names_that_come_twice_are_left_out_and_told() -> None:
    async with opened({"command": puppet("modern", "names")}) as it:
        assert it.names == ["good"]
        told = it.source.supply.problems
        assert len(told) == 7
        assert "the tool 'has.dot' is left out: 'has.dot' is no tool name: use 1 to 64 letters" in it.problem
        assert "the tool 'good' is left out: the server offers two of this name" in told


async def test_schemas_that_cannot_be_used_leave_their_tools_out() -> None:
    async with opened({"command": puppet("modern", "schemas")}) as it:
        assert it.names == ["good"]
        assert "the tool 'bad0' is left out: /properties/a/type" in it.problem
        assert "the tool 'bad1' is left out: $ref 'http://127.0.0.1:1/a' leads out of the schema" in it.problem
        assert "the tool 'bad2' is left out: its references multiply" in it.problem
    async with opened({"command": puppet("modern", "huge_schema")}) as it:
        assert it.names == ["good"]
        assert "its schemas have 300" in it.problem


@ERAS
@pytest.mark.parametrize("name", ["sample", "roots"])
async def test_a_server_that_wants_a_model_or_folders_is_refused_politely(era: str, name: str) -> None:
    async with opened({"command": puppet(era, "normal")}) as it:
        try:
            words = (await it.call(name)).text
        except ToolError as error:
            words = str(error)
        assert "not supported" in words or "This client" in words
        assert (await it.call("add", b'{"a": 1, "b": 2}')).text == "3"


async def test_a_server_that_will_not_go_is_killed_with_all_it_has_started(tmp_path: Path) -> None:
    pids = tmp_path / "pids"
    async with opened({"command": puppet("modern", "stays"), "env": {"PIDS": str(pids)}}) as it:
        assert "add" in it.names
        left = [*(int(pid) for pid in pids.read_text().split()), group(it)]
        assert all(alive(pid) for pid in left)
        began = time.monotonic()
    assert time.monotonic() - began < 5
    await eventually(lambda: not any(alive(pid) for pid in left))  # what was killed takes a moment to be gone


async def test_a_server_that_goes_takes_along_what_it_has_started(tmp_path: Path) -> None:
    pids = tmp_path / "pids"
    async with opened({"command": puppet("modern", "leaves"), "env": {"PIDS": str(pids)}}) as it:
        assert "add" in it.names
        left = [int(pid) for pid in pids.read_text().split()]
        assert all(alive(pid) for pid in left)
    await eventually(lambda: not any(alive(pid) for pid in left))


async def test_a_killed_parent_takes_its_servers_along(tmp_path: Path) -> None:
    pids = tmp_path / "pids"
    code = f"""
import asyncio
from tests.registry.sources.mcp.opened import opened, puppet
async def main():
    async with opened({{"command": puppet("modern", "stays"), "env": {{"PIDS": {str(pids)!r}}}}}) as it:
        print("open", flush=True)
        await asyncio.Event().wait()
asyncio.run(main())
"""
    parent = await asyncio.create_subprocess_exec(
        sys.executable, "-c", code, stdout=subprocess.PIPE, cwd=Path(__file__).parents[4]
    )
    assert parent.stdout is not None
    async with asyncio.timeout(SECONDS):
        assert await parent.stdout.readline() == b"open\n"
        left = [int(pid) for pid in pids.read_text().split()]
        assert all(alive(pid) for pid in left)
        parent.kill()
        await parent.wait()
    await eventually(lambda: not any(alive(pid) for pid in left))


def group(it: Opened) -> int:
    """Return the process group of an open source's server."""
    house = it.source._house
    assert house is not None
    pid: int = house._transport._process.pid  # type: ignore[attr-defined] # of pipes only
    return pid
