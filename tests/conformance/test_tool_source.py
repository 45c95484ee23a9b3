"""The ToolSource port: what every kind of source does alike. A new kind joins by one more entry in `KINDS`.

A kind says how to make, in an empty folder, a source that offers `it_add` (two required integers, `a` and `b`), and
one whose other end is not there.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
from msgspec import Struct
from toolyard_registry.sources.given import GivenSource
from toolyard_registry.sources.mcp.factory import mcp_source
from toolyard_sdk import tool
from toolyard_sdk.context import ToolContext
from toolyard_sdk.egress import CLOSED, Egress
from toolyard_sdk.errors import ArgumentsInvalid
from toolyard_sdk.ports import Supply, ToolSource

from tests.registry.sources.mcp.opened import Known, puppet
from tests.registry.sources.openapi import adding

SECONDS = 20.0


class Kind(Struct, frozen=True):
    """How to make a source that works and one that cannot, and the way out that calls of its tools are given."""

    working: Callable[[Path], ToolSource]
    broken: Callable[[Path], ToolSource]
    egress: Egress = CLOSED


@tool(name="it_add")
def add(a: int, b: int) -> int:
    """Add two numbers."""
    return a + b


def mcp(table: Mapping[str, Any]) -> Callable[[Path], ToolSource]:
    return lambda folder: mcp_source(name="it", settings=table, root=folder, egress=CLOSED, secrets=Known())


KINDS = {
    "given": Kind(
        lambda _: GivenSource("it", Supply((add,))), lambda _: GivenSource("it", Supply(problems=("it is away",)))
    ),
    "mcp 2026-07-28": Kind(mcp({"command": puppet("modern", "normal")}), mcp({"command": puppet("modern", "dies")})),
    "mcp 2025-11-25": Kind(mcp({"command": puppet("legacy", "normal")}), mcp({"url": "http://127.0.0.1:9/mcp"})),
    "openapi": Kind(adding.source, adding.missing, adding.Adding()),
}


class Watched:
    """A source, and how often it has said that it offers something else."""

    def __init__(self, source: ToolSource, egress: Egress) -> None:
        self.source = source
        self.egress = egress
        self.changes = 0

    def changed(self) -> None:
        """Count."""
        self.changes += 1

    async def open(self) -> None:
        """Open it."""
        async with asyncio.timeout(SECONDS):
            await self.source.open(self.changed)

    async def add(self, a: int, b: int) -> str:
        """Call its tool; what it says before the sum, in lines of its own, is the kind's."""
        (found,) = [each for each in self.source.supply.tools if each.spec.name == "it_add"]
        result = await found.call(b'{"a": %d, "b": %d}' % (a, b), ToolContext(egress=self.egress))
        return result.text.rpartition("\n")[2]


@pytest.fixture(params=KINDS)
def kind(request: pytest.FixtureRequest) -> Kind:
    return KINDS[request.param]


@pytest.fixture
async def working(kind: Kind, tmp_path: Path) -> AsyncIterator[Watched]:
    """Give an open source, and close it."""
    watched = Watched(kind.working(tmp_path), kind.egress)
    await watched.open()
    yield watched
    async with asyncio.timeout(SECONDS):
        await watched.source.close()


def test_a_source_says_where_its_tools_come_from_and_offers_nothing_before_it_is_open(
    kind: Kind, tmp_path: Path
) -> None:
    source = kind.working(tmp_path)
    assert source.origin.endswith(":it")
    assert source.supply == Supply()


async def test_an_open_source_offers_its_tools_which_describe_and_check_themselves(working: Watched) -> None:
    assert working.source.supply.problems == ()
    (found,) = [each for each in working.source.supply.tools if each.spec.name == "it_add"]
    assert found.spec.description
    assert set(found.spec.input_schema["properties"]) == {"a", "b"}
    found.check(b'{"a": 1, "b": 2}')
    with pytest.raises(ArgumentsInvalid, match="b"):
        found.check(b'{"a": 1, "b": "two"}')


async def test_its_tools_are_called_also_many_at_once(working: Watched) -> None:
    async with asyncio.timeout(SECONDS):
        assert await working.add(1, 2) == "3"
        assert await asyncio.gather(*(working.add(number, 1) for number in range(20))) == [
            str(number + 1) for number in range(20)
        ]


async def test_the_supply_is_the_same_object_until_it_is_another_and_every_other_one_is_told(working: Watched) -> None:
    before, told = working.source.supply, working.changes
    assert await working.add(1, 2) == "3"
    assert working.source.supply is before
    assert working.changes == told


async def test_a_source_whose_other_end_is_not_there_opens_with_a_problem_and_no_tools(
    kind: Kind, tmp_path: Path
) -> None:
    watched = Watched(kind.broken(tmp_path), kind.egress)
    await watched.open()
    assert watched.source.supply.tools == ()
    assert watched.source.supply.problems
    async with asyncio.timeout(SECONDS):
        await watched.source.close()


async def test_a_source_is_closed_before_it_was_open_and_more_than_once(kind: Kind, tmp_path: Path) -> None:
    watched = Watched(kind.working(tmp_path), kind.egress)
    async with asyncio.timeout(SECONDS):
        await watched.source.close()
        await watched.open()
        await watched.source.close()
        await watched.source.close()


async def test_what_a_closed_source_has_offered_fails_by_itself_or_still_works(kind: Kind, tmp_path: Path) -> None:
    watched = Watched(kind.working(tmp_path), kind.egress)
    await watched.open()
    async with asyncio.timeout(SECONDS):
        await watched.source.close()
        (outcome,) = await asyncio.gather(watched.add(1, 2), return_exceptions=True)
    assert outcome == "3" or isinstance(outcome, ConnectionRefusedError)
