"""The registry's tools at `/mcp`: each call is a run, with policy, approvals and a journal."""

import asyncio
import subprocess
import sys

import pytest

from tests.http.mcp.connecting import RUN, connected, text_of
from tests.http.serving import Client, Server, present

ERAS = pytest.mark.parametrize("mode", ["auto", "legacy"])


@ERAS
async def test_a_client_of_either_era_lists_and_calls_tools(user: Client, mode: str) -> None:
    async with connected(user, mode) as client:
        listed = await client.list_tools()
        names = [tool.name for tool in listed.tools]
        assert names == sorted(names)
        assert {"add", "write_note", "agent_clerk", "get_run_result"} <= set(names)
        if mode == "auto":
            assert (listed.ttl_ms, listed.cache_scope) == (10_000, "private")
        result = await client.call_tool("add", {"a": 1, "b": 2})
        assert (result.is_error, text_of(result)) == (False, "3")
        assert result.structured_content == (3 if mode == "auto" else None)


async def test_a_call_is_a_run_that_a_journal_tells(user: Client, auditor: Client) -> None:
    async with connected(user) as client:
        run = (await client.call_tool("add", {"a": 2, "b": 2})).meta[RUN]
    shown = auditor.get(f"/api/v1/runs/{run}")
    assert (shown["agent"], shown["status"], shown["reason"]) == ("direct:call", "finished", "stop")
    told = auditor.get(f"/api/v1/runs/{run}/why")
    assert "add" in str(told)
    assert "default.read_only" in str(told)


async def test_errors_of_tools_and_of_arguments_are_results(user: Client) -> None:
    async with connected(user) as client:
        failed = await client.call_tool("fail", {"why": "no luck"})
        assert (failed.is_error, text_of(failed)) == (True, "no luck")
        misfit = await client.call_tool("add", {"a": "x", "b": 2})
        assert misfit.is_error
        assert text_of(misfit).startswith("The arguments do not fit add: ")
        assert RUN in misfit.meta
        with pytest.raises(Exception, match="Unknown tool: 'nothing'"):
            await client.call_tool("nothing", {})


async def test_a_call_that_asks_names_the_approval_and_is_fetched_once_it_was_approved(
    server: Server, user: Client, tenant: str
) -> None:
    operator = server.client(tenant, "operator")
    arguments = {"name": tenant, "text": "by mcp"}
    async with connected(user) as client:
        asked = await client.call_tool("write_note", arguments)
        run = asked.meta[RUN]
        approval = operator.waiting(run)["id"]
        assert asked.is_error
        assert approval in text_of(asked)
        assert f"toolyard approve {run}" in text_of(asked)
        waits = await client.call_tool("get_run_result", {"run": run})
        assert (waits.is_error, approval in text_of(waits)) == (True, True)
        assert not (server.root / "notes" / tenant).exists()
        operator.post(f"/api/v1/approvals/{approval}", {"decision": "approve"})
        done = await client.call_tool("get_run_result", {"run": run})
        assert (done.is_error, text_of(done), done.meta[RUN]) == (False, f"{tenant} is written", run)
    assert (server.root / "notes" / tenant).read_text() == "by mcp\n"


async def test_a_call_that_was_denied_says_so(server: Server, user: Client, tenant: str) -> None:
    operator = server.client(tenant, "operator")
    async with connected(user) as client:
        run = (await client.call_tool("write_note", {"name": tenant, "text": "no"})).meta[RUN]
        denial = {"decision": "deny", "reason": "not today"}
        operator.post(f"/api/v1/approvals/{operator.waiting(run)['id']}", denial)
        denied = await client.call_tool("get_run_result", {"run": run})
    assert denied.is_error
    assert "a person denied this call of write_note, saying: not today" in text_of(denied)


async def test_what_is_stopped_is_not_there_and_nothing_takes_its_name(
    server: Server, operator: Client, user: Client
) -> None:
    operator.post("/api/v1/stops", {"kind": "tool", "name": "add"})
    async with connected(user) as client:
        assert "add" not in {tool.name for tool in (await client.list_tools()).tools}
        with pytest.raises(Exception, match="Unknown tool: 'add'"):
            await client.call_tool("add", {"a": 1, "b": 1})


async def test_a_result_is_for_whom_the_call_was_made_for(server: Server, user: Client, tenant: str) -> None:
    async with connected(user) as client:
        run = (await client.call_tool("add", {"a": 1, "b": 1})).meta[RUN]
        assert text_of(await client.call_tool("get_run_result", {"run": run})) == "2"
    for stranger in (server.client(tenant, "user"), server.client(server.tenant(), "user")):
        async with connected(stranger) as client:
            for name in (run, "run_nothing"):
                hidden = await client.call_tool("get_run_result", {"run": name})
                assert (hidden.is_error, text_of(hidden)) == (True, "get_run_result: there is no such run.")


async def test_a_frontend_calls_for_its_end_users(server: Server, tenant: str) -> None:
    frontend = server.client(tenant, "frontend")
    async with connected(frontend, x_toolyard_end_user="ann") as ann:
        run = (await ann.call_tool("add", {"a": 1, "b": 1})).meta[RUN]
        assert text_of(await ann.call_tool("get_run_result", {"run": run})) == "2"
    async with connected(frontend, x_toolyard_end_user="bob") as bob:
        assert (await bob.call_tool("get_run_result", {"run": run})).is_error


@ERAS
async def test_a_client_that_cancels_a_call_ends_its_run(
    server: Server, operator: Client, user: Client, tenant: str, mode: str
) -> None:
    async with connected(user, mode) as client:
        call = asyncio.create_task(client.call_tool("wait", {"name": f"never-{tenant}"}))
        while not operator.get("/api/v1/runs")["data"]:  # noqa: ASYNC110 - the client's own deadline bounds it
            await asyncio.sleep(0.01)
        run = operator.get("/api/v1/runs")["data"][0]["id"]
        call.cancel()
        await asyncio.wait((call,))
    ended = await asyncio.to_thread(operator.finished, run)
    assert ended["reason"] == "cancelled"


async def test_a_call_goes_on_while_others_are_made(server: Server, user: Client, tenant: str) -> None:
    mark = server.root / f"mark-{tenant}"
    async with connected(user) as client:
        slow = asyncio.create_task(client.call_tool("wait", {"name": mark.name}))
        assert text_of(await client.call_tool("add", {"a": 1, "b": 1})) == "2"
        assert not slow.done()
        present(mark)
        assert text_of(await slow) == f"{mark.name} is there"


def test_who_has_no_key_is_told_how_to_send_one(server: Server) -> None:
    answered = Client(server.port, "").ask("POST", "/mcp", {}, accept="application/json, text/event-stream")
    assert (answered.status, answered.headers["www-authenticate"]) == (401, "Bearer")


def test_an_auditor_may_read_and_calls_nothing(auditor: Client) -> None:
    assert auditor.ask("POST", "/mcp", {}).status == 403


def test_what_is_no_message_is_a_bad_request_and_nothing_breaks(user: Client) -> None:
    accept = "application/json, text/event-stream"
    for body in (b"", b"{", b"[]", b"null", b'"\xff"', b"[" * 100_000):
        for protocol in ("2026-07-28", "2025-11-25", "1999-01-01"):
            headers = {"accept": accept, "content_type": "application/json", "mcp_protocol_version": protocol}
            sent = user.ask("POST", "/mcp", body, **headers)
            assert 400 <= sent.status < 500, (body[:10], protocol, sent)
    for method in ("GET", "DELETE", "PUT"):
        assert 400 <= user.ask(method, "/mcp", accept=accept, mcp_protocol_version="2026-07-28").status < 500


def test_a_server_that_nobody_asks_has_not_loaded_the_sdk() -> None:
    code = "import sys, toolyard_runtime.app; print([name for name in sys.modules if name.split('.')[0] == 'mcp'])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True, timeout=60)
    assert done.stdout == b"[]\n"
