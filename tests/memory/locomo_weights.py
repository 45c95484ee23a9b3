"""The weights under which what answers questions stands before what does not: for `python -m tests.memory.locomo`.

Every question is a choice among its candidates (a multinomial logit: McFadden, 1974): the weights are those under
which evidence is chosen most likely, found by Newton's method. The problem is convex, so there is nothing to tune but
how strongly weights are held small.
"""

from collections.abc import Sequence
from typing import Any

from msgspec import Struct
from toolyard_memory.retrieval.ranking import WEIGHTS

HELD = 1e-3
"""How strongly weights are held small."""

STEPS = 20
HALVINGS = 20


class Rows(Struct, frozen=True):
    """The candidates of one question: the parts of their scores in the order of `WEIGHTS`, and which are evidence."""

    parts: list[list[float]]
    evidence: list[bool]


def fitted(questions: Sequence[Rows]) -> dict[str, float]:
    """Return the weights, divided by the sum of those above zero; parts that no candidate has weigh nothing."""
    import numpy as np  # noqa: PLC0415 - comes with Chroma and onnxruntime, and only this command needs it

    asked: list[tuple[Any, Any]] = [
        (np.array(one.parts), np.array(one.evidence) / sum(one.evidence)) for one in questions if any(one.evidence)
    ]

    def chances(weights: Any) -> tuple[float, list[Any]]:
        """Return how likely the evidence is, in logarithms, and how likely each candidate of each question."""
        likely, every = -HELD * float(weights @ weights), []
        for parts, evidence in asked:
            score = parts @ weights
            score -= score.max()
            chance = np.exp(score)
            total = chance.sum()
            likely += float(evidence @ score - np.log(total)) / len(asked)
            every.append(chance / total)
        return likely, every

    weights = np.zeros(len(WEIGHTS))
    likely, every = chances(weights)
    for _ in range(STEPS):
        slope = -2 * HELD * weights
        curve = 2 * HELD * np.eye(len(weights))
        for (parts, evidence), chance in zip(asked, every, strict=True):
            mean = chance @ parts
            slope += (evidence @ parts - mean) / len(asked)
            curve += ((parts.T * chance) @ parts - np.outer(mean, mean)) / len(asked)
        step = np.linalg.solve(curve, slope)
        for _ in range(HALVINGS):
            better, then = chances(weights + step)
            if better >= likely:
                weights, likely, every = weights + step, better, then
                break
            step = step / 2
    total = weights[weights > 0].sum()
    return {name: float(weight) for name, weight in zip(WEIGHTS, weights / total, strict=True)}
