"""Whether a statement stands in a person's own message: what alone makes it their word; pure, and asks no model.

It stands there when a whole sentence of the message says it, word for word but for the person: "I live in Bergen" is
"The user lives in Bergen". No word may be missing, added or moved, so no "not", number or name is lost, nothing is put
together from two sentences, and nothing is taken out of a "she says that ...". What is not in English stands there
when it is repeated as it is.

Somebody else's words may stand in a message too: a page that was pasted, a letter, the output of a tool. They cannot be
told for certain. So only a message counts that reads as typed: short, in one line, without marks of quotation, markup
or addresses, and without words that speak of another text or of make-believe. These rules refuse too much rather than
too little: what is refused is still remembered, only not as the person's word.
"""

import re
from collections.abc import Iterator, Sequence
from typing import Final

from msgspec import Struct

from toolyard_memory.facts.speech import Sentence, Word, fold, plain, said, sentences

LONGEST: Final = 500
"""Characters of a message that somebody has typed: what is longer may have been pasted."""

_FOREIGN: Final = """
says said say saying writes wrote written write reads quote quotes quoted quoting states stated according
page pages website site url link article letter email emails e-mail mail mails document documents doc docs file
files attachment attached pdf text texts message messages post posted comment transcript log output result results
following below above forwarded forward fwd subject paste pasted copy copied excerpt chapter paragraph sentence
summarise summarize summary translate translation proofread rewrite rephrase paraphrase answer reply respond correct
pretend pretending imagine suppose supposing hypothetically example story stories poem song lyrics novel fiction
role roleplay character joke joking kidding sarcasm dream dreamed dreamt game scenario true untrue false lie lied
lying
"""
FOREIGN: Final = frozenset(_FOREIGN.split())
"""Words of a message that speaks of another text, or of what is not so: nothing in it is taken as the person's word."""

_DISTANCE: Final = """
if unless whether that not never no nobody nothing neither nor none without except hardly think thought believe
believed tell told claim claimed feel hope wish pretend guess would could might may maybe perhaps doubt deny denied
lie lied lying heard wonder ask asked 'd
"""
DISTANCE: Final = frozenset(_DISTANCE.split())
"""Words with which one part of a sentence can take back another."""

_STRANGE: Final = re.compile(
    r"[<>{}\[\]|`#*=\\~^]|://|www\.|[\"\u201c\u201d\u201e\u201f\u00ab\u00bb\u2039\u203a\u2018\u201a]"
)
_BLOCK: Final = re.compile(r"^\s{0,3}>|```|~~~|</?\w+[^<>]*>|^(?:from|subject|to|date): ", re.IGNORECASE | re.MULTILINE)
_QUOTED: Final = re.compile(
    r"\s*(?:please,?\s+)?(?:remember|note)(?:\s+that)?\s*:?\s*"
    r"(?:\"(?P<straight>[^\"]+)\"|\u201c(?P<curly>[^\u201c\u201d]+)\u201d)\s*[.!]?\s*",
    re.IGNORECASE,
)
_FOLDED: Final = re.compile(r"[\w-]+(?:[@.][\w-]+)*")
_MINE: Final = re.compile(r"\bmy [\w-]+")
_APOSTROPHE: Final = re.compile(r"(?<!\w)['\u2019]|['\u2019](?!\w)")
"""One that may be a mark of quotation."""

_OPENINGS: Final = tuple(
    tuple(words.split())
    for words in (
        "hi",
        "hello",
        "hey",
        "please",
        "ok",
        "okay",
        "yes",
        "no",
        "well",
        "oh",
        "so",
        "also",
        "and",
        "but",
        "actually",
        "btw",
        "fyi",
        "thanks",
        "thank you",
        "by the way",
        "for the record",
        "just so you know",
    )
)
_REQUESTS: Final = tuple(
    tuple(words.split())
    for words in (
        "remember",
        "please remember",
        "remember please",
        "note",
        "please note",
        "keep in mind",
        "do not forget",
        "you should know",
        "i want you to know",
        "i want you to remember",
        "can you remember",
        "can you please remember",
        "could you remember",
        "could you please remember",
        "will you remember",
        "would you please remember",
    )
)
"""What asks for something to be remembered; longer ones are tried first."""

_TAKEN_BACK: Final = frozenset({"not", "wrong", "nope", "no", "that", "this", "which", "or"})
"""A sentence that begins with one of these may take back the one before."""

_SELF, _OWN = "\x00self", "\x00own"
"""Stand for the person in a statement about them: no text holds these."""

_ADVERBS: Final = "never always often usually really also sometimes rarely seldom still just only currently now not no"
_BETWEEN: Final = frozenset(_ADVERBS.split()) | {"longer"}
"""Words that may stand between the person and the verb."""

_JOINTS: Final = frozenset({"and", "but", "so", "because"})


class Span(Struct, frozen=True):
    """Characters of a message."""

    start: int
    stop: int


def stands(text: str, subject: str, message: str) -> Span | None:
    """Return where a message says what the statement `text` about `subject` says; None where it does not.

    `subject` is canonical, the person is `user`.
    """
    if (quoted := _QUOTED.fullmatch(message)) is not None:
        start, stop = quoted.span(quoted.lastgroup or 0)
        found = stands(text, subject, message[start:stop]) if not _QUOTED.fullmatch(message[start:stop]) else None
        return Span(found.start + start, found.stop + start) if found is not None else None
    wanted = _statement(text, subject) if typed(message) else ()
    if not wanted:
        return None
    for clause in _clauses(message):
        if any(_says(clause, one) for one in wanted):
            return Span(clause[0].start, clause[-1].stop)
    return None


def typed(message: str) -> bool:
    """Tell whether a message reads as if all of it was typed by whoever sent it."""
    if len(message) > LONGEST or not message.isprintable() or _STRANGE.search(message) is not None:
        return False
    return not _of_another(message) and _APOSTROPHE.search(message) is None


def brought(message: str) -> bool:
    """Tell whether somebody else's text seems to stand in a message: one that is marked as such, or is spoken of."""
    if _BLOCK.search(message) is not None:
        return True
    bulky = len(message) > LONGEST or "\n" in message.strip() or re.search(r"[\"\u201c\u201e\u00ab]|:\s", message)
    return bool(bulky) and _of_another(message) and not _QUOTED.fullmatch(message)


def repeats(message: str, span: Span, others: Sequence[str]) -> bool:
    """Tell whether other texts have the words of a message that stand within a span."""
    words = plain(message[span.start : span.stop])
    return any(words in plain(other) for other in others)


def _of_another(message: str) -> bool:
    """Tell whether a message speaks of another text, unless it is the person's own: "my email is ..."."""
    return not FOREIGN.isdisjoint(_FOLDED.findall(_MINE.sub("", fold(message))))


def _statement(text: str, subject: str) -> list[tuple[str, ...]]:
    """Return the ways in which a statement may be said; none for what is no single statement."""
    found = sentences(text)
    if len(found) != 1 or found[0].end == "?" or not text.isprintable():
        return []
    words = _turned(said(found[0].words))
    about = _turned(said(tuple(word for one in sentences(subject) for word in one.words)))
    if not words or not about:
        return []
    if about != (_SELF,):
        return [words] if _holds(words, about) else [(*about, *words), (*about, "be", *words)]
    if _SELF in words or _OWN in words:
        return [words]
    return [words, (_SELF, *words), (_SELF, "be", *words)]


def _turned(words: Sequence[str]) -> tuple[str, ...]:
    """Return a statement's words with those for the person replaced by what stands for them."""
    turned: list[str] = []
    for word in words:
        if word == "user":
            if turned and turned[-1] == "the":
                turned.pop()
            turned.append(_SELF)
        elif word == "'s" and turned and turned[-1] == _SELF:
            turned[-1] = _OWN
        elif word in ("i", "me"):
            turned.append(_SELF)
        elif word == "my":
            turned.append(_OWN)
        elif turned and turned[0] == _SELF and word in ("they", "them"):
            turned.append(_SELF)
        elif turned and turned[0] == _SELF and word == "their":
            turned.append(_OWN)
        else:
            turned.append(word)
    return tuple(turned)


def _holds(words: Sequence[str], part: Sequence[str]) -> bool:
    return any(tuple(words[at : at + len(part)]) == tuple(part) for at in range(len(words)))


def _clauses(message: str) -> Iterator[Sequence[Word]]:
    """Give what a typed message says: its sentences, and their parts where each part is said by itself."""
    found = sentences(message)
    if any(said(sentence.words[:1])[0] in _TAKEN_BACK for sentence in found[1:]):
        return
    for sentence in found:
        words, asked = _opened(sentence)
        colon = any(word.said in (":", ";") for word in words)
        if words and not colon and (sentence.end != "?" or asked):
            yield words
            yield from _parts(words, sentence)
        if colon:  # what comes after one may be anybody's
            return


def _opened(sentence: Sentence) -> tuple[Sequence[Word], bool]:
    """Return a sentence without what only opens it, and whether that asks for it to be remembered."""
    words, commas, at = sentence.words, sentence.commas, 0
    while (length := _begins(words[at:], _OPENINGS)) and (at + length in commas or _first(words, at + length)):
        at += length
    length = _begins(words[at:], _REQUESTS)
    after = at + length
    ended = after in commas or (after < len(words) and words[after].said in ("that", ":"))
    if not length or not (ended or _first(words, after)):
        return words[at:], False
    return words[after + (after < len(words) and words[after].said in ("that", ":")) :], True


def _begins(words: Sequence[Word], phrases: Sequence[tuple[str, ...]]) -> int:
    """Return how many words the longest of the phrases has that these begin with; 0 where they begin with none."""
    return max((len(one) for one in phrases if said(words[: len(one)]) == one), default=0)


def _first(words: Sequence[Word], at: int) -> bool:
    """Tell whether the person begins to speak of themselves at a place, or a phrase that leads to it does."""
    if at >= len(words):
        return False
    return words[at].said in ("i", "my") or bool(_begins(words[at:], (*_OPENINGS, *_REQUESTS)))


def _parts(words: Sequence[Word], sentence: Sentence) -> Iterator[Sequence[Word]]:
    """Give the parts of "I am Ada, and I live in Bergen", where none of them can take back another."""
    skipped = len(sentence.words) - len(words)
    starts, stops = [0], []
    for at in range(1, len(words)):
        joint = words[at - 1].said in _JOINTS
        if words[at].said == "i" and (joint or at + skipped in sentence.commas):
            starts.append(at)
            stops.append(at - 1 if joint else at)
    parts = [words[start:stop] for start, stop in zip(starts, (*stops, len(words)), strict=True)]
    if len(parts) == 1 or not all(parts):
        return
    for part in parts:
        if all(_plain(other) for other in parts if other is not part):
            yield part


def _plain(part: Sequence[Word]) -> bool:
    """Tell whether a part of a sentence says one thing by itself, of the person."""
    words = said(part)
    begins = words[0] == "i" or (words[0] == "my" and "be" in words)
    return begins and words.count("i") == (words[0] == "i") and DISTANCE.isdisjoint(words)


def _says(clause: Sequence[Word], wanted: Sequence[str]) -> bool:
    """Tell whether a clause is a statement: the same words in the same order, but for the person."""
    if len(clause) != len(wanted):
        return False
    verb = False  # whether the person's verb may come next
    for word, want in zip(said(clause), wanted, strict=True):
        if want == _SELF:
            if word not in ("i", "me"):
                return False
            verb = word == "i"
        elif want == _OWN:
            if word != "my":
                return False
            verb = False
        elif word == want:
            verb = verb and word in _BETWEEN
        elif verb and want in _third(word):
            verb = False
        else:
            return False
    return True


def _third(verb: str) -> tuple[str, ...]:
    """Return how a verb is written after "she"."""
    if not verb.isalpha() or verb in _BETWEEN:
        return ()
    return (f"{verb}s", f"{verb}es", *((f"{verb[:-1]}ies",) if verb.endswith("y") else ()))
