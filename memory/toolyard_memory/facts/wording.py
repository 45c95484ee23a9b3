"""When two facts say the same, and which texts cannot be kept; pure, and knows no language but a little English.

Nothing here guesses at meaning. Facts that differ in a "not", a number, a tense or the order of their words say
different things. Two measures look past less than that. By its gist, past case, spacing, the end of a sentence,
articles, emphasis, and the subject named once more, a fact that is said again is known. By its outline, also past "is"
and "in" and an "s", facts are joined in consolidation, where somebody can look at the plan, and what was forgotten is
told from what is new.
"""

import hashlib
import re
import unicodedata
from typing import Final

MOST_TEXT: Final = 2_000
MOST_SUBJECT: Final = 200
MOST_ATTRIBUTE: Final = 100
MOST_AGENT: Final = 64

LIGHT: Final = frozenset({"a", "an", "the", "also", "just", "really", "very", "actually"})
"""Words without which a sentence says the same."""

LIGHTER: Final = frozenset({"is", "are", "am", "be", "in", "at", "on", "of"})
"""Words without which it says about the same: no "not", "was", "from", "for" or "with" is among them."""

STEM: Final = 3
"""Letters that are left of a word at least when its last "s" is looked past."""

_WORD = re.compile(r"\w+(?:['\u2019]\w+)*")
_END = ".!\u2026 "
_UNSEEN = frozenset({"Cc", "Cf", "Zl", "Zp", "Zs"})


def canonical(name: str) -> str:
    """Return the form in which subjects and attributes are compared and kept: NFKC, case folded, single spaces."""
    folded = unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", name).casefold())
    return " ".join(folded.split())


def normalised(text: str) -> str:
    """Return a text in its canonical form without the end of its sentence."""
    return canonical(text).rstrip(_END)


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


def outline(text: str, subject: str) -> tuple[str, ...]:
    """Return the words of a fact's gist, in order, without lighter ones and each without its last "s"."""
    words = list(gist(text, subject))
    if subject == "user" and words[0] == "i" and len(words) > 1:
        del words[0]
    kept = [word for word in words if word not in LIGHTER]
    return tuple(
        word[:-1] if len(word) > STEM and word.endswith("s") and not word.endswith("ss") else word
        for word in kept or words
    )


def digest(text: str, subject: str) -> bytes:
    """Return 16 bytes that are the same for texts of one gist (BLAKE2b)."""
    return hashlib.blake2b("\x1f".join(gist(text, subject)).encode(), digest_size=16).digest()


def says_nothing(text: str) -> bool:
    """Tell whether a text has no sign that a reader sees but spaces and the marks that end a sentence."""
    return all(sign in _END or unicodedata.category(sign) in _UNSEEN for sign in text)


def unstorable(text: str) -> str:
    """Say why a database cannot keep this text; "" when it can."""
    if "\x00" in text:
        return "holds a NUL character: leave it out"
    try:
        text.encode()
    except UnicodeEncodeError:
        return "holds half of a surrogate pair, which is no character: leave it out"
    return ""
