"""Folds the journals of runs into counts about one tool; knows no store, and reads heads only, so no argument.

A cell is a pair (what is counted, a detail or ""). What a cell means:

`offered` turns of a model that could have called the tool · `chosen` those that did · `lost` (to which tool) those that
called others instead, once for each of them · `calls` · `invalid` (field, "" where nobody said which) calls whose
arguments did not fit · `unreadable` calls whose arguments were no JSON object · `ran` calls that the tool answered, or
ran out of time with · `error` those that ended in an error · `timeout` those that were given up · `in_doubt` calls of
which nobody knows whether they happened · `not_run` (by whom) calls that were kept from running · `took` (bucket) the
durations of those that ran.
"""

import math
from collections import Counter
from collections.abc import Iterable
from typing import Final

from toolyard_sdk import events as e

Cell = tuple[str, str]
Tally = Counter[Cell]
"""What happened to one release of a tool, as counts by cell."""

STEPS: Final = 8
"""Buckets of a duration in each doubling: a quantile is within 5 % of what it was."""

_RAN = frozenset({"tool", "timeout"})


def count(events: Iterable[e.RunEvent], name: str, tallies: dict[str, Tally], *, by_model: bool = True) -> None:
    """Add one run's events to the tallies of the tool's releases, by digest.

    A call that its caller made directly, not `by_model`, is none that was chosen: only what became of it counts.
    """
    offered, calls = "", dict[int, str]()
    for event in events:
        match event:
            case e.ToolsOffered():
                shown = (each for each in event.candidates if each.name == name and not each.left_out)
                offered = next((each.release for each in shown), "")
            case e.ModelReplied() if offered and not event.malformed:
                tally = tallies.setdefault(offered, Tally())
                own = [head for head in event.calls if head.name == name]
                calls |= dict.fromkeys((head.call for head in own), offered)
                _count_calls(own, tally)
                if by_model:
                    _count_turn(event, own, name, tally)
            case e.ToolReturned() if event.call in calls:
                _count_end(event, tallies[calls[event.call]])
            case e.ToolInDoubt() if event.call in calls:
                tallies[calls[event.call]]["in_doubt", ""] += 1
            case _:
                pass


def _count_calls(own: list[e.CallHead], tally: Tally) -> None:
    for head in own:
        tally["calls", ""] += 1
        if head.problem == "invalid_arguments":
            tally["invalid", head.field] += 1
        elif head.problem == "invalid_json":
            tally["unreadable", ""] += 1


def _count_turn(event: e.ModelReplied, own: list[e.CallHead], name: str, tally: Tally) -> None:
    tally["offered", ""] += 1
    if own:
        tally["chosen", ""] += 1
        return
    for other in {head.name for head in event.calls if head.problem != "unknown_tool" and head.name != name}:
        tally["lost", other] += 1


def _count_end(event: e.ToolReturned, tally: Tally) -> None:
    if event.source not in _RAN:
        tally["not_run", event.source] += 1
        return
    tally["ran", ""] += 1
    tally["took", str(bucket(event.duration_us))] += 1
    tally["error", ""] += event.is_error
    tally["timeout", ""] += event.source == "timeout"


def bucket(microseconds: int) -> int:
    """Return the bucket of a duration; each is 2^(1/8) times as long as the one before."""
    return math.ceil(STEPS * math.log2(max(1, microseconds)))


def quantile(tally: Tally, share: float) -> int | None:
    """Return the duration in microseconds that `share` of the calls that ran did not exceed; None where none ran."""
    took = sorted((int(detail), number) for (what, detail), number in tally.items() if what == "took")
    left = share * sum(number for _, number in took)
    for at, number in took:
        left -= number
        if left <= 0:
            return round(2 ** ((at - 0.5) / STEPS))
    return None


def across(tallies: Iterable[Tally], least: int) -> Tally:
    """Add up the tallies of tenants, each cell only where at least `least` of them stand behind it.

    Durations stand behind one another: they are kept together where so many tenants have calls that ran.
    """
    total, behind = Tally(), Counter[Cell]()
    for tally in tallies:
        total.update(tally)
        behind.update({cell if cell[0] != "took" else ("ran", "") for cell, number in tally.items() if number})
    return Tally(
        {cell: number for cell, number in total.items() if behind[cell if cell[0] != "took" else ("ran", "")] >= least}
    )
