"""Which call waits for a person who was sent to an address, found again by the `state` they come back with.

It is in memory alone, as is the consent they come back to: after a restart there is a new link.
"""

from urllib.parse import parse_qs, urlsplit

from msgspec import Struct

MOST = 1_000
"""Calls that are remembered; of more the oldest are forgotten."""

AT_ONCE = 20
"""Calls that may wait for the same person at one address: the newest."""


class Waiting(Struct, frozen=True):
    """A call that waits for a person at an address."""

    tenant: str
    run: bytes
    call: int


class WaysBack:
    """The calls that wait, by the `state` in the address (RFC 6749, section 4.1.1)."""

    def __init__(self) -> None:
        self._waiting: dict[str, list[Waiting]] = {}

    def expect(self, url: str, waiting: Waiting) -> None:
        """Remember who waits for whoever comes back from `url`; an address without `state` leads nowhere."""
        state = parse_qs(urlsplit(url).query).get("state", [""])[0]
        if state:
            calls = self._waiting.setdefault(state, [])
            calls.append(waiting)
            del calls[:-AT_ONCE]
            while len(self._waiting) > MOST:
                del self._waiting[next(iter(self._waiting))]

    def come(self, state: str) -> list[Waiting]:
        """Return who waited for this, and forget them."""
        return self._waiting.pop(state, [])
