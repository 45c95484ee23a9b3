"""A tool's author calls it through the server: as a run, with its policy, its journal and the rights of the key."""

import json
from typing import Any

import pytest

from tests.cli.running import toolyard
from tests.http.expecting import refused
from tests.http.serving import Client, Server


@pytest.fixture
def author(server: Server, tenant: str) -> Client:
    return server.client(tenant, "author")


def called(client: Client, tool: str, **arguments: Any) -> dict[str, Any]:
    body: dict[str, Any] = client.post(f"/api/v1/tools/{tool}/call", {"arguments": arguments})
    return body


def test_a_call_is_a_run_with_a_result_a_duration_and_a_journal(author: Client, auditor: Client) -> None:
    shown = called(author, "add", a=1, b=2)
    assert (shown["text"], shown["structured"], shown["is_error"]) == ("3", 3, False)
    assert shown["duration_us"] > 0
    assert auditor.get(f"/api/v1/runs/{shown['run']}")["agent"] == "direct:call"


def test_errors_are_what_a_model_would_read(author: Client) -> None:
    wrong = called(author, "add", a="one", b=2)
    assert wrong["is_error"]
    assert "at `$.a`" in wrong["text"]
    failed = called(author, "fail", why="no luck")
    assert (failed["text"], failed["is_error"]) == ("no luck", True)


def test_a_call_that_a_person_has_to_approve_waits_for_one(author: Client, operator: Client, server: Server) -> None:
    shown = called(author, "write_note", name="called", text="x")
    assert shown["is_error"]
    assert shown["text"] == f"It waits for a person: toolyard approve {shown['run']}"
    assert not (server.root / "notes" / "called").exists()
    approval = operator.waiting(shown["run"])
    operator.post(f"/api/v1/approvals/{approval['id']}", {"decision": "approve"})
    operator.finished(shown["run"])
    assert (server.root / "notes" / "called").read_text() == "x\n"


def test_what_is_not_there_what_is_no_call_and_who_may_not_are_refused(author: Client, user: Client) -> None:
    refused(author.ask("POST", "/api/v1/tools/ad/call", {"arguments": {}}), 404, "name")
    refused(author.ask("POST", "/api/v1/tools/agent_clerk/call", {"arguments": {"message": "x"}}), 404, "name")
    refused(author.ask("POST", "/api/v1/tools/add/call", {"arguments": [1]}), 400, "arguments")
    refused(author.ask("POST", "/api/v1/tools/add/call", {}), 400, "arguments")
    assert user.ask("POST", "/api/v1/tools/add/call", {"arguments": {}}).status == 403


def test_a_tool_is_found_by_what_it_does_and_by_nobody_who_may_not_see_it(server: Server, user: Client) -> None:
    found = user.get("/api/v1/tools/search?q=sum%20of%20two%20whole%20numbers&limit=3")["data"]
    assert [each["name"] for each in found][:1] == ["add"]
    assert found[0]["source"] == "tools/desk.py"
    assert found == sorted(found, key=lambda each: -each["score"])
    rights = server.root / "rights.toml"
    rights.write_text('[[call]]\ntools = ["wait"]\n')
    try:
        found = user.get("/api/v1/tools/search?q=add%20whole%20numbers")["data"]
        assert {each["name"] for each in found} <= {"wait"}
    finally:
        rights.unlink()
    refused(user.ask("GET", "/api/v1/tools/search?q="), 400, "q")
    refused(user.ask("GET", "/api/v1/tools/search?q=a&q=b"), 400, "q")


def test_the_commands_do_the_same(server: Server, author: Client) -> None:
    way = ("--url", f"http://127.0.0.1:{server.port}", "--key", author.secret)
    done = toolyard("tool", "call", "add", '{"a": 1, "b": 2}', "--server", *way)
    assert (done.code, done.out) == (0, "3\n")
    assert "toolyard why run_" in done.err
    failed = toolyard("tool", "call", "fail", '{"why": "no"}', "--server", "--json", *way)
    assert (failed.code, json.loads(failed.out)["text"]) == (1, "no")
    assert toolyard("tool", "call", "add", "{", "--server", *way).code == 2
    assert toolyard("tool", "call", "add", "{}", "--server", "--allow", "x", *way).code == 2
    found = toolyard("tool", "search", "sum", "whole", "numbers", *way)
    assert found.out.splitlines()[1].split("\t")[0] == "add"
    assert toolyard("tool", "search", "xylophone", *way).out == ""
