"""One process's life around a run, in a fork of this one: it begins the run, or takes it up, and may be killed."""

import asyncio
import hashlib
import os
import signal
import sqlite3
import sys
import traceback
from pathlib import Path
from typing import Literal

import msgspec
from msgspec import Struct
from toolyard_runtime.engine.engine import Engine
from toolyard_runtime.run import loop
from toolyard_runtime.run.rebuild import rebuild
from toolyard_runtime.run.segments import ApprovalAnswer
from toolyard_sdk import events as e
from toolyard_sdk.canonical import chain
from toolyard_sdk.ports import Durability, Transaction

from tests.faults.crash.scenario import Follower, Kill, Marks, Scenario, make_tools
from tests.runtime.workshop import ALLOW, CALLER, Workshop, settled, workshop

PADDING = ", and this is what it gave:" + " word" * 450
"""What a result holds that is to be put away."""

SECONDS = 20
"""After which a life that does not end is ended by an alarm."""


class Durable(Struct, frozen=True):
    """What the database holds of the run: its row's status and reason, and its heads as JSON."""

    status: str = ""
    reason: str = ""
    heads: tuple[str, ...] = ()
    chain_broken_at: int | None = None

    @property
    def events(self) -> list[e.RunEvent]:
        """The heads, decoded."""
        return [e.decode_head(head) for head in self.heads]


def live(folder: Path, scenario: Scenario, part: Literal["begin", "take up"], kill: Kill | None) -> dict[str, int]:
    """Live one life in a fork and return how often it passed each place ({} when it was killed where it should be).

    Raises AssertionError with the traceback when it ended in any other way.
    """
    told = folder / f"told-{part}"
    told.unlink(missing_ok=True)
    child = os.fork()
    if child == 0:
        signal.alarm(SECONDS)
        code = 1
        try:
            marks = Marks(folder, kill)
            asyncio.run(_life(folder, scenario, part, marks))
            told.write_bytes(msgspec.json.encode(marks.counts))
            code = 0
        except BaseException:  # noqa: BLE001 - whatever it was, the parent shall read it
            told.write_text(traceback.format_exc())
        finally:
            sys.stdout.flush()
            os._exit(code)
    _, status = os.waitpid(child, 0)
    if kill is not None and os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGKILL:
        return {}
    assert os.WIFEXITED(status), f"{part}, {kill}: no end within {SECONDS} s"
    assert os.WEXITSTATUS(status) == 0, told.read_text()
    return msgspec.json.decode(told.read_bytes(), type=dict[str, int])


async def _life(folder: Path, scenario: Scenario, part: str, marks: Marks) -> None:
    async with workshop(
        folder,
        *make_tools(marks, PADDING if scenario.window else ""),
        more=scenario.more,
        policy="" if scenario.asks else ALLOW,
        recover=False,
        record_first=scenario.record_first,
        source=scenario.source,
    ) as shop:
        shop.model = Follower(scenario, marks)  # type: ignore[assignment]  # any model will do
        shop.routes._clients["lab"] = shop.model
        await shop.agents.publish(CALLER.tenant)
        _watch_commits(shop, marks)
        if part == "begin":
            driver = await shop.start(scenario.name, mode=scenario.mode)
            marks.write("acknowledged", driver.row.id.hex())
            await settled(driver)
        else:
            await shop.upkeep.recover()
            assert not shop.engine.left_alone, shop.engine.left_alone
            await _rest(shop.engine)
        if scenario.asks:
            await _decide(shop)
        await _rebuild(shop)


async def _rebuild(shop: Workshop) -> None:
    """Make every request of the run again from what is durable: each head commits to the bytes it was sent with."""
    for row in await shop.services.runs.list(CALLER.tenant):
        release = await shop.catalogue.agent(CALLER.tenant, row.release)
        assert release is not None
        events = await shop.journal(row.id)
        for seq, event in enumerate(events):
            if isinstance(event, e.ModelCalled):
                await rebuild(shop.database, shop.services.sessions, release, events, seq)


def _watch_commits(shop: Workshop, marks: Marks) -> None:
    commit = shop.database.commit

    async def watched(tx: Transaction, durability: Durability = "normal") -> None:
        if not tx.rows:  # type: ignore[attr-defined]  # an empty transaction is no commit
            return
        number = marks.enter("commit")
        await commit(tx, durability)
        marks.leave("commit", number)

    shop.database.commit = watched  # type: ignore[method-assign]  # the place where processes die


async def _rest(engine: Engine) -> None:
    for driver in list(engine.live.values()):
        await settled(driver)


async def _decide(shop: Workshop) -> None:
    """Approve whatever waits, as a person would who has seen the question."""
    for row in await shop.services.approvals.list(CALLER.tenant, status="pending"):
        await shop.approving.decide(CALLER, ApprovalAnswer(row.id, True), None)
        await _rest(shop.engine)


def durable(folder: Path) -> Durable:
    """Read what the database holds now, and compute the chain of the run's heads again."""
    connection = sqlite3.connect(folder / "data.db")
    try:
        rows = connection.execute("SELECT id, status, reason FROM run").fetchall()
        if not rows:
            return Durable()
        ((run, status, reason),) = rows
        stored = connection.execute("SELECT seq, head, hash FROM event WHERE run = ? ORDER BY seq", (run,)).fetchall()
    finally:
        connection.close()
    last, broken = hashlib.sha256(b"run:" + run.hex().encode()).digest(), None
    for expected, (seq, head, stored_hash) in enumerate(stored):
        last = chain(last, head.encode())
        if broken is None and (seq != expected or stored_hash != last):
            broken = expected
    return Durable(status, reason, tuple(head for _, head, _ in stored), broken)


def final_state(found: Durable) -> loop.RunState:
    """Fold what the database holds."""
    return loop.fold(found.events)
