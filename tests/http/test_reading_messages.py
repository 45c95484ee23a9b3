"""A server whose agent's model reads messages for facts, and does not always answer: what an operator sees of it."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from tests.http.serving import eventually, serving

AGENT = """
instructions = "You remember."
model = "lab/m"

[memory]
extract = true
"""
SETTINGS = """
[providers.lab]
base_url = "http://127.0.0.1:{port}/v1"
profile = "generic"
default_model = "m"
"""
NOTES = {
    "facts": [{"text": "The user keeps owls.", "quote": "I keep owls", "about": "user", "attribute": "", "since": ""}]
}


class Answers(BaseHTTPRequestHandler):
    """Says something to people; of their messages it reads those about owls and fails at the others."""

    def do_POST(self) -> None:
        asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        words = str(asked["messages"][-1]["content"])
        reads = any(tool["function"]["name"] == "note_facts" for tool in asked.get("tools", ()))
        message: dict[str, Any] = {"role": "assistant", "content": "I see."}
        if reads:
            function = {"name": "note_facts", "arguments": json.dumps(NOTES)}
            message = {"role": "assistant", "tool_calls": [{"id": "c", "type": "function", "function": function}]}
        choice = {"index": 0, "message": message, "finish_reason": "tool_calls" if reads else "stop"}
        body = json.dumps({"id": "x", "object": "chat.completion", "model": "m", "choices": [choice]}).encode()
        self.send_response(500 if reads and "owls" not in words else 200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the name it has there
        """Say nothing on the console."""


@contextmanager
def model_server() -> Iterator[int]:
    """Serve a model on a free port."""
    with ThreadingHTTPServer(("127.0.0.1", 0), Answers) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield server.server_address[1]
        finally:
            server.shutdown()
            thread.join(10)


def test_an_operator_sees_what_was_read_and_what_waits_and_why(tmp_path: Path) -> None:
    with model_server() as port, serving(tmp_path, SETTINGS.format(port=port)) as server:
        (tmp_path / "repository" / "agents" / "friend.toml").write_text(AGENT)
        eventually(lambda: server.wiring.agents.release("friend"), lambda: server.wiring.agents.problems)
        tenant = server.tenant()
        app = server.client(tenant, "frontend", "user").speaking_for("alice")
        operator = server.client(tenant, "operator")
        for words in ("I keep bees.", "I keep owls."):
            app.finished(app.start(words, agent="friend"))

        def reading() -> dict[str, Any]:
            return operator.get("/api/v1/memory/stats")["reading"]  # type: ignore[no-any-return]  # JSON

        eventually(lambda: reading()["read"] == 1 and reading()["waiting"] == 1, reading)
        assert reading() == {"read": 1, "waiting": 1, "failed": 0, "why": {"server_error": 1}}
        (fact,) = app.get("/api/v1/memory/facts")["data"]
        assert (fact["text"], fact["trust"]) == ("The user keeps owls.", "user")
        stranger = server.client(server.tenant(), "operator")
        assert stranger.get("/api/v1/memory/stats")["reading"]["read"] == 0
        counted = server.house.ask("GET", "/metrics").body.decode()
        assert 'toolyard_messages_read_total{outcome="read"} 1.0' in counted
        assert 'toolyard_messages_read_total{outcome="again"} 1.0' in counted
