"""A text as sentences of words that can be compared one by one, each with where it stands; judges nothing.

Every word is kept. Nothing is looked past but what cannot change a meaning: case, commas, the end of a sentence, and
whether "is not" is written "isn't". A number, a sign, and what is joined by a dot or a dash are one word, compared as
it stands.
"""

import re
import unicodedata
from collections.abc import Iterator, Sequence
from typing import Final

from msgspec import Struct

ENDS: Final = frozenset(".!?\u2026")
"""What may end a sentence."""

_WORD: Final = re.compile(r"\w+(?:['\u2019.,:/@&+\-]\w+)*|[.!?\u2026]+|\S")
_NOT: Final = {"can't": ("can", "not"), "won't": ("will", "not"), "cannot": ("can", "not"), "shan't": ("shall", "not")}
_SHORT: Final = {"'m": "be", "'re": "be", "'ve": "have", "'ll": "will"}
_WHO: Final = frozenset({"it", "he", "she", "that", "this", "there", "what", "who", "here"})
"""After these "'s" is "is"; after others it says whose something is."""
_FORMS: Final = {"am": "be", "is": "be", "are": "be", "has": "have", "does": "do", "were": "was"}
"""Words that are another one with another person."""


class Word(Struct, frozen=True):
    """A word as it is compared, and the characters of the text that it is, or is a part of."""

    said: str
    start: int
    stop: int


class Sentence(Struct, frozen=True):
    """Words without commas; `commas` are the places of words that stand after one, `end` is what it ends with."""

    words: tuple[Word, ...]
    commas: frozenset[int]
    end: str


def sentences(text: str) -> list[Sentence]:
    """Return a text's sentences; one ends where the next begins with no small letter."""
    found: list[Sentence] = []
    words: list[Word] = []
    commas: set[int] = set()
    for match in _WORD.finditer(text):
        written = match.group()
        if written == ",":
            commas.add(len(words))
        elif written[0] in ENDS and _ends(text, match.end()):
            found.append(Sentence(tuple(words), frozenset(commas), "?" if "?" in written else written[0]))
            words, commas = [], set()
        else:
            words += [Word(said, match.start(), match.end()) for said in _parts(written)]
    if words:
        found.append(Sentence(tuple(words), frozenset(commas), ""))
    return [sentence for sentence in found if sentence.words]


def plain(text: str) -> str:
    """Return the words of a text with single spaces around them: what one text repeats of another is found in it."""
    return " ".join(("", *re.findall(r"\w+", fold(text)), ""))


def fold(text: str) -> str:
    """Return a text as it is compared: composed (NFC) and without case; no digit or sign becomes another."""
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", text).casefold()).replace("\u2019", "'")


def said(words: Sequence[Word]) -> tuple[str, ...]:
    """Return words as they are compared."""
    return tuple(word.said for word in words)


def _ends(text: str, at: int) -> bool:
    rest = text[at : at + 100]
    return not rest or (rest[0].isspace() and not rest.lstrip()[:1].islower())


def _parts(written: str) -> Iterator[str]:
    """Give the words that a written one is: two of "don't"."""
    word = fold(written)
    if word in _NOT:
        yield from _NOT[word]
        return
    before, mark, after = word.rpartition("'")
    if mark and word.endswith("n't"):
        yield from (_FORMS.get(word[:-3], word[:-3]), "not")
    elif mark and mark + after in _SHORT:
        yield from (before, _SHORT[mark + after])
    elif mark and after == "s":
        yield from (before, "be" if before in _WHO else "'s")
    else:
        yield _FORMS.get(word, word)
