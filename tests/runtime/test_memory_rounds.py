"""What is done for memory between runs: whose messages are read for facts, and whose are not any more."""

import asyncio
import os
from pathlib import Path
from typing import Any

import pytest
from toolyard_runtime.engine import extracting
from toolyard_runtime.engine.memory_rounds import MemoryRounds
from toolyard_runtime.store.keys import Keys
from toolyard_runtime.store.tenants import Tenants
from toolyard_sdk.ids import uuid7
from toolyard_sdk.ports import Turn

from tests.runtime.workshop import CALLER, Workshop, call, say, workshop

READS = "[memory]\nextract = true\n"


class Nothing:
    """Stands for what these rounds do not come to: cleaning up after erasures."""

    cleaning = ledger = None


class Opened:
    """Stands for the server's memory, opened on a workshop's database."""

    def __init__(self, shop: Workshop) -> None:
        shop.mind()
        self.memory = lambda: shop.memory


async def rounds(shop: Workshop) -> tuple[MemoryRounds, Tenants]:
    """Return the rounds of a workshop whose tenant is there."""
    clock = shop.services.clock
    tenants = Tenants(shop.database, clock, Keys(shop.database, clock, uuid7, os.urandom))
    tx = shop.database.begin()
    if await tenants.find(CALLER.tenant) is None:
        tenants.create(tx, CALLER.tenant, "owner")
    await shop.database.commit(tx)
    memory: Any = Opened(shop)
    unused: Any = Nothing()
    services = shop.services
    going = MemoryRounds(memory, shop.agents, shop.routes, services.runs, tenants, clock, unused, services.meters)
    return going, tenants


async def revoke(shop: Workshop, tenants: Tenants) -> None:
    """Revoke the workshop's tenant."""
    tx = shop.database.begin()
    assert await tenants.revoke(tx, CALLER.tenant, "owner")
    await shop.database.commit(tx)


async def test_a_round_reads_every_message_there_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(extracting, "AT_ONCE", 1)
    async with workshop(tmp_path, more=READS) as shop:
        shop.model.will(say("I see."), say("So."))
        for said in ("I keep bees.", "I keep hens."):
            await shop.run(said, end_user="alice")
        shop.model.will(call(("note_facts", {"facts": []})), call(("note_facts", {"facts": []})))
        going, _ = await rounds(shop)
        await going.round()
        assert len(shop.model.bodies) == 4


async def test_a_tenant_that_is_revoked_while_its_messages_are_read_has_no_more_of_them_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(extracting, "AT_ONCE", 1)
    async with workshop(tmp_path, more=READS) as shop:
        shop.model.will(say("I see."), say("So."))
        for said in ("I keep bees.", "I keep hens."):
            await shop.run(said, end_user="alice")
        going, tenants = await rounds(shop)

        async def revoked() -> Turn:
            await revoke(shop, tenants)
            return call(("note_facts", {"facts": []}))

        shop.model.will(lambda _request: asyncio.ensure_future(revoked()))
        await going.round()
        assert len(shop.model.bodies) == 3
        await going.round()
        assert len(shop.model.bodies) == 3
