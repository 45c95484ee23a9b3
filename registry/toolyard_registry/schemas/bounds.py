"""Compares what two schemas say of how large a value is: numbers, lengths, sizes, and what a text looks like; pure."""

from collections.abc import Mapping
from typing import Any

from msgspec import Struct

from toolyard_registry.schemas.facts import Facts, bound_of, is_number, sizes_of, types_of


class Problem(Struct, frozen=True):
    """Where a value of the first schema may not fit the second one, and why."""

    path: str
    reason: str


def least(facts: Facts, outer: Mapping[str, Any], path: str) -> list[Problem]:
    return _bounded(facts, outer, path, ("minimum", "exclusiveMinimum"), 1)


def most(facts: Facts, outer: Mapping[str, Any], path: str) -> list[Problem]:
    return _bounded(facts, outer, path, ("maximum", "exclusiveMaximum"), -1)


def step(facts: Facts, outer: Mapping[str, Any], path: str) -> list[Problem]:
    wanted = outer["multipleOf"]
    steps = [fact["multipleOf"] for fact in facts if "multipleOf" in fact]
    values = [fact["const"] for fact in facts if "const" in fact]
    whole = type(wanted) is int and wanted > 0
    if any(each == wanted or (whole and type(each) is int and each % wanted == 0) for each in steps):
        return []
    if whole and any(type(value) is int and value % wanted == 0 for value in values):
        return []
    if wanted == 1 and "number" not in types_of(facts):
        return []
    return [Problem(path, f"must be a multiple of {wanted}")]


def text(facts: Facts, outer: Mapping[str, Any], path: str) -> list[Problem]:
    found = []
    if "pattern" in outer and not any(fact.get("pattern") == outer["pattern"] for fact in facts):
        found.append(Problem(path, f"must match {str(outer['pattern'])[:80]}"))
    if "format" in outer and not any(fact.get("format") == outer["format"] for fact in facts):
        found.append(Problem(path, f"must be of the format {str(outer['format'])[:80]}"))
    return found


def size(facts: Facts, outer: Mapping[str, Any], path: str) -> list[Problem]:
    found = []
    types = types_of(facts)
    for unit, kind, of in (
        ("Length", "string", "characters"),
        ("Items", "array", "items"),
        ("Properties", "object", "names"),
    ):
        if kind not in types:
            continue
        least, most = outer.get(f"min{unit}", 0), outer.get(f"max{unit}")
        low, high = sizes_of(facts, unit)
        if low < least:
            found.append(Problem(path, f"needs at least {least} {of}"))
        if most is not None and (high is None or high > most):
            found.append(Problem(path, f"takes at most {most} {of}"))
    return found


def unique(facts: Facts, outer: Mapping[str, Any], path: str) -> list[Problem]:
    _, high = sizes_of(facts, "Items")
    if not outer["uniqueItems"] or (high is not None and high <= 1):
        return []
    met = any(fact.get("uniqueItems") is True for fact in facts)
    return [] if met else [Problem(path, "may not repeat an item")]


def _bounded(facts: Facts, outer: Mapping[str, Any], path: str, words: tuple[str, str], sign: int) -> list[Problem]:
    """Compare lower bounds (`sign` 1) or upper ones (-1)."""
    reach = [found for fact in facts if (found := bound_of(fact, words, sign)) is not None]
    reach += [(fact["const"] * sign, False) for fact in facts if is_number(fact.get("const"))]
    wanted = bound_of(outer, words, sign)
    if any(isinstance(outer.get(word), bool) for word in words):
        same = any(all(fact.get(word) == outer.get(word) for word in words) for fact in facts)
        return [] if same else [Problem(path, f"demands `{words[1]}` as a boolean, which is not compared")]
    if wanted is None or (reach and max(reach) >= wanted):
        return []
    kind = "at least" if sign > 0 else "at most"
    said = f"{'more than' if sign > 0 else 'less than'}" if wanted[1] else kind
    return [Problem(path, f"must be {said} {wanted[0] * sign}")]
