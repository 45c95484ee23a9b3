"""Takes a page apart and keeps what its reader would see of its main part; runs nothing and fetches nothing."""

import re
from collections.abc import Iterator
from typing import Any, Literal

from toolyard_fetch.markdown import Markdown

SKIPPED = frozenset(
    (
        *("script", "style", "noscript", "template", "title", "svg", "math", "canvas", "iframe", "object", "embed"),
        *("video", "audio", "nav", "footer", "aside", "dialog", "button", "select", "textarea", "input"),
    )
)
"""Elements that hold nothing to read; a head may: the parser lays a body into it that does not say where it begins."""

LITTLE = 200
"""Characters below which the main part of a page is not believed to be all of it."""

_MOST_ATTRIBUTES = 1_000
_TAG = re.compile(rb"<[A-Za-z]")
_ANY_TAG = re.compile(r"<[^<>]*>")
_HIDDEN = re.compile(r"display\s*:\s*none|visibility\s*:\s*hidden|font-size\s*:\s*0(?![.\d])|opacity\s*:\s*0(?![.\d])")
_SPACE = re.compile(r"[ \t\n\f\r]+")


def page_text(html: str, url: str) -> tuple[str, str]:
    """Return a page's title and its text as Markdown, with addresses of links made whole by `url`."""
    from lxml import etree  # type: ignore[import-untyped] # noqa: PLC0415 - 5 MB that who reads no page need not load

    data = html.encode("utf-8", "replace")
    if _is_hostile(data):
        return "", _SPACE.sub(" ", _ANY_TAG.sub(" ", html)).strip()
    root = etree.fromstring(
        data, etree.HTMLParser(encoding="utf-8", no_network=True, remove_comments=True, remove_pis=True)
    )
    if root is None:
        return "", ""
    title = _SPACE.sub(" ", root.findtext(".//title") or "").strip()
    main = next((found for name in ("main", "article") if (found := root.find(f".//{name}")) is not None), None)
    if main is not None:
        text = _markdown(main, url)
        if len(text) >= LITTLE:
            return title, text
    return title, _markdown(root, url)


def _is_hostile(data: bytes) -> bool:
    """Whether an element has so many attributes that the parser, which compares each with each, would be long at it."""
    for part in data.split(b">"):
        if len(part) > 2 * _MOST_ATTRIBUTES:
            begin = _TAG.search(part)
            if begin and len(part[begin.start() :].split(None, _MOST_ATTRIBUTES)) > _MOST_ATTRIBUTES:
                return True
    return False


def _markdown(root: Any, url: str) -> str:
    writing = Markdown(url)
    for step, element in _steps(root):
        if step == "enter":
            writing.enter(element)
            writing.text(element.text)
        else:
            if step == "leave":
                writing.leave(element)
            else:
                writing.pass_by(element)
            if element is not root:
                writing.text(element.tail)
    return writing.whole()


def _steps(root: Any) -> Iterator[tuple[Literal["enter", "leave", "pass"], Any]]:
    """Walk through what can be seen; what cannot is passed by."""
    waiting = [(root, False)]
    while waiting:
        element, entered = waiting.pop()
        if entered:
            yield "leave", element
        elif element is not root and _unseen(element):
            yield "pass", element
        else:
            yield "enter", element
            waiting.append((element, True))
            waiting += [(child, False) for child in reversed(element)]


def _unseen(element: Any) -> bool:
    tag, of = element.tag, element.get
    if not isinstance(tag, str) or tag in SKIPPED:
        return True
    return of("hidden") is not None or of("aria-hidden") == "true" or bool(_HIDDEN.search((of("style") or "").lower()))
