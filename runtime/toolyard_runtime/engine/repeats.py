"""Requests that were answered lately, so that one that is sent again finds its run; knows no run and no wire format."""

import asyncio
from collections import OrderedDict
from weakref import WeakValueDictionary

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
        self._refused: dict[tuple[str, str, bytes], int] = {}
        self._turns: WeakValueDictionary[tuple[str, str, bytes], asyncio.Lock] = WeakValueDictionary()
        self._answering: OrderedDict[tuple[str, str, bytes], Answering] = OrderedDict()

    def remember(self, tenant: str, caller: str, digest: bytes, run: bytes, segment: int) -> Answering:
        """Note what answers a request; the oldest one is forgotten for it."""
        made = Answering(run, segment)
        self._answering[tenant, caller, digest] = made
        if len(self._answering) > KEPT:
            self._answering.popitem(last=False)
        return made

    def refuse(self, tenant: str, caller: str, digest: bytes) -> None:
        """Note that a request was turned away: its next try is its first, whoever else asks the same."""
        key = (tenant, caller, digest)
        if len(self._refused) < KEPT or key in self._refused:
            self._refused[key] = self._refused.get(key, 0) + 1

    def was_refused(self, tenant: str, caller: str, digest: bytes) -> bool:
        """Tell whether a repeated request was turned away before; each refusal counts for one try."""
        key = (tenant, caller, digest)
        left = self._refused.pop(key, 0)
        if left > 1:
            self._refused[key] = left - 1
        return left > 0

    def turn(self, tenant: str, caller: str, digest: bytes) -> asyncio.Lock:
        """Return the lock under which equal requests are looked up and begun, one after the other."""
        lock = self._turns.get((tenant, caller, digest))
        if lock is None:
            lock = self._turns[tenant, caller, digest] = asyncio.Lock()
        return lock

    def find(self, tenant: str, caller: str, digest: bytes) -> Answering | None:
        """Return what answers this very request, or None."""
        return self._answering.get((tenant, caller, digest))
