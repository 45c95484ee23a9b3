"""Makes journals of runs as the loop writes them, heads only: what a tool is offered, how it is called, what comes."""

import random
from collections.abc import Iterable, Sequence
from typing import Any

from toolyard_sdk import events as e
from toolyard_sdk.messages import Usage

RELEASE = "sha256:" + "a" * 64
CONTENT = e.Content(1, bytes(32))
AT = 1_764_000_000_000_000


def offered(*names: str, turn: int = 1, **left_out: Any) -> e.ToolsOffered:
    candidates = [e.Candidate(name, RELEASE) for name in names]
    candidates += [e.Candidate(name, RELEASE, left_out=why) for name, why in left_out.items()]
    return e.ToolsOffered(AT, turn, tuple(candidates), "sha256:" + "b" * 64)


def head(number: int, name: str, problem: e.Problem | None = None, field: str = "") -> e.CallHead:
    return e.CallHead(number, name, CONTENT, release=RELEASE, problem=problem, field=field)


def replied(*calls: e.CallHead, malformed: str = "") -> e.ModelReplied:
    return e.ModelReplied(AT, 1, 1, CONTENT, calls, malformed=malformed)


def returned(number: int, took: int = 1000, source: e.AnswerSource = "tool", *, is_error: bool = False) -> e.RunEvent:
    return e.ToolReturned(AT, number, CONTENT, is_error, source, took)


def of_run(
    run: bytes, tenant: str, chance: random.Random, names: Sequence[str], calls: int = 2
) -> Iterable[e.RunEvent]:
    """Yield a whole run of some calls, with what else its journal holds."""
    item = e.ItemRef(run, 1)
    yield e.RunStarted(AT, run, run, tenant, "key", "clerk", RELEASE, (CONTENT,), e.Limits())
    yield offered(*names)
    for number in range(1, calls + 1):
        yield e.ModelCalled(AT, number, 1, "rehearsal/x", 1, item, item, RELEASE, bytes(32), 2)
        name = chance.choice(names)
        fits = chance.random() < 0.7
        yield replied(head(number, name) if fits else head(number, name, "invalid_arguments", "city"))
        yield e.PolicyDecided(AT, "approve", "", RELEASE, call=number)
        yield e.ToolStarted(AT, number, RELEASE, bytes(32), 1, "call")
        yield returned(number, chance.randrange(100, 100_000), is_error=chance.random() < 0.1)
    yield e.ModelCalled(AT, calls + 1, 1, "rehearsal/x", 1, item, item, RELEASE, bytes(32), 2)
    yield replied()
    yield e.RunFinished(AT, "stop", Usage(), calls + 1, calls)
