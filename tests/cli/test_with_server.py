"""The commands against the real server, with the rehearsal model and the agent of the demonstration."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from toolyard_runtime.demo.repository import payments, write_repository

from tests.cli.running import CTRL_D, Terminal, toolyard
from tests.cli.serving import serving

REFUND = 'Refund the order "A-17" with 1900 cents'


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Return the repository of a server that runs."""
    repository = tmp_path_factory.mktemp("shop")
    write_repository(repository)
    with serving(repository):
        yield repository


def newest(shop: Path) -> dict[str, object]:
    done = toolyard("runs", "list", "--limit", "1", "--json", cwd=shop)
    assert done.code == 0, done.err
    found: dict[str, object] = json.loads(done.out)["data"][0]
    return found


def test_a_question_in_a_pipe_is_answered_and_explained(shop: Path) -> None:
    done = toolyard("chat", "-m", 'Track the parcel "PX-220"', cwd=shop)
    assert done.code == 0, done.err
    assert "lost between Calais and Dover" in done.out
    shown = toolyard("runs", "show", "last", cwd=shop)
    assert 'track_parcel(parcel="PX-220")' in shown.out
    why = toolyard("why", "last", cwd=shop)
    assert why.code == 0, why.err
    assert "track_parcel" in why.out
    assert "hash chain of this journal holds" in why.out
    detailed = toolyard("why", "last", "--detail", cwd=shop)
    assert "sha256:" in detailed.out
    assert len(detailed.out) > len(why.out)


def test_a_conversation_with_an_approval_that_a_person_gives(shop: Path) -> None:
    before = len(payments(shop))
    with Terminal("chat", "support", cwd=shop) as terminal:
        terminal.until("you> ")
        terminal.type(REFUND)
        terminal.until(r"\? refund_order\(.*needs your approval")
        terminal.until(r"Approve\? \[y/N\]")
        assert len(payments(shop)) == before
        terminal.type("y")
        terminal.until("support> .*paid 1900 cents back")
        terminal.until("you> ")
        terminal.type("/why")
        terminal.until("approved refund_order")
        terminal.until("you> ")
        terminal.press(CTRL_D)
        assert terminal.end() == 0
    assert len(payments(shop)) == before + 1


def test_saying_no_tells_the_model_and_nothing_is_paid(shop: Path) -> None:
    before = len(payments(shop))
    with Terminal("chat", "support", cwd=shop) as terminal:
        terminal.until("you> ")
        terminal.type(REFUND)
        terminal.until(r"Approve\? \[y/N\]")
        terminal.type("n")
        terminal.until("support> ")
        terminal.until("you> ")
    assert len(payments(shop)) == before


def test_control_c_ends_the_run_on_the_server(shop: Path) -> None:
    with Terminal("chat", "support", cwd=shop) as terminal:
        terminal.until("you> ")
        terminal.type('Check the payout at the bank for "A-17"')
        terminal.until(r"→ check_payout")
        terminal.interrupt("Cancelled.")
        terminal.until("you> ")
        assert newest(shop)["reason"] == "cancelled"
        terminal.type('Track the parcel "PX-220"')
        terminal.until("support> .*Dover")


def test_an_approval_is_listed_and_given_from_another_terminal(shop: Path) -> None:
    before = len(payments(shop))
    left = toolyard("chat", "-m", REFUND, cwd=shop)
    assert left.code == 1
    assert "waits for approval: toolyard approve run_" in left.err
    assert "refund_order(" in toolyard("approve", cwd=shop).out
    assert "needs approval" in toolyard("runs", "list", cwd=shop).out
    assert "needs approval" in toolyard("runs", "show", "last", cwd=shop).out
    with Terminal("approve", "last", cwd=shop) as terminal:
        shown = terminal.until(r"Approve this call\? \[y/N\]")
        assert '"A-17"' in shown
        terminal.type("y")
        assert terminal.end() == 0
    assert toolyard("approve", "last", "--yes", cwd=shop).code == 1
    with Terminal("chat", "support", cwd=shop) as terminal:  # some round trips, by when the run has gone on
        terminal.until("you> ")
    assert len(payments(shop)) == before + 1


def test_a_run_that_waits_can_be_cancelled(shop: Path) -> None:
    toolyard("chat", "-m", REFUND, cwd=shop)
    assert toolyard("runs", "list", "--status", "parked", cwd=shop).out.count("run_") >= 1
    done = toolyard("runs", "cancel", "last", cwd=shop)
    assert done.code == 0, done.err
    assert newest(shop)["reason"] == "cancelled"


def test_a_stopped_tool_is_not_started_until_it_is_let_go(shop: Path) -> None:
    assert toolyard("stop", "tool", "track_parcel", cwd=shop).code == 0
    try:
        assert "track_parcel" in toolyard("stop", "list", cwd=shop).out
        done = toolyard("chat", "-m", 'Track the parcel "PX-220"', cwd=shop)
        assert "Dover" not in done.out
    finally:
        assert toolyard("stop", "tool", "track_parcel", "--undo", cwd=shop).code == 0
    assert "Dover" in toolyard("chat", "-m", 'Track the parcel "PX-220"', cwd=shop).out
    assert toolyard("stop", "tool", "track_parcel", "--undo", cwd=shop).code == 1


def test_a_stopped_agent_answers_nobody(shop: Path) -> None:
    assert toolyard("stop", "agent", "support", cwd=shop).code == 0
    try:
        done = toolyard("chat", "-m", "hello", cwd=shop)
        assert done.code == 1
        assert "stopped" in done.err
    finally:
        assert toolyard("stop", "agent", "support", "--undo", cwd=shop).code == 0


def test_a_key_works_until_it_is_revoked(shop: Path) -> None:
    made = toolyard("key", "create", "till", "--role", "auditor", cwd=shop)
    assert made.code == 0, made.err
    secret = made.out.strip()
    assert toolyard("runs", "list", "--key", secret, cwd=shop).code == 0
    refused = toolyard("stop", "agent", "support", "--key", secret, cwd=shop)
    assert refused.code == 1
    listed = next(line for line in toolyard("key", "list", cwd=shop).out.splitlines() if "\ttill\t" in line)
    assert toolyard("key", "revoke", listed.split("\t")[0], cwd=shop).code == 0
    assert toolyard("runs", "list", "--key", secret, cwd=shop).code == 1


def test_a_tenant_of_its_own_sees_nothing_of_the_others(shop: Path) -> None:
    assert toolyard("tenant", "create", "acme", cwd=shop).code == 0
    assert "acme" in toolyard("tenant", "list", cwd=shop).out
    made = toolyard("key", "create", "acme-op", "--tenant", "acme", "--role", "operator", cwd=shop)
    secret = made.out.strip()
    toolyard("chat", "-m", 'Track the parcel "PX-220"', cwd=shop)
    theirs = toolyard("runs", "list", "--key", secret, cwd=shop)
    assert (theirs.code, theirs.out) == (0, "")
    foreign = toolyard("why", str(newest(shop)["id"]), "--key", secret, cwd=shop)
    assert foreign.code == 1
    assert "acme-op" in toolyard("key", "list", "--tenant", "acme", cwd=shop).out
    assert toolyard("tenant", "revoke", "acme", "--yes", cwd=shop).code == 0
    assert toolyard("runs", "list", "--key", secret, cwd=shop).code == 1


def test_erasing_an_end_user_removes_what_they_said(shop: Path) -> None:
    toolyard("chat", "-m", 'Track the parcel "PX-220"', "--user", "ada@example.com", cwd=shop)
    run = str(newest(shop)["id"])
    assert "PX-220" in toolyard("why", run, cwd=shop).out
    done = toolyard("erase", "ada@example.com", "--yes", cwd=shop)
    assert done.code == 0, done.err
    assert "1 run," in done.out
    after = toolyard("why", run, cwd=shop)
    assert after.code == 0
    assert "PX-220" not in after.out
    assert "[erased]" in after.out


def test_the_agents_are_listed_as_models(shop: Path) -> None:
    assert "support" in toolyard("model", "list", cwd=shop).out


def test_the_doctor_finds_the_running_server_and_who_holds_the_database(shop: Path) -> None:
    done = toolyard("doctor", cwd=shop)
    assert done.code == 0, done.out
    assert "in use by process" in done.out
    assert "http://127.0.0.1:" in done.out


def test_a_run_that_is_not_there_is_an_error_in_one_line(shop: Path) -> None:
    done = toolyard("why", "run_" + "0" * 32, cwd=shop)
    assert done.code == 1
    assert done.err.startswith("toolyard: ")
    assert "Traceback" not in done.err


def test_nothing_is_in_doubt_after_a_quiet_day(shop: Path) -> None:
    done = toolyard("doubt", "list", cwd=shop)
    assert (done.code, done.out) == (0, "")
