"""Pages of other origins: nothing by default; what the operator names may call as OpenAI's client does."""

from collections.abc import Iterator

import pytest

from tests.http.expecting import ADD
from tests.http.serving import Client, Server, serving

SHOP = "https://shop.example.com"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    settings = f'[server]\ncors_origins = ["{SHOP}"]\n'
    with serving(tmp_path_factory.mktemp("cors"), settings) as started:
        yield started


def preflight(server: Server, origin: str, headers: str, method: str = "POST") -> tuple[int, dict[str, str]]:
    answered = Client(server.port, "").ask(
        "OPTIONS",
        "/v1/chat/completions",
        origin=origin,
        access_control_request_method=method,
        access_control_request_headers=headers,
    )
    return answered.status, answered.headers


def test_a_named_origin_may_send_what_openais_client_sends(server: Server) -> None:
    sent = "authorization, content-type, idempotency-key, x-stainless-arch, x-stainless-os, x-stainless-new-in-99"
    status, headers = preflight(server, SHOP, sent)
    assert status == 204
    assert headers["access-control-allow-origin"] == SHOP
    allowed = {name.strip().lower() for name in headers["access-control-allow-headers"].split(",")}
    assert allowed >= set(sent.split(", "))
    assert {"GET", "POST", "DELETE"} <= set(headers["access-control-allow-methods"].split(", "))


def test_another_origin_may_not(server: Server) -> None:
    status, headers = preflight(server, "https://evil.example.com", "authorization")
    assert status == 400
    assert "access-control-allow-origin" not in headers


def test_a_page_can_read_which_run_and_session_answered(server: Server) -> None:
    user = server.client(server.tenant(), "user")
    body = {"model": "clerk", "messages": [{"role": "user", "content": ADD}], "seed": 1}
    answered = user.ask("POST", "/v1/chat/completions", body, origin=SHOP)
    assert answered.status == 200
    assert answered.headers["access-control-allow-origin"] == SHOP
    readable = answered.headers["access-control-expose-headers"].split(", ")
    assert {"x-toolyard-run", "x-toolyard-session", "x-toolyard-warning"} <= set(readable)
    assert {"x-toolyard-run", "x-toolyard-session"} <= set(answered.headers)


def test_a_refusal_can_be_read_too(server: Server) -> None:
    refused = Client(server.port, "").ask("GET", "/v1/models", origin=SHOP)
    assert refused.status == 401
    assert refused.headers["access-control-allow-origin"] == SHOP
