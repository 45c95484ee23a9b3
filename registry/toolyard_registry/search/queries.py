"""What somebody asks for becomes weighted terms; knows no tool and no index.

Paths, addresses and file names say what a tool is to work on and little of which one is meant. What is written for
short ("I'd", "doesn't") says nothing, though `d` may be a parameter. Words like those that were said count too, for
less.
"""

import re
from collections.abc import Mapping

from toolyard_registry.search.words import Words

PLACES = re.compile(r"https?://\S+|(?<!\w)[~.]?/(?:[\w.-]+/)*[\w.-]*|\b[\w-]+\.[a-z]\w{1,4}\b")
"""Addresses, paths and file names."""

PLACE = 0.3
"""What a term of one of them counts."""

SHORT = re.compile(r"\b\w+n['\u2019]t\b|(?<=\w)['\u2019](?:s|d|m|ll|re|ve)\b", re.IGNORECASE)
"""What is written for short, with either apostrophe."""

LIKE = 0.2
"""What a word counts that is like one that was said."""

LONGEST = 8_000
"""Characters of a request that are read."""


def query(text: str, words: Words, alike: Mapping[str, tuple[str, ...]]) -> dict[str, float]:
    """Return the terms of a text with their weights; one that is repeated counts the root of how often."""
    text = SHORT.sub(" ", text[:LONGEST])
    found = dict.fromkeys(words.terms(" ".join(PLACES.findall(text))), PLACE)
    for term in words.terms(PLACES.sub(" ", text)):
        found[term] = found.get(term, 0.0) + 1.0
    said = {term: count**0.5 for term, count in found.items()}
    like: dict[str, float] = {}
    for term, weight in said.items():
        for other in alike.get(term, ()):
            if other not in said:
                like[other] = max(like.get(other, 0.0), LIKE * weight)
    return said | like
