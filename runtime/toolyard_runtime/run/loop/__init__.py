"""The loop, as a pure fold: `step(state, event) -> state, effects`; knows no clock, network, randomness or database.

A run thinks (a model call), acts (the calls of that turn), and thinks again until a turn has no calls. Every event
moves at most one call or the turn itself (`folding`); what follows from that is read off the state and a table of what
a call in each stage needs (`stepping`, `effects`).
"""

from toolyard_runtime.run.loop.effects import (
    WANTS,
    Abort,
    AbortModel,
    Answer,
    Ask,
    Effect,
    Execute,
    Finish,
    HandOver,
    Judge,
    Park,
    Suspect,
    Think,
)
from toolyard_runtime.run.loop.folding import DECIDED, FOLD, JUDGED
from toolyard_runtime.run.loop.state import PARKED_FOR, Call, RunState, Stage, flaw, last_item, waits
from toolyard_runtime.run.loop.stepping import fold, step

__all__ = [
    "DECIDED",
    "FOLD",
    "JUDGED",
    "PARKED_FOR",
    "WANTS",
    "Abort",
    "AbortModel",
    "Answer",
    "Ask",
    "Call",
    "Effect",
    "Execute",
    "Finish",
    "HandOver",
    "Judge",
    "Park",
    "RunState",
    "Stage",
    "Suspect",
    "Think",
    "flaw",
    "fold",
    "last_item",
    "step",
    "waits",
]
