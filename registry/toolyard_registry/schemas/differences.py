"""Says where two JSON values differ, place by place; knows no schema and does not judge."""

from collections.abc import Iterator
from typing import Any

import msgspec
from msgspec import Struct
from toolyard_sdk.messages import ToolSpec

MOST = 50
"""Differences told at once."""

_LONGEST = 200


class Difference(Struct, frozen=True, omit_defaults=True):
    """One place with what was there and what is there now, as JSON text; None where there is nothing."""

    path: str
    before: str | None = None
    after: str | None = None

    def __str__(self) -> str:
        if self.before is None:
            return f"{self.path} is new: {self.after}"
        if self.after is None:
            return f"{self.path} is gone: it was {self.before}"
        return f"{self.path}: {self.before} became {self.after}"


def differences(before: Any, after: Any) -> tuple[Difference, ...]:
    """Return the innermost places in which two JSON values differ, at most 50, in the order of their names."""
    found: list[Difference] = []
    for difference in _walk(before, after, ""):
        found.append(difference)
        if len(found) == MOST:
            break
    return tuple(found)


def spec_differences(before: ToolSpec, after: ToolSpec) -> tuple[Difference, ...]:
    """Return where two definitions of a tool differ."""
    return differences(msgspec.to_builtins(before), msgspec.to_builtins(after))


def _walk(before: Any, after: Any, path: str) -> Iterator[Difference]:
    if isinstance(before, dict) and isinstance(after, dict):
        for key in sorted(before.keys() | after.keys(), key=str):
            place = f"{path}.{key}" if path else str(key)
            if key not in after:
                yield Difference(place, before=_shown(before[key]))
            elif key not in before:
                yield Difference(place, after=_shown(after[key]))
            else:
                yield from _walk(before[key], after[key], place)
    elif isinstance(before, list) and isinstance(after, list) and len(before) == len(after):
        for index, (one, other) in enumerate(zip(before, after, strict=True)):
            yield from _walk(one, other, f"{path}[{index}]")
    elif before != after or isinstance(before, bool) != isinstance(after, bool):
        yield Difference(path, _shown(before), _shown(after))


def _shown(value: Any) -> str:
    text = msgspec.json.encode(value).decode()
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 3]}..."
