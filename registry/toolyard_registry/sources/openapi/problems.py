"""What cannot be imported, and why, by named reasons; knows nothing of how it was found."""

from collections.abc import Iterable
from typing import Literal

from msgspec import Struct

Reason = Literal[
    "document.invalid",
    "document.version",
    "document.servers",
    "duplicate-key",
    "operation.invalid",
    "operation.method",
    "operation.name",
    "operations.none",
    "parameter.invalid",
    "reference.broken",
    "reference.cycle",
    "reference.remote",
    "security.unknown",
    "security.missing",
    "security.unsupported",
    "server.invalid",
    "body.invalid",
    "schema.pattern",
]

SHOWN = 5
"""Problems of one reason that are told one by one; the rest is counted."""


class Problem(Struct, frozen=True):
    """One thing that is wrong: its reason, its place in the document, and in words what to do."""

    reason: Reason
    where: str
    words: str

    def __str__(self) -> str:
        return f"{self.where}: {self.words}" if self.where else self.words


class Unusable(Exception):
    """What is raised where a part of a document cannot be used; the caller knows the place."""

    def __init__(self, reason: Reason, words: str) -> None:
        super().__init__(words)
        self.reason: Reason = reason
        self.words = words

    def at(self, where: str) -> Problem:
        """Return it as a problem with its place."""
        return Problem(self.reason, where, self.words)


def told(problems: Iterable[Problem], shown: str) -> tuple[str, ...]:
    """Return problems in words, `shown` being the document; of many with one reason the first few and a count."""
    lines: list[str] = []
    counts: dict[str, int] = {}
    for problem in problems:
        counts[problem.reason] = counts.get(problem.reason, 0) + 1
        if counts[problem.reason] <= SHOWN:
            lines.append(f"{shown}: {problem}")
    lines += [
        f"{shown}: {count - SHOWN} more of the kind {reason}" for reason, count in counts.items() if count > SHOWN
    ]
    return tuple(lines)
