"""Keeps tool markup and thoughts out of the text that people see, across any split; knows no server and no stream.

A model whose calls were not understood by its server writes them as text. Such text is never shown and never parsed:
what may be the beginning of markup is held back until it is clear what it is.
"""

import re
from typing import Literal

_LITERAL = (
    "<tool_call",
    "</tool_call",
    "<tool_response>",
    "<function=",
    "<function_call",
    "<function name=",
    "<start_function_call>",
    "<invoke name=",
    "<parameter=",
    "<minimax:tool_call>",
    "<seed:tool_call>",
    "<longcat_tool_call>",
    "<｜",  # noqa: RUF001 - DeepSeek's special tokens begin with this full-width bar
    "[TOOL_CALLS]",
    "[TOOL_REQUEST]",
)
_SPECIAL = r"<\|[A-Za-z0-9_.▁-]{1,48}\|?>"
_MARKUP = re.compile("|".join([*map(re.escape, _LITERAL), _SPECIAL]))
# What could still become markup when more text comes: a proper prefix of a marker at the very end.
_PREFIXES = sorted({re.escape(literal[:end]) for literal in _LITERAL for end in range(1, len(literal))}, key=len)
_MAYBE = re.compile("(?:" + "|".join([r"<\|[A-Za-z0-9_.▁-]{0,48}\|?", *reversed(_PREFIXES)]) + r")\Z")
_LONGEST = 64

_OPEN = "<think>"
_CLOSE = "</think>"

State = Literal["start", "thinking", "after", "text", "malformed"]


class TextFilter:
    """Splits a model's raw text into what may be shown and what was thought, piece by piece.

    `malformed` is the markup that was found; from there on nothing is shown. Thoughts are recognised only at the very
    beginning (`<think>` ... `</think>`), where servers without a reasoning parser leave them.
    """

    __slots__ = ("_held", "_state", "malformed")

    def __init__(self) -> None:
        self._state: State = "start"
        self._held = ""
        self.malformed = ""

    def feed(self, text: str) -> tuple[str, str]:
        """Take more raw text; return (text to show, reasoning), each possibly empty."""
        if self._state == "text" and not self._held and "<" not in text and "[" not in text:
            return text, ""
        if self._state == "malformed":
            return "", ""
        if self._state == "text":
            return self._plain(text), ""
        return self._begin(text)

    def finish(self) -> tuple[str, str]:
        """Return what was held back and has turned out harmless, as (text, reasoning)."""
        held, self._held = self._held, ""
        return ("", held) if self._state == "thinking" else (held, "")

    def _begin(self, text: str) -> tuple[str, str]:
        """Everything before the first word of the answer: a thought may come first."""
        held = self._held + text
        self._held = ""
        if self._state == "start":
            bare = held.lstrip()
            if len(bare) < len(_OPEN) and _OPEN.startswith(bare):
                self._held = held
                return "", ""
            if not bare.startswith(_OPEN):
                self._state = "text"
                return self._plain(held), ""
            self._state, held = "thinking", bare[len(_OPEN) :]
        thought = ""
        if self._state == "thinking":
            end = held.find(_CLOSE)
            if end < 0:
                cut = _overlap(held, _CLOSE)
                self._held = held[len(held) - cut :]
                return "", held[: len(held) - cut]
            thought, held = held[:end], held[end + len(_CLOSE) :]
            self._state = "after"
        held = held.lstrip()
        if not held:
            return "", thought
        self._state = "text"
        return self._plain(held), thought

    def _plain(self, text: str) -> str:
        text = self._held + text
        found = _MARKUP.search(text)
        if found:
            self._state, self._held, self.malformed = "malformed", "", found.group()
            return text[: found.start()]
        maybe = _MAYBE.search(text, max(0, len(text) - _LONGEST))
        if maybe:
            self._held = maybe.group()
            return text[: maybe.start()]
        self._held = ""
        return text


def _overlap(text: str, marker: str) -> int:
    """Return how many characters at the end of `text` are the beginning of `marker`."""
    for size in range(min(len(text), len(marker) - 1), 0, -1):
        if text.endswith(marker[:size]):
            return size
    return 0
