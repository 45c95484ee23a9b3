"""Personalised PageRank over a neighbourhood: which passages are near those that matched; pure, and knows no SQL.

The neighbourhood becomes a networkx graph of passages and entities, in which what many passages speak of weighs little
and passages that follow one another in a session are joined. networkx's own `pagerank` needs scipy, which is no part
of the installation: the walk is the power iteration of Page, Brin, Motwani and Winograd (1998), section 2.6, with a
restart at the seeds.
"""

from collections.abc import Mapping
from itertools import pairwise
from typing import TYPE_CHECKING, Final

from toolyard_memory.graph.neighbourhood import Near, Neighbourhood

if TYPE_CHECKING:
    import networkx as nx

RESTART: Final = 0.4
"""How likely a step of the walk begins again at the seeds: high, because what is far is seldom meant."""

NEXT_TO: Final = 0.15
"""The weight of two passages that follow one another, where a passage's only mention of a name weighs 1."""

CLOSE: Final = 1e-3
"""The walk ends when less of it than this goes elsewhere in another step."""


def project(neighbourhood: Neighbourhood) -> "nx.Graph[bytes]":
    """Return the neighbourhood as a networkx graph: nodes are ids, every edge has a `weight`."""
    import networkx as nx  # noqa: PLC0415 - a quarter of a second, which only a server with memory spends

    graph: nx.Graph[bytes] = nx.Graph()
    graph.add_nodes_from(near.id for near in neighbourhood.passages)
    weight = {one.id: 1.0 / one.mentions for one in neighbourhood.entities if one.mentions}
    graph.add_weighted_edges_from((entity, passage, weight[entity]) for entity, passage in neighbourhood.mentions)
    for edge in neighbourhood.edges:
        graph.add_edge(edge.source, edge.target, weight=min(weight[edge.source], weight[edge.target]))
    graph.add_weighted_edges_from((one, other, NEXT_TO) for one, other in _neighbours(neighbourhood.passages))
    return graph


def _neighbours(passages: tuple[Near, ...]) -> list[tuple[bytes, bytes]]:
    """Return the pairs of passages that follow one another in a session."""
    places = sorted((near.session, near.position, near.id) for near in passages if near.session is not None)
    return [(a[2], b[2]) for a, b in pairwise(places) if a[0] == b[0] and 0 <= b[1] - a[1] <= 1]


def spread(
    neighbourhood: Neighbourhood, seeds: Mapping[bytes, float], *, restart: float = RESTART
) -> dict[bytes, float]:
    """Return how likely the walk is at each passage, summing to at most 1; `seeds` weighs passages and entities.

    Seeds that are not in the neighbourhood are left out; without any that is, nothing is near anything: {}.
    """
    graph = project(neighbourhood)
    start = {id_: score for id_, score in seeds.items() if score > 0 and id_ in graph}
    total = sum(start.values())
    if not total:
        return {}
    place = {id_: index for index, id_ in enumerate(graph)}
    to: list[list[tuple[int, float]]] = []
    for _, beside in graph.adjacency():
        out = sum(data["weight"] for data in beside.values())
        to.append([(place[id_], (1 - restart) * data["weight"] / out) for id_, data in beside.items()])
    home = {place[id_]: score / total for id_, score in start.items()}
    walk = {index: restart * score for index, score in home.items()}
    gone = dict(walk)
    while sum(gone.values()) > CLOSE:
        step: dict[int, float] = {}
        for index, mass in gone.items():
            for other, share in to[index]:
                step[other] = step.get(other, 0.0) + mass * share
        gone = step
        for index, mass in step.items():
            walk[index] = walk.get(index, 0.0) + mass
    passages = {near.id for near in neighbourhood.passages}
    return {id_: walk[index] for id_, index in place.items() if id_ in passages and index in walk}
