"""What the body of an answer holds, as text: HTML as Markdown, text as it is, anything else described."""

import re

from msgspec import Struct
from toolyard_sdk.egress import EgressReply

from toolyard_fetch.pages import page_text

_HTML = ("text/html", "application/xhtml+xml")
_TEXT = ("application/json", "application/xml", "application/yaml", "application/toml", "application/javascript")
_TEXT_ENDS = ("+json", "+xml", "+yaml")
_CHARSET = re.compile(r"""charset\s*=\s*["']?\s*([A-Za-z0-9_.:-]{2,40})""", re.IGNORECASE)
_SAFE_CHARSET = re.compile(
    r"utf-?8|utf-?16(le|be)?|us-ascii|ascii|latin-?1|iso-?8859-?\d{1,2}|(windows-|cp)\d{3,4}|koi8-[ru]|macintosh"
    r"|shift[_-]jis|sjis|euc-(jp|kr)|iso-2022-jp|gb2312|gbk|gb18030|big5(-hkscs)?|tis-620",
    re.IGNORECASE,
)
"""Names of encodings of text: Python knows codecs of other kinds, too."""

_MARKS = ((b"\xef\xbb\xbf", "utf-8"), (b"\xff\xfe", "utf-16-le"), (b"\xfe\xff", "utf-16-be"))
_UNSEEN = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u200b-\u200f\u202a-\u202e\u2060-\u2069\ufeff\U000e0000-\U000e007f]")
"""What a reader would not see, and a model would: control characters, directions, tags."""

_OUR_WORDS = re.compile(r"\[(?=\s*(?:content of|end of content|characters \d))", re.IGNORECASE)


_ROUND = str.maketrans("[]", "()")


class Content(Struct, frozen=True):
    """A body as text. `kind` is its media type."""

    text: str
    kind: str
    title: str = ""


def read_content(reply: EgressReply) -> Content:
    """Return what an answer holds. Words by which the tool labels content are changed where the content holds them."""
    declared = reply.header("content-type")
    kind = declared.partition(";")[0].strip().lower()[:80] or _guessed(reply.body)
    if kind in _HTML:
        title, text = page_text(decoded(reply.body, declared), reply.url)
        name = _seen(title)[:200].translate(_ROUND)
        return Content(_seen(text) or "(the page holds no text: it may be made by scripts)", kind, name)
    if kind.startswith("text/") or kind in _TEXT or kind.endswith(_TEXT_ENDS):
        return Content(_seen(decoded(reply.body, declared)) or "(empty)", kind)
    name = reply.url.partition("?")[0].rpartition("/")[2][:100] or "it"
    return Content(f"({name} is {kind}, {len(reply.body)} bytes: only text can be read)", kind)


def decoded(body: bytes, content_type: str) -> str:
    """Return a body as text: by its mark, its header, its own words; else as UTF-8, else as Windows-1252."""
    for mark, encoding in _MARKS:
        if body.startswith(mark):
            return body[len(mark) :].decode(encoding, "replace")
    found = _CHARSET.search(content_type) or _CHARSET.search(body[:2048].decode("latin-1"))
    if found and _SAFE_CHARSET.fullmatch(found[1]):
        try:
            return body.decode(found[1], "replace")
        except LookupError:
            pass
    try:
        return body.decode()
    except UnicodeDecodeError:
        return body.decode("cp1252", "replace")


def _guessed(body: bytes) -> str:
    """Return the media type of a body that came without one."""
    begin = body[:512].lstrip().lower()
    if begin.startswith((b"<!doctype html", b"<html", b"<head", b"<body")):
        return "text/html"
    return "application/octet-stream" if b"\0" in body[:2048] else "text/plain"


def _seen(text: str) -> str:
    return _OUR_WORDS.sub("(", _UNSEEN.sub("", text.replace("\r\n", "\n"))).strip()
