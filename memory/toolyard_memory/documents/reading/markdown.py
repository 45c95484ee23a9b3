"""Reads Markdown: its headings, and what must not be cut; leaves out what a reader of the page would not see.

Headings, fences and comments are those of CommonMark 0.31, as far as lines tell them. The text keeps its marks.
"""

import re
from collections.abc import Iterator

from toolyard_memory.documents.reading.outcome import Heading, Reading
from toolyard_memory.documents.reading.plain import plain, plain_text

_FRONT_MATTER = re.compile(r"---\n(?=[\w-]+[ \t]*:)(?P<said>(?:(?!---$).*\n)*?)(?:---|\.\.\.)(?:\n|\Z)", re.MULTILINE)
_TITLE = re.compile(r"^title:[ \t]*(?P<quote>[\"']?)(?P<title>.+?)(?P=quote)$", re.MULTILINE)
_FENCE = re.compile(r" {0,3}(?P<mark>`{3,}(?=[^`]*$)|~{3,})")
_HEADING = re.compile(r" {0,3}(?P<level>#{1,6})(?=[ \t]|$)")
_UNDERLINE = re.compile(r" {0,3}(?:=+|-{2,})$")
_NO_PARAGRAPH = re.compile(r"$| {0,3}(?:[-*+>|]|\d{1,9}[.)]) ?| {4}")
_ROW = re.compile(r" {0,3}\|")
_LINK = re.compile(r"!?\[(?P<words>[^\]\[]*)\](?:\([^()]*\)|\[[^\]\[]*\])")
_INDENT = 3
"""Spaces before a mark that leave it one."""

_LONGEST_HEADING = 200


def read_markdown(data: bytes) -> Reading:
    """Return the text of a Markdown file; raises Unreadable for one that holds something else."""
    text, title = plain_text(data), ""
    front = _FRONT_MATTER.match(text)
    if front:
        named = _TITLE.search(front["said"])
        title = named["title"].strip()[:_LONGEST_HEADING] if named else ""
        text = text[front.end() :]
    text = plain("\n".join(_seen(text)))
    headings = tuple(_headings(text))
    title = title or next((heading.words for heading in headings if heading.level == 1), "")
    return Reading(text, title, headings, whole=tuple(_whole(text)))


def _seen(text: str) -> Iterator[str]:
    """Yield lines without comments; what stands in a fence is none."""
    fence, comment = "", False
    for line in text.split("\n"):
        if fence:
            fence = "" if _closes(line, fence) else fence
            yield line
            continue
        seen, comment = _uncommented(line, comment)
        if seen or not line:
            opened = _FENCE.match(seen)
            fence = opened["mark"] if opened else ""
            yield seen


def _uncommented(line: str, comment: bool) -> tuple[str, bool]:
    """Return a line without its comments, and whether one goes on after it."""
    seen: list[str] = []
    ticks = 0
    while line:
        if comment:
            _, found, line = line.partition("-->")
            comment = not found
            continue
        words, found, line = line.partition("<!--")
        ticks += words.count("`")
        comment = bool(found) and ticks % 2 == 0  # between ticks it is code
        seen.append(words if comment else words + found)
    return "".join(seen), comment


def _lines(text: str) -> Iterator[tuple[int, str, bool]]:
    """Yield where each line begins, the line, and whether it is code or one of the fences around it."""
    at, fence = 0, ""
    for line in text.split("\n"):
        if fence:
            yield at, line, True
            fence = "" if _closes(line, fence) else fence
        else:
            opened = _FENCE.match(line)
            fence = opened["mark"] if opened else ""
            yield at, line, bool(fence)
        at += len(line) + 1


def _closes(line: str, fence: str) -> bool:
    mark = line.strip(" ")
    return len(line) - len(line.lstrip(" ")) <= _INDENT and len(mark) >= len(fence) and not mark.strip(fence[0])


def _headings(text: str) -> Iterator[Heading]:
    paragraph: list[tuple[int, str]] = []
    for at, line, code in _lines(text):
        found = None if code else _HEADING.match(line)
        if found:
            yield Heading(at, len(found["level"]), _words(_unclosed(line[found.end() :])))
        elif len(paragraph) == 1 and not code and _UNDERLINE.match(line):
            yield Heading(paragraph[0][0], 1 if "=" in line else 2, _words(paragraph[0][1]))
        elif not code and not _NO_PARAGRAPH.match(line):
            paragraph.append((at, line))
            continue
        paragraph.clear()


def _unclosed(words: str) -> str:
    """Return the words of a heading without the marks that may close it."""
    begin = words.strip().rstrip("#")
    return begin if not begin or begin[-1] in " \t" else words


def _words(marked: str) -> str:
    words = _LINK.sub(lambda link: link["words"], marked[: 4 * _LONGEST_HEADING])
    return " ".join(words.replace("`", "").replace("*", "").split())[:_LONGEST_HEADING].strip()


def _whole(text: str) -> Iterator[tuple[int, int]]:
    """Yield the spans of code between fences and of tables."""
    begin, within = 0, ""
    for at, line, code in _lines(text):
        kind = "code" if code else "table" if _ROW.match(line) else ""
        if kind != within:
            if within:
                yield begin, at - 1
            begin, within = at, kind
    if within:
        yield begin, len(text)
