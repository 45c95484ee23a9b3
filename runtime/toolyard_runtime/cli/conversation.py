"""A conversation with one agent over `/v1/responses`: questions out, updates in; prints and asks nothing.

Only OpenAI's own events are read (and `mcp_call` / `mcp_approval_request` items), so this is also what any other
client has to do.
"""

from collections.abc import Iterator
from typing import Any

import msgspec
from msgspec import Struct

from toolyard_runtime.cli.connection import Connection, Refused, Unreachable, part
from toolyard_runtime.cli.sse import ServerSentEvent


class Said(Struct, frozen=True):
    """A piece of the agent's text."""

    text: str


class CallBegan(Struct, frozen=True):
    """The server executes a call."""

    item: str
    name: str
    arguments: str


class CallEnded(Struct, frozen=True):
    """A call was answered: `error` instead of `output` when the model was told of a failure."""

    item: str
    name: str
    output: str
    error: str = ""


class ApprovalAsked(Struct, frozen=True):
    """A call waits for a person."""

    approval: str
    name: str
    arguments: str


class Ended(Struct, frozen=True):
    """The answer is over: `completed`, `incomplete`, `failed` or `cancelled`, and why where it is not whole."""

    status: str
    message: str = ""


Update = Said | CallBegan | CallEnded | ApprovalAsked | Ended


class Conversation:
    """Keeps what the next request needs: the agent, the end user, and the response to go on from."""

    def __init__(self, server: Connection, agent: str, end_user: str | None = None) -> None:
        self._server = server
        self._agent = agent
        self._end_user = end_user
        self._previous: str | None = None
        self.response: str | None = None

    def ask(self, text: str) -> Iterator[Update]:
        """Say something; raises what a Connection raises."""
        return self._turn([{"type": "message", "role": "user", "content": text}])

    def decide(self, decisions: list[tuple[str, bool, str | None]]) -> Iterator[Update]:
        """Answer approvals with (approval id, approve, the binding that was shown) and go on."""
        items: list[dict[str, Any]] = []
        for approval, approve, saw in decisions:
            item = {"type": "mcp_approval_response", "approval_request_id": approval, "approve": approve}
            items.append(item if saw is None else item | {"saw": saw})
        return self._turn(items)

    def cancel(self) -> bool:
        """End the run behind the answer in progress; False when there was none or the server had none to end."""
        if self.response is None:
            return False
        try:
            self._server.post(f"/v1/responses/{part(self.response)}/cancel")
        except (Refused, Unreachable):
            return False
        return True

    def forget(self) -> None:
        """Begin a new session with the next question."""
        self._previous = None

    def _turn(self, items: list[dict[str, Any]]) -> Iterator[Update]:
        body: dict[str, Any] = {"model": self._agent, "input": items, "stream": True}
        if self._previous is not None:
            body["previous_response_id"] = self._previous
        if self._end_user is not None:
            body["safety_identifier"] = self._end_user
        with self._server.stream("/v1/responses", body) as events:
            for event in events:
                for update in self._read(event):
                    yield update
                    if isinstance(update, Ended):
                        return
        yield Ended("failed", "the server's answer broke off")

    def _read(self, event: ServerSentEvent) -> Iterator[Update]:
        if event.data == "[DONE]":
            return
        body: dict[str, Any] = msgspec.json.decode(event.data)
        kind = str(body.get("type", event.type))
        if kind == "response.created":
            self.response = body["response"]["id"]
        elif kind == "response.output_text.delta":
            yield Said(body["delta"])
        elif kind == "response.mcp_call_arguments.done":
            yield CallBegan(body["item_id"], body["name"], body["arguments"])
        elif kind == "response.output_item.done":
            yield from _finished(body["item"])
        elif kind in ("response.completed", "response.incomplete", "response.failed", "response.cancelled"):
            yield self._end(body["response"])
        elif kind == "error":
            yield Ended(
                "failed", str(body.get("message") or (body.get("error") or {}).get("message") or "unknown error")
            )

    def _end(self, response: dict[str, Any]) -> Ended:
        status = str(response.get("status", "completed"))
        if status in ("completed", "incomplete"):
            self._previous = response["id"]
        error = response.get("error") or {}
        details = response.get("incomplete_details") or {}
        return Ended(status, str(error.get("message") or details.get("finish") or details.get("reason") or ""))


def run_of(response: str) -> str:
    """Return the id of the run behind a response (`resp_<run>_<segment>`)."""
    return "run_" + response.removeprefix("resp_").partition("_")[0]


def approval_of(item: str) -> str:
    """Return the id of the approval behind an `mcp_approval_request` item (`mcpr_<approval>`)."""
    return "appr_" + item.removeprefix("mcpr_")


def _finished(item: dict[str, Any]) -> Iterator[Update]:
    if item["type"] == "mcp_call":
        yield CallEnded(item["id"], item["name"], item.get("output") or "", _words(item.get("error")))
    elif item["type"] == "mcp_approval_request":
        yield ApprovalAsked(item["id"], item["name"], item.get("arguments") or "{}")


def _words(error: Any) -> str:
    """Return an error's text: MCP's content where it has that, else whatever it is."""
    if isinstance(error, dict) and isinstance(error.get("content"), list):
        return "\n".join(str(piece.get("text", "")) for piece in error["content"] if isinstance(piece, dict))
    return "" if error is None else str(error)
