"""What tools ask people, over HTTP: told to whoever may see the run, answered by whoever may decide."""

from typing import Any

import pytest

from tests.http.expecting import refused
from tests.http.serving import Client, Server

MEASURE = 'call measure {"what": "the hat"}'


@pytest.fixture
def asking(user: Client) -> dict[str, Any]:
    """What a parked run asks."""
    run = user.start(MEASURE)
    shown = user.until(run, lambda shown: shown["status"] == "parked" and shown["inputs"])
    (question,) = shown["inputs"]
    return dict(question)


def test_a_question_is_told_with_the_schema_of_its_answer(user: Client, asking: dict[str, Any]) -> None:
    assert (asking["tool"], asking["message"], asking["status"]) == ("measure", "Which size has the hat?", "pending")
    assert asking["schema"]["required"] == ["size"]
    assert user.get(f"/api/v1/inputs/{asking['id']}") == asking


def test_an_answer_lets_the_run_go_on_and_is_given_once(user: Client, asking: dict[str, Any]) -> None:
    path = f"/api/v1/inputs/{asking['id']}"
    assert "size" in refused(user.ask("POST", path, {"action": "accept", "content": {"size": 4}}), 422, "content")
    answered = user.post(path, {"action": "accept", "content": {"size": "M"}})
    assert (answered["status"], answered["answered_by"]) == ("accept", user.key)
    finished = user.finished(asking["run"])
    assert "the hat: accept M" in str(finished["outputs"])
    refused(user.ask("POST", path, {"action": "decline"}), 409, "id")
    lines = [line["text"] for line in user.get(f"/api/v1/runs/{asking['run']}/why")["lines"]]
    assert any("asks a person" in line for line in lines)
    assert any("answered" in line for line in lines)


@pytest.mark.parametrize(
    ("body", "param"), [({"action": "maybe"}, "action"), ({}, "action"), ({"action": "accept", "answer": 1}, "answer")]
)
def test_what_cannot_be_read_answers_nothing(
    user: Client, asking: dict[str, Any], body: dict[str, Any], param: str
) -> None:
    refused(user.ask("POST", f"/api/v1/inputs/{asking['id']}", body), 400, param)
    assert user.get(f"/api/v1/inputs/{asking['id']}")["status"] == "pending"


@pytest.mark.parametrize("name", ["input_x", "input_" + "0" * 32 + "_1", "appr_" + "0" * 32, "x" * 300])
def test_a_question_that_is_not_there_is_not_found(user: Client, name: str) -> None:
    refused(user.ask("GET", f"/api/v1/inputs/{name}"), 404, "input")


def test_a_question_of_somebody_else_is_not_there(server: Server, tenant: str, asking: dict[str, Any]) -> None:
    path = f"/api/v1/inputs/{asking['id']}"
    for other in (server.client(tenant, "user"), server.client(server.tenant(), "user", "operator")):
        refused(other.ask("GET", path), 404, "input")
        refused(other.ask("POST", path, {"action": "decline"}), 404, "input")


def test_an_end_user_answers_for_themselves(server: Server, tenant: str) -> None:
    frontend = server.client(tenant, "frontend")
    ada, bob = frontend.speaking_for("ada"), frontend.speaking_for("bob")
    run = ada.start(MEASURE)
    (question,) = ada.until(run, lambda shown: shown["status"] == "parked" and shown["inputs"])["inputs"]
    path = f"/api/v1/inputs/{question['id']}"
    refused(bob.ask("POST", path, {"action": "decline"}), 404, "input")
    assert ada.post(path, {"action": "decline"})["answered_by"] == f"{frontend.key}/user"


def test_in_chat_the_answer_ends_with_the_question(user: Client) -> None:
    messages = [{"role": "user", "content": MEASURE}]
    said = user.post("/v1/chat/completions", {"model": "clerk", "messages": messages})["choices"][0]["message"]
    assert "Which size has the hat?" in said["content"]
    assert "toolyard answer input_" in said["content"]
    again = user.post(
        "/v1/chat/completions",
        {"model": "clerk", "messages": [*messages, said, {"role": "user", "content": "well?"}]},
    )
    assert "Which size has the hat?" in again["choices"][0]["message"]["content"]
