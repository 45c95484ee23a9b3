"""Calls in doubt over HTTP: told, and settled once by whoever may decide."""

import pytest

from tests.http.expecting import ADD, HANG, refused
from tests.http.serving import Client, Server


@pytest.fixture
def doubtful(user: Client) -> str:
    """A finished run whose only call timed out after it had been sent."""
    run = user.start(HANG, "hasty")
    user.post(f"/api/v1/approvals/{user.waiting(run)['id']}", {"decision": "approve"})
    assert user.finished(run)["doubts"] == 1
    return run


def test_a_call_in_doubt_is_told_with_its_arguments_and_why(user: Client, doubtful: str) -> None:
    (doubt,) = user.get(f"/api/v1/runs/{doubtful}/doubts")["data"]
    assert (doubt["call"], doubt["tool"], doubt["arguments"]) == (1, "hang", {"name": "x"})
    assert (doubt["why"], doubt["outcome"]) == ("timeout", None)
    assert doubt["call_id"].endswith("_1")
    assert doubt["at"] > 1_600_000_000_000_000


@pytest.mark.parametrize("outcome", ["happened", "did_not", "unknown"])
def test_a_person_says_once_what_became_of_it(user: Client, operator: Client, doubtful: str, outcome: str) -> None:
    path = f"/api/v1/runs/{doubtful}/doubts/1"
    settled = operator.post(path, {"outcome": outcome, "note": "I looked"})
    assert settled["outcome"] == outcome
    assert user.get(f"/api/v1/runs/{doubtful}/doubts")["data"] == [settled]
    assert user.get(f"/api/v1/runs/{doubtful}")["doubts"] == 0
    assert "once" in refused(user.ask("POST", path, {"outcome": "happened"}), 409, "call")
    line = user.get(f"/api/v1/runs/{doubtful}/why")["lines"][-1]
    assert operator.key in line["text"]
    assert "I looked" in line["text"]


def test_only_who_may_decide_settles_a_doubt(server: Server, tenant: str, user: Client, doubtful: str) -> None:
    other = server.client(tenant, "user")
    refused(other.ask("POST", f"/api/v1/runs/{doubtful}/doubts/1", {"outcome": "happened"}), 404, "run")


@pytest.mark.parametrize("call", ["2", "0", "-1", "01", "x", "1e0", "99999999999999999999"])
def test_a_call_that_is_not_in_doubt_is_not_there(user: Client, doubtful: str, call: str) -> None:
    refused(user.ask("POST", f"/api/v1/runs/{doubtful}/doubts/{call}", {"outcome": "happened"}), 404, "call")


@pytest.mark.parametrize(
    ("body", "param", "says"),
    [({"outcome": "maybe"}, "outcome", "did_not"), ({"outcome": "happened", "nota": ""}, "nota", "did you mean note?")],
)
def test_a_finding_that_cannot_be_read_settles_nothing(
    user: Client, doubtful: str, body: object, param: str, says: str
) -> None:
    assert says in refused(user.ask("POST", f"/api/v1/runs/{doubtful}/doubts/1", body), 400, param)
    assert user.get(f"/api/v1/runs/{doubtful}/doubts")["data"][0]["outcome"] is None


def test_a_run_without_doubts_has_none(user: Client) -> None:
    run = user.finished(user.start(ADD))["id"]
    assert user.get(f"/api/v1/runs/{run}/doubts")["data"] == []
