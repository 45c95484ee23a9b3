"""Events of every kind, every field filled by a seeded generator: for journals, which do not care what is in them."""

import random
import types
from collections.abc import Callable
from typing import Any, Literal, TypeVar, Union, get_args, get_origin

import msgspec
from toolyard_sdk.events import RunEvent, RunResumed, RunStarted

KINDS: tuple[type[RunEvent], ...] = get_args(RunEvent)
TEXTS = ("", "a", "naïve", "\u2028", "line\nbreak", '"quoted"', "\U0001f600", "x" * 300)


def any_value(kind: Any, dice: random.Random) -> Any:
    """Return some value of an annotated type, as the records of the SDK use them."""
    origin, inner = get_origin(kind), get_args(kind)
    if origin is Literal:
        return dice.choice(inner)
    if origin in {Union, types.UnionType}:
        return any_value(dice.choice(inner), dice)
    if origin is tuple and inner[-1] is Ellipsis:
        return tuple(any_value(inner[0], dice) for _ in range(dice.randrange(3)))
    if origin is dict:
        return {any_value(inner[0], dice): any_value(inner[1], dice) for _ in range(dice.randrange(3))}
    if isinstance(kind, type) and issubclass(kind, msgspec.Struct):
        return any_record(kind, dice)
    simple: dict[Any, Callable[[], Any]] = {
        bool: lambda: dice.random() < 0.5,
        int: lambda: dice.randrange(1 << 50),
        float: lambda: dice.random() * 10 ** dice.randrange(-9, 9),
        str: lambda: dice.choice(TEXTS),
        bytes: lambda: dice.randbytes(dice.choice((0, 16, 32))),
        types.NoneType: lambda: None,
    }
    return simple[kind]()


R = TypeVar("R", bound=msgspec.Struct)


def any_record(kind: type[R], dice: random.Random) -> R:
    """Return a record of this type."""
    return kind(**{field.name: any_value(field.type, dice) for field in msgspec.structs.fields(kind)})


def a_run(run: bytes, dice: random.Random) -> list[RunEvent]:
    """Return one event of every kind: a run's beginning first, the epochs in order, the rest shuffled."""
    rest = [any_record(kind, dice) for kind in KINDS if kind not in {RunStarted, RunResumed}]
    dice.shuffle(rest)
    started = msgspec.structs.replace(any_record(RunStarted, dice), run=run, epoch=1)
    resumed = msgspec.structs.replace(any_record(RunResumed, dice), epoch=2)
    middle = len(rest) // 2
    return [started, *rest[:middle], resumed, *rest[middle:]]
