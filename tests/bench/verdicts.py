"""What is measured, under which names, and which limits hold: pure functions from medians to lines of text."""

import statistics
from collections.abc import Iterable, Mapping, Sequence
from typing import Literal

from msgspec import Struct

Row = Mapping[str, Sequence[float]]
"""Measurements of one target: a value per round."""

CLIENTS = (1, 8, 64)
START, IDLE, WARM, AFTER = "start s", "PSS idle MB", "PSS warm MB", "PSS after load MB"
ERRORS = "errors"
STREAM, FIRST, TOKEN = "CPU ms/stream", "first token ms", "CPU us/token"
EARLY, LATE = "CPU ms turns 1-10", "CPU ms turns 41-50"
GROWTH = "CPU growth"
WRITTEN_EARLY, WRITTEN_LATE = "kB written/turn 1-10", "kB written/turn 41-50"
STORED = "kB stored/turn"
WAIT = "waited for CPU % c1"
QUIET = 10.0
"""With one client only one process has work at a time: one that waits longer than this has company."""


def cpu(clients: int) -> str:
    """Name the CPU per run at so many clients."""
    return f"CPU ms/run c{clients}"


def latency(share: Literal["p50", "p99"], clients: int) -> str:
    """Name a latency at so many clients."""
    return f"{share} ms c{clients}"


class Limit(Struct, frozen=True):
    """An upper bound on a median, or on its ratio to the median of `over` in the same row or in the floor's."""

    what: str
    at_most: float
    over: str = ""
    floor: bool = False


LIMITS = (
    *(Limit(cpu(clients), 3.0, cpu(clients), floor=True) for clients in CLIENTS),
    Limit(ERRORS, 0.0),
    Limit(TOKEN, 1.0, TOKEN, floor=True),
    Limit(FIRST, 2.0, FIRST, floor=True),
    Limit(IDLE, 2.0, IDLE, floor=True),
    Limit(AFTER, 1.1, WARM),
    Limit(START, 2.5, START, floor=True),
    Limit(GROWTH, 1.25, GROWTH, floor=True),
    Limit(WRITTEN_LATE, 1.1, WRITTEN_EARLY),
)


def is_quiet(rows: Iterable[Row]) -> bool:
    """Tell whether the machine had nothing else to do, so that the figures are worth quoting."""
    return all(statistics.median(row[WAIT]) <= QUIET for row in rows)


def judge(row: Row, floor: Row) -> list[tuple[bool, str]]:
    """Return for every limit whether it holds and a line that says so; a figure that is missing does not hold."""
    return [_judge(limit, row, floor) for limit in LIMITS]


def _judge(limit: Limit, row: Row, floor: Row) -> tuple[bool, str]:
    base = floor if limit.floor else row
    if not row.get(limit.what) or (limit.over and not base.get(limit.over)):
        return False, f"{limit.what}: not measured"
    value = statistics.median(row[limit.what])
    if not limit.over:
        return value <= limit.at_most, f"{limit.what}: {value:g}, at most {limit.at_most:g}"
    other = statistics.median(base[limit.over])
    ratio = value / other if other > 0 else float("inf")
    against = "the floor's" if limit.floor else limit.over
    line = f"{limit.what}: {value:.2f} against {against} {other:.2f}: x{ratio:.2f}, at most x{limit.at_most:g}"
    return ratio <= limit.at_most, line


def table(name: str, row: Row, floor: Row) -> list[str]:
    """Return the lines of one target: median, range, ratio to the floor."""
    lines = [name]
    for key, values in row.items():
        middle, base = statistics.median(values), statistics.median(floor.get(key) or (0.0,))
        ratio = f"   x{middle / base:.2f}" if base else ""
        lines.append(f"  {key:22s} {middle:10.3f}   [{min(values):.3f} .. {max(values):.3f}]{ratio}")
    return lines
