"""Tools on the network: as far as the operator has granted it, with secrets that nothing shows afterwards."""

import json
import logging
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from tests.http.serving import Client, serving

KEY = "k3y/of the page+"


class Page(ThreadingHTTPServer):
    """A page that tells its visitor's key, with a dash between any two letters: egress does not know it so."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.keys: list[str] = []

    @property
    def place(self) -> str:
        return f"127.0.0.1:{self.server_port}"


class _Handler(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        assert isinstance(self.server, Page)
        key = self.headers["x-key"] or ""
        self.server.keys.append(key)
        body = "-".join(key).encode()
        self.send_response(200)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def page() -> Iterator[Page]:
    server = Page()
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield server
    server.shutdown()
    thread.join(10)
    server.server_close()


def visiting(page: Page, path: str = "") -> str:
    return f"call visit {json.dumps({'url': f'http://{page.place}/{path}'})}"


def outcome(client: Client, script: str) -> str:
    run = client.start(script)
    client.finished(run)
    return str(client.get(f"/api/v1/runs/{run}/events"))


def test_without_a_grant_a_tool_reaches_nothing_and_says_what_to_write(tmp_path: Path, page: Page) -> None:
    with serving(tmp_path) as server:
        said = outcome(server.house, visiting(page))
        assert "[egress.desk]" in said
        assert page.keys == []


@pytest.mark.parametrize("path", ["", "fail"])
def test_a_secret_is_sent_and_nothing_that_the_call_says_shows_it(
    tmp_path: Path, page: Page, path: str, caplog: pytest.LogCaptureFixture
) -> None:
    settings = f"""
[egress.desk]
private = ["{page.place}"]
secrets = {{ page_key = ["{page.place}"] }}
"""
    with serving(tmp_path, settings) as server, caplog.at_level(logging.WARNING, "toolyard.tool"):
        assert server.house.ask("PUT", "/api/v1/secrets/page_key", {"value": KEY}).status == 201
        said = outcome(server.house, visiting(page, path))
    assert page.keys == [KEY]
    assert KEY not in said
    assert "page_key" in said
    assert caplog.records
    assert not any(KEY in record.getMessage() for record in caplog.records)


def test_a_secret_goes_to_its_own_hosts_only(tmp_path: Path, page: Page) -> None:
    settings = f"""
[egress.desk]
private = ["{page.place}"]
secrets = {{ page_key = ["api.example.org"] }}
"""
    with serving(tmp_path, settings) as server:
        assert server.house.ask("PUT", "/api/v1/secrets/page_key", {"value": KEY}).status == 201
        assert "page_key" in outcome(server.house, visiting(page))
    assert page.keys == []
