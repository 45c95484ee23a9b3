"""Stops over HTTP: before the next effect of every run, kept, recorded, and taken back."""

from typing import Any

import pytest
from toolyard_runtime.run.stops import Stops

from tests.http.breaking import failing
from tests.http.expecting import ADD, note, refused
from tests.http.serving import Client, Server, present


def records(client: Client, action: str) -> list[dict[str, Any]]:
    data: list[dict[str, Any]] = client.get(f"/api/v1/audit?action={action}")["data"]
    return data


def test_a_stopped_agent_starts_no_run_until_the_stop_is_taken_back(user: Client, operator: Client) -> None:
    stop = operator.post("/api/v1/stops", {"kind": "agent", "name": "clerk"})
    assert (stop["kind"], stop["name"], stop["by"]) == ("agent", "clerk", operator.key)
    assert operator.get("/api/v1/stops")["data"] == [stop]
    body = {"model": "clerk", "input": ADD}
    assert user.ask("POST", "/v1/responses", body).status == 503
    assert operator.ask("DELETE", "/api/v1/stops/agent/clerk").status == 204
    assert operator.get("/api/v1/stops")["data"] == []
    assert user.ask("POST", "/v1/responses", body).status == 200


@pytest.mark.parametrize("kind", ["agent", "tenant"])
def test_a_live_run_of_what_is_stopped_ends(
    user: Client, operator: Client, tenant: str, server: Server, kind: str
) -> None:
    run = user.start('call wait {"name": "gate-stopped"}\nthen\n' + ADD)
    user.until(run, lambda shown: shown["calls"] == 1)
    operator.post("/api/v1/stops", {"kind": kind, "name": {"agent": "clerk", "tenant": tenant}[kind]})
    shown = user.finished(run)
    assert (shown["reason"], shown["calls"]) == ("cancelled", 1)
    events = user.get(f"/api/v1/runs/{run}/events")["data"]
    assert [event["reason"] for event in events if event["event"] == "CancelRequested"] == ["stopped"]


def test_a_run_of_another_agent_goes_on(user: Client, operator: Client, server: Server) -> None:
    run = user.start('call wait {"name": "gate-other"}')
    user.until(run, lambda shown: shown["calls"] == 1)
    operator.post("/api/v1/stops", {"kind": "agent", "name": "hasty"})
    present(server.root / "gate-other")
    assert user.finished(run)["reason"] == "stop"


def test_a_stopped_tool_does_not_run_even_after_its_approval(user: Client, operator: Client, server: Server) -> None:
    run = user.start(note("stopped-tool"))
    approval = user.waiting(run)["id"]
    operator.post("/api/v1/stops", {"kind": "tool", "name": "write_note"})
    user.post(f"/api/v1/approvals/{approval}", {"decision": "approve"})
    assert "stop" in user.finished(run)["outputs"][0]["error"]
    assert not (server.root / "notes" / "stopped-tool").exists()
    lines = user.get(f"/api/v1/runs/{run}/why")["lines"]
    assert any("rule stop.tool forbids it" in line["text"] for line in lines)


def test_stopping_twice_is_stopping_once(operator: Client) -> None:
    body = {"kind": "tool", "name": "add"}
    first, second = operator.ask("POST", "/api/v1/stops", body), operator.ask("POST", "/api/v1/stops", body)
    assert (first.status, second.status) == (201, 200)
    assert first.body == second.body
    assert len(operator.get("/api/v1/stops")["data"]) == 1
    assert len(records(operator, "stop.add")) == 1


def test_stops_and_their_end_are_in_the_audit_log(operator: Client, auditor: Client) -> None:
    operator.post("/api/v1/stops", {"kind": "tool", "name": "add"})
    assert operator.ask("DELETE", "/api/v1/stops/tool/add").status == 204
    for action in ("stop.add", "stop.remove"):
        (record,) = records(auditor, action)
        assert (record["actor"], record["object"]) == (operator.key, "tool:add")


def test_a_stop_is_there_after_a_restart(operator: Client, tenant: str, server: Server) -> None:
    operator.post("/api/v1/stops", {"kind": "tenant", "name": tenant})
    fresh = Stops()
    server.call(fresh.load(server.wiring.engine.services.database))
    assert fresh.run_stopped(tenant, "clerk") == "tenant"


def kept(server: Server, tenant: str) -> frozenset[str]:
    """Return the tools that are stopped after a restart."""
    fresh = Stops()
    server.call(fresh.load(server.wiring.engine.services.database))
    return fresh.tools(tenant)


def test_a_stop_that_cannot_be_written_down_is_in_force_and_says_that_it_will_not_last(
    operator: Client, user: Client, tenant: str, server: Server
) -> None:
    body = {"kind": "tool", "name": "add"}
    with failing(server):
        first = operator.ask("POST", "/api/v1/stops", body)
    assert (first.status, first.body["code"]) == (503, "unavailable")
    assert "until it is answered with 201" in first.body["detail"]
    assert kept(server, tenant) == frozenset()
    assert "no tool named" in user.finished(user.start(ADD))["outputs"][0]["error"]
    assert [operator.ask("POST", "/api/v1/stops", body).status for _ in range(2)] == [201, 200]
    assert kept(server, tenant) == {"add"}
    assert len(records(operator, "stop.add")) == 1


def test_a_stop_that_cannot_be_taken_back_stays_in_force(operator: Client, tenant: str, server: Server) -> None:
    operator.post("/api/v1/stops", {"kind": "tool", "name": "add"})
    with failing(server):
        assert operator.ask("DELETE", "/api/v1/stops/tool/add").status == 503
    assert len(operator.get("/api/v1/stops")["data"]) == 1
    assert kept(server, tenant) == {"add"}
    assert operator.ask("DELETE", "/api/v1/stops/tool/add").status == 204
    assert kept(server, tenant) == frozenset()


def test_an_operator_of_the_server_stops_another_tenant_and_sees_that_it_did(server: Server, tenant: str) -> None:
    server.house.post("/api/v1/stops", {"kind": "tenant", "name": tenant})
    assert ("tenant", tenant) in [(one["kind"], one["name"]) for one in server.house.get("/api/v1/stops")["data"]]
    user = server.client(tenant, "user")
    assert user.ask("POST", "/v1/responses", {"model": "clerk", "input": ADD}).status == 503
    assert server.house.ask("DELETE", f"/api/v1/stops/tenant/{tenant}").status == 204
    assert user.ask("POST", "/v1/responses", {"model": "clerk", "input": ADD}).status == 200


@pytest.mark.parametrize(
    ("kind", "name", "says"),
    [
        ("agent", "clark", "did you mean clerk?"),
        ("tool", "write_not", "did you mean write_note?"),
        ("agent", "?", "clerk"),
    ],
)
def test_a_mistyped_name_is_refused_because_it_would_stop_nothing(
    operator: Client, kind: str, name: str, says: str
) -> None:
    assert says in refused(operator.ask("POST", "/api/v1/stops", {"kind": kind, "name": name}), 404, "name")
    assert operator.get("/api/v1/stops")["data"] == []


@pytest.mark.parametrize(
    ("body", "param"), [({"kind": "run", "name": "x"}, "kind"), ({"kind": "agent"}, "name"), ({"name": "x"}, "kind")]
)
def test_a_stop_that_cannot_be_read_names_the_field(operator: Client, body: object, param: str) -> None:
    refused(operator.ask("POST", "/api/v1/stops", body), 400, param)


@pytest.mark.parametrize("path", ["agent/clerk", "tool/add", "tenant/default", "run/x", "agent/%00"])
def test_what_is_not_stopped_cannot_be_let_go(operator: Client, path: str) -> None:
    assert operator.ask("DELETE", f"/api/v1/stops/{path}").status == 404


def test_only_operators_stop(user: Client, auditor: Client) -> None:
    body = {"kind": "agent", "name": "clerk"}
    refused(user.ask("POST", "/api/v1/stops", body), 403, "Authorization")
    refused(auditor.ask("POST", "/api/v1/stops", body), 403, "Authorization")
    refused(user.ask("GET", "/api/v1/stops"), 403, "Authorization")
    assert auditor.get("/api/v1/stops")["data"] == []
