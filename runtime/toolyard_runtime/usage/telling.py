"""Puts a tally into the words in which an author is told of it; knows no store, no route and no terminal."""

from typing import Any, Final

from toolyard_runtime.usage.counting import Cell, Tally, quantile

LEAST_TENANTS: Final = 5
"""Tenants that have to stand behind a number which those of other tenants are told."""

_QUANTILES = {"p50": 0.5, "p95": 0.95, "p99": 0.99}


def told(tally: Tally, *, tokens: int | None, hidden: bool) -> dict[str, Any]:
    """Return a tally as it is told; with `hidden`, a number that is not in it is kept back (None), not zero."""

    def number(what: str) -> int | None:
        return tally.get((what, ""), None if hidden else 0)

    offered, ran = number("offered"), number("ran")
    return {
        "offered": offered,
        "chosen": number("chosen"),
        "lost_to": [{"tool": detail, "turns": turns} for detail, turns in _details(tally, "lost")],
        "calls": number("calls"),
        "argument_errors": [{"field": detail or None, "calls": calls} for detail, calls in _details(tally, "invalid")],
        "unreadable_arguments": number("unreadable"),
        "not_run": dict(_details(tally, "not_run")),
        "ran": ran,
        "errors": number("error"),
        "error_rate": _rate(number("error"), ran),
        "timeouts": number("timeout"),
        "in_doubt": number("in_doubt"),
        "in_doubt_rate": _rate(number("in_doubt"), number("calls")),
        "latency_us": {name: quantile(tally, share) for name, share in _QUANTILES.items()},
        "definition_tokens": tokens,
        "tokens": tokens * offered if tokens is not None and offered is not None else None,
    }


def _details(tally: Tally, what: str) -> list[tuple[str, int]]:
    """Return a cell's details with their counts, the largest first."""
    found: list[tuple[Cell, int]] = [(cell, number) for cell, number in tally.items() if cell[0] == what]
    return [(detail, number) for (_, detail), number in sorted(found, key=lambda each: (-each[1], each[0]))]


def _rate(part: int | None, whole: int | None) -> float | None:
    return round(part / whole, 4) if part is not None and whole else None
