"""Names tools after operations and arguments after parameters: readable, always the same, and never twice."""

import hashlib
import re
from collections import Counter
from collections.abc import Sequence

from toolyard_registry.sources.openapi.operations import Operation

LONGEST = 64
"""Characters of a tool's name, with its prefix: what the APIs of models allow."""

_FOREIGN = re.compile(r"[^A-Za-z0-9_-]+")
_FOREIGN_IN_ARGUMENT = re.compile(r"[^A-Za-z0-9_.-]+")


def tool_names(operations: Sequence[Operation], prefix: str) -> list[str]:
    """Return one name for each operation, in their order.

    An operation is named by its operationId; by method and path where it has none or shares it with another. What is
    too long, or still not the only one, ends in eight digits of a hash of method and path.
    """
    by_id = [_plain(operation.id) for operation in operations]
    shared = Counter(by_id)
    names = [
        name if name and shared[name] == 1 else _plain(f"{operation.method} {operation.path}")
        for name, operation in zip(by_id, operations, strict=True)
    ]
    full = [prefix + name for name in names]
    counts = Counter(full)
    return [
        name if counts[name] == 1 and len(name) <= LONGEST else _marked(name, operation.place)
        for name, operation in zip(full, operations, strict=True)
    ]


def _plain(text: str) -> str:
    return _FOREIGN.sub("_", text).strip("_")


def _marked(name: str, place: str) -> str:
    """Return a name made the only one: cut, then a hash of what it stands for."""
    mark = hashlib.sha256(place.encode(errors="replace")).hexdigest()[:8]
    return f"{name[: LONGEST - 9].rstrip('_-')}_{mark}"


def argument_names(parameters: Sequence[tuple[str, str]], taken: frozenset[str] = frozenset()) -> list[str]:
    """Return one argument name for each (name, place) of a parameter, in their order.

    A parameter keeps its name where it can; those that would share one say their place: `id_path`, `id_query`.
    """
    plain = [_FOREIGN_IN_ARGUMENT.sub("_", name).strip("_")[:LONGEST] or place for name, place in parameters]
    counts = Counter(plain)
    used = set(taken)
    names: list[str] = []
    for name, (_, place) in zip(plain, parameters, strict=True):
        wanted = name if counts[name] == 1 and name not in taken else f"{name}_{place}"
        made, number = wanted, 1
        while made in used:
            number += 1
            made = f"{wanted}_{number}"
        used.add(made)
        names.append(made)
    return names
