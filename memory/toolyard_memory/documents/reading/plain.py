"""Reads plain text, and makes any text plain: one character set, one line end, nothing that only a model would see."""

import re
import unicodedata

from toolyard_memory.documents.reading.outcome import LONGEST_TEXT, TOO_LONG, Reading, Unreadable

_MARKS = ((b"\xef\xbb\xbf", "utf-8"), (b"\xff\xfe", "utf-16-le"), (b"\xfe\xff", "utf-16-be"))
_SURROGATES = re.compile("[\ud800-\udfff]")
_UNSEEN = re.compile(
    "[\x00-\x08\x0b\x0e-\x1f\x7f-\x9f\u00ad\u061c\u200b\u200e\u200f\u202a-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb"
    "\U000e0000-\U000e007f]"
)
"""What a reader would not see, and a model would: control characters, directions, tags. Joiners are part of scripts."""

_LINE_END = re.compile("\r\n?|[\x0c\x85\u2028\u2029]")
_BEFORE_LINE_END = re.compile(r"[^\S\n]++(?=\n|\Z)")


def read_plain(data: bytes) -> Reading:
    """Return the text of a file; raises Unreadable for one that holds something else."""
    return Reading(plain_text(data))


def plain_text(data: bytes) -> str:
    """Return the text that a file is, in the form of `plain`; raises Unreadable also for too much of it."""
    text = decoded(data)
    if len(text) > LONGEST_TEXT:  # before anything is done with it
        raise Unreadable(TOO_LONG)
    return plain(text)


def decoded(data: bytes) -> str:
    """Return bytes as text: by their mark, else as UTF-8, else as Windows-1252; raises Unreadable."""
    for mark, encoding in _MARKS:
        if data.startswith(mark):
            return data[len(mark) :].decode(encoding, "replace")
    if b"\0" in data:
        raise Unreadable("it holds bytes that no text has; send text, Markdown, HTML or PDF")
    try:
        return data.decode()
    except UnicodeDecodeError:
        return data.decode("cp1252", "replace")


def plain(text: str) -> str:
    """Return text composed (NFC), its lines ended by line feeds, without white space around it and at their ends."""
    seen = _UNSEEN.sub("", _SURROGATES.sub("\ufffd", _LINE_END.sub("\n", text)))
    return _BEFORE_LINE_END.sub("", unicodedata.normalize("NFC", seen)).strip("\n")
