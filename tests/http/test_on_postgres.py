"""A server whose database is PostgreSQL, from end to end: runs, approvals, a restart, and whom it has forgotten."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from toolyard_runtime.store.errors import OwnerError

from tests.http.expecting import ADD, note, refused
from tests.http.serving import Server, serving
from tests.store.cluster import Cluster, rows_of
from tests.store.postgres import cluster

__all__ = ["cluster"]

SECRET = "squeamish-ossifrage"
ADA = "ada-lovelace-1815"


@pytest.fixture
def url(cluster: Cluster) -> Iterator[str]:
    with cluster.database("template1") as made:
        yield made


def settings(url: str) -> str:
    return f'[store]\nurl = "{url}"\n'


def left_of(url: str, words: str) -> list[str]:
    """Return the tables with a row that holds these words, as text or as bytes."""
    return [table for table, row in rows_of(url) if words in row or words.encode().hex() in row]


def written(server: Server, name: str) -> list[str]:
    path = server.root / "notes" / name
    return path.read_text().splitlines() if path.exists() else []


def test_a_run_waits_through_a_restart_and_goes_on_when_it_is_approved(url: str, tmp_path: Path) -> None:
    state = tmp_path / "state"
    with serving(tmp_path / "first", settings(url), state=state) as server:
        user = server.client(server.tenant(), "user")
        done = user.finished(user.start(f"{SECRET} \0 ä\n{ADD}"))
        assert (done["reason"], done["calls"]) == ("stop", 1)
        waiting = user.start(note("kept"))
        approval = user.waiting(waiting)
        assert not (state / "toolyard.db").exists()
    with serving(tmp_path / "second", settings(url), state=state) as server:
        user.port = server.port
        assert user.get(f"/api/v1/runs/{done['id']}")["reason"] == "stop"
        assert user.get(f"/api/v1/runs/{done['id']}/why")["verified"] is True
        assert SECRET in str(user.get(f"/api/v1/runs/{done['id']}/events"))
        assert user.waiting(waiting)["id"] == approval["id"]
        user.post(f"/api/v1/approvals/{approval['id']}", {"decision": "approve"})
        assert user.finished(waiting)["reason"] == "stop"
        assert written(server, "kept") == ["hello"]
        listed = [run["id"] for run in user.get("/api/v1/runs?limit=10")["data"]]
        assert listed == [waiting, done["id"]]


def test_an_erased_person_is_in_no_row_and_in_no_dead_one(url: str, tmp_path: Path) -> None:
    with serving(tmp_path, settings(url)) as server:
        tenant = server.tenant()
        front = server.client(tenant, "frontend").speaking_for(ADA)
        operator = server.client(tenant, "operator")
        run = front.finished(front.start(f"{SECRET}\n{ADD}"))["id"]
        front.waiting(front.start(f"{SECRET}\n{note()}"))
        assert "payload" in left_of(url, SECRET)
        assert "run" in left_of(url, ADA)
        erased = operator.post("/api/v1/erasures", {"subject": ADA})
        assert (erased["runs"], erased["cancelled_runs"], erased["log_emptied"], erased["backups"]) == (2, 1, True, [])
        assert left_of(url, SECRET) == []
        assert left_of(url, ADA) == []
        assert operator.get(f"/api/v1/runs/{run}/why")["verified"] is True


def test_an_end_user_of_any_name_is_kept_apart(url: str, tmp_path: Path) -> None:
    with serving(tmp_path, settings(url)) as server:
        operator = server.client(server.tenant(), "operator")
        assert operator.post("/api/v1/erasures", {"subject": "a\0b"})["runs"] == 0
        refused(operator.ask("POST", "/api/v1/erasures", {"subject": ""}), 400, "subject")
        assert operator.ask("POST", "/api/v1/erasures", b'{"subject": "\\ud800"}').status == 400


def test_a_second_server_does_not_start_on_the_same_database(url: str, tmp_path: Path) -> None:
    with serving(tmp_path / "first", settings(url)) as server:
        with pytest.raises(OwnerError, match="in use by another server"), serving(tmp_path / "second", settings(url)):
            pass
        user = server.client(server.tenant(), "user")
        assert user.finished(user.start(ADD))["reason"] == "stop"
