"""The demonstration: what it shows is what happened, whatever the person answers."""

import re
from pathlib import Path

import pytest

from tests.cli.running import Terminal, as_process, toolyard


def kept(shown: str) -> Path:
    found = re.search(r"Kept: (\S+) ", shown)
    assert found is not None, shown
    return Path(found[1])


def test_with_yes_it_runs_through_and_pays_once(tmp_path: Path) -> None:
    done = as_process("demo", "--yes", "--keep", TMPDIR=str(tmp_path), seconds=150)
    assert done.code == 0, done.err
    repository = kept(done.out)
    assert (repository / "ledger.txt").read_text() == "A-17 1900\n"
    assert (repository / "begun.txt").read_text().split().count("check_payout") == 2
    for heading in ("1/6  A server", "2/6  A question", "3/6  A person decides", "4/6  kill -9", "5/6", "6/6  Why"):
        assert heading in done.out
    assert re.search(r"It wants find_orders\(.*\), track_parcel\(", done.out)
    assert "--yes was given, so this is approved without asking you" in done.out
    assert "Taken up again after the server had died" in done.out
    assert "ledger.txt holds 1 payment(s): A-17 1900" in done.out
    assert "hash chain of this journal holds" in done.out
    pids = re.findall(r"process (\d+) listens on", done.out)
    assert len(set(pids)) == 2
    assert f"kill -9 {pids[0]}" in done.out
    for pid in pids:
        assert not Path(f"/proc/{pid}").exists()


def test_a_person_is_asked_and_a_no_is_respected(tmp_path: Path) -> None:
    with Terminal("demo", "--keep", TMPDIR=str(tmp_path)) as terminal:
        shown = terminal.until(r"Approve this call\?", 90)
        assert "wants to call refund_order" in shown
        terminal.type("n")
        assert terminal.end(120) == 0, terminal.seen
        assert "ledger.txt holds 0 payment(s)" in terminal.seen
        assert not (kept(terminal.seen) / "ledger.txt").exists()


def test_control_c_leaves_no_server_and_no_folder_behind(tmp_path: Path) -> None:
    with Terminal("demo", TMPDIR=str(tmp_path)) as terminal:
        shown = terminal.until(r"Approve this call\?", 90)
        pid = re.findall(r"process (\d+) listens on", terminal.seen)[0]
        terminal.interrupt("Aborted!")
        assert terminal.end() == 1
        assert "refund_order" in shown
        assert not Path(f"/proc/{pid}").exists()
        assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("answer", ["", "y\n"])
def test_nobody_is_taken_for_having_answered(answer: str) -> None:
    done = toolyard("demo", stdin=answer)
    assert done.code == 1
    assert "run it in a terminal, or with --yes" in done.err


def test_a_closed_terminal_leaves_no_server_and_no_folder_behind(tmp_path: Path) -> None:
    with Terminal("demo", TMPDIR=str(tmp_path)) as terminal:
        terminal.until(r"process \d+ listens on", 90)
        pid = re.findall(r"process (\d+) listens on", terminal.seen)[0]
        terminal.hang_up()
        assert terminal.end() != 0
    assert not Path(f"/proc/{pid}").exists()
    assert list(tmp_path.iterdir()) == []
