import asyncio
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import msgspec
import pytest
from toolyard_sdk.serve.__main__ import main
from toolyard_sdk.serve.finding import NotServable, find
from toolyard_sdk.serve.meta import CONTEXT, PARENT, RAISED, SETTINGS

from tests.sdk.serve.serving import SECONDS, WORKBENCH, served, text_of


@pytest.mark.parametrize(("mode", "protocol"), [("auto", "2026-07-28"), ("legacy", "2025-11-25")])
async def test_a_plugin_is_listed_and_called_in_both_eras(mode: str, protocol: str) -> None:
    async with served(mode=mode) as client:
        assert client.protocol_version == protocol
        tools = {tool.name: tool for tool in (await client.list_tools()).tools}
        assert list(tools) == sorted(tools)
        hints = tools["add"].annotations
        assert (hints.read_only_hint, hints.destructive_hint, hints.open_world_hint) == (True, False, False)
        assert tools["add"].title == "Adder"
        assert tools["add"].input_schema["properties"]["numbers"]["description"] == "What to add."
        assert tools["add"].output_schema["required"] == ["total", "count"]
        result = await client.call_tool("add", {"numbers": [1, 2, 3]})
        assert result.structured_content == {"total": 6, "count": 3}
        assert msgspec.json.decode(text_of(result)) == {"total": 6, "count": 3}
        # A structure that is no object is shown to clients that may see one.
        result = await client.call_tool("words", {"text": "a b"})
        assert text_of(result) == '["a","b"]'
        shown = (tools["words"].output_schema is not None, result.structured_content)
        assert shown == ((True, ["a", "b"]) if mode == "auto" else (False, None))
        await _progress_arrives_in_order_before_the_result_and_only_grows(client)


async def _progress_arrives_in_order_before_the_result_and_only_grows(client: Any) -> None:
    seen: list[tuple[float, float | None, str | None]] = []

    async def note(progress: float, total: float | None, message: str | None) -> None:
        seen.append((progress, total, message))

    result = await client.call_tool("climb", {"steps": 3}, progress_callback=note)
    assert text_of(result) == "took 3"
    assert seen == [(1, 3, "step 1"), (2, 3, "step 2"), (3, 3, "step 3")]
    seen.clear()
    await client.call_tool("climb_in_a_thread", progress_callback=note)
    assert [message for *_, message in seen] == ["one", "two"]


async def test_what_a_plugin_prints_comes_out_at_standard_error_and_never_between_messages(tmp_path: Path) -> None:
    async with served(errors=tmp_path / "errors") as client:
        await client.call_tool("add", {"numbers": []})
    assert (tmp_path / "errors").read_text().splitlines() == [
        "a plugin that prints when it is imported",
        "a tool that prints",
    ]


FAILURES = {
    "told": ("Ask for something else.", None),
    "odd": ("fail failed: ValueError: no such thing", None),
    "timeout": ("fail failed: TimeoutError: no answer", "timeout"),
    "lost": ("fail failed: ConnectionResetError: reset by peer", "connection_lost"),
    "refused": ("fail failed: nobody listens", "refused"),
    "exit": ("fail failed: SystemExit: 3", None),
    "surrogate": ("bad ? byte", None),
}


async def test_whatever_a_tool_raises_is_an_error_result_that_says_whether_its_effect_is_known() -> None:
    async with served() as client:
        for how, (text, raised) in FAILURES.items():
            result = await client.call_tool("fail", {"how": how})
            assert (result.is_error, text_of(result)) == (True, text)
            assert ((result.meta or {}).get(RAISED) or {}).get("kind") == raised
        await _arguments_that_do_not_fit_and_tools_that_are_not_there_are_told_apart(client)
        # A structure that is no JSON is left out.
        result = await client.call_tool("by_hand", {"text": "here"})
        assert (result.structured_content, text_of(result), result.is_error) == (None, "here", False)
        # Without hosts nothing goes out.
        result = await client.call_tool("reach", {"url": "https://example.org/"})
        assert result.is_error
        assert "was not sent" in text_of(result)


async def _arguments_that_do_not_fit_and_tools_that_are_not_there_are_told_apart(client: Any) -> None:
    misfit = await client.call_tool("add", {"numbers": "1"})
    assert misfit.is_error
    assert "$.numbers" in text_of(misfit)
    with pytest.raises(Exception, match=r"Unknown tool: 'ad'. There are: add, block"):
        await client.call_tool("ad", {})


@pytest.mark.parametrize("mode", ["auto", "legacy"])
async def test_a_call_that_is_cancelled_stops_its_tool(mode: str, tmp_path: Path) -> None:
    mark = tmp_path / "mark"
    async with served(mode=mode) as client:
        call = asyncio.create_task(client.call_tool("wait", {"mark": str(mark)}))
        await client.call_tool("add", {"numbers": [1]})  # by then the call has arrived: messages are read in order
        call.cancel()
        await asyncio.wait((call,))
        while not mark.exists():  # bounded by the client's own time-out
            await client.call_tool("add", {"numbers": [1]})
        assert mark.read_text() == "stopped"


async def test_a_stranger_is_not_believed_what_it_says_of_tenants_and_users() -> None:
    meta = {CONTEXT: {"tenant": "acme", "end_user": "ann", "egress": "x"}}
    async with served() as client:
        told = (await client.call_tool("who", {}, meta=meta)).structured_content
        assert (told["tenant"], told["end_user"], told["run"], told["settings"]) == ("default", None, "", {})


async def test_a_server_that_started_the_process_is_believed(tmp_path: Path) -> None:
    said: dict[str, Any] = {
        "tenant": "acme",
        "end_user": "ann",
        "run": "run_1",
        "session": "sess_1",
        "call": "call_1",
        "idempotency_key": "k",
        "deadline": 4_000_000_000_000_000,
        "attempt": 2,
    }
    environment = {PARENT: str(tmp_path / "socket"), SETTINGS: '{"extra":"more","limit":3}'}
    async with served(env=environment) as client:
        told = (await client.call_tool("who", {}, meta={CONTEXT: said})).structured_content
        settings = told.pop("settings")
        said["key"] = said.pop("idempotency_key")
        assert told == said
        assert settings == {"extra": "more", "limit": 3}
        assert text_of(await client.call_tool("more")) == "extra"
        with pytest.raises(Exception, match=r"_meta: Expected `str`, got `int` - at `\$.tenant`"):
            await client.call_tool("who", {}, meta={CONTEXT: {"tenant": 3}})
        # A call whose deadline has long passed is stopped: whoever made it has given it up.
        meta = {CONTEXT: {"deadline": int((time.time() - 5) * 1e6)}}
        result = await client.call_tool("wait", {"mark": os.devnull}, meta=meta)
        assert (result.is_error, result.meta[RAISED]["kind"]) == (True, "timeout")


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ((WORKBENCH, "--settings", "[]"), "the settings are no JSON object: Expected `object`"),
        ((WORKBENCH, "--http", "0.0.0.0:0"), "set TOOLYARD_SERVE_KEY"),
        ((WORKBENCH, "--http", "8000"), "write HOST:PORT"),
        ((WORKBENCH, "--allow-host", "a b"), "--allow-host: hosts: 'a b' cannot be used"),
    ],
)
def test_what_cannot_be_served_is_said_in_one_line(
    arguments: tuple[str, ...], words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(list(arguments)) == 2
    said = capsys.readouterr()
    assert said.out == ""
    assert words in said.err
    assert len(said.err.splitlines()) == 1


@pytest.mark.parametrize(
    ("wanted", "words"),
    [
        ("nosuch", "nothing here is called 'nosuch'"),
        ("nosuch.py", "there is no file nosuch.py"),
        ("json", "json offers no tool"),
    ],
)
def test_a_plugin_that_is_not_there_is_told_apart_from_one_without_tools(wanted: str, words: str) -> None:
    with pytest.raises(NotServable, match=words):
        find(wanted, {})


def test_an_entry_point_a_module_and_a_file_are_found() -> None:
    assert [(one.name, one.version) for one in (find("calculator", {}), find("toolyard_calculator", {}))] == [
        ("calculator", "0.1.0"),
        ("toolyard_calculator", ""),
    ]
    assert {tool.spec.name for tool in find("tests.sdk.serve.workbench", {"extra": "more"}).tools} > {"add", "more"}


def test_a_plugin_that_is_not_there_is_told_by_the_command_too() -> None:
    command = [sys.executable, "-m", "toolyard_sdk.serve", "nosuch"]
    done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, check=False, timeout=SECONDS)
    assert (done.returncode, done.stdout) == (2, b"")
    assert b"nothing here is called 'nosuch'" in done.stderr
    assert b"Traceback" not in done.stderr


async def test_a_process_ends_when_its_client_does_although_a_tool_will_not_stop() -> None:
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        *("-m", "toolyard_sdk.serve", WORKBENCH),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
    )
    assert process.stdin is not None
    assert process.stdout is not None
    meta = {
        "io.modelcontextprotocol/protocolVersion": "2026-07-28",
        "io.modelcontextprotocol/clientCapabilities": {},
    }
    calls: list[tuple[str, Any]] = [("block", {}), ("add", {"numbers": []})]
    for number, (name, arguments) in enumerate(calls):
        params = {"name": name, "arguments": arguments, "_meta": meta}
        message = {"jsonrpc": "2.0", "id": number, "method": "tools/call", "params": params}
        process.stdin.write(msgspec.json.encode(message) + b"\n")
    async with asyncio.timeout(SECONDS):
        assert msgspec.json.decode(await process.stdout.readline())["id"] == 1  # `block` is at work by now
        process.stdin.close()
        assert await process.wait() == 0


def test_importing_the_command_imports_no_mcp() -> None:
    code = "import sys, toolyard_sdk.serve.__main__; print([m for m in sys.modules if m.split('.')[0] == 'mcp'])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True, timeout=SECONDS)
    assert done.stdout == b"[]\n"
