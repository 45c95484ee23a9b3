"""When two texts say the same, and which texts are too long to keep; pure, and knows no language but English articles.

Nothing here guesses at meaning. Facts that differ in a "not", a number, a tense or the order of their words say
different things, so sameness goes no further than case, spacing, the end of the sentence, articles and emphasis.
"""

import hashlib
import re
import unicodedata
from typing import Final

MOST_TEXT: Final = 2_000
MOST_SUBJECT: Final = 200
MOST_ATTRIBUTE: Final = 100

LIGHT: Final = frozenset({"a", "an", "the", "also", "just", "really", "very", "actually"})
"""Words without which a sentence says the same; a preposition or an auxiliary is none of them."""

_WORD = re.compile(r"\w+(?:['\u2019]\w+)*")
_END = ".!\u2026 "


def canonical(name: str) -> str:
    """Return the form in which subjects and attributes are compared and kept: NFKC, case folded, single spaces."""
    folded = unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", name).casefold())
    return " ".join(folded.split())


def normalised(text: str) -> str:
    """Return a text in its canonical form without the end of its sentence."""
    return canonical(text).rstrip(_END)


def digest(text: str) -> bytes:
    """Return 16 bytes that are the same for texts which are the same once normalised (BLAKE2b)."""
    return hashlib.blake2b(normalised(text).encode(), digest_size=16).digest()


def gist(text: str, subject: str) -> tuple[str, ...]:
    """Return the words of a fact, in order, without light ones and without naming its subject first.

    `subject` is canonical. A text of nothing else is its own gist.
    """
    words = [word.replace("\u2019", "'").removesuffix("'s") for word in _WORD.findall(canonical(text))]
    kept = [word for word in words if word not in LIGHT]
    named = subject.split()
    if named and kept[: len(named)] == named:
        kept = kept[len(named) :]
    return tuple(kept) or (normalised(text),)


def unstorable(text: str) -> str:
    """Say why a database cannot keep this text; "" when it can."""
    if "\x00" in text:
        return "holds a NUL character: leave it out"
    try:
        text.encode()
    except UnicodeEncodeError:
        return "holds half of a surrogate pair, which is no character: leave it out"
    return ""
