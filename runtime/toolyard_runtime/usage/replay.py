"""Tries recorded calls of a tool against another input schema; tells how many would fail, and no argument of any."""

import asyncio
from collections.abc import Sequence
from itertools import groupby
from operator import itemgetter
from typing import Any, Final

import msgspec
from sqlalchemy import bindparam, select
from toolyard_registry.publishing.submissions import Replay
from toolyard_registry.schemas.checking import Validator, compile_schema
from toolyard_sdk import events as e
from toolyard_sdk.ids import show, uuid7_floor
from toolyard_sdk.messages import ToolSpec
from toolyard_sdk.ports import Clock, Database

from toolyard_runtime.models.encoder import calls_of
from toolyard_runtime.store import payloads
from toolyard_runtime.store.payloads import Erased
from toolyard_runtime.store.tables import EVENT, RUN
from toolyard_runtime.store.upcasters import UPCASTERS, read_head

DAYS: Final = 30
MOST: Final = 2_000
"""Runs that are looked at, the newest first."""

_DAY = 86_400 * 1_000_000
_AT_ONCE = 500
_RUNS = (
    select(RUN.c.id)
    .where(RUN.c.tenant == bindparam("tenant"), RUN.c.id >= bindparam("since"))
    .order_by(RUN.c.id.desc())
    .limit(bindparam("at_most"))
)
_TURNS = (
    select(EVENT.c.run, EVENT.c.head)
    .where(EVENT.c.run.in_(bindparam("runs", expanding=True)), EVENT.c.head.like('{"event":"ModelReplied"%'))
    .order_by(EVENT.c.run.desc(), EVENT.c.seq)
)

Place = tuple[int, int]
"""The payload of a turn's message, and which of its calls."""


class Replaying:
    """Tries a tenant's calls of the last days; erased ones are skipped and counted."""

    def __init__(self, database: Database, clock: Clock, days: int = DAYS) -> None:
        self._database = database
        self._clock = clock
        self._days = days

    async def __call__(self, tenant: str, name: str, spec: ToolSpec) -> Replay:
        """Return how the calls fared that fitted the tool's schema when they were made; raises SchemaInvalid."""
        validator = compile_schema(spec.input_schema)
        since = uuid7_floor(max(0, self._clock.now() - self._days * _DAY))
        rows = await self._database.scan(_RUNS, {"tenant": tenant, "since": since, "at_most": MOST})
        runs = [run for (run,) in rows]
        calls = failing = skipped = 0
        example = ""
        for start in range(0, len(runs), _AT_ONCE):
            heads = await self._database.scan(_TURNS, {"runs": runs[start : start + _AT_ONCE]})
            for run, places in (await asyncio.to_thread(_calls, heads, name)).items():
                found = await payloads.load(self._database, run, {n for n, _ in places})
                for n, index in places:
                    fault = _fault(found[n], index, validator)
                    if fault is None:
                        skipped += 1
                        continue
                    calls += 1
                    failing += bool(fault)
                    if fault and not example:
                        example = f"{show('run', run)}: {fault}"
        return Replay(calls, failing, skipped, self._days, example)


def _calls(rows: Sequence[tuple[Any, ...]], name: str) -> dict[bytes, list[Place]]:
    """Return where the arguments of a tool's sound calls lie, run by run."""
    named = f'"name":"{name}"'
    found: dict[bytes, list[Place]] = {}
    for run, heads in groupby(rows, itemgetter(0)):
        for _, text in heads:
            if named not in text:
                continue
            try:
                event = read_head(text, UPCASTERS)
            except e.UnknownEvent:  # of a later version
                continue
            if isinstance(event, e.ModelReplied) and not event.malformed:
                for index, head in enumerate(event.calls):
                    if head.name == name and head.problem is None and head.arguments.n == event.message.n:
                        found.setdefault(run, []).append((event.message.n, index))
    return found


def _fault(payload: payloads.Payload | Erased, index: int, validator: Validator) -> str | None:
    """Return what of a call does not fit, "" where it fits, None where nothing is left of it."""
    if isinstance(payload, Erased):
        return None
    try:
        written = calls_of(payload.data)
        arguments = msgspec.json.decode(written[index][1] or "{}")
    except (msgspec.MsgspecError, IndexError, UnicodeDecodeError):
        return None
    faults = validator.faults(arguments)
    return faults[0] if faults else ""
