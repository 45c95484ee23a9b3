"""Reads the text of a PDF, page by page; knows no picture of text.

It is to run where memory and time are bounded: what a few bytes of a PDF unfold to is for the file to say.
"""

import io
import re
from collections.abc import Iterator
from typing import Any

from toolyard_memory.documents.reading.outcome import LONGEST_TEXT, TOO_LONG, Reading, Unreadable
from toolyard_memory.documents.reading.plain import plain

MOST_PAGES = 3_000
_HYPHENATED = re.compile(r"(?<=[^\W\d_])[-\u2010]\n(?=[a-zà-öø-ÿ])")
_LONGEST_TITLE = 200


def read_pdf(data: bytes) -> Reading:
    """Return the text of a PDF with its pages; raises Unreadable. What a stream may unfold to is bounded by pypdf."""
    try:
        import pypdf  # noqa: PLC0415 - an extra, and 150 ms that who reads no PDF need not wait
        from pypdf.errors import DependencyError, FileNotDecryptedError, LimitReachedError  # noqa: PLC0415 - same
    except ModuleNotFoundError as error:
        raise Unreadable("PDF is read by pypdf, which is not installed: pip install 'toolyard[knowledge]'") from error
    try:
        reader = pypdf.PdfReader(io.BytesIO(data))
        why = _refusal(reader)
        if not why:
            title = (reader.metadata and reader.metadata.title) or ""
            return _joined((page.extract_text() for page in reader.pages), str(title))
    except (FileNotDecryptedError, DependencyError) as error:
        raise Unreadable(_ENCRYPTED) from error
    except LimitReachedError as error:
        raise Unreadable("it unfolds to more than is read: it may be made to do harm") from error
    except (Unreadable, MemoryError):
        raise
    except Exception as error:  # what a damaged file makes the parser stumble over is nobody's to foresee
        raise Unreadable(f"it cannot be read as PDF and may be damaged ({type(error).__name__})") from error
    raise Unreadable(why)


_ENCRYPTED = "it is encrypted: save it without a password"


def _refusal(reader: Any) -> str:
    """Return why a file is not read, "" for none: one that opens without a password is."""
    if reader.is_encrypted and not reader.decrypt(""):
        return _ENCRYPTED
    pages = len(reader.pages)
    return f"it has {pages} pages, and at most {MOST_PAGES} are read: split it" if pages > MOST_PAGES else ""


def _joined(pages: Iterator[str], title: str) -> Reading:
    """Return pages as one text; raises Unreadable where there is none or too much of it."""
    pieces: list[str] = []
    begins: list[int] = []
    at = 0
    for page in pages:
        text = plain(_HYPHENATED.sub("", page))
        gap = "\n\n" if text and at else ""
        begins.append(at + len(gap))
        pieces += (gap, text)
        at += len(gap) + len(text)
        if at > LONGEST_TEXT:
            raise Unreadable(TOO_LONG)
    if not at:
        raise Unreadable("its pages hold no text: if they are scanned, have them recognised (OCR) first")
    return Reading("".join(pieces), " ".join(plain(title).split())[:_LONGEST_TITLE], pages=tuple(begins))
