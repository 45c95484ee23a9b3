"""What a withdrawn release of a tool would hit: agents that hold it, their runs that called it, what came of these."""

from collections.abc import Iterator, Sequence
from typing import Any, Final

from msgspec import Struct
from sqlalchemy import Text, bindparam, exists, select
from toolyard_memory.facts.descent import descent
from toolyard_registry.catalogue.provenance import Edge, Node, Reached, reached
from toolyard_registry.catalogue.tables import METADATA
from toolyard_sdk.ids import show
from toolyard_sdk.ports import Database

from toolyard_runtime.store.tables import EVENT, RUN

AGENT_RELEASE = METADATA.tables["agent_release"]
TOOL_RELEASE = METADATA.tables["tool_release"]

MOST: Final = 10_000
"""Runs that are looked at, the newest first."""

_TENANT = bindparam("tenant", type_=Text())
_QUOTED = bindparam("quoted", type_=Text())
"""A digest as it stands in JSON, with a wildcard on both sides."""

_PINNED = select(TOOL_RELEASE.c.digest).where(
    TOOL_RELEASE.c.tenant == _TENANT,
    TOOL_RELEASE.c.name == bindparam("name", type_=Text()),
    TOOL_RELEASE.c.version == bindparam("version", type_=Text()),
)
"""Every release of this name and version: agents pin one version in more ways than one."""

_HOLDERS = select(AGENT_RELEASE.c.name, AGENT_RELEASE.c.digest).where(
    AGENT_RELEASE.c.tenant == _TENANT, AGENT_RELEASE.c.body.like(_QUOTED)
)
_STARTED = exists().where(
    EVENT.c.run == RUN.c.id,
    EVENT.c.head.like('{"event":"ToolStarted"%'),
    EVENT.c.head.like(_QUOTED),
)
_RUNS = (
    select(RUN.c.id, RUN.c.session, RUN.c.release, RUN.c.status, _STARTED)
    .where(RUN.c.tenant == _TENANT, RUN.c.release.in_(bindparam("agents", expanding=True)))
    .order_by(RUN.c.id.desc())
    .limit(bindparam("at_most"))
)


class Reach(Struct, frozen=True):
    """What a release reaches: everything that hangs on it, and of the runs those that are not over.

    `complete` is false when there are more runs, or facts, than were looked at. What is of other tenants is theirs.
    """

    reached: tuple[Reached, ...]
    open_runs: tuple[str, ...]
    complete: bool


async def reach_of(database: Database, tenant: str, name: str, version: str, *, facts: bool) -> Reach:
    """Return what a tenant's agents, runs and sessions owe to a release of a tool; with `facts`, its end users' memory.

    Of memory it is ids of what was put down in runs that called it, not the person's word alone, and what was derived
    from that, as far as it is still believed.
    """
    keys: dict[str, Any] = {"tenant": tenant, "name": name, "version": version}
    tool: Node = ("tool", f"{name}@{version}")
    edges: list[Edge] = []
    open_runs: list[str] = []
    called: set[bytes] = set()
    looked = 0
    for (pinned,) in await database.scan(_PINNED, keys):
        held = await database.scan(_HOLDERS, {"tenant": tenant, "quoted": f'%"{pinned}"%'})
        holders = {digest: f"{agent}@{digest}" for agent, digest in held}
        edges += [(tool, ("agent", holder)) for holder in holders.values()]
        if not holders:
            continue
        wanted = {"tenant": tenant, "agents": list(holders), "quoted": f'%"{pinned}"%', "at_most": MOST + 1}
        rows = await database.scan(_RUNS, wanted)
        looked = max(looked, len(rows))
        edges += _edges(rows[:MOST], holders)
        called |= {row[0] for row in rows[:MOST] if row[4]}
        open_runs += [show("run", row[0]) for row in rows[:MOST] if row[3] != "finished"]
    learnt = await descent(database, tenant, called if facts else ())
    edges += [(("run", show("run", run)), _fact(fact)) for run, fact in learnt.heard]
    edges += [(_fact(one), _fact(other)) for one, other in learnt.derived]
    found = reached(tool, edges, frozenset(map(_fact, learnt.past)))
    return Reach(found, tuple(sorted(set(open_runs))), looked <= MOST and learnt.complete)


def _fact(fact: bytes) -> Node:
    return "fact", show("fact", fact)


def _edges(rows: Sequence[tuple[Any, ...]], holders: dict[str, str]) -> Iterator[Edge]:
    """Yield the edges of runs that have called the release, or still may."""
    for run, session, release, status, called in rows:
        if not called and status == "finished":
            continue
        node: Node = ("run", show("run", run))
        yield ("agent", holders[release]), node
        yield node, ("session", show("session", session))
