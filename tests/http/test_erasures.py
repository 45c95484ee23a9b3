"""Erasing an end user over HTTP: open runs end, content goes, the journal still folds and verifies."""

from pathlib import Path
from typing import Any

import pytest

from tests.http.expecting import ADD, note, refused
from tests.http.serving import Client, Server

SECRET = "squeamish-ossifrage"
ADA = "ada-lovelace-1815"


@pytest.fixture
def front(server: Server, tenant: str) -> Client:
    return server.client(tenant, "frontend").speaking_for(ADA)


def on_disk(server: Server, text: str) -> list[Path]:
    folder = server.root.parent / "state"
    return [path for path in folder.iterdir() if text.encode() in path.read_bytes()]


def test_content_is_gone_from_the_api_and_from_the_disk(server: Server, front: Client, operator: Client) -> None:
    run = front.finished(front.start(f"{SECRET}\n{ADD}"))["id"]
    assert SECRET in str(front.get(f"/api/v1/runs/{run}/events"))
    assert on_disk(server, SECRET)
    erased = operator.post("/api/v1/erasures", {"subject": ADA})
    assert (erased["runs"], erased["cancelled_runs"], erased["log_emptied"]) == (1, 0, True)
    for path in ("", "/events", "/why"):
        assert SECRET not in str(operator.get(f"/api/v1/runs/{run}{path}"))
    assert on_disk(server, SECRET) == []
    assert on_disk(server, ADA) == []


def test_what_was_decided_stays_and_verifies(front: Client, operator: Client) -> None:
    run = front.finished(front.start(f"{SECRET}\n{ADD}"))["id"]
    operator.post("/api/v1/erasures", {"subject": ADA})
    shown = operator.get(f"/api/v1/runs/{run}")
    assert (shown["status"], shown["reason"], shown["calls"]) == ("finished", "stop", 1)
    why = operator.get(f"/api/v1/runs/{run}/why")
    assert why["verified"] is True
    assert why["question"] == "[erased]"
    reason = "rule default.read_only lets it run: the tool is pinned as read-only"
    assert any(reason in line["text"] for line in why["lines"]), "a rule's words are the operator's"
    contents = [
        value for event in operator.get(f"/api/v1/runs/{run}/events")["data"] for value in event["content"].values()
    ]
    assert set(contents) == {"[erased]"}


def test_open_runs_end_first_and_their_approvals_with_them(front: Client, operator: Client) -> None:
    waiting = front.start(f"{SECRET}\n{note()}")
    front.waiting(waiting)
    live = front.start(f'{SECRET}\ncall wait {{"name": "gate-erased"}}')
    front.until(live, lambda shown: shown["calls"] == 1)
    erased = operator.post("/api/v1/erasures", {"subject": ADA})
    assert (erased["runs"], erased["cancelled_runs"]) == (2, 2)
    for run in (waiting, live):
        assert operator.get(f"/api/v1/runs/{run}")["reason"] == "cancelled"
        events = operator.get(f"/api/v1/runs/{run}/events")["data"]
        assert [event["reason"] for event in events if event["event"] == "CancelRequested"] == ["erased"]
    assert operator.get("/api/v1/approvals?status=pending")["data"] == []


def test_copies_that_upgrades_left_beside_the_database_are_named(
    server: Server, front: Client, operator: Client
) -> None:
    front.finished(front.start(f"{SECRET}\n{ADD}"))
    folder = server.root.parent / "state"
    copies = [folder / f"toolyard.db.before-{name}.bak" for name in ("0002", "0002-2")]
    others = [folder / name for name in ("toolyard.db.before-0002.txt", "other.db.before-0002.bak")]
    for path in (*copies, *others):
        path.touch()
    try:
        assert operator.post("/api/v1/erasures", {"subject": ADA})["backups"] == sorted(path.name for path in copies)
    finally:
        for path in (*copies, *others):
            path.unlink()
    assert operator.post("/api/v1/erasures", {"subject": ADA})["backups"] == []


def test_other_end_users_keep_everything(front: Client, operator: Client) -> None:
    bob = front.speaking_for("bob")
    kept = bob.finished(bob.start(f"{SECRET}\n{ADD}"))["id"]
    operator.post("/api/v1/erasures", {"subject": ADA})
    assert SECRET in str(bob.get(f"/api/v1/runs/{kept}/why"))


def test_a_conversation_that_goes_on_after_it_does_not_find_the_cached_words(front: Client, operator: Client) -> None:
    run = front.finished(front.start(SECRET))["id"]
    operator.post("/api/v1/erasures", {"subject": ADA})
    body = {"model": "clerk", "input": "go on", "previous_response_id": f"resp_{run.removeprefix('run_')}_0"}
    assert front.ask("POST", "/v1/responses", body).status == 404


def test_a_run_whose_journal_cannot_be_read_is_erased_all_the_same(
    server: Server, front: Client, operator: Client
) -> None:
    unreadable = "illegible-ossifrage"
    run = front.start(f"{unreadable}\n{note()}")
    front.waiting(run)
    database: Any = server.wiring.engine.services.database
    sql = 'UPDATE event SET head = \'{"event":"Tomorrow"}\' WHERE seq = 2 AND run = ?'

    async def damage() -> None:
        database.connection.execute(sql, (bytes.fromhex(run.removeprefix("run_")),))

    server.call(damage())
    erased = operator.post("/api/v1/erasures", {"subject": ADA})
    assert (erased["runs"], erased["cancelled_runs"]) == (1, 1)
    (shown,) = operator.get("/api/v1/runs")["data"]
    assert (shown["id"], shown["status"], shown["reason"], shown["error"]) == (run, "finished", "failed", "unreadable")
    assert on_disk(server, unreadable) == []


def test_the_audit_record_names_a_pseudonym(front: Client, operator: Client, auditor: Client) -> None:
    front.finished(front.start(ADD))
    erased = operator.post("/api/v1/erasures", {"subject": ADA})
    (record,) = auditor.get("/api/v1/audit?action=subject.erase")["data"]
    assert (record["actor"], record["object"], record["detail"]) == (
        operator.key, erased["pseudonym"], {"runs": 1, "secrets": 0},
    )  # fmt: skip
    assert ADA not in str(auditor.get("/api/v1/audit?limit=100")), "three letters alone may be digits of an id"


def test_the_secrets_of_their_own_are_gone_and_those_of_the_tenant_stay(server: Server, operator: Client) -> None:
    for whose in (f"?end_user={ADA}", "?end_user=bob", ""):
        assert operator.ask("PUT", f"/api/v1/secrets/token{whose}", {"value": SECRET}).status == 201
    assert on_disk(server, ADA)
    assert operator.post("/api/v1/erasures", {"subject": ADA})["secrets"] == 1
    assert [one["end_user"] for one in operator.get("/api/v1/secrets")["data"]] == [None, "bob"]
    assert on_disk(server, ADA) == []
    (record,) = operator.get("/api/v1/audit?action=subject.erase")["data"]
    assert record["detail"] == {"runs": 0, "secrets": 1}


def test_erasing_somebody_unknown_erases_nothing(operator: Client) -> None:
    erased = operator.post("/api/v1/erasures", {"subject": "nobody"})
    assert (erased["runs"], erased["cancelled_runs"]) == (0, 0)


def test_an_operator_of_the_server_erases_in_another_tenant(server: Server, tenant: str, front: Client) -> None:
    front.finished(front.start(ADD))
    body = {"subject": ADA, "tenant": tenant}
    assert server.house.post("/api/v1/erasures", body)["runs"] == 1


@pytest.mark.parametrize(
    ("body", "param"),
    [({"subject": ""}, "subject"), ({}, "subject"), ({"subjekt": "x"}, "subjekt"), ({"subject": ["x"]}, "subject")],
)
def test_an_erasure_that_cannot_be_read_names_the_field(operator: Client, body: object, param: str) -> None:
    refused(operator.ask("POST", "/api/v1/erasures", body), 400, param)


def test_only_operators_erase(front: Client, auditor: Client) -> None:
    for client in (front, auditor):
        refused(client.ask("POST", "/api/v1/erasures", {"subject": "ada"}), 403, "Authorization")
