"""Marks the errors that the way to a server reports, so that no server's own error is mistaken for one; pure."""

from typing import Any, Literal

Kind = Literal["refused", "rejected", "lost", "over", "unauthorized", "too_long", "unreadable"]
"""What went wrong on the way: nothing was sent; sent, and turned away unread; sent, and no answer came; the server's
session is over and nothing was done; consent is missing; an answer came and was too long, or could not be read."""

_CODE = -32099
"""Among JSON-RPC's codes for servers' own errors; the mark decides, not the code."""


class Faults:
    """Makes and recognises the errors of one connection by a mark that its server never sees."""

    def __init__(self, mark: str) -> None:
        self._mark = mark

    def error(self, kind: Kind, words: str) -> dict[str, Any]:
        """Return a JSON-RPC error."""
        return {"code": _CODE, "message": words, "data": {"fault": kind, "mark": self._mark}}

    def kind(self, data: Any) -> Kind | None:
        """Return which fault the `data` of an error tells; None for an error of the server's own."""
        if isinstance(data, dict) and data.get("mark") == self._mark:
            kind: Kind = data["fault"]
            return kind
        return None
