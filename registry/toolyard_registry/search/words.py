"""Text becomes terms: names are taken apart, words stemmed, the most ordinary ones dropped; knows no tool and no index.

The stems are those of the Snowball project's English stemmer (Porter 2). What is not written in an alphabet with
spaces between words (Chinese, Japanese, Korean) becomes pairs of neighbouring characters, the usual way to search it.
"""

import re
from collections.abc import Iterator
from itertools import pairwise

KEPT = 50_000
"""How many words' stems are remembered: a language's worth, and a bound for made-up ones."""

LONGEST = 40
"""Characters of a word that count: what is longer is no word."""

STOP = frozenset(
    re.findall(
        r"\w+",
        """
        a about above after again against all also am an and any are as at be because been before being below between
        both but by can cannot could did do does doing down during each either else etc ever every few for from further
        had has have having he her here hers him his how i if in into is it its itself just let lets like may me might
        mine more most must my myself need needs neither no nor not now of off on once only onto or other others our
        ours out over own per please s same shall she should since so some such t than that the their theirs them then
        there these they this those through to too under until up upon us use used uses using very via want wants was we
        well were what when where whether which while who whom whose why will with within without would yes yet you your
        yours e g ie eg tool tools function functions
        """,
    )
)
"""Words that say nothing about which tool is meant."""

_HUMP = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])")
_WORD = re.compile(r"[^\W\d_]+|\d+")
_UNSPACED = re.compile(r"[\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uac00-\ud7af]+")


class Words:
    """Takes texts apart; one instance remembers the stems it has made."""

    def __init__(self) -> None:
        from snowballstemmer import stemmer  # type: ignore[import-untyped]  # noqa: PLC0415 - it ships no types; who searches nothing does not load it

        self._stem = stemmer("english").stemWord
        self._stems: dict[str, str] = {}

    def terms(self, text: str) -> list[str]:
        """Return the terms of a text in order: `getUserName` and `get_user_names` give the same."""
        return [term for term in self._all(text) if term]

    def _all(self, text: str) -> Iterator[str]:
        for word in _WORD.findall(_HUMP.sub(" ", text)):
            if word.isascii():
                yield self._term(word.lower())
            elif _UNSPACED.search(word):
                yield from _pairs(word)
            else:
                yield self._term(word.casefold())

    def _term(self, word: str) -> str:
        """Return a word's stem; "" for one that is dropped."""
        stem = self._stems.get(word)
        if stem is None:
            if len(self._stems) >= KEPT:
                self._stems.clear()
            stem = self._stems[word] = "" if word in STOP or len(word) > LONGEST else self._stem(word)
        return stem


def _pairs(word: str) -> Iterator[str]:
    """Yield each two neighbours; a character that stands alone is a word by itself."""
    if len(word) == 1:
        yield word
    for first, second in pairwise(word):
        yield first + second
