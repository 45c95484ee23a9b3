"""What is erased or forgotten is shown to be gone: from tables, indexes and the bytes of every file."""

import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from toolyard_memory.records import Owner

from tests.http.expecting import refused
from tests.http.serving import Server, eventually, serving

AGENT = """
instructions = "You remember."

[memory]
"""
VERIFY = "/api/v1/memory/verify-erasure"
TEXTS = (
    "Her sister Melanie Quillfeather keeps axolotls in Gjøvik and sings in the choir of the old brewery every Tuesday.",
    "Is allergic to brazil nuts, cashews and the smell of wet wool, since a summer camp at Lake Winnipesaukee.",
)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server one of whose agents remembers."""
    root = tmp_path_factory.mktemp("proofs")
    with serving(root, "") as running:
        (root / "repository" / "agents" / "friend.toml").write_text(AGENT)
        eventually(lambda: running.wiring.agents.release("friend"), lambda: running.wiring.agents.problems)
        yield running


def state_of(server: Server) -> Path:
    """Return the folder with all of the server's files."""
    return server.root.parent / "state"


def told(server: Server, who: str) -> list[str]:
    """Have somebody of the server's own tenant say things and be remembered by them; return the ids of facts."""
    app = server.client("default", "frontend", "user").speaking_for(who)
    for text in TEXTS:
        app.finished(app.start(f"say {text} ({who})", agent="friend"))
    facts = [
        app.post("/api/v1/memory/facts", {"text": f"{text} ({who})", "about": "Melanie", "because": f"{who} said so"})
        for text in TEXTS
    ]
    return [one["fact"]["id"] for one in facts]


def lying(proof: dict[str, Any]) -> list[tuple[str, str]]:
    """Return what a proof found that is nobody's by right."""
    return [(one["what"], one["file"]) for one in proof["files"]["found"] if not one["stays_in"]]


def test_after_an_erasure_no_byte_is_left_in_any_file(server: Server) -> None:
    told(server, "constantia-axelrod")
    told(server, "another-person")
    before = server.house.post(VERIFY, {"subject": "constantia-axelrod", "words": ["Quillfeather"]})
    assert not before["clean"]
    assert before["rows"]["passage"] > 2
    assert {"id of the end user", "scope", "word"} == {one["what"] for one in before["files"]["found"]}

    erased = server.house.post("/api/v1/erasures", {"subject": "constantia-axelrod", "verify": True})
    proof = erased["proof"]
    assert erased["log_emptied"]
    assert erased["index_emptied"]
    assert (proof["rows"], proof["terms"], proof["index_sound"], lying(proof)) == ({}, 0, True, [])
    assert proof["clean"]
    assert proof["files"]["needles"] > 50
    assert proof["files"]["bytes"] > 100_000
    after = server.house.post(VERIFY, {"subject": "constantia-axelrod", "words": ["(constantia-axelrod)"]})
    assert after["clean"]
    assert after["files"]["found"] == []


def test_what_somebody_else_said_too_stays_and_is_told_apart(server: Server) -> None:
    told(server, "first-to-say-it")
    told(server, "second-to-say-it")
    proof = server.house.post("/api/v1/erasures", {"subject": "first-to-say-it", "verify": True})["proof"]
    stays = [one for one in proof["files"]["found"] if one["what"] == "text"]
    assert stays
    assert all({"passage", "payload"} & set(one["stays_in"]) for one in stays)
    assert proof["clean"]


def test_after_forgetting_nothing_is_left_in_memory_and_history_is_named(server: Server) -> None:
    fact, _ = told(server, "somebody-who-forgets")
    body = {"facts": [fact], "end_user": "somebody-who-forgets", "verify": True}
    gone = server.house.post("/api/v1/memory/forget", body)
    assert (gone["log_emptied"], gone["index_emptied"]) == (True, True)
    proof = gone["proof"]
    assert (proof["rows"], proof["terms"], lying(proof)) == ({}, 0, [])
    assert proof["clean"]
    assert any("history" in note for note in proof["notes"])
    assert any("payload" in one["stays_in"] for one in proof["files"]["found"]), "it was said in a conversation too"


def test_a_row_that_was_left_behind_is_found(server: Server) -> None:
    told(server, "left-behind-somewhere")
    database: Any = server.wiring.engine.services.database

    async def leave() -> None:
        database.connection.execute(
            "CREATE TABLE aside AS SELECT text FROM passage WHERE owner = 'left-behind-somewhere'"
        )

    server.call(leave())
    try:
        proof = server.house.post("/api/v1/erasures", {"subject": "left-behind-somewhere", "verify": True})["proof"]
    finally:
        server.call(_drop(database))
    assert not proof["clean"]
    assert ("text", "toolyard.db") in lying(proof)


async def _drop(database: Any) -> None:
    database.connection.execute("DROP TABLE aside")


def test_words_that_the_index_still_holds_are_counted(server: Server) -> None:
    app = server.client("default", "frontend").speaking_for("whose-words-remain")
    body = {"text": "Knows the words umbrageous and sesquipedalian.", "because": "heard"}
    fact = app.post("/api/v1/memory/facts", body)["fact"]["id"]
    memory: Any = server.wiring.app.state["admin"].long_term.memory()

    async def forget() -> None:
        tx, owner = memory.database.begin(), Owner("default", "whose-words-remain")
        await memory.facts.forget(tx, owner, [bytes.fromhex(fact.removeprefix("fact_"))], "test", 1)
        await memory.database.commit(tx)

    server.call(forget())
    proof = server.house.post(VERIFY, {"subject": "whose-words-remain"})
    assert proof["terms"] >= 2
    assert not proof["clean"]
    cleaning = server.wiring.app.state["admin"].erasing.cleaning
    assert server.call(cleaning.round()) == 1, "as what an agent has forgotten, or a crash left, is cleaned up"
    assert server.call(cleaning.round()) == 0
    assert server.house.post(VERIFY, {"subject": "whose-words-remain"})["terms"] == 0


def test_an_erased_document_is_in_no_file(server: Server) -> None:
    text = b"# Refunds\n\nThe marsupial clause of the perspicacious contract.\n"
    assert server.house.ask("PUT", "/api/v1/knowledge/refunds.md", text).status == 201
    words = {"subject": "whoever", "words": ["marsupial clause"]}
    assert server.house.post(VERIFY, words)["files"]["found"]
    assert server.house.ask("DELETE", "/api/v1/knowledge/refunds.md?erase=true").status == 204
    proof = server.house.post(VERIFY, words)
    assert (proof["terms"], proof["files"]["found"]) == (0, [])


def test_copies_of_the_database_are_told_apart(server: Server) -> None:
    told(server, "kept-in-a-copy")
    copy = state_of(server) / "toolyard.db.before-0002.bak"
    other = sqlite3.connect(state_of(server) / "toolyard.db")
    try:
        other.execute("VACUUM INTO ?", (str(copy),))
        proof = server.house.post("/api/v1/erasures", {"subject": "kept-in-a-copy", "verify": True})["proof"]
    finally:
        other.close()
        copy.unlink()
    assert lying(proof) == []
    assert proof["files"]["backups"][copy.name] > 10


def test_an_operator_of_a_tenant_is_told_of_rows_and_of_no_files(server: Server) -> None:
    tenant = server.tenant()
    operator = server.client(tenant, "operator")
    proof = operator.post(VERIFY, {"subject": "anybody"})
    assert (proof["clean"], proof["files"], proof["rows"]) == (True, None, {})
    app = server.client(tenant, "frontend", "user").speaking_for("anybody")
    app.finished(app.start("say hello there", agent="friend"))
    assert operator.post(VERIFY, {"subject": "anybody"})["rows"]["passage"] > 0
    for path, body in (
        (VERIFY, {"subject": "anybody", "words": ["secret"]}),
        ("/api/v1/erasures", {"subject": "anybody", "verify": True}),
        ("/api/v1/memory/forget", {"facts": ["fact_" + "0" * 32], "end_user": "anybody", "verify": True}),
    ):
        answered = operator.ask("POST", path, body)
        assert (answered.status, answered.body["code"]) == (403, "house_only")
    assert operator.post(VERIFY, {"subject": "anybody"})["rows"]["passage"] > 0


@pytest.mark.parametrize(
    ("body", "param"),
    [
        ({}, "subject"),
        ({"subject": ""}, "subject"),
        ({"subject": 7}, "subject"),
        ({"subject": "x", "words": "y"}, "words"),
        ({"subject": "x", "words": ["abc"]}, "words"),
        ({"subject": "x", "words": ["four"] * 101}, "words"),
        ({"subject": "x", "word": ["four"]}, "word"),
    ],
)
def test_what_cannot_be_looked_for_is_refused_with_the_field(server: Server, body: Any, param: str) -> None:
    refused(server.house.ask("POST", VERIFY, body), 400, param)


def test_odd_ids_are_looked_for_like_others(server: Server) -> None:
    for subject in ("x", "é" * 1000, "a\u0000b", "%_%", "'; DROP TABLE passage; --", "\ud83d\ude00 smile"):
        proof = server.house.post(VERIFY, {"subject": subject})
        assert proof["rows"] == {}
        assert proof["files"]["found"] == []
    assert any("by chance" in note for note in server.house.post(VERIFY, {"subject": "x"})["notes"])


def test_only_operators_look(server: Server) -> None:
    for role in ("frontend", "auditor", "author", "user"):
        answered = server.client("default", role).ask("POST", VERIFY, {"subject": "x"})
        assert answered.status == 403
