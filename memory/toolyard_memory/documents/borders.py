"""Where a text may be cut, and how well: between paragraphs, items, sentences, lines, words, graphemes; pure.

Graphemes are those of Unicode Standard Annex 29 as far as the tables of the standard library tell them: marks stay on
their letters, joined and modified emoji, flags and Hangul syllables stay whole.
"""

import re
import unicodedata
from bisect import bisect_right
from collections.abc import Sequence

PARAGRAPH, ITEM, SENTENCE, LINE, WORD = 5, 4, 3, 2, 1
"""How good a place to cut is: the higher, the more of what belongs together stays so."""

_PARAGRAPH = re.compile(r"\n\n++")
_ITEM = re.compile(r"\n(?=[ \t]*(?:[-*+•|] ?|\d{1,3}[.)] )\S)")
_SENTENCE = re.compile(r"(?<!\n\d)(?<!\n\d\d)[.!?…][\"'”’»)\]]{0,3}\s++(?![a-z])|[。！？][」』”’）]{0,2}\s*+")  # noqa: RUF001 - sentences end so, too
_LINE = re.compile(r"\n++")
_WORD = re.compile(r"\s++")

_JOINER = "\u200d"
_VOWEL_SIGNS = "\u0e33\u0eb3"
"""Thai and Lao vowels that stand with the letter before them, and are letters to the tables."""

_MARKS = frozenset({"Mn", "Me", "Mc"})
_MODIFIERS = ("\U0001f3fb", "\U0001f3ff")
_FLAGS = ("\U0001f1e6", "\U0001f1ff")
_LEADING, _VOWELS, _TRAILING = ("\u1100", "\u115f"), ("\u1160", "\u11a7"), ("\u11a8", "\u11ff")
_SYLLABLES = ("\uac00", "\ud7a3")
_KINDS = 28
"""Hangul syllables with one beginning and one vowel: the first of them has no end, and takes one."""


def borders(text: str, start: int, stop: int, whole: Sequence[tuple[int, int]]) -> dict[int, int]:
    """Return the places within (start, stop) where `text` may be cut, each with how good it is; none splits a word.

    Within the spans `whole`, which are in order and do not overlap, there are only lines to cut between.
    """
    found: dict[int, int] = {}
    for pattern, good in ((_PARAGRAPH, PARAGRAPH), (_ITEM, ITEM), (_SENTENCE, SENTENCE)):
        for match in pattern.finditer(text, start, stop):
            found.setdefault(match.end(), good)
    begins = [begin for begin, _ in whole]
    for at in list(found):
        n = bisect_right(begins, at) - 1
        if n >= 0 and whole[n][0] < at < whole[n][1]:
            del found[at]
    for begin, end in whole[max(bisect_right(begins, start) - 1, 0) : bisect_right(begins, stop)]:
        for match in _LINE.finditer(text, max(begin, start), min(end, stop)):
            found.setdefault(match.end(), LINE)
    return {at: good for at, good in found.items() if start < at < stop and not splits(text, at)}


def words(text: str, start: int, stop: int) -> dict[int, int]:
    """Return the places between words within (start, stop)."""
    ends = (match.end() for match in _WORD.finditer(text, start, stop))
    return {at: WORD for at in ends if start < at < stop and not splits(text, at)}


def splits(text: str, at: int) -> bool:
    """Tell whether a cut before the character at `at` would go through what is read as one."""
    if not 0 < at < len(text):
        return False
    before, after = text[at - 1], text[at]
    if before.isascii() and after.isascii():
        return before == "\r" and after == "\n"
    if before == "\n":
        return False
    return (
        _JOINER in (before, after)
        or unicodedata.category(after) in _MARKS
        or after in _VOWEL_SIGNS
        or _within(after, _MODIFIERS)
        or (_within(after, _FLAGS) and _flags_before(text, at) % 2 == 1)
        or _in_syllable(before, after)
    )


def _flags_before(text: str, at: int) -> int:
    """Count the letters of flags right before a place: two of them are one flag."""
    begin = at
    while begin > 0 and _within(text[begin - 1], _FLAGS):
        begin -= 1
    return at - begin


def _in_syllable(before: str, after: str) -> bool:
    if _within(before, _LEADING):
        return _within(after, _LEADING) or _within(after, _VOWELS) or _within(after, _SYLLABLES)
    open_syllable = _within(before, _SYLLABLES) and (ord(before) - ord(_SYLLABLES[0])) % _KINDS == 0
    if open_syllable or _within(before, _VOWELS):
        return _within(after, _VOWELS) or _within(after, _TRAILING)
    return (_within(before, _SYLLABLES) or _within(before, _TRAILING)) and _within(after, _TRAILING)


def _within(character: str, bounds: tuple[str, str]) -> bool:
    return bounds[0] <= character <= bounds[1]
