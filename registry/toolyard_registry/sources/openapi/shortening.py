"""Shortens the prose of a document to what a model needs; knows plain text, Markdown's blanks and HTML's tags only."""

import html
import re

_TAGS = re.compile(r"</?[a-zA-Z][^<>]{0,300}>")
_BLANKS = re.compile(r"\s+")
_END = re.compile(r"[.!?;](?=\s)")


def shortened(text: object, limit: int) -> str:
    """Return prose as one line of at most `limit` characters, ended at a sentence where one ends in its second half."""
    if not isinstance(text, str) or not text:
        return ""
    if "<" in text:
        text = _TAGS.sub(" ", text[: limit * 20])
    if "&" in text:
        text = html.unescape(text)
    line = _BLANKS.sub(" ", text).strip()
    if len(line) <= limit:
        return line
    cut = line[: limit - 3]
    ends = [found.end() for found in _END.finditer(cut)]
    if ends and ends[-1] > limit // 2:
        return cut[: ends[-1]]
    return cut.rpartition(" ")[0].rstrip(" ,;:") + "..." if " " in cut else cut + "..."
