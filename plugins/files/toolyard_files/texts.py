"""Turns a file's bytes into text for a model: encodings, binary files, pages of lines; knows no file system."""

import codecs

from msgspec import Struct
from toolyard_sdk import ToolError

PROBE = 8_192
LONGEST_LINE = 2_000
MOST_UNPRINTABLE = 0.05
_UNPRINTABLE = bytes(set(range(32)) - set(b"\t\n\r\f\x1b")) + b"\x7f"
_MARKS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)


class Text(Struct, frozen=True):
    """Decoded text and the encoding it was in."""

    text: str
    encoding: str


def decoded(data: bytes) -> Text | None:
    """Return text, by its byte order mark, as UTF-8, or else as Windows-1252; None for what is no text."""
    for mark, encoding in _MARKS:
        if data.startswith(mark):
            try:
                return Text(data.decode(encoding), encoding.removesuffix("-sig"))
            except UnicodeDecodeError:
                return None
    probe = data[:PROBE]
    strange = len(probe) - len(probe.translate(None, _UNPRINTABLE))
    if b"\0" in probe or strange > len(probe) * MOST_UNPRINTABLE:
        return None
    for encoding in ("utf-8", "cp1252"):
        try:
            return Text(data.decode(encoding), encoding)
        except UnicodeDecodeError:
            continue
    return None


def lines_of(text: Text) -> list[str]:
    """Return the lines with their ends, as editors count them: only a line feed ends one."""
    lines = [line + "\n" for line in text.text.split("\n")]
    lines[-1] = lines[-1][:-1]
    return lines if lines[-1] else lines[:-1]


def page(text: Text, first: int, most_lines: int, most_bytes: int) -> str:
    """Return lines from `first` (counted from 1); what is not shown is told in a note in square brackets at the end.

    Raises ToolError when there is no such line.
    """
    lines = lines_of(text)
    if first > max(len(lines), 1):
        raise ToolError(f"there is no line {first}: the file has {len(lines)}.")
    kept: list[str] = []
    size = 0
    for line in lines[first - 1 : first - 1 + most_lines]:
        shown = line if len(line) <= LONGEST_LINE else f"{line[:LONGEST_LINE]}[... {len(line)} characters]\n"
        size += len(shown.encode("utf-8", "backslashreplace"))
        if size > most_bytes and kept:
            break
        kept.append(shown)
    last = first + len(kept) - 1
    notes = [] if text.encoding == "utf-8" else [f"decoded from {text.encoding}"]
    if not text.text:
        notes.append("the file is empty")
    if first > 1 or last < len(lines):
        notes.append(f"lines {first} to {last} of {len(lines)}")
    if last < len(lines):
        notes.append(f"go on with start_line = {last + 1}")
    body = "".join(kept)
    if not notes:
        return body
    return f"{body}{'' if body.endswith(chr(10)) or not body else chr(10)}[{'; '.join(notes)}]"
