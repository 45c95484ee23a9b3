"""Reads the scripting syntax of the rehearsal model, with which a test or a demonstration says exactly what it does.

A message with a line `call NAME {json}` is a script. Lines in a row are parallel calls; a blank line or `then` begins
the next turn; `say TEXT` is the answer in the end. Arguments are passed on as written, so a script can be wrong on
purpose. All other lines are ignored.
"""

import re

from msgspec import Struct
from toolyard_sdk.ports import RawCall

_CALL = re.compile(r"\s*call\s+(\S+)[ \t]*(.*?)\s*\Z")
_SAY = re.compile(r"\s*say\s+(.*?)\s*\Z")


class Script(Struct, frozen=True):
    """Turns of parallel calls, and the text that ends them ("" for one made of the results)."""

    turns: tuple[tuple[RawCall, ...], ...]
    answer: str = ""


def read_script(text: str) -> Script | None:
    """Return the script in a user's message, None when it holds no `call` line and no `say` line."""
    turns: list[tuple[RawCall, ...]] = []
    current: list[RawCall] = []
    answer: list[str] = []
    for line in text.splitlines():
        call = _CALL.match(line)
        said = _SAY.match(line)
        if call:
            current.append(RawCall(call.group(1), call.group(2)))
        elif said:
            answer.append(said.group(1))
        elif current and line.strip().lower() in ("", "then"):
            turns.append(tuple(current))
            current = []
    if current:
        turns.append(tuple(current))
    return Script(tuple(turns), "\n".join(answer)) if turns or answer else None
