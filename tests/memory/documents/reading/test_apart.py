"""Files are read within bounds: what is made to do harm is refused in words, and this process goes on."""

import asyncio
import os
import time
from pathlib import Path

import pytest
from toolyard_memory.documents.reading.apart import LONG, Readers
from toolyard_memory.documents.reading.kinds import PARSED, Read, kind_of
from toolyard_memory.documents.reading.outcome import Bounds, Unreadable

from tests.http.serving import eventually
from tests.memory.documents.pdfs import bomb, encrypted, loop, pdf

SECONDS = 30.0
LABORIOUS = b"<p>x" + b"<i></i>" * 2_000_000
"""A page of which there is little to keep, and much to go through."""


async def refusal(data: bytes, kind: str = "application/pdf", readers: Readers | None = None) -> str:
    began = time.monotonic()
    with pytest.raises(Unreadable) as refused:
        await (readers or Readers()).read(data, kind)
    assert time.monotonic() - began < SECONDS
    return str(refused.value)


async def read(data: bytes, kind: str) -> Read:
    return await Readers().read(data, kind)


async def test_a_pdf_is_read_page_by_page() -> None:
    found = await read(pdf("First page,\nsecond line.", "", "Third (page)", title="Manual"), "application/pdf")
    assert found.title == "Manual"
    assert found.text == "First page,\nsecond line.\n\nThird (page)"
    assert [(found.text[one.start : one.stop], one.page) for one in found.pieces] == [
        ("First page,\nsecond line.", 1),
        ("Third (page)", 3),
    ]


async def test_a_word_that_is_parted_at_the_end_of_a_line_is_one_word() -> None:
    found = await read(pdf("The infor-\nmation is in A-\nB."), "application/pdf")
    assert found.text == "The information is in A-\nB."


async def test_a_pdf_that_unfolds_without_end_is_refused() -> None:
    data = bomb()
    assert len(data) < 20_000
    assert "made to do harm" in await refusal(data)


async def test_a_pdf_whose_pages_lead_back_to_themselves_is_refused() -> None:
    assert await refusal(loop())


async def test_an_encrypted_pdf_is_refused_and_one_that_opens_without_a_password_is_read() -> None:
    assert "encrypted: save it without a password" in await refusal(encrypted("secret"))
    assert (await read(encrypted(""), "application/pdf")).text == "Only for owners."


async def test_a_pdf_without_text_is_refused_with_what_to_do() -> None:
    assert "(OCR)" in await refusal(pdf("", ""))


@pytest.mark.parametrize("data", [b"%PDF-1.4\n", b"nothing", pdf("cut off")[:200], b"\x00" * 100])
async def test_a_damaged_pdf_is_refused(data: bytes) -> None:
    assert await refusal(data)


@pytest.mark.parametrize("bounds", [Bounds(wall_seconds=0.05), Bounds(cpu_seconds=1)])
async def test_a_reader_that_takes_too_long_is_ended(bounds: Bounds) -> None:
    assert "takes too long" in await refusal(LABORIOUS, "text/html", Readers(bounds))
    assert not children()


async def test_a_reader_that_takes_too_much_memory_is_ended() -> None:
    little = Readers(Bounds(memory=64 << 20))
    assert "more memory than a file is given" in await refusal(b"<p>" + b"w " * 4_000_000, "text/html", little)


async def test_a_reader_that_breaks_is_put_into_words() -> None:
    assert "broke on it" in await refusal(b"x" * (LONG + 1), "text/of-no-reader")


async def test_files_are_still_read_when_others_were_refused() -> None:
    readers = Readers(Bounds(wall_seconds=5.0, cpu_seconds=1))
    given = [LABORIOUS, b"<p>one", LABORIOUS, b"<p>two"]
    done = await asyncio.gather(*(readers.read(data, "text/html") for data in given), return_exceptions=True)
    assert [one.text if isinstance(one, Read) else type(one) for one in done] == [
        Unreadable,
        "one",
        Unreadable,
        "two",
    ]


async def test_a_reader_ends_with_who_waits_for_it() -> None:
    reading = asyncio.create_task(Readers().read(LABORIOUS, "text/html"))
    await asyncio.to_thread(eventually, children)
    reading.cancel()
    await asyncio.wait([reading], timeout=SECONDS)
    assert reading.cancelled()
    assert not children()


async def test_a_page_that_is_nested_without_end_is_read() -> None:
    assert (await read(b"<div>" * 50_000 + b"<p>deep", "text/html")).text == "deep"


async def test_long_texts_are_read_by_a_process_to_the_same_pieces() -> None:
    words = b"These words are said again and again. " * (LONG // 30)
    short, long = words[:LONG], words
    assert len(long) > LONG
    assert "text/plain" not in PARSED
    here, there = await read(short, "text/plain"), await read(long, "text/plain")
    assert there.pieces[: len(here.pieces) // 2] == here.pieces[: len(here.pieces) // 2]


async def test_too_much_text_is_refused() -> None:
    assert "more than 4000000 characters" in await refusal(b"word\n" * 1_000_000, "text/plain")


async def test_a_reader_knows_nothing_of_its_servers_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONPATH", "/nowhere")
    monkeypatch.setenv("PYTHONSTARTUP", "/nowhere")
    assert (await read(b"<p>read", "text/html")).text == "read"


@pytest.mark.parametrize(
    ("name", "declared", "kind"),
    [
        ("a.md", "", "text/markdown"),
        ("a.MD", "application/octet-stream", "text/markdown"),
        ("a", "text/html; charset=utf-8", "text/html"),
        ("a.md", "text/plain", "text/plain"),
        ("a.xhtml", "application/xhtml+xml", "text/html"),
        ("a.rst", "application/x-www-form-urlencoded", "text/plain"),
        ("a.png", "", None),
        ("a.md", "image/png", None),
    ],
)
def test_a_file_is_what_it_is_declared_to_be_or_what_its_name_says(name: str, declared: str, kind: str | None) -> None:
    assert kind_of(name, declared) == kind


def children() -> list[str]:
    """Return this process's children that read files and are not over; others have other tests to thank for them."""
    own = Path(f"/proc/{os.getpid()}/task")
    found = [one for task in own.iterdir() for one in (task / "children").read_text().split()] if own.exists() else []
    return [one for one in found if b"documents" in _command(one)]


def _command(process: str) -> bytes:
    try:
        return Path(f"/proc/{process}/cmdline").read_bytes()
    except OSError:  # it is over by now
        return b""
