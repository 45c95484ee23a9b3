"""Says how large a change of a tool's definition is for those who use it, and why; pure, and knows no release.

Callers may go on sending what they send: the new input schema has to take whatever the old one took. They may rely on
what they get back: the new output schema has to promise what the old one promised. Otherwise the change is a major one.
"""

from typing import Any

import msgspec
from msgspec import Struct
from toolyard_sdk.canonical import canonical
from toolyard_sdk.messages import Annotations, ToolSpec

from toolyard_registry.schemas.containment import problems
from toolyard_registry.versions import Bump, largest

_MOST = 40
_WORDS = frozenset({"title", "description", "examples", "$comment"})

_WORSE = {"read_only": False, "idempotent": False, "destructive": True, "open_world": True}
"""What an annotation says where a call may do more."""


class Change(Struct, frozen=True):
    """One change: how large it is, where (`input.city`), and why."""

    bump: Bump
    path: str
    reason: str


class Verdict(Struct, frozen=True):
    """The bump that all changes together need, and the changes, the largest first."""

    bump: Bump = "none"
    changes: tuple[Change, ...] = ()


def compare(before: ToolSpec, after: ToolSpec) -> Verdict:
    """Return how large a change from one definition of a tool to the next is."""
    changes = [
        *_input(before.input_schema, after.input_schema),
        *_output(before.output_schema, after.output_schema),
        *_effects(before.annotations, after.annotations),
    ]
    if before.description != after.description:
        changes.append(Change("patch", "description", "says something else, by which models choose tools"))
    if before.title != after.title:
        changes.append(Change("patch", "title", "is another one"))
    ordered = sorted(changes, key=lambda change: -_size(change.bump))
    return Verdict(largest(*(change.bump for change in changes)), tuple(ordered[:_MOST]))


def still_callable(before: dict[str, Any], after: dict[str, Any]) -> bool:
    """Tell whether whatever an input schema takes is taken by another one for certain."""
    return not problems(before, after)


def _size(bump: Bump) -> int:
    return ("none", "patch", "minor", "major").index(bump)


def _input(before: dict[str, Any], after: dict[str, Any]) -> list[Change]:
    if canonical(before) == canonical(after):
        return []
    narrower = problems(before, after, "input")
    if narrower:
        return [Change("major", problem.path, f"{problem.reason} (callers may send otherwise)") for problem in narrower]
    wider = problems(after, before, "input")
    if wider:
        return [Change("minor", wider[0].path, "takes more than before")]
    return [_reworded("input", before, after)]


def _output(before: dict[str, Any] | None, after: dict[str, Any] | None) -> list[Change]:
    if canonical(before) == canonical(after):
        return []
    if after is None:
        return [Change("major", "output", "is no longer described")]
    if before is None:
        return [Change("minor", "output", "is described from now on")]
    wider = problems(after, before, "output")
    if wider:
        return [Change("major", problem.path, f"no longer holds: {problem.reason}") for problem in wider]
    if problems(before, after, "output"):
        return [Change("minor", "output", "promises more than before")]
    return [_reworded("output", before, after)]


def _reworded(path: str, before: Any, after: Any) -> Change:
    """Return the change between two schemas that the same values fit."""
    if canonical(_worded(before)) != canonical(_worded(after)):
        return Change("minor", path, "is written otherwise for the same values, or has other defaults")
    return Change("patch", path, "is described in other words")


def _worded(schema: Any) -> Any:
    """Return a schema without its words."""
    if isinstance(schema, dict):
        return {
            key: {name: _worded(part) for name, part in value.items()}
            if key in ("properties", "$defs", "definitions") and isinstance(value, dict)
            else value
            if key in ("enum", "const", "default", "required")
            else _worded(value)
            for key, value in schema.items()
            if key not in _WORDS
        }
    return [_worded(part) for part in schema] if isinstance(schema, list) else schema


def _effects(before: Annotations, after: Annotations) -> list[Change]:
    changes = []
    for name, worse in _WORSE.items():
        old, new = getattr(before, name), getattr(after, name)
        if old == new:
            continue
        said = f"was {msgspec.json.encode(old).decode()} and is {msgspec.json.encode(new).decode()}"
        harm: Bump = "major" if new is worse else "minor"
        changes.append(Change(harm, f"annotations.{name}", said))
    return changes
