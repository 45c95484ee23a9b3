"""A backup that is put in place brings nothing back that was forgotten or erased after it was made."""

import json
import logging
import shutil
import sqlite3
from pathlib import Path
from typing import Any

import pytest

from tests.http.expecting import note
from tests.http.serving import Client, Server, eventually, serving

AGENT = """
instructions = "You remember."

[memory]
"""
GONE, FORGETFUL, STAYS = "gone-in-between", "forgets-one-thing", "nothing-to-hide"


def started(server: Server, folder: Path) -> None:
    """Have an agent that remembers."""
    (folder / "repository" / "agents" / "friend.toml").write_text(AGENT)
    eventually(lambda: server.wiring.agents.release("friend"), lambda: server.wiring.agents.problems)


def speaking(server: Server, who: str) -> Client:
    return server.client("default", "frontend", "user").speaking_for(who)


def add(client: Client, text: str) -> str:
    body = {"text": text, "because": "they said so"}
    return str(client.post("/api/v1/memory/facts", body)["fact"]["id"])


def back_up(state: Path, copy: Path) -> None:
    connection = sqlite3.connect(state / "toolyard.db")
    connection.execute("VACUUM INTO ?", (str(copy),))
    connection.close()


def restore(state: Path, copy: Path) -> None:
    for name in ("toolyard.db", "toolyard.db-wal", "toolyard.db-shm"):
        (state / name).unlink(missing_ok=True)
    shutil.copy(copy, state / "toolyard.db")


def facts_of(server: Server, who: str) -> list[str]:
    found: dict[str, Any] = server.house.get(f"/api/v1/memory/facts?end_user={who}")
    return [fact["text"] for fact in found["data"]]


def live(server: Server, folder: Path, copy: Path) -> None:
    """Have three people remembered, a backup made, and then one erased and something of another forgotten."""
    started(server, folder)
    for who in (GONE, FORGETFUL, STAYS):
        app = speaking(server, who)
        app.finished(app.start(f"say the quagga of {who} sleeps", agent="friend"))
        add(app, f"Keeps a quagga at home, does {who}.")
    waiting = speaking(server, GONE)
    waiting.waiting(waiting.start(note("a-note-of-the-quagga")))
    secret = add(speaking(server, FORGETFUL), "Has a secret tattoo of an okapi.")
    back_up(server.root.parent / "state", copy)
    gone = server.house.post("/api/v1/memory/forget", {"facts": [secret], "end_user": FORGETFUL})
    assert gone["facts"] == [secret]
    assert server.house.post("/api/v1/erasures", {"subject": GONE})["runs"] == 2


def test_nothing_that_was_forgotten_or_erased_comes_back_with_a_backup(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    state, copy, ledger = tmp_path / "state", tmp_path / "backup.db", tmp_path / "state" / "tombstones.jsonl"
    with serving(tmp_path) as server:
        live(server, tmp_path, copy)
    assert ledger.stat().st_mode & 0o777 == 0o600
    written = ledger.read_bytes()
    assert not [word for word in (b"okapi", b"quagga", GONE.encode(), FORGETFUL.encode()) if word in written]
    with ledger.open("ab") as file:
        file.write(b'{"id": "cut off by the loss of pow')
    restore(state, copy)
    assert b"okapi" in (state / "toolyard.db").read_bytes()

    with caplog.at_level(logging.WARNING), serving(tmp_path / "after", state=state) as server:
        told = [record.getMessage() for record in caplog.records]
        assert any("1 of its lines are damaged" in line for line in told)
        assert any("an older database was put in place" in line and "1 people" in line for line in told)
        kept = {who: facts_of(server, who) for who in (GONE, FORGETFUL, STAYS)}
        assert kept == {GONE: [], **{who: [f"Keeps a quagga at home, does {who}."] for who in (FORGETFUL, STAYS)}}
        for who, words in ((FORGETFUL, ["okapi"]), (GONE, [f"of {GONE}", "note-of-the-quagga"])):
            proof = server.house.post("/api/v1/memory/verify-erasure", {"subject": who, "words": words})
            found = [one for one in proof["files"]["found"] if one["what"] == "word"]
            assert (proof["rows"] == {}, found) == (who == GONE, [])
        (audited,) = server.house.get("/api/v1/audit?action=memory.reapply")["data"]
        assert (audited["detail"]["people"], audited["detail"]["tombstones"]) == (1, len(written.splitlines()))
        runs = server.house.get("/api/v1/runs?limit=100")["data"]
        assert {run["status"] for run in runs} == {"finished"}


def test_who_comes_back_later_is_not_erased_by_an_old_tombstone(tmp_path: Path) -> None:
    state, ledger = tmp_path / "state", tmp_path / "state" / "tombstones.jsonl"
    with serving(tmp_path) as server:
        add(speaking(server, GONE), "Was here before.")
        server.house.post("/api/v1/erasures", {"subject": GONE})
        fact = add(speaking(server, GONE), "Came back as a customer.")
        back_up(state, tmp_path / "backup.db")
        server.house.post("/api/v1/memory/forget", {"facts": [fact], "end_user": GONE})
    with ledger.open("ab") as file:
        file.write(b'{"id": "cut off')
    restore(state, tmp_path / "backup.db")
    with serving(tmp_path / "after", state=state) as server:
        assert facts_of(server, GONE) == []
        kept = add(speaking(server, GONE), "Came back a second time.")
        add(speaking(server, GONE), "Has more to say.")
        server.house.post("/api/v1/memory/forget", {"facts": [kept], "end_user": GONE})
    lines = ledger.read_bytes().splitlines()
    assert [line for line in lines if not line.endswith(b"}")] == [b'{"id": "cut off'], "nothing is joined to it"
    assert json.loads(lines[-1])["tenant"] == "default"
    with serving(tmp_path / "again", state=state) as server:
        assert facts_of(server, GONE) == ["Has more to say."]


def test_a_server_that_has_forgotten_nothing_has_no_such_file(tmp_path: Path) -> None:
    with serving(tmp_path) as server:
        speaking(server, "ada").finished(speaking(server, "ada").start("say hi"))
    assert not (tmp_path / "state" / "tombstones.jsonl").exists()
