"""Server-sent events, sans io: bytes in, events out; knows neither the connection nor what the events mean."""

from msgspec import Struct


class ServerSentEvent(Struct, frozen=True):
    """One event: its type (`message` where none was sent) and its data lines joined."""

    type: str
    data: str


class EventDecoder:
    """Feed it bytes as they come; it returns the events that are whole (WHATWG HTML, 9.2.6)."""

    def __init__(self) -> None:
        self._rest = b""
        self._type = ""
        self._data: list[str] = []

    def feed(self, chunk: bytes) -> list[ServerSentEvent]:
        """Return the events that `chunk` completes; a partial line waits for its end."""
        self._rest += chunk
        *lines, self._rest = self._rest.split(b"\n")
        events = []
        for raw in lines:
            line = raw.removesuffix(b"\r").decode("utf-8", "replace")
            if line:
                self._field(line)
            elif self._data:
                events.append(ServerSentEvent(self._type or "message", "\n".join(self._data)))
                self._type, self._data = "", []
            else:
                self._type = ""
        return events

    def _field(self, line: str) -> None:
        name, _, value = line.partition(":")
        value = value.removeprefix(" ")
        if name == "event":
            self._type = value
        elif name == "data":
            self._data.append(value)
