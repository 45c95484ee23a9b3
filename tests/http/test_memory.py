"""`/api/v1/memory`: what people can see and do about what is remembered of them, and of nobody else."""

import json
import xml.etree.ElementTree as ET
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest

from tests.http.serving import Client, Server, eventually, serving

AGENT = """
instructions = "You remember."

[memory]
"""


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server one of whose agents remembers."""
    root = tmp_path_factory.mktemp("memory")
    with serving(root, "") as running:
        (root / "repository" / "agents" / "friend.toml").write_text(AGENT)
        eventually(lambda: running.wiring.agents.release("friend"), lambda: running.wiring.agents.problems)
        yield running


@pytest.fixture
def tenant(server: Server) -> str:
    """A tenant of the test's own."""
    return server.tenant()


@pytest.fixture
def app(server: Server, tenant: str) -> Client:
    """A frontend that speaks for alice."""
    return server.client(tenant, "frontend", "user").speaking_for("alice")


@pytest.fixture
def operator(server: Server, tenant: str) -> Client:
    """An operator of the tenant."""
    return server.client(tenant, "operator")


def add(client: Client, text: str, **more: Any) -> dict[str, Any]:
    """Put a fact down."""
    body = {"text": text, "because": "she said so", **more}
    return client.post("/api/v1/memory/facts", body)["fact"]  # type: ignore[no-any-return]  # JSON


def texts(client: Client, query: str = "") -> list[str]:
    """Return what is believed."""
    return [fact["text"] for fact in client.get(f"/api/v1/memory/facts?{query}")["data"]]


def test_a_fact_is_put_down_shown_and_found(app: Client) -> None:
    fact = add(app, "Alice is allergic to nuts.", since="2026-05-03")
    assert app.get(f"/api/v1/memory/facts/{fact['id']}")["evidence"][0]["words"] == "she said so"
    found = app.get("/api/v1/memory/search?words=nuts")
    assert found["data"][0]["id"] == fact["id"]
    assert "total" in found["data"][0]["scores"]
    assert "[f1]" in found["text"]


def test_a_message_can_be_searched_as_soon_as_its_run_has_begun(app: Client) -> None:
    run = app.start("say I keep bees in Tromsø", agent="friend")
    app.finished(run)
    hits = app.get("/api/v1/memory/search?words=bees")["data"]
    assert run in [hit["run"] for hit in hits]


def test_a_fact_is_trusted_as_the_message_it_is_said_to_rest_on(app: Client) -> None:
    app.finished(app.start("say I keep bees in Tromsø", agent="friend"))
    said = {hit["trust"]: hit for hit in app.get("/api/v1/memory/search?words=bees")["data"]}
    assert said.keys() == {"user", "agent"}
    for trust, hit in said.items():
        message = {"run": hit["run"], "item": hit["item"]}
        body = {"text": f"Has bees, says the {trust}.", "message": message}
        assert app.post("/api/v1/memory/facts", body)["fact"]["trust"] == trust


def test_a_correction_supersedes_and_the_timeline_tells_both(app: Client) -> None:
    first = add(app, "Alice lives in Oslo.", about="Alice", attribute="home town")
    corrected = app.post(
        f"/api/v1/memory/facts/{first['id']}/correct", {"text": "Alice lives in Bergen.", "because": "moved"}
    )
    assert corrected["superseded"] == [first["id"]]
    told = app.get(f"/api/v1/memory/timeline?fact={first['id']}")["data"]
    assert [fact["text"] for fact in told][-1] == "Alice lives in Bergen."
    assert texts(app, "about=Alice") == ["Alice lives in Bergen."]
    again = app.ask("POST", f"/api/v1/memory/facts/{first['id']}/correct", {"text": "x y", "because": "z"})
    assert again.status == 400
    assert corrected["fact"]["id"] in again.body["detail"]


def test_what_was_believed_then_can_be_asked_for(app: Client) -> None:
    first = add(app, "Alice works at a bakery.", about="Alice", attribute="job")
    app.post(f"/api/v1/memory/facts/{first['id']}/correct", {"text": "Alice works at a bank.", "because": "she said"})
    then = datetime.fromtimestamp(first["recorded_at"] / 1e6, UTC).isoformat().replace("+00:00", "Z")
    assert texts(app, "about=Alice") == ["Alice works at a bank."]
    assert texts(app, f"about=Alice&as_of={then}") == ["Alice works at a bakery."]
    assert texts(app, "about=Alice&as_of=2020-01-01") == []
    assert app.ask("GET", "/api/v1/memory/facts?as_of=then").status == 400


def test_what_is_forgotten_is_gone_from_every_answer(app: Client) -> None:
    fact = add(app, "Alice fears xylophones.")
    gone = app.post("/api/v1/memory/forget", {"facts": [fact["id"]]})
    assert gone["facts"] == [fact["id"]]
    assert app.ask("GET", f"/api/v1/memory/facts/{fact['id']}").status == 404
    assert app.get("/api/v1/memory/search?words=xylophones")["data"] == []
    assert "xylophones" not in json.dumps(app.get("/api/v1/memory/graph?about=Alice"))
    refused = app.ask("POST", f"/api/v1/memory/facts/{fact['id']}/correct", {"text": "x y", "because": "z"})
    assert refused.status == 400
    assert "forgotten" in refused.body["detail"]


def test_nobody_elses_memory_is_seen_or_changed(server: Server, tenant: str, app: Client, operator: Client) -> None:
    fact = add(app, "Alice has a secret garden.")
    bob = server.client(tenant, "frontend", "user").speaking_for("bob")
    stranger = server.client(server.tenant(), "frontend", "user").speaking_for("alice")
    for other in (bob, stranger):
        assert other.get("/api/v1/memory/search?words=garden")["data"] == []
        assert texts(other) == []
        assert other.get("/api/v1/memory/graph?about=Alice")["passages"] == []
        for method, path, body in (
            ("GET", f"/api/v1/memory/facts/{fact['id']}", None),
            ("DELETE", f"/api/v1/memory/facts/{fact['id']}", None),
            ("GET", f"/api/v1/memory/timeline?fact={fact['id']}", None),
            ("POST", f"/api/v1/memory/facts/{fact['id']}/correct", {"text": "x y", "because": "z"}),
            ("POST", "/api/v1/memory/forget", {"facts": [fact["id"]]}),
        ):
            assert other.ask(method, path, body).status == 404, (method, path)
    assert bob.ask("GET", "/api/v1/memory/facts?end_user=alice").status == 403
    assert texts(operator, "end_user=alice") == ["Alice has a secret garden."]


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"text": "Alice rests on nothing."}, "because"),
        ({"text": "Alice.", "because": "x\x00"}, "because"),
        ({"text": "", "because": "x"}, "text"),
        ({"text": "\u200b\u2060", "because": "x"}, "text"),
        ({"text": "Alice.", "because": "x", "about": "\u200b"}, "about"),
        ({"text": "Alice.", "because": "x", "agent": "nobody"}, "agent"),
        ({"text": "It ends.", "because": "x", "since": "2026-05-03", "until": "2026-05-01"}, "until"),
        ({"text": "It begins.", "because": "x", "since": "someday"}, "since"),
        ({"text": "It is long. " * 1000, "because": "x"}, "text"),
        ({"text": "Alice.", "message": {"run": "run_" + "0" * 32, "item": 1}}, "message"),
        ({"text": "Alice.", "message": {"run": "nonsense", "item": 1}}, "message.run"),
    ],
)
def test_what_cannot_be_put_down_is_refused_with_the_field(app: Client, body: dict[str, Any], field: str) -> None:
    refused = app.ask("POST", "/api/v1/memory/facts", body)
    assert refused.status in (400, 404), refused
    assert refused.body["param"] == field, refused.body


@pytest.mark.parametrize("moment", ["2026-05-03T10:00:00+02:00", "2026-05-03 10:00 02:00"])
def test_a_zone_whose_plus_was_read_as_a_space_is_told_how_to_write_it(app: Client, moment: str) -> None:
    refused = app.ask("GET", f"/api/v1/memory/facts?as_of={moment.replace(' ', '%20')}")
    assert (refused.status, refused.body["param"]) == (400, "as_of")
    assert "%2B" in refused.body["detail"]


def test_a_question_of_no_words_is_refused_by_the_name_of_its_parameter(app: Client) -> None:
    assert app.ask("GET", "/api/v1/memory/search?words=%20").body["param"] == "words"


def test_whose_memory_is_meant_has_to_be_said(operator: Client) -> None:
    refused = operator.ask("GET", "/api/v1/memory/search?words=x")
    assert refused.status == 400
    assert "say whose memory" in refused.body["detail"]


def test_the_graph_is_drawn_without_script(app: Client) -> None:
    add(app, "Alice owns the cat <script>Tom</script>.", about="Alice")
    drawn = app.ask("GET", "/api/v1/memory/graph?about=Alice&as=svg")
    assert drawn.headers["content-type"].startswith("image/svg+xml")
    root = ET.fromstring(drawn.body)
    assert root.tag.endswith("svg")
    assert not [one for one in root.iter() if one.tag.endswith("script")]


def test_an_export_holds_every_fact_and_message(app: Client) -> None:
    fact = add(app, "Alice collects stamps.")
    run = app.start("say I like trains", agent="friend")
    app.finished(run)
    exported = app.ask("GET", "/api/v1/memory/export")
    lines = [json.loads(line) for line in exported.body.splitlines()]
    assert fact["id"] in [line["id"] for line in lines if line["kind"] == "fact"]
    assert run in [line["run"] for line in lines if line["kind"] == "message"]


def test_facts_that_say_the_same_are_merged_only_when_applied(app: Client, operator: Client) -> None:
    add(app, "Alice likes the colour blue very much.", about="Alice")
    add(app, "Alice likes the color blue very much!", about="Alice")
    before = texts(app, "about=Alice")
    operator.post("/api/v1/memory/consolidate", {"end_user": "alice"})
    assert texts(app, "about=Alice") == before
    done = operator.post("/api/v1/memory/consolidate", {"end_user": "alice", "apply": True})
    assert len(texts(app, "about=Alice")) == len(before) - len([one for one in done["data"] if one["kind"] == "merge"])


def test_the_index_is_built_again_without_a_model(app: Client, operator: Client) -> None:
    add(app, "Alice plays the oboe.")
    assert operator.ask("POST", "/api/v1/memory/rebuild").status == 202
    eventually(lambda: operator.get("/api/v1/memory/stats")["rebuilding"]["over"], lambda: "it does not end")
    stats = operator.get("/api/v1/memory/stats")
    assert stats["rebuilding"]["error"] == ""
    assert stats["facts_believed"] == 1
    assert app.get("/api/v1/memory/search?words=oboe")["data"]


@pytest.mark.parametrize("body", [{"tenant": "another"}, {"embedder": "x"}, [], "all", None, b"{", b"\xff"])
def test_an_index_is_not_built_again_on_a_request_that_asks_for_something_else(operator: Client, body: Any) -> None:
    sent = body if isinstance(body, bytes) else json.dumps(body).encode()
    refused = operator.ask("POST", "/api/v1/memory/rebuild", sent)
    assert refused.status == 400, refused
    assert operator.get("/api/v1/memory/stats")["rebuilding"] is None


@pytest.mark.parametrize(
    "path", ["facts", f"facts/fact_{'0' * 32}/correct", "forget", "verify-erasure", "rebuild", "consolidate"]
)
def test_a_memory_route_that_reads_a_body_takes_nothing_of_its_address(operator: Client, path: str) -> None:
    refused = operator.ask("POST", f"/api/v1/memory/{path}?end_user=alice", {})
    assert (refused.status, refused.body["code"]) == (400, "unknown_parameter")


def test_the_numbers_of_a_person_tell_what_their_memory_is_about(app: Client, operator: Client) -> None:
    add(app, "Alice met Bertrand in Lisbon.", about="Alice")
    add(app, "Bertrand lives in Lisbon.", about="Bertrand")
    person = operator.get("/api/v1/memory/stats?end_user=alice")["person"]
    assert {"Bertrand", "Lisbon"} <= {one["name"] for one in person["central"]}
    assert person["islands"][0]["size"] >= 2


def test_everything_that_was_done_is_audited_without_its_words(app: Client, operator: Client, server: Server) -> None:
    fact = add(app, "Alice dislikes quinces.")
    app.post("/api/v1/memory/forget", {"facts": [fact["id"]]})
    records = json.dumps(operator.get("/api/v1/audit?limit=100"))
    assert "fact.add" in records
    assert "fact.forget" in records
    assert "quinces" not in records
