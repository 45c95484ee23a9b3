"""What a question asks for: its words, whose words, which days, and of what kind; pure, and knows no index.

Passages are taken apart here in the same way, so that both speak of the same words.
"""

import re
import unicodedata
from collections.abc import Iterable
from typing import Final

from msgspec import Struct

from toolyard_memory.graph.dates import dates_in
from toolyard_memory.graph.words import fold, stem

MOST_WORDS: Final = 12
"""Words of a question that are looked for, the longest ones first: what is beyond is a text and no question."""

LOOKED_AT: Final = 4_000
"""Characters of a question or passage that are looked at."""

LONGEST: Final = 64
"""Characters above which a word is a digest or a key: looked for by its beginning it would find nothing."""

_SILENT: Final = """
a about am an and any are as at be because been being but by can could d did do does doing for from get had has
have having he her hers him his how i if in into is it its ll m me might more most my no not of on or our ours re s
shall she should so some such t than that the their theirs them then there these they this those to too us ve was
we were what when where which while who whom whose why will with would you your yours
"""

HEAD: Final = 2
"""Letters at the beginning of a word that its stem has too."""

SILENT: Final = frozenset(_SILENT.split())
"""Words of a question that say nothing of its answer: looked for only where there are no others."""

_WORD: Final = re.compile(r"[^\W_]+")
_POSSESSIVE: Final = re.compile(r"'s\b")
_WHEN: Final = re.compile(r"\bwhen\b|\b(?:what|which) (?:date|day|month|year|time)\b|\bhow (?:long|recently)\b")
_ME: Final = frozenset({"i", "me", "my", "mine", "we", "our"})
_ANSWERS: Final = re.compile(
    r"""
    \bdid\ you\b
    |\byou(?:'ve|\ have|\ had)?\ (?:said|told|answered|recommended|suggested|advised|proposed|promised|mentioned
      |explained|wrote|gave)\b
    |\byour\ (?:last\ |first\ |earlier\ )?(?:answer|advice|recommendation|suggestion|proposal|reply|explanation
      |word)s?\b
    """,
    re.VERBOSE,
)
"""What asks for something that was answered: not "can you tell me", which asks for anything."""


class Question(Struct, frozen=True):
    """A question taken apart. `words` are as they were written, folded; `roots` their stems, in the same order.

    `days` are the dates it names (`2026-05-03`, `2026-05`, `2026`, `--05`); `named` are all of its words, for who is
    meant. `of_answers` is whether it asks for what was answered ("what did you recommend?").
    """

    words: tuple[str, ...] = ()
    roots: tuple[str, ...] = ()
    days: tuple[str, ...] = ()
    named: frozenset[str] = frozenset()
    when: bool = False
    of_answers: bool = False

    @property
    def of_me(self) -> bool:
        """Whether it asks for what the asking person said or is, and not for what was answered."""
        return not _ME.isdisjoint(self.named) and not self.of_answers


def plain(text: str) -> str:
    """Return a text as words are compared: folded, and without accents, as both full-text indexes have it."""
    if text.isascii():
        return text.lower()
    apart = unicodedata.normalize("NFKD", fold(text))
    return "".join(letter for letter in apart if not unicodedata.combining(letter))


def words_of(lower: str) -> list[str]:
    """Return the words of a `plain` text in order: runs of letters and digits."""
    return _WORD.findall(_POSSESSIVE.sub("", lower) if "'s" in lower else lower)


class Roots:
    """Counts the stems that a question has in other texts. No word of a text is stemmed that cannot be one of them."""

    __slots__ = ("_heads", "_known", "_wanted")

    def __init__(self, wanted: Iterable[str]) -> None:
        self._wanted = frozenset(wanted)
        self._heads = {root[:HEAD] for root in self._wanted}
        self._known: dict[str, str] = {}

    def count(self, words: Iterable[str]) -> dict[str, int]:
        """Return how often each stem is among the words."""
        found: dict[str, int] = {}
        heads, known = self._heads, self._known
        for word in words:
            if word[:HEAD] in heads:
                root = known.get(word)
                if root is None:
                    root = known[word] = stem(word)
                if root in self._wanted:
                    found[root] = found.get(root, 0) + 1
        return found


def understand(text: str, now: int) -> Question:
    """Take a question apart; `now` is when it is asked (UTC microseconds), for "last week". Never raises."""
    text = text[:LOOKED_AT]
    lower = plain(text)
    every = words_of(lower)
    wanted = [word for word in every if word not in SILENT and len(word) <= LONGEST]
    by_root: dict[str, str] = {}
    for word in wanted or [word for word in every if len(word) <= LONGEST]:
        by_root.setdefault(stem(word), word)
    if len(by_root) > MOST_WORDS:
        longest = sorted(by_root, key=lambda root: -len(by_root[root]))[:MOST_WORDS]
        by_root = {root: word for root, word in by_root.items() if root in set(longest)}
    return Question(
        words=tuple(by_root.values()),
        roots=tuple(by_root),
        days=tuple(dict.fromkeys(dated.names[0] for dated in dates_in(text, now))),
        named=frozenset(every),
        when=_WHEN.search(lower) is not None,
        of_answers=_ANSWERS.search(lower) is not None,
    )
