"""Documents over HTTP: added, changed, shown, searched, retired and erased, by whom, and on whose record."""

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import quote

import pytest

from tests.http.expecting import refused
from tests.http.serving import Answered, Client, Server, serving
from tests.memory.documents.pdfs import bomb, pdf

HANDBOOK = b"# Refunds\n\nRefunds are paid within 14 days.\n\n# Returns\n\nReturns travel at our cost.\n"
EDITED = HANDBOOK.replace(b"at our cost", b"at the cost of the customer")


@pytest.fixture
def author(server: Server, tenant: str) -> Client:
    return server.client(tenant, "author")


def put(client: Client, name: str, data: bytes = HANDBOOK, query: str = "", kind: str = "") -> Answered:
    headers = {"content_type": kind} if kind else {}
    return client.ask("PUT", f"/api/v1/knowledge/{quote(name)}{query}", data, **headers)


def found(client: Client, words: str, more: str = "") -> list[str]:
    """Return the texts of the pieces that are found."""
    return [one["text"] for one in client.get(f"/api/v1/knowledge-search?words={quote(words)}{more}")["data"]]


def test_a_file_is_added_shown_and_found(author: Client) -> None:
    added = put(author, "handbook/refunds.md")
    assert added.status == 201
    document = added.body["document"]
    assert (added.body["outcome"], document["version"], document["pieces"]) == ("added", 1, 2)
    assert (document["name"], document["title"], document["agents"]) == ("handbook/refunds.md", "Refunds", ["*"])
    assert (document["size"], document["added_by"]) == (len(HANDBOOK), author.key)
    shown = author.get("/api/v1/knowledge/handbook/refunds.md")
    assert (shown["document"], shown["text"]) == (document, HANDBOOK.decode().strip())
    best = author.get("/api/v1/knowledge-search?words=when+are+refunds+paid")["data"][0]
    assert best["text"] == "# Refunds\n\nRefunds are paid within 14 days."
    assert best["passage"].startswith("chunk_")
    where = {name: best[name] for name in ("document", "name", "version", "digest", "heading", "page")}
    assert where == {
        "document": document["id"],
        "name": "handbook/refunds.md",
        "version": 1,
        "digest": document["digest"],
        "heading": "Refunds",
        "page": 0,
    }
    assert shown["text"][best["start"] : best["stop"]] == best["text"]


def test_a_piece_is_reached_by_what_it_speaks_of_until_it_is_gone(server: Server, tenant: str, author: Client) -> None:
    put(author, "machines.md", b"# Pumps\n\nZorblax Industries makes the pump in Kristiansand.\n")
    operator, stranger = server.client(tenant, "operator"), server.client(server.tenant(), "operator")

    def near(client: Client) -> list[str]:
        around = client.get(f"/api/v1/memory/graph?about={quote('Zorblax Industries')}&end_user=ann")
        return [one["kind"] for one in around["passages"]]

    assert near(operator) == ["chunk"]
    assert near(stranger) == []
    put(author, "machines.md", b"# Pumps\n\nNobody makes the pump any more.\n")
    assert near(operator) == []


def test_a_frontend_sees_documents_only_as_an_agent_that_grounds_on_them(tmp_path: Path) -> None:
    clerk = 'instructions = "x"\n\n[memory]\nknowledge = ["handbook/*"]\n'
    with serving(tmp_path, files={"agents/clerk.toml": clerk}) as server:
        author = server.client("default", "author", "operator")
        ann = server.client("default", "frontend").speaking_for("ann")
        put(author, "handbook/refunds.md")
        put(author, "gossip.md", b"Zorblax Industries pays refunds to friends.\n")

        def chunks(more: str) -> list[str]:
            hits = ann.get(f"/api/v1/memory/search?words=refunds+friends{more}")["data"]
            return [hit["id"] for hit in hits if hit["kind"] == "chunk"]

        assert chunks("") == chunks("&agent=nobody") == []
        assert ann.get(f"/api/v1/memory/graph?about={quote('Zorblax Industries')}&agent=clerk")["passages"] == []
        known = chunks("&agent=clerk")[0]
        shown = f"/api/v1/memory/passages/{known}"
        assert ann.get(f"{shown}?agent=clerk")["document"] == "handbook/refunds.md"
        gossip = author.get("/api/v1/knowledge-search?words=friends")["data"][0]["passage"]
        for path in (shown, f"{shown}?agent=nobody", f"/api/v1/memory/passages/{gossip}?agent=clerk"):
            assert ann.ask("GET", path).status == 404
        assert author.get(f"{shown}?end_user=ann")["document"] == "handbook/refunds.md"


def test_what_came_to_mind_of_a_former_version_can_be_looked_up(tmp_path: Path) -> None:
    clerk = 'instructions = "x"\n\n[memory]\nknowledge = ["handbook/*"]\n'
    with serving(tmp_path, files={"agents/clerk.toml": clerk}) as served:
        author = served.client("default", "author", "operator")
        ann = served.client("default", "frontend").speaking_for("ann")
        first = put(author, "handbook/a.md").body["document"]
        changed = put(author, "handbook/a.md", EDITED).body["document"]
        then = datetime.fromtimestamp(first["added_at"] / 1e6, UTC).isoformat().replace("+00:00", "Z")
        hits = ann.get(f"/api/v1/memory/search?words=our+cost&agent=clerk&as_of={then}")["data"]
        [former] = [hit["id"] for hit in hits if "our cost" in hit["text"]]
        shown = ann.get(f"/api/v1/memory/passages/{former}?agent=clerk")
        assert "our cost" in shown["text"]
        assert (shown["document"], shown["version"], shown["trust"]) == ("handbook/a.md", 1, "page")
        assert shown["retired_at"] == changed["added_at"]
        assert author.get(f"/api/v1/memory/passages/{former}?end_user=ann")["version"] == 1
        current = author.get("/api/v1/knowledge-search?words=cost")["data"][0]["passage"]
        assert ann.get(f"/api/v1/memory/passages/{current}?agent=clerk")["retired_at"] is None
        for refused in (f"{former}", f"{former}?agent=nobody", f"msg_{former.removeprefix('chunk_')}?agent=clerk"):
            assert ann.ask("GET", f"/api/v1/memory/passages/{refused}").status == 404
        stranger = served.client(served.tenant(), "operator")
        assert stranger.ask("GET", f"/api/v1/memory/passages/{former}?end_user=ann").status == 404
        author.ask("DELETE", "/api/v1/knowledge/handbook/a.md?erase=true")
        assert author.ask("GET", f"/api/v1/memory/passages/{former}?end_user=ann").status == 404


def test_the_same_file_again_changes_nothing(author: Client, auditor: Client) -> None:
    put(author, "a.md")
    again = put(author, "a.md")
    assert (again.status, again.body["outcome"]) == (200, "unchanged")
    assert [one["action"] for one in auditor.get("/api/v1/audit")["data"]].count("document.add") == 1


def test_a_changed_file_is_a_new_version_and_the_old_one_is_still_shown(author: Client) -> None:
    put(author, "a.md")
    changed = put(author, "a.md", EDITED)
    assert changed.status == 200
    assert (changed.body["outcome"], changed.body["kept"], changed.body["document"]["version"]) == ("changed", 1, 2)
    assert author.get("/api/v1/knowledge/a.md")["versions"] == [1, 2]
    first = author.get("/api/v1/knowledge/a.md?version=1")
    assert first["text"] == HANDBOOK.decode().strip()
    assert first["document"]["retired_at"] == changed.body["document"]["added_at"]
    assert found(author, "who bears the cost of returns")[0].endswith("at the cost of the customer.")
    assert not [text for text in found(author, "our cost") if "our cost" in text]


def test_pages_of_a_pdf_are_cited(author: Client) -> None:
    sent = put(author, "manual.pdf", pdf("The pump is blue.", "The valve is red."), kind="application/pdf")
    assert sent.status == 201, sent
    (best, *_) = author.get("/api/v1/knowledge-search?words=red+valve")["data"]
    assert (best["page"], best["text"]) == (2, "The valve is red.")


def test_a_pdf_that_would_unfold_without_end_is_refused_and_the_server_goes_on(author: Client) -> None:
    words = refused(put(author, "bomb.pdf", bomb(), kind="application/pdf"), 400, "file")
    assert "it may be made to do harm" in words
    assert author.get("/api/v1/knowledge")["data"] == []
    assert put(author, "a.md").status == 201


def test_a_retired_document_is_found_no_more(author: Client) -> None:
    put(author, "a.md")
    assert author.ask("DELETE", "/api/v1/knowledge/a.md").status == 204
    assert found(author, "refunds") == []
    assert author.get("/api/v1/knowledge")["data"] == []
    assert author.get("/api/v1/knowledge/a.md")["document"]["retired_at"]
    refused(author.ask("DELETE", "/api/v1/knowledge/a.md"), 404, "document")


def test_an_erased_document_leaves_no_byte(tmp_path: Path) -> None:
    secret = b"Zanzibar-4711"
    with serving(tmp_path) as server:
        client = server.client(server.tenant(), "author")
        put(client, "a.md", b"# One\n\n" + secret + b" is here.\n")
        put(client, "a.md", b"# One\n\n" + secret + b" is there.\n")
        state = tmp_path / "state"
        assert any(secret in path.read_bytes() for path in files(state))
        assert client.ask("DELETE", "/api/v1/knowledge/a.md?erase=true").status == 204
        refused(client.ask("GET", "/api/v1/knowledge/a.md"), 404, "document")
        assert not [path for path in files(state) if secret in path.read_bytes()]


def files(folder: Path) -> Iterator[Path]:
    return (path for path in folder.rglob("*") if path.is_file())


def test_an_agent_finds_what_its_globs_allow(author: Client) -> None:
    assert put(author, "s.md", query="?agents=support*,%20sales").body["document"]["agents"] == ["sales", "support*"]
    for agent, hits in (("support-eu", 2), ("sales", 2), ("sales-eu", 0), ("kitchen", 0)):
        assert len(found(author, "refunds returns", f"&agent={agent}")) == hits
    granted = put(author, "s.md", query="?agents=kitchen")
    assert (granted.status, granted.body["outcome"]) == (200, "granted")
    assert granted.body["document"]["version"] == 1
    assert found(author, "refunds", "&agent=support-eu") == []
    refused(put(author, "t.md", query="?agents="), 400, "agents")


def test_who_searches_as_an_agent_finds_what_that_agent_grounds_on(tmp_path: Path) -> None:
    clerk = 'instructions = "x"\n\n[memory]\nknowledge = ["handbook/*"]\n'
    with serving(tmp_path, files={"agents/clerk.toml": clerk}) as server:
        author = server.client("default", "author", "operator")
        put(author, "handbook/refunds.md")
        put(author, "gossip.md", b"Refunds are for friends.\n")
        assert len(found(author, "refunds")) == 3
        assert "Refunds are for friends." not in found(author, "refunds friends", "&agent=clerk")
        hits = author.get("/api/v1/memory/search?words=refunds+friends&end_user=ann&agent=clerk")["data"]
        assert hits
        assert "Refunds are for friends." not in [hit["text"] for hit in hits]


def test_every_change_is_on_record(author: Client, auditor: Client) -> None:
    first = put(author, "a.md").body["document"]["digest"]
    second = put(author, "a.md", EDITED).body["document"]["digest"]
    put(author, "a.md", EDITED, "?agents=support")
    author.ask("DELETE", "/api/v1/knowledge/a.md")
    author.ask("DELETE", "/api/v1/knowledge/a.md?erase=true")
    records = [one for one in auditor.get("/api/v1/audit")["data"] if one["action"].startswith("document.")]
    assert [(one["action"], one.get("old", ""), one.get("new", "")) for one in reversed(records)] == [
        ("document.add", "", first),
        ("document.change", first, second),
        ("document.grant", second, second),
        ("document.retire", second, ""),
        ("document.erase", second, ""),
    ]
    assert {(one["actor"], one["object"]) for one in records} == {(author.key, "a.md")}


def test_documents_are_listed_in_pages(author: Client) -> None:
    for name in ("c.md", "a.md", "b/b.md"):
        put(author, name)
    first = author.get("/api/v1/knowledge?limit=2")
    assert ([one["name"] for one in first["data"]], first["next"]) == (["a.md", "b/b.md"], "b/b.md")
    rest = author.get("/api/v1/knowledge?limit=2&after=b/b.md")
    assert ([one["name"] for one in rest["data"]], rest["next"]) == (["c.md"], None)


def test_authors_and_operators_write_and_auditors_read(server: Server, tenant: str, author: Client) -> None:
    put(author, "a.md")
    assert put(server.client(tenant, "operator"), "a.md", EDITED).status == 200
    watcher, user = server.client(tenant, "auditor"), server.client(tenant, "user", "frontend")
    assert watcher.get("/api/v1/knowledge/a.md")["document"]["version"] == 2
    refused(put(watcher, "b.md"), 403, "Authorization")
    refused(watcher.ask("DELETE", "/api/v1/knowledge/a.md"), 403, "Authorization")
    for path in ("knowledge", "knowledge/a.md", "knowledge-search?words=x"):
        refused(user.ask("GET", f"/api/v1/{path}"), 403, "Authorization")


@pytest.mark.parametrize(
    ("name", "data", "kind", "param", "words"),
    [
        ("../a.md", b"x", "", "name", "relative path"),
        ("a/./b.md", b"x", "", "name", "relative path"),
        ("a\n.md", b"x", "", "name", "no control characters"),
        ("a.md", b"", "", "file", "holds no text"),
        ("a.bin", b"x", "", "file", "of no kind that is read"),
        ("a.md", b"x", "image/png", "file", "of no kind that is read"),
        ("a.txt", b"\x00\x01", "", "file", "no text has"),
        ("a.pdf", b"no pdf", "", "file", "cannot be read as PDF"),
    ],
)
def test_what_cannot_be_taken_is_refused_in_words(
    author: Client, name: str, data: bytes, kind: str, param: str, words: str
) -> None:
    assert words in refused(put(author, name, data, kind=kind), 400, param)
    assert author.get("/api/v1/knowledge")["data"] == []


@pytest.mark.parametrize(
    ("path", "param"),
    [
        ("knowledge?limit=0", "limit"),
        ("knowledge/a.md?version=0", "version"),
        ("knowledge/a.md?versoin=1", "versoin"),
        ("knowledge-search", "words"),
        ("knowledge-search?words=", "words"),
    ],
)
def test_a_query_that_makes_no_sense_is_refused(author: Client, path: str, param: str) -> None:
    refused(author.ask("GET", f"/api/v1/{path}"), 400, param)


def test_what_is_not_there_is_not_found(author: Client) -> None:
    put(author, "a.md")
    for path in ("knowledge/b.md", "knowledge/a.md?version=2", "knowledge/%2e%2e/a.md"):
        refused(author.ask("GET", f"/api/v1/{path}"), 404, "document")


def test_a_file_over_the_limit_of_bodies_is_refused(author: Client) -> None:
    assert put(author, "a.txt", b"x" * (9 << 20)).status == 413
