"""Reads a docstring as a tool's description: what it does, and what each argument means; knows no types.

Three conventions are understood: Google (`Args:`), NumPy (`Parameters` underlined) and reST (`:param name:`).
"""

import re

from msgspec import Struct

_ARGUMENTS = "Args", "Arguments", "Parameters", "Other Parameters"
_SECTIONS = "|".join((*_ARGUMENTS, "Keyword Args", "Returns?", "Raises", "Yields?", "Examples?", "Notes?", "See Also"))
_GOOGLE = re.compile(rf"({_SECTIONS}):\s*\Z")
_NUMPY = re.compile(rf"({_SECTIONS})\s*\Z")
_UNDERLINE = re.compile(r"-{3,}\s*\Z")
_GOOGLE_ARGUMENT = re.compile(r"\s+\*{0,2}(?P<name>\w+)\s*(?:\(.*?\))?:(?:\s+(?P<told>.*))?\Z")
_NUMPY_ARGUMENT = re.compile(r"\*{0,2}(?P<name>\w+)\s*(?::.*)?(?P<told>)\Z")
_REST_FIELD = re.compile(r":(\w+)\s*([^:]*):\s*(.*)\Z")


class Docstring(Struct, frozen=True):
    """What a docstring says: `text` before the first section, and one line for each argument it describes."""

    text: str
    arguments: dict[str, str]


def read_docstring(docstring: str) -> Docstring:
    """Read a docstring that `inspect.getdoc` has already dedented; never raises: prose is just text."""
    lines = docstring.splitlines()
    text: list[str] = []
    told: dict[str, str] = {}
    style, section, current, margin = "", "", "", -1
    for at, line in enumerate(lines):
        after = lines[at + 1] if at + 1 < len(lines) else ""
        google, numpy, rest = _GOOGLE.match(line), _NUMPY.match(line), _REST_FIELD.match(line)
        if numpy and _UNDERLINE.match(after):
            style, section, current = "numpy", numpy.group(1), ""
        elif google and style != "numpy" and (not after.strip() or after[:1].isspace()):
            style, section, current, margin = "google", google.group(1), "", -1
        elif rest and (style == "rest" or rest.group(1) in ("param", "parameter", "arg", "argument")):
            style, section, current = "rest", "Args", ""
            if rest.group(1) in ("param", "parameter", "arg", "argument") and rest.group(2).split():
                current = rest.group(2).split()[-1]
                told[current] = rest.group(3).strip()
        elif not section:
            text.append(line)
        elif section in _ARGUMENTS and line.strip() and not _UNDERLINE.match(line):
            argument = _argument(style, line, margin)
            if argument:
                current, margin = argument.group("name"), len(line) - len(line.lstrip())
                told[current] = (argument.group("told") or "").strip()
            elif current:
                told[current] = f"{told[current]} {line.strip()}".strip()
    return Docstring("\n".join(text).strip(), {name: words for name, words in told.items() if words})


def _argument(style: str, line: str, margin: int) -> re.Match[str] | None:
    """Match a line that begins a new argument; deeper lines than the first argument's (`margin`) continue one."""
    if style == "google" and (margin < 0 or len(line) - len(line.lstrip()) <= margin):
        return _GOOGLE_ARGUMENT.match(line)
    return _NUMPY_ARGUMENT.match(line) if style == "numpy" and not line[:1].isspace() else None
