"""What hangs on what: from a release to the agents that hold it, their runs and sessions; a graph, and no store.

Edges lead from what something was made of to what was made of it. Whoever knows of more that was made (facts learned
in a run) adds its edges, and the walk finds them.
"""

from collections.abc import Collection, Iterable
from typing import Any, Literal

from msgspec import Struct

NodeKind = Literal["tool", "agent", "run", "session", "fact"]
Node = tuple[NodeKind, str]
Edge = tuple[Node, Node]

MOST = 100
"""Names of one kind that are listed; all are counted."""


class Reached(Struct, frozen=True):
    """Things of one kind that hang on something: how many, and the first of them by name."""

    kind: NodeKind
    count: int
    names: tuple[str, ...]


def reached(start: Node, edges: Iterable[Edge], past: Collection[Node] = ()) -> tuple[Reached, ...]:
    """Return everything that hangs on `start`, directly or by what lies between, kind by kind in order of the edges.

    What is `past` is walked through and not told: what was made of it may still be there.
    """
    import networkx as nx  # noqa: PLC0415 - only this question needs it

    graph: Any = nx.DiGraph()
    graph.add_node(start)
    graph.add_edges_from(edges)
    found: dict[NodeKind, list[str]] = {}
    for kind, name in nx.descendants(graph, start):
        if (kind, name) not in past:
            found.setdefault(kind, []).append(name)
    order: tuple[NodeKind, ...] = ("tool", "agent", "run", "session", "fact")
    return tuple(Reached(kind, len(found[kind]), tuple(sorted(found[kind])[:MOST])) for kind in order if kind in found)
