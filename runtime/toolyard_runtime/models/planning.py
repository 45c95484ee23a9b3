"""Decides, by words alone, which tools the rehearsal model calls for a message and in which turn; knows no language.

A message is cut into clauses; each clause is given to the tool it shares most words with. A clause that needs what
another one finds out ("save the answer") waits for the next turn.
"""

import re
from typing import Any

from msgspec import Struct

from toolyard_runtime.models.filling import evidence

_STOP = frozenset(
    re.findall(
        r"\w+",
        """
        a about all an and any are as at be by can could do does for from get give had has have help how i if in into is
        it its just know let like me my need no not of on one only or our out please shall should so some tell that the
        their them then there these they this those to tool up us use used want was we what when where which who will
        with would you your
        """,
    )
)
_ALIKE = {
    "save": "write",
    "store": "write",
    "note": "write",
    "put": "write",
    "create": "write",
    "open": "read",
    "show": "read",
    "contents": "content",
    "times": "calculate",
    "plus": "calculate",
    "minus": "calculate",
    "divided": "calculate",
    "multiply": "calculate",
    "multiplied": "calculate",
    "percent": "calculate",
    "sum": "calculate",
    "compute": "calculate",
    "arithmetic": "calculate",
    "calculation": "calculate",
    "after": "add",
    "ago": "add",
    "long": "between",
    "look": "search",
    "find": "search",
    "clock": "time",
    "hour": "time",
    "now": "time",
    "erase": "delete",
    "remove": "delete",
}
_SUMS = re.compile(r"\d\s*(?:[-+*/^\u00d7\u00f7]|\*\*)\s*[(\d]|\d\s*%|\bsqrt\b|√")
_DATES = re.compile(r"\d{4}-\d\d-\d\d")
_CLAUSE = re.compile(
    r"(?:[,;]\s+(?:and\s+)?(?:then\s+)?|[.?!]+(?:\s+|\Z)|\s*\n+\s*|\s+and\s+then\s+|\s+then\s+|\s+and\s+)",
    re.IGNORECASE,
)
_LATER = re.compile(
    r"\b(?:the|that|this|these|those|all|both) (?:answer|result|output|value|number|sum|total)s?\b"
    r"|\b(?:save|write|store|send|put|note|post|mail|append)\s+(?:it|them|that|this|both|all|everything)\b",
    re.IGNORECASE,
)
_FRAGMENT = re.compile(r"(?:in|for|at|of|from|to)\s+\S+", re.IGNORECASE)
_QUOTED = re.compile(r"\"[^\"]*\"|'(?=\S)[^']*'(?!\w)|“[^”]*”|`[^`]*`")
_ENOUGH = 1.0


class Wish(Struct, frozen=True):
    """A clause of the message and the tool (a function object as in a request) that answers to it."""

    tool: dict[str, Any]
    clause: str


def plan(text: str, tools: list[dict[str, Any]]) -> tuple[tuple[Wish, ...], ...]:
    """Return what to call turn by turn; empty when no tool shares enough words with the message."""
    vocabulary = {tool["name"]: _vocabulary(tool) for tool in tools}
    wishes: list[tuple[int, Wish]] = []
    for clause, begins_later in _clauses(text):
        tool = _best(clause, tools, vocabulary)
        if tool is not None:
            last = max((stage for stage, _ in wishes), default=-1)
            later = wishes and (begins_later or _LATER.search(clause))
            wishes.append((last + 1 if later else 0, Wish(tool, clause)))
        elif wishes:
            stage, before = wishes[-1]
            if _FRAGMENT.fullmatch(clause):  # "the time in Oslo and in Tokyo" is two wishes
                wishes.append((stage, Wish(before.tool, clause)))
            else:
                wishes[-1] = (stage, Wish(before.tool, f"{before.clause} and {clause}"))
    last = max((stage for stage, _ in wishes), default=-1)
    return tuple(tuple(wish for stage, wish in wishes if stage == turn) for turn in range(last + 1))


def words(text: str) -> list[str]:
    """Return the telling words of a text in lower case, plurals and synonyms made alike."""
    found = []
    for word in re.findall(r"[a-zA-Z]+", re.sub(r"(?<=[a-z])(?=[A-Z])", " ", text)):
        plain = word.lower()
        plain = _ALIKE.get(plain, plain)
        if plain not in _STOP:
            found.append(plain[:-1] if plain.endswith("s") and not plain.endswith("ss") and len(plain) > 3 else plain)  # noqa: PLR2004 - "is", "gas"
    return found


def _clauses(text: str) -> list[tuple[str, bool]]:
    """Cut a text into clauses, quotations kept whole; the flag says that a clause begins with "then"."""
    kept: list[str] = []

    def hide(match: re.Match[str]) -> str:
        kept.append(match.group())
        return f"\x00{len(kept) - 1}\x00"

    hidden = _QUOTED.sub(hide, text)
    clauses, at, later = [], 0, False
    for cut in [*_CLAUSE.finditer(hidden), None]:
        piece = hidden[at : cut.start() if cut else len(hidden)].strip(" \t\n.?!,;")
        if piece:
            shown = re.sub(r"\x00(\d+)\x00", lambda match: kept[int(match.group(1))], piece)
            begins = re.match(r"(?:and\s+)?(?:then|afterwards|finally|after that)\s+", shown, re.IGNORECASE)
            clauses.append((shown[begins.end() :] if begins else shown, later or begins is not None))
        if cut:
            later = "then" in cut.group().lower()
            at = cut.end()
    return clauses


def _vocabulary(tool: dict[str, Any]) -> dict[str, float]:
    """Return the tool's words and their weights: its name says most, its first sentence more than the rest."""
    weights: dict[str, float] = {}
    description = str(tool.get("description") or "")
    first, _, rest = description.partition(".")
    parameters = tool.get("parameters")
    properties = parameters.get("properties") if isinstance(parameters, dict) else None
    names = " ".join(properties) if isinstance(properties, dict) else ""
    for text, weight in ((rest, 0.4), (names, 0.6), (first, 1.0), (str(tool["name"]).replace("_", " "), 3.0)):
        for word in words(text):
            weights[word] = max(weight, weights.get(word, 0.0))
    return weights


def _best(clause: str, tools: list[dict[str, Any]], vocabulary: dict[str, dict[str, float]]) -> dict[str, Any] | None:
    """Return the tool with the most shared weight; a word that many tools use counts for less."""
    wanted = set(words(_QUOTED.sub(" ", clause)))
    sums = bool(_SUMS.search(_DATES.sub(" ", clause)))
    best: tuple[float, str] = (0.0, "")
    chosen = None
    for tool in sorted(tools, key=lambda tool: str(tool["name"])):
        weights = vocabulary[tool["name"]]
        score = 0.0
        for word in sorted(wanted & weights.keys()):
            score += weights[word] / min(2, sum(word in others for others in vocabulary.values()))
        if sums and {"expression", "calculate"} & weights.keys():
            score += 3.0
        parameters = tool.get("parameters")
        score += evidence(parameters, clause) if isinstance(parameters, dict) else 0.0
        if score >= _ENOUGH and score > best[0]:
            best, chosen = (score, tool["name"]), tool
    return chosen
