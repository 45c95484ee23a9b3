"""Runs over HTTP: listing, showing, cancelling, and who sees which."""

from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.http.expecting import ADD, note, refused, unknown
from tests.http.serving import Client, Server, present


def test_a_run_is_shown_with_what_it_gave(user: Client) -> None:
    run = user.finished(user.start(ADD))
    assert (run["agent"], run["mode"], run["status"], run["reason"]) == ("clerk", "background", "finished", "stop")
    assert run["release"].startswith("sha256:")
    assert run["session"].startswith("sess_")
    assert run["finished_at"] >= run["started_at"] > 1_600_000_000_000_000
    assert (run["turns"], run["calls"], run["doubts"], run["segment"], run["error"]) == (2, 1, 0, 0, None)
    assert run["usage"]["input_tokens"] > 0
    assert run["approvals"] == []
    call, text = run["outputs"]
    assert (call["type"], call["name"], call["output"], call["status"]) == ("call", "add", "3", "completed")
    assert text["type"] == "text"
    assert "3" in text["text"]


def test_a_run_that_waits_shows_the_approval_it_waits_for(user: Client) -> None:
    run = user.start(note())
    approval = user.waiting(run)
    shown = user.get(f"/api/v1/runs/{run}")
    assert (shown["status"], shown["reason"], shown["finished_at"]) == ("parked", "approval", None)
    assert shown["approvals"] == [approval]
    assert shown["outputs"][0]["approval"] == approval["id"]


def test_a_live_run_is_shown_as_far_as_it_has_come(user: Client, server: Server) -> None:
    run = user.start('call wait {"name": "gate-live"}')
    shown = user.until(run, lambda shown: shown["calls"] == 1)
    assert (shown["status"], shown["turns"], shown["finished_at"]) == ("running", 1, None)
    present(server.root / "gate-live")
    assert user.finished(run)["reason"] == "stop"


def test_runs_are_listed_newest_first_in_pages(user: Client) -> None:
    runs = [user.start(ADD) for _ in range(3)]
    for run in runs:
        user.finished(run)
    first = user.get("/api/v1/runs?limit=2")
    assert [run["id"] for run in first["data"]] == runs[:0:-1]
    assert first["next"] == runs[1]
    rest = user.get(f"/api/v1/runs?limit=2&after={first['next']}")
    assert [run["id"] for run in rest["data"]] == [runs[0]]
    assert rest["next"] is None


def test_runs_are_filtered_by_agent_status_and_session(user: Client) -> None:
    done, waiting = user.start(ADD), user.start(note(), "hasty")
    session = user.finished(done)["session"]
    user.waiting(waiting)

    def listed(query: str) -> list[str]:
        return [run["id"] for run in user.get(f"/api/v1/runs?{query}")["data"]]

    assert listed("agent=clerk") == [done]
    assert listed("status=parked") == [waiting]
    assert listed(f"session={session}") == [done]
    assert listed("status=parked&agent=clerk") == []


def test_a_user_sees_only_what_its_own_key_started(server: Server, tenant: str, user: Client) -> None:
    run = user.finished(user.start(ADD))["id"]
    for roles in (["user"], ["frontend"], ["author"]):
        other = server.client(tenant, *roles)
        assert other.get("/api/v1/runs")["data"] == []
        for path in ("", "/events", "/why", "/doubts"):
            refused(other.ask("GET", f"/api/v1/runs/{run}{path}"), 404, "run")
        refused(other.ask("POST", f"/api/v1/runs/{run}/cancel", {"reason": "user"}), 404, "run")


@pytest.mark.parametrize("role", ["operator", "auditor"])
def test_operators_and_auditors_see_all_runs_of_their_tenant(
    server: Server, tenant: str, user: Client, role: str
) -> None:
    run = user.finished(user.start(ADD))["id"]
    watcher = server.client(tenant, role)
    assert [one["id"] for one in watcher.get("/api/v1/runs")["data"]] == [run]
    assert watcher.get(f"/api/v1/runs/{run}")["id"] == run
    assert watcher.get(f"/api/v1/runs/{run}/why")["verified"] is True


def test_cancelling_ends_a_live_run_before_its_next_effect(user: Client) -> None:
    run = user.start('call wait {"name": "gate-never"}')
    user.until(run, lambda shown: shown["calls"] == 1)
    cancelled = user.post(f"/api/v1/runs/{run}/cancel", {"reason": "user"})
    assert (cancelled["status"], cancelled["reason"]) == ("finished", "cancelled")
    assert cancelled == user.get(f"/api/v1/runs/{run}")


def test_cancelling_ends_a_run_that_waits_and_its_call_never_runs(user: Client, server: Server) -> None:
    run = user.start(note("never-written"))
    approval = user.waiting(run)
    assert user.post(f"/api/v1/runs/{run}/cancel", {"reason": "user"})["reason"] == "cancelled"
    refused_words = refused(user.ask("POST", f"/api/v1/approvals/{approval['id']}", {"decision": "approve"}), 409, "id")
    assert approval["id"] in refused_words
    assert not (server.root / "notes" / "never-written").exists()


def test_cancelling_a_run_that_is_over_changes_nothing(user: Client) -> None:
    run = user.finished(user.start(ADD))
    assert user.post(f"/api/v1/runs/{run['id']}/cancel", {"reason": "user"}) == run


def test_an_operator_cancels_without_a_body_and_the_journal_says_who(user: Client, operator: Client) -> None:
    run = user.start(note())
    user.waiting(run)
    assert operator.ask("POST", f"/api/v1/runs/{run}/cancel").status == 200
    events = user.get(f"/api/v1/runs/{run}/events")["data"]
    (cancel,) = [event for event in events if event["event"] == "CancelRequested"]
    assert (cancel["by"], cancel["reason"]) == (operator.key, "operator")


def test_a_user_cannot_speak_as_an_operator(user: Client) -> None:
    run = user.start(note())
    assert "user" in refused(user.ask("POST", f"/api/v1/runs/{run}/cancel", {"reason": "operator"}), 403, "reason")


def test_an_auditor_only_looks(user: Client, auditor: Client) -> None:
    run = user.start(note())
    approval = user.waiting(run)
    words = refused(auditor.ask("POST", f"/api/v1/runs/{run}/cancel", {"reason": "user"}), 403, "Authorization")
    assert words == "This key may not do that: it needs the role user."
    refused(auditor.ask("POST", f"/api/v1/runs/{run}/doubts/1", {"outcome": "happened"}), 403, "Authorization")
    decision = {"decision": "approve"}
    refused(auditor.ask("POST", f"/api/v1/approvals/{approval['id']}", decision), 403, "Authorization")


@pytest.mark.parametrize("name", ["x", "run_", "run_zz", "run_" + "0" * 31, "sess_" + "0" * 32, "%00", "é"])
def test_a_malformed_id_is_answered_like_one_that_nothing_has(user: Client, name: str) -> None:
    path = name if name.isascii() else "%C3%A9"
    words = refused(user.ask("GET", f"/api/v1/runs/{path}"), 404, "run")
    missing = unknown("run_")
    other = refused(user.ask("GET", f"/api/v1/runs/{missing}"), 404, "run")
    assert words.partition(": ")[2] == other.partition(": ")[2]


@pytest.mark.parametrize(
    ("query", "param", "says"),
    [
        ("limit=0", "limit", "from 1 to 100"),
        ("limit=101", "limit", "from 1 to 100"),
        ("limit=ten", "limit", "whole number"),
        ("limit=-1", "limit", "whole number"),
        ("limit=99999999999999999999999999", "limit", "whole number"),
        ("limit=1&limit=2", "limit", "twice"),
        ("after=run_1", "after", "run_"),
        ("session=run_" + "0" * 32, "session", "sess_"),
        ("status=done", "status", "running, parked, finished"),
        ("stauts=parked", "stauts", "did you mean status?"),
        ("colour=red", "colour", "it takes after, limit, agent, status, session"),
        ("%FF=1", "\\ufffd", "it takes"),
    ],
)
def test_a_query_that_cannot_be_served_names_the_parameter_and_the_fix(
    user: Client, query: str, param: str, says: str
) -> None:
    assert says in refused(user.ask("GET", f"/api/v1/runs?{query}"), 400, param)


@pytest.mark.parametrize(
    ("body", "param", "says"),
    [
        ({"reason": "bored"}, "reason", "user"),
        ({"reson": "user"}, "reson", "did you mean reason?"),
        ({}, "reason", "required"),
        ({"reason": "user", "why": 1}, "why", "leave it out"),
    ],
)
def test_a_body_that_cannot_be_read_names_the_field(user: Client, body: object, param: str, says: str) -> None:
    run = user.start(note())
    assert says in refused(user.ask("POST", f"/api/v1/runs/{run}/cancel", body), 400, param)


@pytest.mark.parametrize("body", [b"{", b"\xff\xfe", b"[]", b"null", b'{"reason": "user"} x', b"[" * 100_000])
def test_a_body_that_is_no_object_is_refused_in_words(user: Client, body: bytes) -> None:
    run = user.start(note())
    answered = user.ask("POST", f"/api/v1/runs/{run}/cancel", body)
    assert answered.status == 400, answered
    assert answered.headers["content-type"] == "application/problem+json"
    assert len(answered.body["detail"].split()) > 3


def test_requests_with_one_idempotency_key_at_the_same_moment_begin_one_run(server: Server, user: Client) -> None:
    body = {"model": "clerk", "input": 'call add {"a": 1, "b": 2}'}
    with ThreadPoolExecutor(4) as threads:
        asked = [threads.submit(user.post, "/v1/responses", body, idempotency_key="one") for _ in range(4)]
        assert len({one.result(20)["id"] for one in asked}) == 1


def test_a_refused_request_that_is_sent_again_is_not_given_the_run_of_an_equal_one(
    server: Server, user: Client
) -> None:
    engine = server.wiring.engine
    body = {"model": "clerk", "input": 'call add {"a": 3, "b": 4}', "background": True}
    engine.max_runs, places = 0, engine.max_runs
    try:
        refused = user.ask("POST", "/v1/responses", body)
    finally:
        engine.max_runs = places
    assert (refused.status, refused.headers["retry-after"]) == (429, "1")
    other = user.post("/v1/responses", body)
    assert user.post("/v1/responses", body, x_stainless_retry_count="1")["id"] != other["id"]


def test_a_call_has_one_result(user: Client) -> None:
    tools = [{"type": "function", "name": "mine", "parameters": {"type": "object"}}]
    asked = user.post("/v1/responses", {"model": "clerk", "input": "call mine {}", "tools": tools})
    (call,) = [item for item in asked["output"] if item["type"] == "function_call"]
    twice = [{"type": "function_call_output", "call_id": call["call_id"], "output": text} for text in ("one", "two")]
    body = {"model": "clerk", "input": twice, "previous_response_id": asked["id"], "tools": tools}
    refused = user.ask("POST", "/v1/responses", body)
    assert (refused.status, refused.body["error"]["code"]) == (400, "duplicate_output")
    body["input"] = twice[:1]
    assert user.post("/v1/responses", body)["status"] == "completed"


def test_runs_that_cannot_go_on_are_counted_and_do_not_make_the_server_unready(server: Server, user: Client) -> None:
    assert user.get("/readyz") == {"ready": True, "problems": [], "left_alone": 0}
    left_alone = server.wiring.engine.left_alone
    left_alone[b"r" * 16] = "its model is gone"
    try:
        assert user.get("/readyz") == {"ready": True, "problems": [], "left_alone": 1}
    finally:
        left_alone.clear()


def test_what_still_waits_is_shown_again_with_the_next_answer(user: Client) -> None:
    tools = [{"type": "function", "name": "mine", "parameters": {"type": "object"}}]
    asked = user.post("/v1/responses", {"model": "clerk", "input": f"call mine {{}}\n{note()}", "tools": tools})
    (call,) = [item for item in asked["output"] if item["type"] == "function_call"]
    (approval,) = [item for item in asked["output"] if item["type"] == "mcp_approval_request"]
    output = [{"type": "function_call_output", "call_id": call["call_id"], "output": "done"}]
    body = {"model": "clerk", "input": output, "previous_response_id": asked["id"], "tools": tools}
    assert [item["id"] for item in user.post("/v1/responses", body)["output"]] == [approval["id"]]
