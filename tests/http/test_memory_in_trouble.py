"""Memory when what it stands on is away or wrong, or it is asked for the impossible: an answer, or a clear refusal."""

import socket
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from toolyard_sdk.errors import ConfigError

from tests.http.serving import Client, Server, eventually, serving

AGENT = """
instructions = "You remember."

[memory]
"""


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server whose embedder takes connections and never answers."""
    with socket.create_server(("127.0.0.1", 0)) as silent:
        address = f"http://127.0.0.1:{silent.getsockname()[1]}/v1"
        settings = f"""
[providers.silent]
base_url = "{address}"
profile = "generic"
default_model = "m"

[memory]
embedder = "silent/embedder"
"""
        root: Path = tmp_path_factory.mktemp("trouble")
        with serving(root, settings, rehearsal=True) as running:
            (root / "repository" / "agents" / "friend.toml").write_text(AGENT)
            eventually(lambda: running.wiring.agents.release("friend"), lambda: running.wiring.agents.problems)
            yield running


@pytest.fixture
def app(server: Server) -> Client:
    """A frontend of a tenant of its own that speaks for alice."""
    return server.client(server.tenant(), "frontend", "user").speaking_for("alice")


def told(client: Client, run: str, kind: str) -> list[dict[str, Any]]:
    """Return the lines of one kind that tell why a run did what it did."""
    return [line for line in client.get(f"/api/v1/runs/{run}/why")["lines"] if line["kind"] == kind]


def test_an_embedder_that_is_silent_costs_meaning_and_not_memory(app: Client) -> None:
    app.finished(app.start("say I keep bees in Bergen", agent="friend"))
    again = app.start("say where are my bees", agent="friend")
    app.finished(again)
    (line,) = told(app, again, "recalled")
    assert line["text"] == "Turn 1: 2 messages came to mind (searched by words, without all vectors)"
    found = app.get("/api/v1/memory/search?words=bees")
    assert "without vectors" in found["degraded"]
    assert found["data"]


@pytest.mark.parametrize("settings", ['embedder = "nonsense/x"', 'embedder = "onnx:nowhere"', 'former = "nonsense/x"'])
def test_a_server_does_not_start_on_settings_that_name_what_is_not_there(tmp_path: Path, settings: str) -> None:
    with pytest.raises(ConfigError, match=r"toolyard.toml: \[memory\]"), serving(tmp_path, f"[memory]\n{settings}\n"):
        pass


def test_numbers_that_no_column_holds_are_refused(app: Client) -> None:
    for item in (-1, 1 << 63, 10**30):
        message = {"run": "run_" + "0" * 32, "item": item}
        refused = app.ask("POST", "/api/v1/memory/facts", {"text": "Alice.", "message": message})
        assert refused.status == 400, refused
        assert "item" in refused.body["detail"]


@pytest.mark.parametrize("day", ["0001-01-01", "0001-01-01T00:00:00+23:59", "9999-12-31", "9999-12-31T23:59:59-23:59"])
def test_days_at_the_ends_of_the_calendar_are_refused(app: Client, day: str) -> None:
    refused = app.ask("POST", "/api/v1/memory/facts", {"text": "Alice.", "because": "x", "since": day})
    assert (refused.status, refused.body["param"]) == (400, "since")


def test_a_day_without_a_zone_is_read_back_as_it_was_given(app: Client) -> None:
    fact = app.post("/api/v1/memory/facts", {"text": "Alice was born.", "because": "x", "since": "1970-01-01"})["fact"]
    assert fact["valid_from"] == 0


def test_people_whose_facts_are_put_down_at_once_do_not_get_in_each_others_way(server: Server) -> None:
    tenant = server.tenant()
    app = server.client(tenant, "frontend", "user")

    def put_down(number: int) -> int:
        body = {"text": f"Person {number} lives in Oslo.", "because": "x"}
        return app.speaking_for(f"person-{number}").ask("POST", "/api/v1/memory/facts", body).status

    def forget(number: int) -> int:
        person = app.speaking_for(f"person-{number}")
        fact = person.get("/api/v1/memory/facts")["data"][0]["id"]
        return person.ask("DELETE", f"/api/v1/memory/facts/{fact}").status

    with ThreadPoolExecutor(8) as people:
        assert list(people.map(put_down, range(24))) == [201] * 24
        assert list(people.map(forget, range(24))) == [200] * 24


def test_an_end_user_is_the_same_in_a_header_and_in_a_body(server: Server) -> None:
    app, zoe = server.client(server.tenant(), "frontend", "user"), "zoë@example.com"
    body = {"model": "friend", "input": "say I keep goats", "safety_identifier": zoe}
    app.post("/v1/responses", body)
    name = zoe.encode().decode("latin-1")  # http.client writes a header in latin-1: so these are its UTF-8 bytes
    hits = app.ask("GET", "/api/v1/memory/search?words=goats", x_toolyard_end_user=name).body["data"]
    assert hits


def test_every_id_of_a_runs_journal_can_be_looked_up_by_whoever_may(server: Server, app: Client) -> None:
    first = app.start('call remember {"text": "I keep owls."}', agent="friend")
    app.finished(first)
    second = app.start("say do you know my owls", agent="friend")
    app.finished(second)
    (line,) = told(app, second, "recalled")
    ids = [memory.split()[0] for memory in line["detail"]["memories"]]
    assert {id_.partition("_")[0] for id_ in ids} == {"fact", "msg"}
    bob, stranger = app.speaking_for("bob"), server.client(server.tenant(), "frontend").speaking_for("alice")
    for id_ in ids:
        shown = app.get(f"/api/v1/memory/passages/{id_}")
        assert "owls" in shown["text"] or "fact_" in shown["text"]
        assert (shown["run"] is not None) == id_.startswith("msg_")
        for other in (bob, stranger):
            assert other.ask("GET", f"/api/v1/memory/passages/{id_}").status == 404
    for wrong in ("msg_" + "0" * 32, ids[0].replace("fact_", "sum_").replace("msg_", "sum_"), "nonsense", "msg_"):
        assert app.ask("GET", f"/api/v1/memory/passages/{wrong}").status == 404


def test_a_fact_that_was_replaced_can_still_be_shown(app: Client) -> None:
    old = app.post("/api/v1/memory/facts", {"text": "Alice lives in Oslo.", "because": "x"})["fact"]["id"]
    app.post(f"/api/v1/memory/facts/{old}/correct", {"text": "Alice lives in Bergen.", "because": "x"})
    shown = app.get(f"/api/v1/memory/facts/{old}")
    assert shown["text"] == "Alice lives in Oslo."
    assert shown["superseded_by"]


def test_an_operator_of_memory_is_told_how_it_does(server: Server, app: Client) -> None:
    app.finished(app.start('call remember {"text": "I keep a heron."}', agent="friend"))
    told = server.house.ask("GET", "/metrics").body.decode()
    counted = {line.partition(" ")[0]: float(line.rpartition(" ")[2]) for line in told.splitlines() if line[0] != "#"}
    assert counted['toolyard_recalls_total{outcome="degraded"}'] >= 1
    assert counted["toolyard_recall_seconds_count"] >= 1
    assert counted['toolyard_facts_changed_total{change="added"}'] >= 1
    assert counted["toolyard_facts"] >= 1
    assert counted["toolyard_passages_waiting"] >= 1  # the embedder is silent
