"""End users behind one frontend's key: each sees their own runs, on every route that names or lists one."""

import pytest

from tests.http.expecting import ADD, note, refused
from tests.http.serving import Client, Server

ROUTES = ("", "/events", "/why", "/doubts")


@pytest.fixture
def front(server: Server, tenant: str) -> Client:
    return server.client(tenant, "frontend", "user")


@pytest.fixture
def ada(front: Client) -> Client:
    return front.speaking_for("ada")


def response_of(run: str) -> str:
    return f"/v1/responses/resp_{run.removeprefix('run_')}_0"


def test_an_end_user_is_shown_nothing_of_another_ones_run(front: Client, ada: Client) -> None:
    run = ada.finished(ada.start(ADD))["id"]
    for other in (front, front.speaking_for("mallory")):
        for path in ROUTES:
            refused(other.ask("GET", f"/api/v1/runs/{run}{path}"), 404, "run")
        for query in ("", "?stream=true"):
            assert other.ask("GET", response_of(run) + query).status == 404
        assert other.get("/api/v1/runs")["data"] == []
    for path in ROUTES:
        ada.get(f"/api/v1/runs/{run}{path}")
    assert ada.get(response_of(run))["status"] == "completed"
    assert [one["id"] for one in ada.get("/api/v1/runs")["data"]] == [run]


def test_an_end_user_cannot_cancel_another_ones_run_nor_see_what_it_asks(front: Client, ada: Client) -> None:
    run = ada.start(note("of-ada"))
    approval = ada.waiting(run)["id"]
    for other in (front, front.speaking_for("mallory")):
        refused(other.ask("POST", f"/api/v1/runs/{run}/cancel"), 404, "run")
        assert other.ask("POST", response_of(run) + "/cancel").status == 404
        refused(other.ask("GET", f"/api/v1/approvals/{approval}"), 404, "approval")
        assert other.get("/api/v1/approvals")["data"] == []
    assert ada.get(f"/api/v1/runs/{run}")["status"] == "parked"
    ada.post(response_of(run) + "/cancel", {})
    assert ada.get(f"/api/v1/runs/{run}")["reason"] == "cancelled"


def test_a_run_for_nobody_is_its_keys_and_no_end_users(front: Client, ada: Client) -> None:
    run = front.finished(front.start(ADD))["id"]
    assert [one["id"] for one in front.get("/api/v1/runs")["data"]] == [run]
    assert front.get(response_of(run))["status"] == "completed"
    refused(ada.ask("GET", f"/api/v1/runs/{run}"), 404, "run")
    assert ada.ask("GET", response_of(run)).status == 404
    assert ada.get("/api/v1/runs")["data"] == []


def test_an_end_user_comes_back_through_another_frontend_of_the_tenant(
    server: Server, tenant: str, ada: Client
) -> None:
    run = ada.finished(ada.start(ADD))["id"]
    other = server.client(tenant, "frontend").speaking_for("ada")
    assert other.get(f"/api/v1/runs/{run}")["id"] == run
    elsewhere = server.client(server.tenant(), "frontend").speaking_for("ada")
    refused(elsewhere.ask("GET", f"/api/v1/runs/{run}"), 404, "run")


def test_naming_an_end_user_opens_nothing_to_a_key_that_may_not(server: Server, tenant: str, ada: Client) -> None:
    run = ada.finished(ada.start(ADD))["id"]
    plain = server.client(tenant, "user", "author").speaking_for("ada")
    refused(plain.ask("GET", f"/api/v1/runs/{run}"), 404, "run")
    assert plain.ask("GET", response_of(run)).status == 404


def test_operators_and_auditors_see_every_end_users_runs(
    operator: Client, auditor: Client, front: Client, ada: Client
) -> None:
    runs = [ada.finished(ada.start(ADD))["id"], front.finished(front.start(ADD))["id"]]
    for watcher in (operator, auditor):
        assert [one["id"] for one in watcher.get("/api/v1/runs")["data"]] == runs[::-1]
        for run in runs:
            watcher.get(f"/api/v1/runs/{run}")
    assert operator.get(response_of(runs[0]))["status"] == "completed"
    assert auditor.ask("GET", response_of(runs[0])).status == 403


@pytest.mark.parametrize("header", ["x-toolyard-end-user", "x-openwebui-user-id"])
def test_a_name_in_a_header_is_as_long_as_one_in_a_body_may_be_and_no_longer(front: Client, header: str) -> None:
    name, sent = "a" * 256, {"model": "clerk", "input": "hi"}
    longest, longer = ({header.replace("-", "_"): one} for one in (name, name + "a"))
    assert front.ask("POST", "/v1/responses", sent, **longest).status == 200
    assert front.ask("POST", "/v1/responses", {**sent, "user": name + "a"}).status == 400
    answered = front.ask("POST", "/v1/responses", sent, **longer)
    assert (answered.status, answered.body["error"]["param"]) == (400, header)
    assert front.get("/api/v1/runs", **longest)["data"]
    refused(front.ask("GET", "/api/v1/runs", **longer), 400, header)
    refused(front.ask("POST", "/mcp", {"jsonrpc": "2.0", "id": 1, "method": "ping"}, **longer), 400, header)


def test_a_name_in_letters_of_any_script_is_one_person_on_every_route(front: Client) -> None:
    sent = {"model": "clerk", "input": "hi"}
    in_body = front.post("/v1/responses", {**sent, "user": "Zoë"})["id"]
    zoe = front.speaking_for("Zoë".encode().decode("latin-1"))  # the bytes that clients send
    in_header = zoe.post("/v1/responses", sent)["id"]
    seen = {run["id"].removeprefix("run_") for run in zoe.get("/api/v1/runs")["data"]}
    assert seen == {name.removeprefix("resp_").partition("_")[0] for name in (in_body, in_header)}
