"""What the commands say when a server is not there, refuses, or is no Toolyard server."""

import socket
from pathlib import Path

import pytest
from toolyard_runtime.cli.connection import Connection, Refused, Unreachable, part

from tests.cli.running import toolyard
from tests.cli.scripted import scripted


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


def test_without_a_server_every_command_says_how_to_start_one(tmp_path: Path) -> None:
    for command in (["runs", "list"], ["why", "last"], ["approve"], ["chat"], ["stop", "list"], ["doubt", "list"]):
        done = toolyard(*command, cwd=tmp_path)
        assert done.code == 1
        assert done.err.startswith("toolyard: No server is running for")
        assert "toolyard serve --rehearsal" in done.err
        assert done.out == ""


def test_a_server_that_is_gone_is_told_apart(tmp_path: Path) -> None:
    done = toolyard("runs", "list", "--url", f"http://127.0.0.1:{free_port()}")
    assert done.code == 1
    assert "does not answer: connection refused" in done.err


def test_a_problem_document_becomes_one_sentence() -> None:
    problem = {"title": "There is no such thing here", "status": 404, "detail": "There is no run run_1."}
    with scripted({"GET /api/v1/runs/run_1": (404, problem)}) as server:
        done = toolyard("runs", "show", "run_1", "--url", server.url)
    assert (done.code, done.err) == (1, "toolyard: There is no run run_1.\n")


def test_a_missing_key_says_where_a_key_goes() -> None:
    answer = {"title": "The key is missing or unknown", "status": 401, "detail": "Send Authorization: Bearer KEY."}
    with scripted({"GET /api/v1/runs": (401, answer)}) as server:
        done = toolyard("runs", "list", "--url", server.url)
        assert done.code == 1
        assert "TOOLYARD_KEY" in done.err
        done = toolyard("runs", "list", TOOLYARD_URL=server.url, TOOLYARD_KEY="secret")
        assert server.asked[-1][3]["Authorization"] == "Bearer secret"


def test_an_answer_that_is_no_json_is_called_that() -> None:
    with scripted({"GET /api/v1/runs": (200, b"<html>hello</html>")}) as server:
        done = toolyard("runs", "list", "--url", server.url)
    assert done.code == 1
    assert "is it a Toolyard server?" in done.err


def test_an_error_without_a_body_still_has_its_status() -> None:
    with scripted({"GET /x": (503, b"")}) as server, pytest.raises(Refused, match="503 Service Unavailable"):
        Connection(server.url, "").get("/x")


def test_openai_errors_are_read_too() -> None:
    with scripted({"POST /v1/responses": (400, {"error": {"message": "no such agent"}})}) as server:
        connection = Connection(server.url, "")
        with pytest.raises(Refused, match="no such agent"), connection.stream("/v1/responses", {}) as events:
            list(events)


def test_an_address_may_be_written_in_every_usual_way() -> None:
    with scripted({"GET /api/v1/runs": (200, {"data": []})}) as server:
        for url in (server.url, server.url + "/", server.url + "/v1", server.url.removeprefix("http://")):
            assert Connection(url, "").get("/api/v1/runs") == {"data": []}


def test_an_address_that_is_none_is_a_usage_error() -> None:
    done = toolyard("runs", "list", "--url", "ftp://example.com")
    assert done.code == 2
    assert "http://HOST:PORT" in done.err


def test_names_are_one_segment_of_a_path_whatever_they_hold() -> None:
    assert part("a/../b?c#d e") == "a%2F..%2Fb%3Fc%23d%20e"


@pytest.mark.parametrize(
    "arguments", [("memory", "show", "", "--user", "ada"), ("knowledge", "show", ""), ("tool", "show", ""), ("why", "")]
)
def test_a_name_that_is_empty_is_called_empty(arguments: tuple[str, ...]) -> None:
    with scripted({}) as server:
        done = toolyard(*arguments, "--url", server.url)
        assert (done.code, done.err) == (1, "toolyard: The name is empty: say which is meant.\n")
        assert server.asked == []


@pytest.mark.parametrize(
    "arguments",
    [
        ("memory", "add", "bad \udcff", "--user", "ada", "--because", "x"),
        ("memory", "search", "bad \udcff", "--user", "ada"),
        ("memory", "show", "bad \udcff", "--user", "ada"),
    ],
)
def test_arguments_that_are_no_utf8_are_called_that(arguments: tuple[str, ...]) -> None:
    with scripted({}) as server:
        done = toolyard(*arguments, "--url", server.url)
        assert done.code == 1
        assert "no UTF-8" in done.err


def test_a_silent_server_runs_into_the_deadline() -> None:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        with pytest.raises(Unreachable, match="no answer in time"):
            Connection(f"http://127.0.0.1:{listener.getsockname()[1]}", "", seconds=0.2).get("/healthz")
