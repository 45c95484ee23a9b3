"""Old heads made readable: pure functions applied when a stored head is read; stored bytes are never rewritten.

An upcaster belongs to one event kind and one step of its history. It gets the head as a dictionary and returns a new
one, or the same when the head is already of the later form, so that it can be applied to any head of its kind. The
upcasters of one kind run in the order of this table. None is needed so far.
"""

from collections.abc import Callable, Mapping
from typing import Any

import msgspec
from toolyard_sdk.events import RunEvent, UnknownEvent, decode_head

Upcaster = Callable[[dict[str, Any]], dict[str, Any]]
Upcasters = Mapping[str, tuple[Upcaster, ...]]

UPCASTERS: Upcasters = {}
"""Event kind (the tag, as `ModelReplied`) -> its upcasters, oldest first."""


def read_head(head: bytes | str, upcasters: Upcasters = UPCASTERS) -> RunEvent:
    """Decode a stored head of any age; raises UnknownEvent for one this version cannot read."""
    if not upcasters:
        return decode_head(head)
    try:
        old = msgspec.json.decode(head)
    except msgspec.DecodeError as error:
        raise UnknownEvent(f"cannot read a journal head: {error}") from error
    steps = upcasters.get(old.get("event", ""), ()) if isinstance(old, dict) else ()
    if not steps:
        return decode_head(head)
    for step in steps:
        old = step(old)
    return decode_head(msgspec.json.encode(old))
