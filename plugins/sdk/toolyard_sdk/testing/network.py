"""A public fake of the network: answers that a test has written down, and the requests that came; opens nothing."""

from collections.abc import Mapping
from typing import Any, Literal

import msgspec
from msgspec import Struct

from toolyard_sdk.egress import EgressReply
from toolyard_sdk.errors import EgressRefused, ToolError

Trouble = Literal["timeout", "lost", "unreachable"]
"""What can happen instead of an answer: none in time, the connection lost on the way, or nothing sent at all."""


class Sent(Struct, frozen=True):
    """One request as the tool made it: handles of secrets stand where it wrote them."""

    method: str
    url: str
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        """The body, read as JSON."""
        return msgspec.json.decode(self.body)


class RecordedEgress:
    """Implements `Egress` by answers given before; `sent` are the requests that came. What has no answer is refused."""

    def __init__(self) -> None:
        self.sent: list[Sent] = []
        self._answers: dict[tuple[str, str], list[EgressReply | Trouble]] = {}

    def answer(
        self,
        method: str,
        url: str,
        body: bytes | str | Mapping[str, Any] | list[Any] = b"",
        *,
        status: int = 200,
        headers: Mapping[str, str] | None = None,
    ) -> "RecordedEgress":
        """Answer a request: text as text, an object or a list as JSON. Several answers to one are given in turn.

        The last is given again and again.
        """
        told = {name.lower(): value for name, value in (headers or {}).items()}
        if isinstance(body, bytes):
            data = body
        elif isinstance(body, str):
            data = body.encode()
            told.setdefault("content-type", "text/plain; charset=utf-8")
        else:
            data = msgspec.json.encode(body)
            told.setdefault("content-type", "application/json")
        return self._add(method, url, EgressReply(status, tuple(told.items()), data, url))

    def fail(self, method: str, url: str, trouble: Trouble) -> "RecordedEgress":
        """Let a request fail as a network does."""
        return self._add(method, url, trouble)

    async def request(
        self,
        method: str,
        url: str,
        *,
        headers: Mapping[str, str] | None = None,
        body: bytes = b"",
        timeout: float = 30.0,  # noqa: ASYNC109 - the port's own word
        max_bytes: int = 1_000_000,
    ) -> EgressReply:
        """Return the next answer to this method and URL, as `Egress.request` says."""
        self.sent.append(Sent(method.upper(), url, dict(headers or {}), body))
        answers = self._answers.get((method.upper(), url))
        if not answers:
            known = "; ".join(" ".join(each) for each in self._answers) or "nothing"
            raise EgressRefused(f"{method} {url} was not sent: the test has answers for {known}.")
        given = answers.pop(0) if len(answers) > 1 else answers[0]
        if given == "timeout":
            raise TimeoutError(f"{url} has not answered within {timeout:g} s")
        if given == "lost":
            raise ConnectionError(f"{url} closed the connection without an answer")
        if given == "unreachable":
            raise ConnectionRefusedError(f"nothing was sent to {url}: no connection")
        if len(given.body) > max_bytes:
            raise ToolError(f"the answer of {url} is longer than {max_bytes} bytes.")
        return given

    def _add(self, method: str, url: str, given: EgressReply | Trouble) -> "RecordedEgress":
        self._answers.setdefault((method.upper(), url), []).append(given)
        return self
