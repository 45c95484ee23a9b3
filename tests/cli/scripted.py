"""A real HTTP server on loopback that answers as it was told: for answers the real server gives only on bad days."""

import json
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any


class Scripted:
    """`answers` maps "METHOD /path" to (status, body); what was asked is kept in `asked`.

    A body is bytes, JSON, an iterator of stream chunks, or a function of the request's body that returns one of these.
    """

    def __init__(self, answers: dict[str, Any]) -> None:
        self.answers = answers
        self.asked: list[tuple[str, str, Any, dict[str, str]]] = []
        self.url = ""

    def bodies(self, request: str) -> list[Any]:
        """Return the decoded bodies that were sent with one kind of request."""
        return [body for method, path, body, _ in self.asked if f"{method} {path.partition('?')[0]}" == request]


@contextmanager
def scripted(answers: dict[str, Any]) -> Iterator[Scripted]:
    script = Scripted(answers)

    class Handler(BaseHTTPRequestHandler):
        def answer(self) -> None:
            length = int(self.headers.get("Content-Length") or 0)
            sent = self.rfile.read(length)
            body = json.loads(sent) if sent else None
            script.asked.append((self.command, self.path, body, dict(self.headers)))
            path = self.path.partition("?")[0]
            status, answer = script.answers.get(
                f"{self.command} {path}", (404, {"title": "There is no such thing here", "status": 404, "detail": path})
            )
            if callable(answer):
                answer = answer(body)
            self.send_response(status)
            self.send_header("Connection", "close")
            if isinstance(answer, Iterator):
                self.stream(answer)
                return
            payload = answer if isinstance(answer, bytes) else json.dumps(answer).encode()
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(payload)))
            self.end_headers()
            self.wfile.write(payload)

        def stream(self, chunks: Iterator[bytes]) -> None:
            self.send_header("Content-Type", "text/event-stream")
            self.end_headers()
            with suppress(ConnectionError):  # a client that has gone is part of what is tested
                for chunk in chunks:
                    self.wfile.write(chunk)

        do_GET = do_POST = do_PUT = do_DELETE = answer  # noqa: N815 - the names http.server looks for

        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - http.server's signature
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    script.url = f"http://127.0.0.1:{server.server_address[1]}"
    try:
        yield script
    finally:
        server.shutdown()
        thread.join(10)
        server.server_close()
