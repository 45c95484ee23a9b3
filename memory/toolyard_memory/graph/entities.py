"""What a text speaks of, found without a model: names, titles, addresses, dates, numbers and words that say something.

Pure, and in any language: what is known of English (and the empty words of some more) only makes it better. The same
thing has the same name wherever it is spoken of, as a name in one text and at the head of a sentence in another.
"""

import hashlib
import re
import unicodedata
from collections.abc import Callable
from typing import Final, Literal

from msgspec import Struct

from toolyard_memory.graph.dates import dates_in
from toolyard_memory.graph.words import EMPTY, SHORTEST, canonical, fold, stem

EntityKind = Literal["speaker", "name", "title", "address", "date", "number", "word"]

MOST: Final = 16
"""Entities that one passage can mention: what is beyond costs more than it joins."""

LOOKED_AT: Final = 20_000
"""Characters of a text that are looked at."""

LONGEST_NAME: Final = 6
"""Words that a name or title can have."""

LONGEST_WORD: Final = 40
"""Characters above which a word is a digest, a key or noise."""

_RANK: Final = {"speaker": 0, "name": 1, "title": 2, "address": 3, "date": 4, "number": 5, "word": 6}
_JOINING: Final = frozenset(
    {"of", "de", "del", "della", "di", "da", "du", "la", "van", "von", "der", "den", "ter", "al"}
)
_ALWAYS_CAPITAL: Final = frozenset({"i", "i'd", "i'll", "i'm", "i've"})
_OPENING: Final = frozenset({"new"})
"""Empty words that are capitals at the head of a sentence because a place begins with them."""
_UNITS: Final = {
    **dict.fromkeys(("km", "kilometer", "kilometre", "kilometers", "kilometres"), "km"),
    **dict.fromkeys(("mi", "mile", "miles"), "mi"),
    **dict.fromkeys(("m", "meter", "metre", "meters", "metres"), "m"),
    **dict.fromkeys(("kg", "kilo", "kilos", "kilogram", "kilograms"), "kg"),
    **dict.fromkeys(("lb", "lbs", "pound", "pounds"), "lb"),
    **dict.fromkeys(("h", "hr", "hrs", "hour", "hours"), "h"),
    **dict.fromkeys(("min", "mins", "minute", "minutes"), "min"),
    **dict.fromkeys(("percent", "per cent"), "%"),
    **dict.fromkeys(("dollar", "dollars", "usd"), "$"),
    **dict.fromkeys(("euro", "euros", "eur"), "\u20ac"),
}
_MARKS: Final = {"%": "%", "$": "$", "\u20ac": "\u20ac", "\u00a3": "\u00a3", "\u00a5": "\u00a5"}

_QUOTED: Final = (
    *(('"', '"'), ("\u201c", "\u201d"), ("\u00ab", "\u00bb"), ("\u201e", "\u201c\u201d")),
    *(("\u300a", "\u300b"), ("\u300c", "\u300d"), ("\u300e", "\u300f")),
)
_WORD: Final = r"\w+(?:['\u2019&.-]\w+)*"
_SCAN: Final = re.compile(
    rf"""
    (?P<mail>[\w.+-]{{1,64}}@[\w-]{{1,63}}(?:\.[\w-]{{1,63}}){{1,4}})
    |(?P<handle>(?<![\w@])@\w[\w.-]{{0,38}}\w)
    |(?P<title>{"|".join(f"{a}[^{z}{chr(92)}n]{{1,80}}[{z}]" for a, z in _QUOTED)})
    |(?P<number>(?P<before>[$\u20ac\u00a3\u00a5])?\b\d{{1,12}}(?:[.,]\d{{1,6}}){{0,4}}
      (?:(?P<after>\ ?[%$\u20ac\u00a3\u00a5]|\ [^\W\d_]{{1,10}}\b|(?:km|kg|lbs?|mi|hrs?|h|mins?|m)\b)|(?![\w-])))
    |(?P<word>{_WORD})
    |(?P<end>[.!?\u2026:;\n\u3002\uff01\uff1f]+|[-*\u2022]\ )
    """,
    re.VERBOSE,
)
_SCRIPTS: Final = re.compile(
    r"(?P<kana>[\u30a0-\u30ff]{2,})|(?P<han>[\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\u3005]+)|(?P<hangul>[\uac00-\ud7af]{2,})"
)
_UNSPACED: Final = re.compile(r"[\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff\uac00-\ud7af]")
_PARTICLES: Final = frozenset("\uc740\ub294\uc774\uac00\uc744\ub97c\uc5d0\uc758\ub3c4\ub85c")
"""What Korean hangs onto a noun."""

LONGEST_HAN: Final = 4
"""Characters up to which a run of Han is taken for one word; a longer one is taken in pairs."""


class Named(Struct, frozen=True):
    """Something a text speaks of: `name` is its canonical form, `shown` how it is written there."""

    name: str
    shown: str
    kind: EntityKind


def entity_id(scope: str, name: str) -> bytes:
    """Return the 16 bytes that stand for a canonical name in one owner's memory (`Owner.scope`), and in no other's."""
    return hashlib.blake2b(name.encode(), digest_size=16, key=scope.encode()).digest()


class _Finding:
    """What has been found so far in one text, most telling kind first."""

    __slots__ = ("counts", "found", "known", "pending")

    def __init__(self) -> None:
        self.found: dict[str, Named] = {}
        self.counts: dict[str, int] = {}
        self.known: set[str] = set()
        self.pending: list[str] = []

    def add(self, name: str, shown: str, kind: EntityKind) -> None:
        if not name or len(name) > LONGEST_WORD * LONGEST_NAME:
            return
        self.counts[name] = self.counts.get(name, 0) + 1
        there = self.found.get(name)
        if there is None or _RANK[kind] < _RANK[there.kind]:
            self.found[name] = Named(name, shown, kind)

    def word(self, written: str, kind: EntityKind = "word") -> None:
        """Add one word unless it is empty."""
        folded = fold(written).removesuffix("'s")
        if folded in EMPTY or not (SHORTEST if folded.isascii() else 2) <= len(folded) <= LONGEST_WORD:
            return
        if kind == "word" and folded.endswith("ly") and len(folded) > SHORTEST + 2:
            return
        if "-" in folded and kind == "word":
            for part in folded.split("-"):
                self.word(part)
            return
        self.add(stem(folded), written, kind)

    def name(self, parts: list[str], *, opens: bool) -> None:
        """Add a sequence of capitalised words; one alone that opens a sentence says nothing by being capitalised."""
        while parts and parts[-1] in _JOINING:
            parts.pop()
        if not parts:
            return
        if len(parts) == 1 and opens:
            self.pending.append(parts[0])
            return
        plain = [_bare(part) for part in parts]
        if 1 < len(plain) <= LONGEST_NAME and any(fold(part) not in EMPTY for part in plain):
            self.add(" ".join(stem(fold(part)) for part in plain), " ".join(plain), "name")
        for part in plain:
            if part in _JOINING:
                continue
            self.known.add(fold(part))
            self.word(part, "name")

    def settle(self) -> None:
        """Decide on what opened sentences, now that the whole text has been seen."""
        for written in self.pending:
            owned = written != _bare(written)
            known = fold(_bare(written)) in self.known
            self.word(_bare(written), "name" if owned or known else "word")

    def best(self, most: int) -> tuple[Named, ...]:
        """Return the most telling: by kind, then what is said often, then what is long."""

        def order(one: Named) -> tuple[int, int, int, str]:
            return _RANK[one.kind], -self.counts[one.name], -len(one.name), one.name

        return tuple(sorted(self.found.values(), key=order)[:most])


def _bare(written: str) -> str:
    return written[:-2] if written.endswith(("'s", "\u2019s")) else written


def _unspaced(written: str, into: _Finding) -> None:
    """Take apart what is written without spaces: by script, and a long run of Han in pairs."""
    for run in _SCRIPTS.finditer(written):
        text = run.group()
        if run.lastgroup == "han" and len(text) > LONGEST_HAN:
            for start in range(len(text) - 1):
                into.add(text[start : start + 2], text[start : start + 2], "word")
        elif run.lastgroup == "hangul" and len(text) > SHORTEST - 1 and text[-1] in _PARTICLES:
            into.add(text[:-1], text[:-1], "word")
        else:
            into.add(fold(text), text, "name" if run.lastgroup == "kana" else "word")


def _word(match: re.Match[str], into: _Finding) -> None:
    if _UNSPACED.search(match.group()):
        _unspaced(match.group(), into)
    else:
        into.word(match.group())


def _mail(match: re.Match[str], into: _Finding) -> None:
    address = fold(match.group())
    domain = address.partition("@")[2]
    into.add(address, match.group(), "address")
    into.add(domain, domain, "address")


def _handle(match: re.Match[str], into: _Finding) -> None:
    into.add(fold(match.group()), match.group(), "address")


def _title(match: re.Match[str], into: _Finding) -> None:
    """Add what stands in quotation marks as a whole, where it can be a title, and what it speaks of."""
    inner = match.group()[1:-1].strip(" .,!?")
    words = inner.split()
    if 0 < len(words) <= LONGEST_NAME and (len(words) > 1 or inner[0].isupper() or not inner.isascii()):
        into.add(canonical(inner), inner, "title")
    for word in re.finditer(_WORD, inner):
        _word(word, into)


def _number(match: re.Match[str], into: _Finding) -> None:
    """Add a number with its unit, or one that is long enough to be somebody's."""
    before, after = match.group("before") or "", match.group("after") or ""
    digits = match.group().removeprefix(before).removesuffix(after)
    after = after.strip()
    digits = re.sub(r"[.,](?=\d{3}\b)", "", digits).replace(",", ".")
    unit = _MARKS.get(before) or _MARKS.get(after) or _UNITS.get(after.casefold(), "")
    if unit:
        into.add(f"{digits} {unit}", match.group(), "number")
        return
    if len(digits) > SHORTEST:
        into.add(digits, digits, "number")
    if after:
        into.word(after, "name" if after[0].isupper() else "word")


_TAKE: Final[dict[str, Callable[[re.Match[str], _Finding], None]]] = {
    "word": _word,
    "mail": _mail,
    "handle": _handle,
    "title": _title,
    "number": _number,
}


def _is_capital(written: str, opens: bool) -> bool:
    """Tell whether a word could be of a name by how it is written; an empty one at the head of a sentence is not."""
    if not written[0].isupper():
        return False
    folded = fold(written)
    return folded not in _ALWAYS_CAPITAL and (not opens or folded not in EMPTY or folded in _OPENING)


def _scan(text: str, into: _Finding, *, shouted: bool) -> None:
    """Walk over a text once, joining capitalised words that follow one another."""
    run: list[str] = []
    run_opens = opens = True
    ended = 0
    for match in _SCAN.finditer(text):
        kind, written = match.lastgroup or "", match.group()
        follows = bool(run) and kind == "word" and text[ended : match.start()] == " "
        ended = match.end()
        if (kind == "word" and not shouted and _is_capital(written, opens)) or (follows and written in _JOINING):
            if not follows:
                into.name(run, opens=run_opens)
                run, run_opens = [], opens
            run.append(written)
            opens = False
            continue
        into.name(run, opens=run_opens)
        run = []
        opens = kind == "end"
        if kind in _TAKE:
            _TAKE[kind](match, into)
    into.name(run, opens=run_opens)


def entities_in(text: str, speaker: str = "", at: int = 0, *, most: int = MOST) -> tuple[Named, ...]:
    """Return what a text speaks of, at most `most`, the most telling first; the speaker, where there is one, leads.

    `at` is when it was said (UTC microseconds; 0: not known), by which "last Tuesday" becomes a date.
    """
    text = unicodedata.normalize("NFKC", text[:LOOKED_AT])
    into = _Finding()
    if speaker:
        into.add(canonical(speaker), speaker, "speaker")
        into.known.update(fold(speaker).split())
    rest: list[str] = []
    start = 0
    for dated in dates_in(text, at):
        for name in dated.names:
            into.add(name, dated.shown if name == dated.names[0] else name, "date")
        rest.append(text[start : dated.start])
        start = dated.stop
    _scan(" the ".join([*rest, text[start:]]), into, shouted=text.isupper())
    into.settle()
    return into.best(most)
