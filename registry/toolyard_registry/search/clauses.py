"""Cuts what somebody asks for into the steps it is made of; knows no tool."""

import re

_CUT = re.compile(
    r"[.?!;:]+(?=\s|\Z)|\n+|,\s+(?:and\s+|then\s+|or\s+)*|\s+(?:(?:and|then|after(?:wards)?|before|finally|next|also)\s+)+",
    re.IGNORECASE,
)
_WORD = re.compile(r"\w+")

FEWEST = 2
"""Words of a clause; what is shorter belongs to the one before it."""

MOST = 24
"""Clauses that are looked at: a long document is not a task of a thousand steps."""


def clauses(text: str) -> tuple[str, ...]:
    """Return the parts of a text between full stops, commas and conjunctions, in order; a short one joins the last."""
    found: list[str] = []
    for piece in _CUT.split(text):
        stripped = piece.strip()
        if not stripped:
            continue
        if found and len(_WORD.findall(stripped)) < FEWEST:
            found[-1] = f"{found[-1]} {stripped}"
        elif len(found) < MOST:
            found.append(stripped)
        else:
            break
    return tuple(found)
