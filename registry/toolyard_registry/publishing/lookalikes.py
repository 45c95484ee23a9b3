"""Flags names and definitions that are made to deceive, a person or a model; pure, and decides nothing.

Sources: the skeletons of UTS #39 (section 4), cut down to the letters that names and titles use; the invisible
characters of UTS #36 and the tags block, in which text can be hidden from people and not from models.
"""

import functools
import re
import unicodedata
from collections.abc import Iterable, Iterator
from typing import Any, Literal

import msgspec
from msgspec import Struct
from toolyard_sdk.messages import ToolSpec

FlagKind = Literal["look_alike", "similar", "hidden", "instructs"]

_LIKE = {
    **dict.fromkeys("0\u03bf\u043e\u041e", "o"),
    **dict.fromkeys("1Il|\u0456\u0406\u04cf\u2113", "l"),
    **dict.fromkeys("5\u0455\u0405", "s"),
    **dict.fromkeys("\u0430\u03b1\u0410", "a"),
    **dict.fromkeys("\u0435\u0415", "e"),
    **dict.fromkeys("\u0441\u0421", "c"),
    **dict.fromkeys("\u0440\u0420\u03c1", "p"),
    **dict.fromkeys("\u0445\u0425\u03c7", "x"),
    **dict.fromkeys("\u0443\u0423\u03b3", "y"),
    **dict.fromkeys("\u043a\u041a\u03ba", "k"),
    **dict.fromkeys("\u043d\u041d", "h"),
    **dict.fromkeys("\u0442\u0422\u03c4", "t"),
    **dict.fromkeys("\u043c\u041c", "m"),
    **dict.fromkeys("\u0432\u0412", "b"),
    **dict.fromkeys("\u0501", "d"),
    **dict.fromkeys("\u0261", "g"),
    **dict.fromkeys("\u03bd", "v"),
    **dict.fromkeys("_- .", ""),
}
"""Letters that look like others: Cyrillic and Greek for Latin ones, digits for letters, and what is overlooked."""

_PAIRS = (("rn", "m"), ("vv", "w"), ("cl", "d"), ("nn", "m"))

_HIDDEN = (
    (0x00AD, 0x00AD, "soft hyphen"),
    (0x034F, 0x034F, "grapheme joiner"),
    (0x061C, 0x061C, "mark of direction"),
    (0x115F, 0x1160, "filler"),
    (0x17B4, 0x17B5, "invisible vowel"),
    (0x180B, 0x180F, "variation selector"),
    (0x200B, 0x200F, "zero-width character or mark of direction"),
    (0x2028, 0x2029, "line separator"),
    (0x202A, 0x202E, "change of direction"),
    (0x2060, 0x206F, "invisible operator or change of direction"),
    (0x3164, 0x3164, "filler"),
    (0xFE00, 0xFE0E, "variation selector"),
    (0xFEFF, 0xFEFF, "zero-width character"),
    (0xFFA0, 0xFFA0, "filler"),
    (0xFFF9, 0xFFFB, "annotation"),
    (0xE0000, 0xE0FFF, "tag or variation selector"),
)
_CONTROL = "Cc"
_PLAIN_CONTROL = "\t\n\r"

_INSTRUCTS = tuple(
    re.compile(words, re.IGNORECASE)
    for words in (
        r"\b(?:ignore|disregard|forget|override)\b.{0,30}\b(?:previous|prior|above|earlier|other|system|all)\b",
        (
            r"\b(?:do not|don't|never|without)\b.{0,15}\b(?:tell|mention|inform|reveal|show|telling|asking|notify)\b"
            r".{0,25}\b(?:user|person|human|anyone|them)\b"
        ),
        (
            r"\b(?:always|must(?: always| first)?|before (?:using|calling) any)\b.{0,25}\b(?:call|use|invoke|run)\b"
            r".{0,25}\b(?:this|first|before|instead)\b"
        ),
        r"\binstead of (?:the |any |all )?(?:other |tool |`?\w+`? tool)",
        r"<\s*/?\s*(?:system|important|instructions?|assistant|secret)\s*>",
        r"\b(?:system prompt|your instructions|you are now|new instructions)\b",
        (
            r"\b(?:send|forward|include|append|attach|bcc)\b.{0,40}\b(?:conversation|history|credentials?|"
            r"api[ _-]?keys?|passwords?|private key|secrets?|id_rsa|mcp\.json)\b"
        ),
        r"\b(?:read|open|cat)\b.{0,20}(?:~/|/etc/|\.ssh|\.env\b)",
    )
)

_SHORT = 4
_LONG = 9
_FAR = 2
_DIGITS = "0123456789"
_EXCERPT = 60


class Flag(Struct, frozen=True, omit_defaults=True):
    """Something that a person should look at: of what kind, where, and in words."""

    kind: FlagKind
    path: str
    words: str


@functools.lru_cache(maxsize=32_768)
def skeleton(text: str) -> str:
    """Return what a name looks like: names with one skeleton are easily taken for each other."""
    folded = _folded(text)
    for pair, letter in _PAIRS:
        folded = folded.replace(pair, letter)
    return folded


def _folded(text: str) -> str:
    """Return a name letter by letter as what each looks like."""
    plain = unicodedata.normalize("NFKD", text)
    letters = "".join(_LIKE.get(letter, letter) for letter in plain if not unicodedata.combining(letter))
    return "".join(_LIKE.get(letter, letter) for letter in letters.lower())


def look_alikes(name: str, known: Iterable[str]) -> tuple[str, ...]:
    """Return which of the known names look the same as a name."""
    own = skeleton(name)
    return tuple(sorted(other for other in known if other != name and skeleton(other) == own))


def by_looks(names: Iterable[str]) -> dict[str, tuple[str, ...]]:
    """Return names by their skeleton, where more than one has it: to look many up at once."""
    found: dict[str, list[str]] = {}
    for name in names:
        found.setdefault(skeleton(name), []).append(name)
    return {looks: tuple(sorted(alike)) for looks, alike in found.items() if len(alike) > 1}


def similar_names(name: str, known: Iterable[str]) -> tuple[str, ...]:
    """Return which of the known names are a typing mistake away from a name, and do not look the same.

    Short names differ by a letter all the time, long ones may differ by two; a number at the end is no mistake.
    """
    looks, own, stem = skeleton(name), _folded(name), name.rstrip(_DIGITS)
    return tuple(
        sorted(
            other
            for other in known
            if abs(len(other) - len(name)) <= _FAR + 1
            and other.rstrip(_DIGITS) != stem
            and skeleton(other) != looks
            and _close(own, _folded(other))
        )
    )


def _close(one: str, other: str) -> bool:
    shorter = min(len(one), len(other))
    return one != other and shorter > _SHORT and _distance(one, other, _FAR if shorter >= _LONG else 1)


def _distance(one: str, other: str, most: int) -> bool:
    """Tell whether two texts are at most `most` edits apart (Damerau and Levenshtein, neighbours swapped count one)."""
    if abs(len(one) - len(other)) > most:
        return False
    before: list[int] = []
    row = list(range(len(other) + 1))
    for i, letter in enumerate(one, 1):
        following = [i]
        for j, against in enumerate(other, 1):
            cost = min(row[j] + 1, following[j - 1] + 1, row[j - 1] + (letter != against))
            if i > 1 and j > 1 and letter == other[j - 2] and one[i - 2] == against:
                cost = min(cost, before[j - 2] + 1)
            following.append(cost)
        before, row = row, following
        if min(row) > most:
            return False
    return row[-1] <= most


def flags_of(spec: ToolSpec, known: Iterable[str] = ()) -> tuple[Flag, ...]:
    """Return what is suspicious about a definition; `known` are the names of the other tools."""
    known = tuple(known)
    flags = [
        Flag("look_alike", "name", f"`{spec.name}` looks the same as `{other}`")
        for other in look_alikes(spec.name, known)
    ]
    flags += [
        Flag("similar", "name", f"`{spec.name}` is a typing mistake away from `{other}`")
        for other in similar_names(spec.name, known)
    ]
    for path, text in _texts(msgspec.to_builtins(spec), ""):
        hidden = _hidden(text)
        if hidden:
            flags.append(Flag("hidden", path, f"{path} holds characters that nobody sees: {', '.join(hidden)}"))
        said = _instruction(text)
        if said:
            flags.append(Flag("instructs", path, f"{path} tells the model what to do: “{said}”"))
    return tuple(flags)


def _texts(value: Any, path: str) -> Iterator[tuple[str, str]]:
    if isinstance(value, str):
        yield path, value
    elif isinstance(value, dict):
        for key, child in value.items():
            place = f"{path}.{key}" if path else str(key)
            if _hidden(str(key)):
                yield f"a name in {path or 'the definition'}", str(key)
            yield from _texts(child, place)
    elif isinstance(value, list):
        for index, child in enumerate(value):
            yield from _texts(child, f"{path}[{index}]")


def _hidden(text: str) -> tuple[str, ...]:
    if text.isascii() and text.isprintable():
        return ()
    found: dict[str, None] = {}
    for letter in text:
        code = ord(letter)
        kind = next((words for first, last, words in _HIDDEN if first <= code <= last), "")
        if not kind and unicodedata.category(letter) == _CONTROL and letter not in _PLAIN_CONTROL:
            kind = "control character"
        if kind:
            found[f"U+{code:04X} ({kind})"] = None
    return tuple(found)[:8]


def _instruction(text: str) -> str:
    visible = "".join(letter for letter in unicodedata.normalize("NFKC", text) if not _hidden(letter))
    flat = " ".join(visible.split())
    for pattern in _INSTRUCTS:
        match = pattern.search(flat)
        if match:
            said = match.group()
            return said if len(said) <= _EXCERPT else f"{said[:_EXCERPT]}..."
    return ""
