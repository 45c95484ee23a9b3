"""Requests that were answered lately, so that one that is sent again finds its run; knows no run and no wire format."""

from collections import OrderedDict

from msgspec import Struct

KEPT = 4096
"""Requests remembered; an older one is found by the digest in its run's row, where it began one."""


class Answering(Struct):
    """Which segment of which run answers a request, and whether its client has got the whole of it."""

    run: bytes
    segment: int
    delivered: bool = False


class Repeats:
    """Remembers by (tenant, key id, digest of the request) what answers it."""

    def __init__(self) -> None:
        self._answering: OrderedDict[tuple[str, str, bytes], Answering] = OrderedDict()

    def remember(self, tenant: str, caller: str, digest: bytes, run: bytes, segment: int) -> Answering:
        """Note what answers a request; the oldest one is forgotten for it."""
        made = Answering(run, segment)
        self._answering[tenant, caller, digest] = made
        if len(self._answering) > KEPT:
            self._answering.popitem(last=False)
        return made

    def find(self, tenant: str, caller: str, digest: bytes) -> Answering | None:
        """Return what answers this very request, or None."""
        return self._answering.get((tenant, caller, digest))
