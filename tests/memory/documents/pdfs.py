"""PDFs made on the spot, good and bad; written by hand, so that a test says every byte of what is read."""

import functools
import io
import zlib
from collections.abc import Sequence

from pypdf import PdfReader, PdfWriter


def pdf(*pages: str, title: str = "", filters: str = "/FlateDecode") -> bytes:
    """Return a PDF with these lines of text on its pages; a line feed begins a new line."""
    return _written([_stream(_shown(page), filters) for page in pages], title)


@functools.cache
def bomb(megabytes: int = 100) -> bytes:
    """Return a PDF of some kilobytes whose one page unfolds, twice over, to so many megabytes of operators."""
    packer = zlib.compressobj(9)
    block = b"0 0 m " * 174_763
    once = b"".join([*(packer.compress(block) for _ in range(megabytes)), packer.flush()])
    return _written([_object(zlib.compress(once, 9), "/Filter [/FlateDecode /FlateDecode]")])


def loop() -> bytes:
    """Return a PDF whose pages are their own ancestors."""
    return _file(
        [
            b"<< /Type /Catalog /Pages 2 0 R >>",
            b"<< /Type /Pages /Kids [3 0 R] /Count 1 >>",
            b"<< /Type /Pages /Kids [2 0 R 3 0 R] /Count 1 /Parent 2 0 R >>",
        ]
    )


def _shown(text: str) -> bytes:
    lines = [line.replace("\\", r"\\").replace("(", r"\(").replace(")", r"\)") for line in text.split("\n")]
    return ("BT /F1 12 Tf 14 TL 72 720 Td " + " T* ".join(f"({line}) Tj" for line in lines) + " ET").encode("latin-1")


def _stream(content: bytes, filters: str) -> bytes:
    return _object(zlib.compress(content) if filters else content, f"/Filter {filters}" if filters else "")


def _object(data: bytes, entries: str) -> bytes:
    return f"<< /Length {len(data)} {entries} >>\nstream\n".encode() + data + b"\nendstream"


def _written(contents: Sequence[bytes], title: str = "") -> bytes:
    kids = " ".join(f"{4 + 2 * n} 0 R" for n in range(len(contents)))
    objects = [
        b"<< /Type /Catalog /Pages 2 0 R >>",
        f"<< /Type /Pages /Kids [{kids}] /Count {len(contents)} >>".encode(),
        b"<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica /Encoding /WinAnsiEncoding >>",
    ]
    for n, content in enumerate(contents):
        resources = "/Resources << /Font << /F1 3 0 R >> >>"
        page = f"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 612 792] {resources} /Contents {5 + 2 * n} 0 R >>"
        objects += [page.encode(), content]
    return _file(objects, title)


def _file(objects: Sequence[bytes], title: str = "") -> bytes:
    written = bytearray(b"%PDF-1.4\n")
    every = [*objects, f"<< /Title ({title}) >>".encode()]
    places = []
    for number, content in enumerate(every, 1):
        places.append(len(written))
        written += f"{number} 0 obj\n".encode() + content + b"\nendobj\n"
    begin = len(written)
    written += f"xref\n0 {len(every) + 1}\n0000000000 65535 f \n".encode()
    written += b"".join(b"%010d 00000 n \n" % place for place in places)
    written += f"trailer\n<< /Size {len(every) + 1} /Root 1 0 R /Info {len(every)} 0 R >>\n".encode()
    return bytes(written + f"startxref\n{begin}\n%%EOF\n".encode())


def encrypted(password: str) -> bytes:
    """Return a PDF that opens with a password (RC4, 128 bits); one that is empty is for its owner's rights only."""
    writer = PdfWriter(PdfReader(io.BytesIO(pdf("Only for owners."))))
    writer.encrypt(password, "the owner's", algorithm="RC4-128")
    written = io.BytesIO()
    writer.write(written)
    return written.getvalue()
