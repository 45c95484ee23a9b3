"""Why a run did what it did: told from real journals, one line for each event, and proved against what is stored."""

import contextlib
import hashlib
import json
import random
import sqlite3
from typing import Any, get_args

import pytest
from toolyard_registry.policy import make_policy
from toolyard_registry.releases import Rule
from toolyard_runtime.telling.why import TELL, brief, contents_hold, explain, lasted, references
from toolyard_sdk import events as e
from toolyard_sdk.canonical import commit
from toolyard_sdk.messages import Usage

from tests.conformance.any_event import a_run
from tests.http.expecting import ADD, HANG, note
from tests.http.serving import Client, Server


def why(client: Client, run: str) -> dict[str, Any]:
    told: dict[str, Any] = client.get(f"/api/v1/runs/{run}/why")
    return told


def texts(told: dict[str, Any], kind: str) -> list[str]:
    return [line["text"] for line in told["lines"] if line["kind"] == kind]


@pytest.fixture
def told(user: Client) -> dict[str, Any]:
    """Of a run with two parallel calls, a call that does not fit, an approval, a result and an answer."""
    run = user.start(
        f'{ADD}\ncall fail {{"why": "no luck"}}\nthen\n{note("why")}\ncall add {{"a": "x"}}\nsay All done.'
    )
    approval = user.waiting(run)["id"]
    user.post(f"/api/v1/approvals/{approval}", {"decision": "approve", "reason": "fine by me"})
    user.finished(run)
    return why(user, run)


def test_it_says_who_asked_what_of_which_release(told: dict[str, Any], user: Client) -> None:
    first = told["lines"][0]
    assert first["text"].startswith(f"{user.key} asked clerk: call add")
    assert first["detail"]["release"] == told["release"]
    assert (told["question"].splitlines()[0], told["answer"]) == (ADD, "All done.")


def test_it_says_what_was_offered_and_what_the_model_wanted(told: dict[str, Any]) -> None:
    assert texts(told, "offered") == ["Offered add, fail, measure, visit, wait, write_note"]
    assert texts(told, "model") == [f"Turn {turn}: asked rehearsal/rehearsal" for turn in (1, 2, 3)]
    assert texts(told, "reply")[0] == 'It wants add({"a":1,"b":2}), fail({"why":"no luck"})'
    assert texts(told, "reply")[-1] == "It answered: All done."


def test_it_says_why_each_call_ran_or_did_not(told: dict[str, Any], user: Client) -> None:
    call = 'write_note({"name":"why","text":"hello"})'
    assert f"{call}: rule default.ask asks a person: no rule approves this call" in texts(told, "policy")[2]
    assert all(line["detail"]["policy"].startswith("sha256:") for line in told["lines"] if line["kind"] == "policy")
    assert texts(told, "approval")[0].startswith(f"{call} needs a person's approval until 2")
    (decision,) = [line for line in told["lines"] if line["kind"] == "decision"]
    assert decision["text"].startswith(f"{user.key} approved {call} after ")
    assert decision["text"].endswith(": fine by me")
    assert "what they saw" not in decision["detail"], "nobody sent what they were shown"
    assert texts(told, "start")[-1] == f"{call} started: {user.key} approved it"
    assert 'add({"a":"x"}) did not run: it failed the checks' in texts(told, "result")


def test_it_says_what_came_of_each_call_and_how_the_run_ended(told: dict[str, Any]) -> None:
    results = texts(told, "result")
    assert any(text.startswith('add({"a":1,"b":2}) gave') and text.endswith(": 3") for text in results)
    assert any(text.startswith("fail(") and text.endswith(": no luck") for text in results)
    assert told["lines"][-1]["text"] == "Answered after 3 turns and 4 calls"
    assert told["lines"][-1]["kind"] == "finished"


def test_every_event_has_its_line_in_order(told: dict[str, Any], user: Client) -> None:
    events = user.get(f"/api/v1/runs/{told['run']}/events")["data"]
    assert [(line["seq"], line["at"]) for line in told["lines"]] == [(event["seq"], event["at"]) for event in events]


def test_a_doubt_and_a_cancellation_are_told(user: Client) -> None:
    run = user.start(f"{HANG}\nthen\n{note()}", "hasty")
    first = user.waiting(run)["id"]
    user.post(f"/api/v1/approvals/{first}", {"decision": "approve"})
    user.until(run, lambda shown: [one for one in shown["approvals"] if one["id"] != first])
    user.post(f"/api/v1/runs/{run}/cancel", {"reason": "user"})
    told = why(user, run)
    assert texts(told, "doubt") == ['Nobody knows whether hang({"name":"x"}) happened: it did not return in time']
    assert texts(told, "cancel") == [f"{user.key} wants it to end: user"]
    assert told["lines"][-1]["text"] == "Cancelled after 2 turns and 2 calls"
    assert told["answer"] is None


def test_the_end_user_is_named_while_the_run_still_names_them(server: Server, tenant: str) -> None:
    front = server.client(tenant, "frontend").speaking_for("ada")
    run = front.finished(front.start(ADD))["id"]
    assert why(front, run)["lines"][0]["text"].startswith(f"{front.key} for the end user ada asked clerk: ")


@pytest.mark.parametrize(
    "forgery",
    [
        "UPDATE event SET head = replace(head, 'approve', 'reject') WHERE run = ? AND head LIKE '%PolicyDecided%'",
        "UPDATE event SET at = at + 1, head = replace(head, '\"at\":1', '\"at\":2') WHERE run = ? AND seq = 2",
        "DELETE FROM event WHERE run = ? AND seq = 3",
        "UPDATE payload SET data = CAST(replace(data, 'add', 'sub') AS BLOB) WHERE run = ? AND kind = 'user'",
        "UPDATE payload SET data = CAST('no JSON' AS BLOB) WHERE run = ? AND kind = 'tool'",
    ],
)
def test_whoever_changes_a_record_afterwards_is_found_out(server: Server, user: Client, forgery: str) -> None:
    run = user.finished(user.start(ADD))["id"]
    assert why(user, run)["verified"] is True
    with contextlib.closing(sqlite3.connect(server.root.parent / "state" / "toolyard.db", timeout=10)) as database:
        changed = database.execute(forgery, (bytes.fromhex(run.removeprefix("run_")),)).rowcount
        database.commit()
    assert changed == 1
    assert why(user, run)["verified"] is False


def test_the_journal_is_read_in_pages_with_what_it_refers_to(user: Client) -> None:
    run = user.finished(user.start(ADD))["id"]
    whole = user.get(f"/api/v1/runs/{run}/events")
    assert whole["next"] is None
    found: list[Any] = []
    after = ""
    while True:
        page = user.get(f"/api/v1/runs/{run}/events?limit=3{after}")
        found += page["data"]
        if page["next"] is None:
            break
        after = f"&after={page['next']}"
    assert found == whole["data"]
    assert [event["seq"] for event in found] == list(range(len(found)))
    last = hashlib.sha256(b"run:" + run.removeprefix("run_").encode()).digest()
    for event in found:
        last = hashlib.sha256(b"\x00" + last + event["head_text"].encode()).digest()
        assert event["hash"] == last.hex()
        assert json.loads(event["head_text"])["event"] == event["event"]
    started = found[0]
    assert (started["event"], started["run"], started["tenant"]) == ("RunStarted", run, started["tenant"])
    assert started["session"].startswith("sess_")
    assert started["content"][str(started["inputs"][0][0])] == {"role": "user", "content": ADD}
    replied = next(event for event in found if event["event"] == "ModelReplied")
    calls = replied["content"][str(replied["message"][0])]["tool_calls"]
    assert calls[0]["function"]["arguments"] == '{"a":1,"b":2}'
    assert user.get(f"/api/v1/runs/{run}/events?after={found[-1]['seq']}")["data"] == []


# --- the pure part ---

SALT = b"s" * 32


def test_every_kind_of_event_can_be_told() -> None:
    assert set(TELL) == set(get_args(e.RunEvent))


@pytest.mark.parametrize("seed", range(30))
def test_whatever_a_journal_holds_becomes_lines_even_when_all_content_is_erased(seed: int) -> None:
    events = a_run(bytes(16), random.Random(seed))
    told = explain(events, lambda _n: None)
    assert [line.at for line in told.lines] == [event.at for event in events]
    assert all(line.text and "\n" not in line.text for line in told.lines)


def content(n: int, data: bytes, kept: dict[int, bytes]) -> e.Content:
    kept[n] = data
    return e.Content(n, commit(SALT, data))


def test_a_rules_reason_is_told_in_the_words_of_its_policy() -> None:
    policy = make_policy((Rule("night", "reject", reason="not at night"),))
    ruling = e.PolicyDecided(1, "reject", "night", policy.digest, call=1)
    (line,) = explain([ruling], lambda _n: None, policies={policy.digest: policy}).lines
    assert line.text == "call 1: rule night forbids it: not at night"
    (line,) = explain([ruling], lambda _n: None).lines
    assert line.text == "call 1: rule night forbids it"


def test_content_that_is_not_what_was_committed_to_is_noticed() -> None:
    kept = {0: SALT}
    detail = content(1, b"overloaded", kept)
    failed = e.ModelFailed(5, 1, 1, "overloaded", 503, 1_500_005, detail)
    assert contents_hold([failed], kept.get)
    kept[1] = b"fine"
    assert not contents_hold([failed], kept.get)
    del kept[1]
    assert contents_hold([failed], kept.get)  # erased content proves nothing


def test_a_failed_model_call_says_how_and_when_it_is_tried_again() -> None:
    kept = {0: SALT}
    detail = content(1, b"503 from the\nmodel server", kept)
    line = explain([e.ModelFailed(5, 2, 1, "overloaded", 503, 1_500_005, detail)], kept.get).lines[0]
    assert line.text == "Turn 2, attempt 1: the model call failed: overloaded (HTTP 503); tried again after 1.5 s"
    assert line.detail == {"it said": "503 from the model server"}
    last = explain([e.ModelFailed(5, 2, 4, "connect")], kept.get).lines[0]
    assert last.text.endswith("connect; not tried again")


def test_what_was_left_out_of_the_offer_is_named() -> None:
    candidates = (e.Candidate("add", "r1"), e.Candidate("pay", "r2", left_out="stopped"))
    line = explain([e.ToolsOffered(1, 1, candidates, "sha256:x")], lambda _n: None).lines[0]
    assert line.text == "Offered add; left out pay (stopped)"


def test_a_person_who_saw_something_else_than_was_asked_is_told_as_such() -> None:
    asked = e.ApprovalRequested(1, b"a" * 16, 1, b"binding", 9)
    decided = e.ApprovalDecided(2_000_001, b"a" * 16, 1, "approve", "key_1", b"another")
    detail = explain([asked, decided], lambda _n: None).lines[1].detail
    assert detail is not None
    assert detail["what they saw"] == "something else"


def test_budgets_and_ends_are_told() -> None:
    events: list[e.RunEvent] = [
        e.DeadlineReached(1, "time"),
        e.RunFinished(2, "budget", Usage(10, 5), 1, 0, error="time"),
    ]
    lines = explain(events, lambda _n: None).lines
    assert [line.text for line in lines] == [
        "The budget of 600 s is used up",
        "Ended: the budget was used up (time) after 1 turn and 0 calls",
    ]


def test_references_are_found_however_deep_they_lie() -> None:
    first, second = e.Content(1, b"a"), e.Content(2, b"b")
    returned = e.ClientToolsReturned(1, (e.ClientResult(1, first), e.ClientResult(2, second)))
    assert references(returned) == [first, second]


def test_texts_are_cut_and_durations_have_their_unit() -> None:
    assert brief("a\n b  c") == "a b c"
    assert (len(brief("x" * 500)), brief("x" * 500)[-1]) == (240, "…")
    assert [lasted(us) for us in (0, 1_500, 2_500_000, 600_000_000)] == ["0 ms", "2 ms", "2.5 s", "10 min"]
