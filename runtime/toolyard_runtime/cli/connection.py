"""One conversation with a Toolyard server over HTTP: requests, problems and streams; knows no command.

A command does one thing at a time and then ends, so this is the standard library's blocking client: nothing else to
install or import, and Ctrl-C stops it where it stands. Proxies in the environment are ignored: the key is not theirs.
"""

import http.client
import socket
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any
from urllib.parse import quote, urlencode, urlsplit

import msgspec

from toolyard_runtime.cli.sse import EventDecoder, ServerSentEvent

_SECONDS = 30.0
_SILENCE_SECONDS = 600.0
_NOT_FOUND = 404
_JSON = "application/json"


class Unreachable(Exception):
    """The server could not be reached, or the connection broke; the message says which address and why."""


class Refused(Exception):
    """The server answered with an error: its HTTP status, and in words what is wrong and what to do."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status

    @property
    def not_found(self) -> bool:
        return self.status == _NOT_FOUND


class Connection:
    """Where the server is and the key to it; each request is a connection of its own."""

    def __init__(self, url: str, key: str, *, seconds: float = _SECONDS) -> None:
        """Raise ValueError unless `url` is an http or https address."""
        parts = urlsplit(url if "://" in url else f"http://{url}")
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise ValueError(f"{url!r} is no address of a server: write http://HOST:PORT")
        self._secure = parts.scheme == "https"
        self._host = parts.hostname
        self._port = parts.port
        self._prefix = parts.path.rstrip("/").removesuffix("/v1")
        self._key = key
        self._seconds = seconds
        self.url = f"{parts.scheme}://{parts.netloc}{self._prefix}"

    def get(self, path: str, **query: str | int | None) -> Any:
        """Return the decoded answer of a GET; a query value of None is left out."""
        return self._exchange("GET", path + _query(query), None)

    def post(self, path: str, body: Any = None, *, seconds: float = 0.0) -> Any:
        """Return the decoded answer of a POST with a JSON body, which may take that many seconds."""
        return self._decoded(path, self._body("POST", path, body, seconds=seconds))

    def put(self, path: str, body: Any, **query: str | None) -> Any:
        """Return the decoded answer of a PUT with a JSON body; a query value of None is left out."""
        return self._exchange("PUT", path + _query(query), body)

    def put_file(self, path: str, data: bytes, media_type: str, **query: str | None) -> Any:
        """Return the decoded answer of a PUT of a file, which the server may read for a while."""
        return self._decoded(path, self._body("PUT", path + _query(query), data, media_type, _SILENCE_SECONDS))

    def delete(self, path: str, **query: str | None) -> Any:
        """Return the decoded answer of a DELETE; a query value of None is left out."""
        return self._exchange("DELETE", path + _query(query), None)

    def text(self, path: str) -> str:
        """Return the body of a GET that is not JSON."""
        return self._body("GET", path, None).decode("utf-8", "replace")

    def text_of(self, path: str, **query: str | int | None) -> str:
        """Return the body of a GET with a query that is not JSON."""
        return self.text(path + _query(query))

    @contextmanager
    def stream(self, path: str, body: Any) -> Iterator[Iterator[ServerSentEvent]]:
        """Send a request and give the events of its answer as they arrive; leaving closes the connection."""
        connection = self._open(_SILENCE_SECONDS)
        try:
            response = self._send(connection, "POST", path, body)
            if response.status >= http.client.BAD_REQUEST:
                raise Refused(response.status, told(response.status, self._read(response)))
            yield self._events(response)
        finally:
            connection.close()

    def _events(self, response: http.client.HTTPResponse) -> Iterator[ServerSentEvent]:
        decoder = EventDecoder()
        while True:
            try:
                chunk = response.read1(65536)
            except (OSError, http.client.HTTPException) as error:
                raise Unreachable(f"the connection to {self.url} broke: {_why(error)}") from error
            if not chunk:
                return
            yield from decoder.feed(chunk)

    def _exchange(self, method: str, path: str, body: Any) -> Any:
        return self._decoded(path, self._body(method, path, body))

    def _decoded(self, path: str, payload: bytes) -> Any:
        if not payload.strip():
            return {}
        try:
            return msgspec.json.decode(payload)
        except msgspec.DecodeError as error:
            raise Refused(0, f"{self.url}{path} did not answer with JSON: is it a Toolyard server?") from error

    def _body(self, method: str, path: str, body: Any, media_type: str = _JSON, seconds: float = 0.0) -> bytes:
        connection = self._open(seconds or self._seconds)
        try:
            response = self._send(connection, method, path, body, media_type)
            payload = self._read(response)
        finally:
            connection.close()
        if response.status >= http.client.BAD_REQUEST:
            raise Refused(response.status, told(response.status, payload))
        return payload

    def _open(self, seconds: float) -> http.client.HTTPConnection:
        kind = http.client.HTTPSConnection if self._secure else http.client.HTTPConnection
        return kind(self._host, self._port, timeout=seconds)

    def _send(
        self, connection: http.client.HTTPConnection, method: str, path: str, body: Any, media_type: str = _JSON
    ) -> http.client.HTTPResponse:
        headers = {"Accept": "application/json, text/event-stream;q=0.9, */*;q=0.1"}
        if self._key:
            headers["Authorization"] = f"Bearer {self._key}"
        payload = None
        if body is not None:
            payload = body if isinstance(body, bytes) else msgspec.json.encode(body)
            headers["Content-Type"] = media_type
        try:
            connection.request(method, self._prefix + path, payload, headers)
            return connection.getresponse()
        except (OSError, http.client.HTTPException) as error:
            raise Unreachable(f"{self.url} does not answer: {_why(error)}") from error

    def _read(self, response: http.client.HTTPResponse) -> bytes:
        try:
            return response.read()
        except (OSError, http.client.HTTPException) as error:
            raise Unreachable(f"the connection to {self.url} broke: {_why(error)}") from error


def _query(values: Mapping[str, str | int | None]) -> str:
    asked = {name: value for name, value in values.items() if value is not None}
    return "?" + urlencode(asked) if asked else ""


def part(value: str) -> str:
    """Write a name or an id as one segment of a path, whatever it holds; raises Refused for one that is empty."""
    if not value:
        raise Refused(0, "The name is empty: say which is meant.")
    return quote(value, safe="")


def told(status: int, payload: bytes) -> str:
    """Put an error answer into words: RFC 9457 problems, OpenAI's errors, and whatever a proxy may send."""
    try:
        answer = msgspec.json.decode(payload)
    except msgspec.DecodeError:
        answer = None
    if isinstance(answer, dict):
        error = answer.get("error")
        if isinstance(error, dict) and error.get("message"):
            return str(error["message"])
        words = answer.get("detail") or answer.get("title")
        if words:
            run = answer.get("run")
            return f"{words} (run {run})" if run else str(words)
    phrase = http.client.responses.get(status, "error")
    return f"the server answered {status} {phrase}"


def _why(error: Exception) -> str:
    if isinstance(error, ConnectionRefusedError):
        return "connection refused"
    if isinstance(error, TimeoutError):
        return "no answer in time"
    if isinstance(error, http.client.RemoteDisconnected):
        return "it closed the connection"
    if isinstance(error, socket.gaierror):
        return "no machine is found by that name"
    return str(error) or type(error).__name__
