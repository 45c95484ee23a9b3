"""Puts scores of several kinds together; pure, and knows neither what was scored nor how.

Scores are brought to the range 0 to 1 by their smallest and largest value and then added: unlike fusion by ranks, that
keeps how far one is ahead of the next.
"""

from collections.abc import Iterable, Mapping


def scaled(scores: Mapping[str, float]) -> dict[str, float]:
    """Return scores brought to 0..1: the smallest becomes 0, unless all are equal, the largest 1."""
    if not scores:
        return {}
    low, high = min(scores.values()), max(scores.values())
    if high <= low:
        return dict.fromkeys(scores, 1.0)
    return {key: (score - low) / (high - low) for key, score in scores.items()}


def fused(parts: Iterable[tuple[Mapping[str, float], float]]) -> dict[str, float]:
    """Return the weighted sum of scores brought to 0..1; who is missing in a part has 0 there."""
    total: dict[str, float] = {}
    for scores, weight in parts:
        for key, score in scaled(scores).items():
            total[key] = total.get(key, 0.0) + weight * score
    return total


def ranked(scores: Mapping[str, float], limit: int | None = None) -> tuple[tuple[str, float], ...]:
    """Return (key, score), best first, equal ones by key; at most `limit`."""
    order = sorted(scores.items(), key=lambda pair: (-pair[1], pair[0]))
    return tuple(order if limit is None else order[:limit])
