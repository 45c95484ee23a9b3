"""Writes Markdown from the elements of a page as they open and close; knows no parser and no network."""

import re
from typing import Any
from urllib.parse import urljoin

BLOCKS = frozenset(
    (
        *("address", "article", "aside", "blockquote", "body", "center", "dd", "details", "dialog", "div", "dl", "dt"),
        *("fieldset", "figcaption", "figure", "footer", "form", "header", "hr", "main", "nav", "ol", "p"),
        *("h1", "h2", "h3", "h4", "h5", "h6"),
        *("pre", "section", "summary", "table", "tbody", "tfoot", "thead", "ul"),
    )
)
"""Elements that begin and end a paragraph."""

LONGEST_LINK = 300
"""Characters of a link's words or address beyond which only the words are written."""

_SPACE = re.compile(r"[ \t\n\f\r]+")
_LINES = re.compile(r"\n{3,}")


class Markdown:
    """Markdown as it comes about, of a page at `url`."""

    def __init__(self, url: str) -> None:
        self._pieces: list[str] = []
        self._url = url
        self._due = 0
        self._lists: list[int | None] = []
        self._pre = self._quotes = 0
        self._cells: list[int] = []
        self._links: list[int] = []
        self._after_space = True

    def whole(self) -> str:
        """Return what has been written."""
        return _LINES.sub("\n\n", "".join(self._pieces)).strip()

    def text(self, text: str | None) -> None:
        """Write text, with its white space as a reader would see it."""
        if not text:
            return
        if self._pre:
            self._put(text.replace("\n", "\n" + "> " * self._quotes))
            return
        seen = _SPACE.sub(" ", text)
        if self._due or self._after_space:
            seen = seen.lstrip(" ")
        if seen:
            self._put(seen)
            self._after_space = seen.endswith(" ")

    def enter(self, element: Any) -> None:
        """Write what stands before an element's content."""
        tag = element.tag
        if tag in BLOCKS:
            self._break(2)
            self._enter_block(tag)
        elif tag in ("li", "tr", "td", "th"):
            self._enter_row(tag)
        elif tag == "code" and not self._pre:
            self._put("`")
        elif tag == "a":
            self._links.append(len(self._pieces))
        elif tag == "br":
            self._break(1)
        elif tag == "img" and (said := _SPACE.sub(" ", element.get("alt") or "").strip()):
            self.text(f"(image: {said[:LONGEST_LINK]})")

    def pass_by(self, element: Any) -> None:
        """Leave an element out; what stands around it is not one text for that."""
        if element.tag in BLOCKS:
            self._break(2)

    def _enter_block(self, tag: str) -> None:
        if tag in ("ul", "ol"):
            self._due = min(self._due, 1) if self._lists else self._due
            self._lists.append(0 if tag == "ol" else None)
        elif tag == "pre":
            self._mark("```\n")
            self._pre += 1
        elif tag == "blockquote":
            self._quotes += 1
        elif tag == "hr":
            self._mark("---")
        elif tag[0] == "h" and tag[1:].isdecimal():
            self._mark("#" * int(tag[1:]) + " ")

    def _enter_row(self, tag: str) -> None:
        if tag in ("li", "tr"):
            self._break(1)
        if tag == "li":
            self._mark("  " * max(len(self._lists) - 1, 0) + self._bullet())
        elif tag == "tr":
            self._cells.append(0)
        elif self._cells:
            if self._cells[-1]:
                self._mark(" | ")
            self._cells[-1] += 1

    def leave(self, element: Any) -> None:
        """Write what stands after an element's content."""
        tag = element.tag
        if tag in ("ul", "ol") and self._lists:
            self._lists.pop()
        elif tag == "pre":
            self._pre -= 1
            self._mark("```" if self._pieces[-1].endswith("\n") else "\n```")
        elif tag == "code" and not self._pre:
            self._put("`")
        elif tag == "blockquote":
            self._quotes -= 1
        elif tag == "tr" and self._cells:
            self._cells.pop()
        elif tag == "a" and self._links:
            self._link(self._links.pop(), element.get("href") or "")
        if tag in BLOCKS:
            self._break(1 if tag in ("ul", "ol") and self._lists else 2)
        elif tag in ("li", "tr"):
            self._break(1)

    def _put(self, text: str) -> None:
        if self._due and self._pieces:
            self._pieces.append("\n" * self._due)
        if self._quotes and (self._due or not self._pieces):
            self._pieces.append("> " * self._quotes)
        self._due = 0
        self._after_space = False
        self._pieces.append(text)

    def _mark(self, text: str) -> None:
        self._put(text)
        self._after_space = True

    def _break(self, lines: int) -> None:
        if not self._pre:
            self._due = max(self._due, lines)
        elif lines == 1:
            self._pieces.append("\n")

    def _bullet(self) -> str:
        if self._lists and (number := self._lists[-1]) is not None:
            self._lists[-1] = number + 1
            return f"{number + 1}. "
        return "- "

    def _link(self, begin: int, href: str) -> None:
        """Make a link of what has been written since its beginning."""
        said = "".join(self._pieces[begin:])
        words = said.strip()
        if self._pre or not words or "\n" in words or len(words) > LONGEST_LINK:
            return
        try:
            target = urljoin(self._url, href.strip())
        except ValueError:
            return
        if (
            href.startswith("#")
            or len(target) > LONGEST_LINK
            or not target.startswith(("http://", "https://", "mailto:"))
        ):
            return
        lead = said[: len(said) - len(said.lstrip())]
        tail = said[len(said.rstrip()) :]
        self._pieces[begin:] = [f"{lead}[{words}]({target}){tail}"]
