"""The calls of a run as its journal tells them: what doubts and approvals show of the call they are about."""

from collections.abc import Iterable
from typing import Any

import msgspec
from msgspec import Struct
from toolyard_sdk import events as e

from toolyard_runtime.models.encoder import decode_message
from toolyard_runtime.run.transcript import ERASED, Lookup


class MadeCall(Struct, frozen=True):
    """One call: its tool, and its arguments decoded (`[erased]` where they are gone)."""

    name: str
    arguments: Any


def calls_of(events: Iterable[e.RunEvent], lookup: Lookup) -> dict[int, MadeCall]:
    """Return every call of a run by its number."""
    found: dict[int, MadeCall] = {}
    for event in events:
        if not isinstance(event, e.ModelReplied) or not event.calls:
            continue
        payload = lookup(event.message.n)
        written = decode_message(payload).tool_calls if payload is not None else ()
        for index, head in enumerate(event.calls):
            arguments = msgspec.json.decode(written[index].arguments) if index < len(written) else ERASED
            found[head.call] = MadeCall(head.name, arguments)
    return found
