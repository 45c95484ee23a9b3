"""What the loop asks for: one record for each effect, and the table of what a call in each stage needs next."""

from collections.abc import Callable
from typing import Literal

from msgspec import Struct
from toolyard_sdk.events import CallHead, FinishReason, ParkReason

from toolyard_runtime.run.loop.state import Call, Stage


class Think(Struct, frozen=True, gc=False):
    """Call the model, not before `not_before`; `variant` "retry" re-asks without streaming and with strict schemas."""

    turn: int
    attempt: int
    not_before: int
    variant: str


class AbortModel(Struct, frozen=True, gc=False):
    """Stop the model call under way."""


class Judge(Struct, frozen=True, gc=False):
    """Ask the policy about a call."""

    call: CallHead


class Ask(Struct, frozen=True, gc=False):
    """Ask a person about a call."""

    call: CallHead


class Execute(Struct, frozen=True, gc=False):
    """Start a call; `approved` when a person agreed to it."""

    call: CallHead
    attempt: int
    approved: bool


class Abort(Struct, frozen=True, gc=False):
    """Stop a call under way and say what became of it."""

    call: CallHead


class Answer(Struct, frozen=True, gc=False):
    """Answer a call without executing it; `why` is the stage that kept it from running."""

    call: CallHead
    why: Literal["flawed", "rejected", "denied", "dropped"]


class Suspect(Struct, frozen=True, gc=False):
    """Put a call of a former owner in doubt."""

    call: CallHead


class HandOver(Struct, frozen=True, gc=False):
    """Ask the client to execute its calls."""

    calls: tuple[int, ...]


class Park(Struct, frozen=True, gc=False):
    """Let go of the run until somebody decides or answers."""

    why: ParkReason


class Finish(Struct, frozen=True, gc=False):
    """End the run."""

    reason: FinishReason
    error: str


Effect = Think | AbortModel | Judge | Ask | Execute | Abort | Answer | Suspect | HandOver | Park | Finish

WANTS: dict[Stage, Callable[[Call], Effect]] = {
    "flawed": lambda call: Answer(call.head, "flawed"),
    "proposed": lambda call: Judge(call.head),
    "rejected": lambda call: Answer(call.head, "rejected"),
    "unasked": lambda call: Ask(call.head),
    "denied": lambda call: Answer(call.head, "denied"),
    "cleared": lambda call: Execute(call.head, call.attempt + 1, call.approved),
    "aborting": lambda call: Abort(call.head),
    "lost": lambda call: Suspect(call.head),
    "dropped": lambda call: Answer(call.head, "dropped"),
}
"""What a call in each stage needs next; stages that are not here wait for somebody else."""
