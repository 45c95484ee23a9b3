"""Reads what a reader would see of an HTML page: its main part as lines, its headings, tables and code.

Markup that is broken is read as far as it goes: what is open is closed by what cannot stand in it. Nothing is fetched
and nothing is run.
"""

import re
from collections import Counter
from html.parser import HTMLParser

from msgspec import Struct

from toolyard_memory.documents.reading.outcome import Heading, Reading
from toolyard_memory.documents.reading.plain import decoded, plain

_SKIPPED = frozenset(
    (
        *("script", "style", "noscript", "template", "svg", "math", "canvas", "iframe", "object", "embed", "video"),
        *("audio", "nav", "footer", "aside", "dialog", "button", "select", "textarea"),
    )
)
"""Elements that hold nothing to read."""

_VOID = frozenset(
    "area base br col embed hr img input link meta param source track wbr".split()  # noqa: SIM905 - a list of words
)
_ROWS = frozenset({"li", "tr", "dt", "dd", "summary", "caption", "figcaption", "legend"})
_BLOCKS = frozenset(
    (
        *("address", "article", "blockquote", "body", "center", "details", "div", "dl", "fieldset", "figure", "form"),
        *("h1", "h2", "h3", "h4", "h5", "h6", "head", "header", "hr", "html", "main", "ol", "p", "pre", "section"),
        *("table", "tbody", "tfoot", "thead", "ul"),
        *("nav", "footer", "aside", "dialog"),
    )
)
_ENDED_BY = {
    "li": frozenset({"li"}),
    "dt": frozenset({"dt", "dd"}),
    "dd": frozenset({"dt", "dd"}),
    "tr": frozenset({"tr", "tbody", "tfoot", "thead"}),
    "td": frozenset({"td", "th", "tr", "tbody", "tfoot"}),
    "th": frozenset({"td", "th", "tr", "tbody", "tfoot"}),
    "option": frozenset({"option", "optgroup"}),
    "p": _BLOCKS | {"li", "tr", "td", "th", "dt", "dd"},
}
"""Which elements end which open one that has no end tag of its own (HTML Living Standard, 13.1.2.4)."""

_MAIN = ("main", "article")
_HIDDEN = re.compile(
    r"display\s*:\s*none|visibility\s*:\s*(?:hidden|collapse)|opacity\s*:\s*0(?:\.0\d*)?(?![.\d])"
    r"|font-size\s*:\s*(?:0(?![.\d])|0?\.\d+px|1px)|(?<![-\w])color\s*:\s*transparent"
    r"|(?<![-\w])(?:left|right|top|bottom|text-indent)\s*:\s*-\d{4}|clip\s*:\s*rect\(\s*0|clip-path\s*:\s*inset\(\s*(?:50|100)%"
)
"""Styles by which an element is there and not seen; what a sheet of styles says of it is not known here."""

_CHARSET = re.compile(rb"""<meta[^>]{0,200}?charset\s*=\s*["']?\s*([A-Za-z0-9_-]{2,40})""", re.IGNORECASE)
_TEXT_CHARSET = re.compile(
    r"utf-?8|us-ascii|iso-?8859-?\d{1,2}|windows-\d{3,4}|koi8-[ru]|shift[_-]jis|euc-(jp|kr)|gb2312|gbk|gb18030|big5",
    re.IGNORECASE,
)
"""Encodings of text that a page may name: Python knows codecs of other kinds, too."""

_HEADINGS = ("h1", "h2", "h3", "h4", "h5", "h6")
_WHOLE = ("pre", "table")
_BULLET = "- "
_SPACE = re.compile(r"[ \t\n\f\r]+")
_LITTLE = 200
"""Characters below which the main part of a page is not believed to be all of it."""

_LONGEST_HEADING = 200


def read_html(data: bytes) -> Reading:
    """Return the text of a page; raises Unreadable for a file that holds something else."""
    page = _Page()
    page.feed(_ended(plain(_decoded(data))))
    page.close()
    return page.reading()


def _ended(text: str) -> str:
    """Return a page in which whatever begins also ends: for each thing that does not, the parser reads to the end."""
    for begins, ends in (("<!--", "-->"), ("<", ">")):
        last = text.rfind(ends) + 1
        text = text[:last] + text[last:].replace(begins, "&lt;" + begins[1:])
    return text


def _decoded(data: bytes) -> str:
    named = _CHARSET.search(data[:4096])
    charset = named[1].decode("ascii") if named else ""
    if _TEXT_CHARSET.fullmatch(charset) and not data.startswith((b"\xef\xbb\xbf", b"\xff\xfe", b"\xfe\xff")):
        try:
            return data.decode(charset, "replace")
        except LookupError:
            pass
    return decoded(data)


class _Line(Struct, frozen=True):
    """A line of what is seen: after how many line ends, below a heading of which level it is one itself (0: it is not),
    the number of the table or code it is of (0: none), and which of the elements that name a main part it is in."""

    text: str
    gap: int
    level: int
    whole: int
    parts: frozenset[str]


class _Page(HTMLParser):
    """A page as it is read, line by line."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self._lines: list[_Line] = []
        self._words: list[str] = []
        self._gap = 0
        self._open: list[tuple[str, bool]] = []
        self._seen: Counter[str] = Counter()
        self._title: list[str] = []
        self._level = self._wholes = 0

    def reading(self) -> Reading:
        """Return what was read: the main part where the page names one that is not too short."""
        self._break(2)
        title = _SPACE.sub(" ", "".join(self._title)).strip()[:_LONGEST_HEADING]
        for part in _MAIN:
            lines = [line for line in self._lines if part in line.parts]
            if sum(len(line.text) for line in lines) >= _LITTLE:
                return _joined(lines, title)
        return _joined(self._lines, title)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Go into an element, out of those that it ends."""
        while self._open and tag in _ENDED_BY.get(self._open[-1][0], ()):
            self._leave()
        hidden = bool(self._open) and self._open[-1][1]
        if tag in _VOID:
            if tag in ("br", "hr") and not hidden:
                self._break(1 if tag == "br" else 2)
            return
        given = dict(attrs)
        hidden = hidden or tag in _SKIPPED or "hidden" in given or given.get("aria-hidden") == "true"
        hidden = hidden or bool(_HIDDEN.search((given.get("style") or "").lower()))
        if tag in _BLOCKS:
            self._break(2)
        elif tag in _ROWS:
            self._break(1)
        self._open.append((tag, hidden))
        if not hidden:
            self._enter(tag)

    def handle_endtag(self, tag: str) -> None:
        """Leave an element and what is open in it; an end without a beginning is nothing."""
        if any(tag == one for one, _ in self._open):
            while self._leave() != tag:
                pass

    def handle_data(self, data: str) -> None:
        """Take text in."""
        tag, hidden = self._open[-1] if self._open else ("", False)
        if tag == "title":
            self._title.append(data)
        elif not hidden:
            self._words.append(data)

    def _enter(self, tag: str) -> None:
        self._seen[tag] += 1
        if tag == "li":
            self._words.append(_BULLET)
        elif tag in ("td", "th") and "".join(self._words).strip():
            self._words.append(" | ")
        elif tag in _HEADINGS:
            self._level = int(tag[1])
        elif tag in _WHOLE and sum(self._seen[one] for one in _WHOLE) == 1:
            self._wholes += 1

    def _leave(self) -> str:
        tag, hidden = self._open.pop()
        if tag in _BLOCKS:
            self._break(2)
        elif tag in _ROWS:
            self._break(1)
        if not hidden:
            self._seen[tag] -= 1
            if tag in _HEADINGS:
                self._level = 0
        return tag

    def _break(self, lines: int) -> None:
        """End the line, if there is anything on it; `lines` line ends come before the next at least."""
        said = "".join(self._words)
        if self._level and lines == 1:
            self._words.append(" ")  # a heading of several lines is one
            return
        if said == _BULLET:
            return  # a paragraph begins the item
        self._words.clear()
        text = said.strip("\n") if self._seen["pre"] else _SPACE.sub(" ", said).strip()
        if text.strip():
            indent = "" if self._seen["pre"] else "  " * max(self._seen["ul"] + self._seen["ol"] - 1, 0)
            whole = self._wholes if any(self._seen[one] for one in _WHOLE) else 0
            parts = frozenset(part for part in _MAIN if self._seen[part])
            self._lines.append(_Line(indent + text, self._gap, self._level, whole, parts))
            self._gap = 0
        self._gap = max(self._gap, lines)


def _joined(lines: list[_Line], title: str) -> Reading:
    """Return lines as one text, with what stands where in it."""
    pieces: list[str] = []
    headings: list[Heading] = []
    whole: dict[int, tuple[int, int]] = {}
    at = 0
    for line in lines:
        text = plain(line.text)  # what was written as a character reference is seen only now
        if not text:
            continue
        gap = "\n" * max(line.gap, 1) if pieces else ""
        at += len(gap)
        pieces += (gap, text)
        if line.level:
            headings.append(Heading(at, line.level, text[:_LONGEST_HEADING].strip()))
        if line.whole:
            whole[line.whole] = whole.get(line.whole, (at, at))[0], at + len(text)
        at += len(text)
    named = title or (headings[0].words if headings else "")
    return Reading("".join(pieces), named, tuple(headings), whole=tuple(whole.values()))
