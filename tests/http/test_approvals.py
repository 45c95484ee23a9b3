"""Approvals over HTTP: what a person is shown, who may decide, and what a decision does."""

import time

import pytest

from tests.http.expecting import HANG, note, refused
from tests.http.serving import SECONDS, Client, Server


def notes(server: Server, name: str) -> list[str]:
    path = server.root / "notes" / name
    return path.read_text().splitlines() if path.exists() else []


def test_an_approval_shows_the_call_it_is_about(user: Client) -> None:
    run = user.start(note("shown"))
    approval = user.waiting(run)
    assert approval == user.get(f"/api/v1/approvals/{approval['id']}")
    assert (approval["run"], approval["call"], approval["tool"], approval["agent"]) == (run, 1, "write_note", "clerk")
    assert approval["arguments"] == {"name": "shown", "text": "hello"}
    assert approval["call_id"].endswith("_1")
    assert (approval["status"], approval["doubt"], approval["decided_at"], approval["decided_by"]) == (
        "pending",
        False,
        None,
        None,
    )
    assert approval["expires_at"] - approval["requested_at"] == 86_400_000_000


def test_an_approved_call_runs_once_and_the_run_goes_on(user: Client, server: Server) -> None:
    run = user.start(note("approved"))
    approval = user.waiting(run)
    decided = user.post(f"/api/v1/approvals/{approval['id']}", {"decision": "approve", "reason": None})
    assert (decided["status"], decided["decided_by"]) == ("approve", user.key)
    assert decided["run_status"] in ("running", "finished")
    assert decided["decided_at"] >= decided["requested_at"]
    assert user.finished(run)["reason"] == "stop"
    assert notes(server, "approved") == ["hello"]


def test_a_decision_that_names_what_was_shown_is_recorded_as_such(user: Client, server: Server) -> None:
    run = user.start(note("seen"))
    approval = user.waiting(run)
    path = f"/api/v1/approvals/{approval['id']}"
    for other in ("", "00" * 32, "no hex"):
        told = refused(user.ask("POST", path, {"decision": "approve", "saw": other}), 409, "saw")
        assert "look at it again" in told
    assert user.get(path)["status"] == "pending"
    user.post(path, {"decision": "approve", "saw": approval["binding"].upper()})
    user.finished(run)
    (decided,) = [one for one in user.get(f"/api/v1/runs/{run}/events")["data"] if one["event"] == "ApprovalDecided"]
    assert decided["confirmed"] is True
    (line,) = [one for one in user.get(f"/api/v1/runs/{run}/why")["lines"] if one["kind"] == "decision"]
    assert line["detail"]["what they saw"] == "what was asked"
    assert line["detail"]["bound to"] == approval["binding"]
    assert notes(server, "seen") == ["hello"]


def test_a_denied_call_never_runs_and_the_model_is_told_why(user: Client, server: Server) -> None:
    run = user.start(note("denied"))
    user.post(f"/api/v1/approvals/{user.waiting(run)['id']}", {"decision": "deny", "reason": "not on a Monday"})
    call = user.finished(run)["outputs"][0]
    assert "not on a Monday" in call["error"]
    assert notes(server, "denied") == []


def test_a_decision_is_made_once(user: Client, server: Server) -> None:
    run = user.start(note("once"))
    path = f"/api/v1/approvals/{user.waiting(run)['id']}"
    user.post(path, {"decision": "approve"})
    assert "once" in refused(user.ask("POST", path, {"decision": "deny"}), 409, "id")
    user.finished(run)
    refused(user.ask("POST", path, {"decision": "approve"}), 409, "id")
    assert notes(server, "once") == ["hello"]


def test_an_approval_that_nobody_gave_in_time_is_gone(user: Client, server: Server) -> None:
    run = user.start(note("late"), "brief")
    approval = user.waiting(run)["id"]
    deadline = time.monotonic() + SECONDS
    while user.get(f"/api/v1/approvals/{approval}")["status"] == "pending":
        assert time.monotonic() < deadline
    refused(user.ask("POST", f"/api/v1/approvals/{approval}", {"decision": "approve"}), 410, "id")
    assert "nobody approved" in user.finished(run)["outputs"][0]["error"]
    assert user.get(f"/api/v1/approvals/{approval}")["decided_by"] == "clock"
    refused(user.ask("POST", f"/api/v1/approvals/{approval}", {"decision": "approve"}), 410, "id")
    assert notes(server, "late") == []


def test_a_call_whose_like_is_in_doubt_is_shown_as_such(user: Client) -> None:
    run = user.start(f"{HANG}\nthen\n{HANG}", "hasty")
    first = user.waiting(run)
    assert first["doubt"] is False
    user.post(f"/api/v1/approvals/{first['id']}", {"decision": "approve"})
    again = user.until(run, lambda shown: [one for one in shown["approvals"] if one["id"] != first["id"]])
    assert again["approvals"][0]["doubt"] is True


def test_approvals_are_listed_by_status_in_pages(user: Client, operator: Client) -> None:
    runs = [user.start(note()) for _ in range(3)]
    approvals = [user.waiting(run)["id"] for run in runs]
    user.post(f"/api/v1/approvals/{approvals[0]}", {"decision": "deny"})
    pending = operator.get("/api/v1/approvals?status=pending")
    assert [one["id"] for one in pending["data"]] == [approvals[2], approvals[1]]
    assert [one["id"] for one in user.get("/api/v1/approvals?status=deny")["data"]] == approvals[:1]
    first = user.get("/api/v1/approvals?limit=2")
    assert [one["id"] for one in first["data"]] == [approvals[2], approvals[1]]
    rest = user.get(f"/api/v1/approvals?limit=2&after={first['next']}")
    assert ([one["id"] for one in rest["data"]], rest["next"]) == (approvals[:1], None)


def test_an_operator_decides_for_any_run_of_the_tenant(user: Client, operator: Client, server: Server) -> None:
    run = user.start(note("by-operator"))
    approval = user.waiting(run)["id"]
    assert operator.post(f"/api/v1/approvals/{approval}", {"decision": "approve"})["decided_by"] == operator.key
    user.finished(run)
    assert notes(server, "by-operator") == ["hello"]


def test_another_user_of_the_tenant_neither_sees_nor_decides(server: Server, tenant: str, user: Client) -> None:
    approval = user.waiting(user.start(note()))["id"]
    other = server.client(tenant, "user")
    assert other.get("/api/v1/approvals")["data"] == []
    refused(other.ask("GET", f"/api/v1/approvals/{approval}"), 404, "approval")
    refused(other.ask("POST", f"/api/v1/approvals/{approval}", {"decision": "approve"}), 404, "approval")


def test_an_end_user_decides_through_any_frontend_and_nobody_else_does(server: Server, tenant: str) -> None:
    front, other, plain = (server.client(tenant, role) for role in ("frontend", "frontend", "user"))
    ada = front.speaking_for("ada")
    run = ada.start(note("end-user"))
    path = f"/api/v1/approvals/{ada.waiting(run)['id']}"
    yes = {"decision": "approve"}
    refused(front.ask("POST", path, yes), 404, "approval")
    refused(front.ask("POST", path, yes, x_toolyard_end_user="bob"), 404, "approval")
    refused(plain.ask("POST", path, yes, x_toolyard_end_user="ada"), 404, "approval")
    assert other.get("/api/v1/approvals", x_toolyard_end_user="bob")["data"] == []
    assert len(other.get("/api/v1/approvals", x_toolyard_end_user="ada")["data"]) == 1
    assert other.post(path, yes, x_toolyard_end_user="ada")["decided_by"] == f"{other.key}/user"
    ada.finished(run)
    assert notes(server, "end-user") == ["hello"]


@pytest.mark.parametrize(
    ("body", "param", "says"),
    [
        ({"decision": "yes"}, "decision", "approve or deny"),
        ({"decision": "approve", "raeson": "x"}, "raeson", "did you mean reason?"),
        ({"decision": "approve", "reason": 1}, "reason", "str"),
        ({}, "decision", "required"),
    ],
)
def test_an_answer_that_cannot_be_read_decides_nothing(user: Client, body: object, param: str, says: str) -> None:
    path = f"/api/v1/approvals/{user.waiting(user.start(note()))['id']}"
    assert says in refused(user.ask("POST", path, body), 400, param)
    assert user.get(path)["status"] == "pending"


def test_a_run_that_is_cancelled_withdraws_what_it_waited_for(user: Client) -> None:
    run = user.start(note("withdrawn"))
    approval = user.waiting(run)["id"]
    user.post(f"/api/v1/runs/{run}/cancel", {"reason": "user"})
    assert user.get("/api/v1/approvals?status=pending")["data"] == []
    assert [one["id"] for one in user.get("/api/v1/approvals?status=withdrawn")["data"]] == [approval]
    assert user.get(f"/api/v1/runs/{run}")["status"] == "finished"
