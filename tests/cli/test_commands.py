"""What commands print and send, against a server that answers as it was told."""

import json
from typing import Any

import pytest

from tests.cli.running import Terminal, toolyard
from tests.cli.scripted import scripted

RUN = "run_" + "1" * 32
AT = 1_764_000_000_000_000
SUMMARY: dict[str, Any] = {
    "id": RUN,
    "session": "sess_" + "2" * 32,
    "agent": "support",
    "release": "sha256:abc",
    "status": "parked",
    "reason": None,
    "error": None,
    "started_at": AT,
    "finished_at": None,
    "usage": {"input_tokens": 1000, "output_tokens": 204},
    "turns": 2,
    "calls": 3,
    "doubts": 1,
    "segment": 0,
    "approvals": [{"id": "appr_" + "3" * 32, "status": "pending"}],
}
APPROVAL: dict[str, Any] = {
    "id": "appr_" + "3" * 32,
    "run": RUN,
    "call": 2,
    "tool": "refund",
    "arguments": {"order": "A-17", "cents": 1900},
    "requested_at": AT,
    "expires_at": AT + 10**15,
    "doubt": False,
    "agent": "support",
    "status": "pending",
}
DOUBT: dict[str, Any] = {"call": 2, "tool": "refund", "arguments": {"order": "A-17"}, "why": "crashed", "at": AT}


def test_runs_in_a_pipe_are_lines_that_nothing_cuts_off() -> None:
    answers = {
        "GET /api/v1/runs": (200, {"data": [SUMMARY], "next": RUN}),
        "GET /api/v1/approvals": (200, {"data": [APPROVAL]}),
    }
    with scripted(answers) as server:
        done = toolyard("runs", "list", "--agent", "support", "--limit", "5", "--url", server.url, COLUMNS="20")
        assert done.code == 0
        assert server.asked[0][1] == "/api/v1/runs?agent=support&limit=5"
    header, row = done.out.splitlines()
    assert header.split("\t")[:3] == ["RUN", "AGENT", "STATUS"]
    assert row.split("\t")[:3] == [RUN, "support", "parked"]
    assert row.split("\t")[6:] == ["2", "3", "1204", "needs approval"]
    assert f"--after {RUN}" in done.err


def test_json_is_what_the_server_answered() -> None:
    answer = {"data": [SUMMARY], "next": None}
    with scripted({"GET /api/v1/runs": (200, answer)}) as server:
        done = toolyard("runs", "list", "--json", "--url", server.url)
    assert json.loads(done.out) == answer


def test_last_is_the_newest_run() -> None:
    answers = {
        "GET /api/v1/runs": (200, {"data": [SUMMARY], "next": None}),
        f"GET /api/v1/runs/{RUN}": (200, SUMMARY | {"outputs": [{"text": "Lost in the post."}]}),
    }
    with scripted(answers) as server:
        done = toolyard("runs", "show", "last", "--url", server.url)
    assert done.code == 0
    assert RUN in done.out
    assert "Lost in the post." in done.out
    assert "toolyard approve" in done.out


def test_an_empty_list_suggests_a_chat_only_where_nothing_was_left_out_of_it() -> None:
    with scripted({"GET /api/v1/runs": (200, {"data": [], "next": None})}) as server:
        assert "toolyard chat" in toolyard("runs", "list", "--url", server.url).err
        assert toolyard("runs", "list", "--status", "parked", "--url", server.url).err == "No such runs.\n"


def test_last_without_any_run_says_so() -> None:
    with scripted({"GET /api/v1/runs": (200, {"data": [], "next": None})}) as server:
        done = toolyard("why", "last", "--url", server.url)
    assert (done.code, done.out) == (1, "")
    assert "There is no run yet" in done.err


def test_text_from_strangers_cannot_steer_the_terminal() -> None:
    nasty = "\x1b]0;owned\x07 [bold]not markup[/bold] \x1b[2J \u202egnp.exe"
    answer = SUMMARY | {"agent": nasty, "outputs": [{"text": nasty}]}
    with scripted({f"GET /api/v1/runs/{RUN}": (200, answer)}) as server:
        done = toolyard("runs", "show", RUN, "--url", server.url)
    assert done.code == 0
    assert not set(done.out) & {"\x1b", "\x07", "\u202e"}
    assert "[bold]not markup[/bold]" in done.out


def test_why_prints_each_record_and_that_the_chain_holds() -> None:
    lines = [
        {"seq": 0, "at": AT, "kind": "started", "text": "ada asked: Where is A-17?", "detail": None},
        {"seq": 1, "at": AT + 1500, "kind": "policy", "text": "refund must be asked for", "detail": {"rule": "money"}},
    ]
    answer = {"run": RUN, "lines": lines, "verified": True}
    with scripted({f"GET /api/v1/runs/{RUN}/why": (200, answer)}) as server:
        done = toolyard("why", RUN, "--detail", "--url", server.url)
        assert "rule: money" not in toolyard("why", RUN, "--url", server.url).out
    assert done.code == 0
    assert "ada asked: Where is A-17?" in done.out
    assert "+0.002 s  policy" in done.out or "+0.001 s  policy" in done.out
    assert "rule: money" in done.out
    assert "hash chain of this journal holds" in done.out


def test_why_says_first_that_a_journal_was_tampered_with() -> None:
    answer = {"run": RUN, "lines": [{"seq": 0, "at": AT, "kind": "started", "text": "x"}], "verified": False}
    with scripted({f"GET /api/v1/runs/{RUN}/why": (200, answer)}) as server:
        done = toolyard("why", RUN, "--url", server.url)
    assert done.code == 1
    assert done.out.index("NOT what was written") < done.out.index("started")


def test_cancelling_names_the_operator() -> None:
    with scripted({f"POST /api/v1/runs/{RUN}/cancel": (202, {})}) as server:
        assert toolyard("runs", "cancel", RUN, "--url", server.url).code == 0
        assert server.bodies(f"POST /api/v1/runs/{RUN}/cancel") == [{"reason": "operator"}]


def approvals(**changes: Any) -> dict[str, Any]:
    return {
        "GET /api/v1/approvals": (200, {"data": [APPROVAL | changes]}),
        f"POST /api/v1/approvals/{APPROVAL['id']}": (200, {}),
    }


@pytest.mark.parametrize("name", [RUN, APPROVAL["id"]])
def test_approving_shows_the_call_and_asks(name: str) -> None:
    with scripted(approvals()) as server, Terminal("approve", name, "--url", server.url) as terminal:
        shown = terminal.until(r"Approve this call\? \[y/N\]")
        assert "refund" in shown
        assert '"A-17"' in shown
        assert "1900" in shown
        terminal.type("y")
        assert terminal.end() == 0
        assert server.bodies(f"POST /api/v1/approvals/{APPROVAL['id']}") == [{"decision": "approve", "reason": None}]


def test_an_answer_other_than_yes_decides_nothing() -> None:
    with scripted(approvals()) as server, Terminal("approve", RUN, "--url", server.url) as terminal:
        terminal.until(r"\[y/N\]")
        terminal.type("")
        assert terminal.end() == 0
        assert "still waits" in terminal.seen
        assert server.bodies(f"POST /api/v1/approvals/{APPROVAL['id']}") == []


def test_a_decision_says_what_was_shown() -> None:
    with scripted(approvals(binding="ab" * 32)) as server:
        assert toolyard("approve", RUN, "--yes", "--url", server.url).code == 0
        (sent,) = server.bodies(f"POST /api/v1/approvals/{APPROVAL['id']}")
    assert sent == {"decision": "approve", "reason": None, "saw": "ab" * 32}


def test_denying_with_a_reason_needs_no_question_after_yes() -> None:
    with scripted(approvals()) as server:
        done = toolyard("approve", RUN, "--deny", "--yes", "--reason", "too much", "--url", server.url)
        assert done.code == 0
        assert "Denied" in done.out
        sent = server.bodies(f"POST /api/v1/approvals/{APPROVAL['id']}")
    assert sent == [{"decision": "deny", "reason": "too much"}]


def test_a_call_that_may_have_happened_is_shown_as_such() -> None:
    with scripted(approvals(doubt=True)) as server:
        done = toolyard("approve", RUN, "--yes", "--url", server.url)
    assert "may happen twice" in done.out


def test_approving_where_nothing_waits_says_so() -> None:
    with scripted({"GET /api/v1/approvals": (200, {"data": []})}) as server:
        done = toolyard("approve", RUN, "--yes", "--url", server.url)
        assert done.code == 1
        assert "Nothing in" in done.err
        listed = toolyard("approve", "--url", server.url)
        assert (listed.code, listed.out) == (0, "")
        assert "Nothing waits for approval" in listed.err


def test_a_doubt_is_shown_and_resolved() -> None:
    answers = {
        f"GET /api/v1/runs/{RUN}/doubts": (200, {"data": [DOUBT]}),
        f"POST /api/v1/runs/{RUN}/doubts/2": (200, {}),
    }
    with scripted(answers) as server, Terminal("doubt", "resolve", RUN, "--url", server.url) as terminal:
        shown = terminal.until("What did you find")
        assert 'refund(order="A-17"), in doubt because: crashed' in shown
        terminal.type("perhaps")
        terminal.until("What did you find")
        terminal.type("did_not")
        assert terminal.end() == 0
        assert server.bodies(f"POST /api/v1/runs/{RUN}/doubts/2") == [{"outcome": "did_not", "note": None}]


def test_one_outcome_is_never_applied_to_several_doubts() -> None:
    with scripted({f"GET /api/v1/runs/{RUN}/doubts": (200, {"data": [DOUBT, DOUBT | {"call": 5}]})}) as server:
        done = toolyard("doubt", "resolve", RUN, "--outcome", "happened", "--url", server.url)
        assert done.code == 1
        assert "--call (2, 5)" in done.err
        assert not [path for method, path, *_ in server.asked if method == "POST"]


def test_doubts_are_looked_for_in_the_runs_that_have_some() -> None:
    other = SUMMARY | {"id": "run_" + "9" * 32, "doubts": 0}
    answers = {
        "GET /api/v1/runs": (200, {"data": [SUMMARY, other], "next": None}),
        f"GET /api/v1/runs/{RUN}/doubts": (200, {"data": [DOUBT]}),
    }
    with scripted(answers) as server:
        done = toolyard("doubt", "list", "--url", server.url)
    assert done.code == 0
    assert done.out.splitlines()[1].split("\t")[:3] == [RUN, "2", 'refund(order="A-17")']


@pytest.mark.parametrize("kind", ["agent", "tool", "tenant"])
def test_stopping_and_letting_go(kind: str) -> None:
    answers = {"POST /api/v1/stops": (201, {}), f"DELETE /api/v1/stops/{kind}/a%2Fb": (204, b"")}
    with scripted(answers) as server:
        done = toolyard("stop", kind, "a/b", "--url", server.url)
        assert done.code == 0
        assert f"toolyard stop {kind} a/b --undo" in done.out
        assert server.bodies("POST /api/v1/stops") == [{"kind": kind, "name": "a/b"}]
        assert toolyard("stop", kind, "a/b", "--undo", "--url", server.url).code == 0


def test_a_new_key_prints_nothing_but_its_secret_on_standard_output() -> None:
    with scripted({"POST /api/v1/keys": (201, {"id": "key_1", "secret": "ty_s3cret"})}) as server:
        done = toolyard("key", "create", "shop", "--role", "frontend", "--role", "auditor", "--url", server.url)
        assert (done.code, done.out) == (0, "ty_s3cret\n")
        assert "shown only now" in done.err
        assert server.bodies("POST /api/v1/keys") == [{"name": "shop", "roles": ["frontend", "auditor"]}]


def test_a_key_may_expire() -> None:
    with scripted({"POST /api/v1/keys": (201, {"id": "key_1", "secret": "s"})}) as server:
        assert toolyard("key", "create", "shop", "--days", "2", "--tenant", "acme", "--url", server.url).code == 0
        (sent,) = server.bodies("POST /api/v1/keys")
    assert sent["tenant"] == "acme"
    assert sent["roles"] == ["user"]
    assert sent["expires_at"] > AT


def test_keys_are_listed_without_secrets_and_revoked_by_id() -> None:
    keys = {"data": [{"id": "key_1", "name": "shop", "roles": ["user"], "tenant": "default", "created_at": AT}]}
    with scripted({"GET /api/v1/keys": (200, keys), "DELETE /api/v1/keys/key_1": (204, b"")}) as server:
        listed = toolyard("key", "list", "--url", server.url)
        assert listed.out.splitlines()[1].split("\t")[:4] == ["key_1", "shop", "default", "user"]
        assert toolyard("key", "revoke", "key_1", "--url", server.url).out == "Revoked key_1.\n"


def test_revoking_a_tenant_asks_first() -> None:
    with scripted({"DELETE /api/v1/tenants/acme": (204, b""), "POST /api/v1/tenants": (201, {})}) as server:
        assert toolyard("tenant", "create", "acme", "--url", server.url).code == 0
        assert server.bodies("POST /api/v1/tenants") == [{"id": "acme"}]
        refused = toolyard("tenant", "revoke", "acme", "--url", server.url, stdin="n\n")
        assert refused.code == 1
        assert len(server.asked) == 1
        assert toolyard("tenant", "revoke", "acme", "--yes", "--url", server.url).code == 0


def test_erasing_asks_first_and_says_what_was_done() -> None:
    with scripted({"POST /api/v1/erasures": (200, {"subject": "ada", "runs": 3, "cancelled_runs": 1})}) as server:
        refused = toolyard("erase", "ada", "--url", server.url, stdin="n\n")
        assert refused.code == 1
        assert server.asked == []
        done = toolyard("erase", "ada", "--yes", "--tenant", "acme", "--url", server.url)
        assert done.out == "Erased ada: 3 runs, 1 cancelled run.\n"
        copy = "toolyard.db.before-0002.bak"
        server.answers["POST /api/v1/erasures"] = (200, {"runs": 1, "cancelled_runs": 0, "backups": [copy]})
        done = toolyard("erase", "ada", "--yes", "--url", server.url)
        assert done.out.startswith("Erased ada: 1 run, 0 cancelled runs.\n! toolyard.db.before-0002.bak, beside")
        server.asked.pop()
        assert server.bodies("POST /api/v1/erasures") == [{"subject": "ada", "tenant": "acme"}]


FILES = {"needles": 70, "files": 9, "bytes": 2_000_000, "found": [], "backups": {}, "missed": []}
PROOF = {
    "clean": True,
    "rows": {},
    "terms": 0,
    "index_sound": True,
    "vectors": 12,
    "stray_vectors": 0,
    "files": FILES,
    "notes": [],
}


def found(**more: Any) -> dict[str, Any]:
    """Return something that was found in a file."""
    return {"what": "text", "file": "toolyard.db", "at": 4096, "size": 24, "stays_in": [], **more}


def test_an_erasure_that_is_verified_says_that_nothing_is_left_or_fails() -> None:
    erased = {"runs": 0, "cancelled_runs": 0, "secrets": 0, "passages": 3, "proof": PROOF}
    with scripted({"POST /api/v1/erasures": (200, erased)}) as server:
        done = toolyard("erase", "ada", "--yes", "--verify", "--url", server.url)
        assert done.code == 0
        assert "3 passages" in done.out
        assert "0 bytes of 70 needles found in 9 files (2.0 MB)" in done.out
        assert server.bodies("POST /api/v1/erasures") == [{"subject": "ada", "verify": True}]
        left = {**PROOF, "clean": False, "files": {**FILES, "found": [found(), found(stays_in=["payload"])]}}
        server.answers["POST /api/v1/erasures"] = (200, {**erased, "proof": left})
        done = toolyard("erase", "ada", "--yes", "--verify", "--url", server.url)
        assert done.code == 1
        assert "24 bytes of 70 needles found" in done.out
        assert "text lies in toolyard.db at byte 4096" in done.err
        assert "1 more also stand in rows that stay: payload" in done.out


def test_what_is_left_of_somebody_is_told_row_by_row() -> None:
    left = {**PROOF, "clean": False, "rows": {"passage": 2}, "terms": 5, "files": None, "notes": ["no files"]}
    with scripted({"POST /api/v1/memory/verify-erasure": (200, left)}) as server:
        done = toolyard("memory", "verify-erasure", "ada", "--words", "nuts", "--url", server.url)
        assert done.code == 1
        assert "passage 2" in done.out
        assert "5 of no passage" in done.out
        assert "no files" in done.err
        asked = server.bodies("POST /api/v1/memory/verify-erasure")
        assert asked == [{"subject": "ada", "words": ["nuts"]}]
        server.answers["POST /api/v1/memory/verify-erasure"] = (200, PROOF)
        assert toolyard("memory", "verify-erasure", "ada", "--json", "--url", server.url).code == 0


def test_a_proof_as_json_is_nothing_but_json_and_fails_where_something_is_left() -> None:
    left = {**PROOF, "clean": False, "rows": {"passage": 2}}
    gone = {"facts": ["fact_1"], "messages": 1, "proof": left}
    routes = {"POST /api/v1/memory/verify-erasure": (200, left), "POST /api/v1/memory/forget": (200, gone)}
    with scripted(routes) as server:
        done = toolyard("memory", "verify-erasure", "ada", "--json", "--url", server.url)
        assert (done.code, json.loads(done.out)) == (1, left)
        forget = ("memory", "forget", "fact_1", "--user", "ada", "--yes", "--json", "--url", server.url)
        done = toolyard(*forget, "--verify")
        assert (done.code, json.loads(done.out)) == (1, gone)
        server.answers["POST /api/v1/memory/forget"] = (200, {**gone, "proof": None})
        assert toolyard(*forget).code == 0
