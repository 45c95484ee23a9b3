"""What callers are told when the server itself fails: whose fault it is, and nothing of the machine."""

import logging

import pytest
from toolyard_runtime.engine.engine import RunUnavailable
from toolyard_runtime.http.refusals import told
from toolyard_runtime.store.errors import StorageError
from toolyard_sdk.errors import ConfigError, Conflict

from tests.http.breaking import failing
from tests.http.serving import Client, Server

SECRETS = ("INSERT", "disk")


@pytest.mark.parametrize(("error", "status", "code"), [(StorageError, 503, "unavailable"), (Conflict, 409, "conflict")])
def test_a_system_error_tells_a_user_nothing_about_the_machine(
    server: Server, user: Client, error: type[Exception], status: int, code: str
) -> None:
    body = {"model": "clerk", "input": "hi", "background": True}
    with failing(server, error):
        answered = user.ask("POST", "/v1/responses", body)
    assert (answered.status, answered.body["error"]["code"]) == (status, code)
    text = str(answered.body)
    assert not [word for word in (*SECRETS, str(server.root)) if word in text]
    assert user.ask("POST", "/v1/responses", body).status == 200


def test_what_broke_is_in_the_log(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING, "toolyard.http"):
        for error in (StorageError("/srv/toolyard.db: full"), Conflict("UPDATE run"), OSError("/etc")):
            refused = told(error, "GET /x")
            assert str(error) not in refused.message
            assert str(error) in caplog.text


def test_why_a_run_is_not_driven_on_is_told_without_the_servers_settings() -> None:
    assert told(RunUnavailable("the server is stopping"), "x").message == "the server is stopping"
    error = RunUnavailable("no model: [providers.lab] is missing")
    error.__cause__ = ConfigError("[providers.lab] is missing")
    for one in (error, error.__cause__):
        assert "lab" not in told(one, "x").message
        assert told(one, "x").status == 503


@pytest.mark.parametrize(
    ("path", "methods"),
    [
        ("/v1/responses", {"OPTIONS", "POST"}),
        ("/v1/models", {"GET", "OPTIONS"}),
        ("/api/v1/runs", {"GET", "OPTIONS"}),
        ("/healthz", {"GET", "HEAD", "OPTIONS"}),
    ],
)
def test_anybody_may_ask_for_the_methods_of_a_route(server: Server, path: str, methods: set[str]) -> None:
    for client in (Client(server.port, ""), server.house):
        answered = client.ask("OPTIONS", path)
        assert (answered.status, answered.body) == (204, None)
        assert set(answered.headers["allow"].split(", ")) == methods


@pytest.mark.parametrize("path", ["/healthz", "/readyz"])
def test_a_probe_may_be_a_head_request(server: Server, path: str) -> None:
    answered, full = (Client(server.port, "").ask(method, path) for method in ("HEAD", "GET"))
    assert (answered.status, answered.body) == (200, None)
    assert answered.headers["content-length"] == full.headers["content-length"]
    assert answered.headers["content-type"] == full.headers["content-type"]
