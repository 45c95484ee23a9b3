import asyncio
import os
import shutil
import socket
import stat
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from toolyard_files import Settings, file_tools, register_tools
from toolyard_files.paths import names_of
from toolyard_files.texts import decoded
from toolyard_sdk import ConfigError, FunctionTool, ToolContext, ToolError, ToolResult
from toolyard_sdk.testing import call

SECRET = "the secret outside"
SECONDS = 5.0

Ask = Callable[..., Any]


class Files:
    """The tools over a root that lies beside a secret, for one tenant."""

    def __init__(self, root: Path, **settings: Any) -> None:
        count = iter(range(10_000_000))
        self.now = 0.0
        made = file_tools(Settings(root=str(root), **settings), lambda: str(next(count)), lambda: self.now)
        self.root = root
        self.tools = {each.spec.name: each for each in made}

    async def ask(self, tool: str, *, tenant: str = "default", **arguments: Any) -> ToolResult:
        return await call(self.tools[tool], arguments, ToolContext(tenant=tenant), seconds=SECONDS)

    async def text(self, tool: str, **arguments: Any) -> str:
        answer = await self.ask(tool, **arguments)
        assert not answer.is_error, answer.text
        return answer.text

    async def refused(self, tool: str, **arguments: Any) -> str:
        answer = await self.ask(tool, **arguments)
        assert answer.is_error, answer.text
        assert "Error" not in answer.text
        return answer.text

    async def paths(self, **arguments: Any) -> list[str]:
        answer = await self.ask("list_files", **arguments)
        assert not answer.is_error, answer.text
        return [entry["path"] for entry in answer.structured["entries"]]


@pytest.fixture
def files(tmp_path: Path) -> Files:
    (tmp_path / "outside").mkdir()
    (tmp_path / "outside/secret.txt").write_text(SECRET)
    root = tmp_path / "root"
    (root / "notes").mkdir(parents=True)
    (root / "notes/a.md").write_text("one\ntwo\nthree\n")
    (root / "top.txt").write_text("top\n")
    return Files(root)


@pytest.fixture
def trapped(files: Files) -> Iterator[Files]:
    """The same root, with everything in it that an attacker with a shell could have left there."""
    root, outside = files.root, files.root.parent / "outside"
    (root / "link.txt").symlink_to(outside / "secret.txt")
    (root / "relative.txt").symlink_to("../outside/secret.txt")
    (root / "linked").symlink_to(outside)
    (root / "here").symlink_to(".")
    (root / "up").symlink_to("..")
    (root / "slash").symlink_to("/")
    (root / "loop").symlink_to("loop")
    (root / "dangling").symlink_to("nothing")
    (root / "inside").symlink_to("notes/a.md")
    (root / "proc").symlink_to("/proc/self")
    (root / "notes/deep").symlink_to(outside)
    os.link(outside / "secret.txt", root / "hard.txt")
    os.mkfifo(root / "pipe")
    served = socket.socket(socket.AF_UNIX)
    here = Path.cwd()
    os.chdir(root)  # the path of a socket may be no longer than 107 bytes
    try:
        served.bind("socket")
    finally:
        os.chdir(here)
    (root / ".env").write_text(SECRET)
    (root / ".git").mkdir()
    (root / ".git/config").write_text(SECRET)
    yield files
    served.close()


ATTACKS = [
    "..",
    "../",
    "../outside/secret.txt",
    "../../outside/secret.txt",
    "./../outside/secret.txt",
    "notes/../../outside/secret.txt",
    "notes/../top.txt",
    "notes/..",
    "notes/./../..",
    "notes//..//..//outside/secret.txt",
    "nothing/../../outside/secret.txt",
    "/etc/passwd",
    "//etc/passwd",
    "///etc/passwd",
    "/",
    "/proc/self/environ",
    "/dev/zero",
    "..\\outside\\secret.txt",
    "notes\\..\\..\\outside\\secret.txt",
    "C:\\Windows\\win.ini",
    "\\\\server\\share",
    "link.txt",
    "relative.txt",
    "linked",
    "linked/secret.txt",
    "linked/",
    "linked/.",
    "here",
    "here/top.txt",
    "here/here/top.txt",
    "up/outside/secret.txt",
    "slash/etc/passwd",
    "loop",
    "loop/loop",
    "dangling",
    "dangling/file",
    "inside",
    "proc/environ",
    "proc/root/etc/passwd",
    "notes/deep/secret.txt",
    "hard.txt",
    "pipe",
    "socket",
    ".env",
    ".git/config",
    "notes/.hidden",
    "./.env",
    "...",
    "..;/outside/secret.txt",
    "%2e%2e/outside/secret.txt",
    "..%2foutside%2fsecret.txt",
    "\uff0e\uff0e/outside/secret.txt",
    "\u2024\u2024/outside/secret.txt",
    "notes/\u202e",
    "top.txt\x00.md",
    "\x00",
    "notes/a.md/",
    "notes/a.md/..",
    "top.txt/x",
    "~",
    "~/secret.txt",
    "~root/.bashrc",
    "$HOME/secret.txt",
    "file:///etc/passwd",
    "x" * 300,
    "a/" * 50 + "b",
    "a/" * 5_000,
    "\ud800".encode("utf-8", "surrogatepass").decode("utf-8", "replace"),
    "",
    ".",
    "notes",
    "TOP.TXT/..",
]


def _state(folder: Path) -> dict[str, tuple[int, bytes]]:
    """Return everything that is below a folder, links not followed."""
    found = {}
    for path in sorted(folder.rglob("*")):
        state = path.lstat()
        content = path.read_bytes() if stat.S_ISREG(state.st_mode) else b""
        found[str(path)] = (state.st_mode, content)
    return found


HARMLESS = {"notes/a.md/"}
"""The slash at the end of a file's path is no way out: it is read as the file, and refused for writing."""


@pytest.mark.parametrize("path", [path for path in ATTACKS if path not in HARMLESS], ids=ascii)
async def test_no_path_reads_what_is_outside_hidden_or_no_regular_file(trapped: Files, path: str) -> None:
    began = time.monotonic()
    text = await trapped.refused("read_file", path=path)
    assert SECRET not in text
    assert "root:" not in text
    assert time.monotonic() - began < SECONDS


@pytest.mark.parametrize("path", ATTACKS, ids=ascii)
async def test_no_path_writes_outside_or_through_what_is_no_regular_file(trapped: Files, path: str) -> None:
    outside = _state(trapped.root.parent / "outside")
    traps = {entry: value for entry, value in _state(trapped.root).items() if not stat.S_ISDIR(value[0])}
    answer = await trapped.ask("write_file", path=path, content="written", overwrite=True)
    beyond = [str(entry) for entry in trapped.root.parent.iterdir()]
    assert sorted(beyond) == sorted([str(trapped.root), str(trapped.root.parent / "outside")])
    after = _state(trapped.root)
    if answer.is_error:
        assert {entry: after[entry] for entry in traps} == traps
    else:
        changed = [value for entry, value in after.items() if stat.S_ISREG(value[0]) and traps.get(entry) != value]
        assert [content for _, content in changed] == [b"written"]
    if path not in ("", "."):
        assert {entry: value[1] for entry, value in _state(trapped.root.parent / "outside").items()} == {
            entry: value[1] for entry, value in outside.items()
        }


@pytest.mark.parametrize("path", [path for path in ATTACKS if path.strip("./")], ids=ascii)
async def test_no_folder_lists_or_searches_what_is_outside(trapped: Files, path: str) -> None:
    for tool, arguments in (("list_files", {"recursive": True}), ("search_files", {"text": "secret"})):
        answer = await trapped.ask(tool, folder=path, **arguments)
        assert SECRET not in answer.text
        assert "secret.txt" not in answer.text or "secret.txt" in path


async def test_listing_and_searching_the_root_pass_over_every_trap(trapped: Files) -> None:
    assert await trapped.paths(recursive=True) == ["hard.txt", "notes/", "top.txt", "notes/a.md"]
    answer = await trapped.ask("search_files", text="secret")
    assert (answer.structured["matches"], answer.structured["files"]) == ([], 2)


async def test_hidden_files_are_served_only_when_the_operator_says_so(trapped: Files) -> None:
    open_ = Files(trapped.root, hidden=True)
    assert await open_.text("read_file", path=".git/config") == SECRET
    assert ".env" in await open_.paths()


async def test_a_folder_swapped_for_a_link_in_mid_call_never_leads_outside(files: Files) -> None:
    outside = files.root.parent / "outside"
    (outside / "a.md").write_text(SECRET)
    notes, spare = files.root / "notes", files.root / "spare"
    done = threading.Event()
    swaps = 0

    def swap() -> None:
        nonlocal swaps
        while not done.is_set():
            notes.rename(spare)
            with suppress(FileExistsError):  # a writer made the missing folder in between
                notes.symlink_to(outside)
            back = False
            while not back:
                with suppress(OSError):
                    notes.unlink() if notes.is_symlink() else shutil.rmtree(notes, ignore_errors=True)
                    spare.rename(notes)
                    back = True
            swaps += 1

    swapper = threading.Thread(target=swap)
    swapper.start()
    outcomes: set[bool] = set()
    try:
        until = time.monotonic() + 1.5
        number = 0
        while time.monotonic() < until and (number < 2_000 or len(outcomes) < 2):
            number += 1
            answer = await files.ask("read_file", path="notes/a.md")
            assert SECRET not in answer.text
            outcomes.add(answer.is_error)
            answer = await files.ask("search_files", text="secret", folder="notes")
            assert SECRET not in answer.text
            await files.ask("write_file", path=f"notes/{number}.txt", content="x")
    finally:
        done.set()
        swapper.join(SECONDS)
    assert swaps
    assert sorted(path.name for path in outside.iterdir()) == ["a.md", "secret.txt"]


async def test_a_file_swapped_for_a_link_or_pipe_in_mid_call_is_never_followed_nor_waited_for(files: Files) -> None:
    target, spare, pipe = files.root / "top.txt", files.root / "spare.txt", files.root / "bait"
    link = files.root / "link"
    link.symlink_to(files.root.parent / "outside/secret.txt")
    os.mkfifo(pipe)
    done = threading.Event()

    def swap() -> None:
        while not done.is_set():
            for bait in (link, pipe):
                target.rename(spare)
                bait.rename(target)
                target.rename(bait)
                spare.rename(target)

    swapper = threading.Thread(target=swap)
    swapper.start()
    try:
        until = time.monotonic() + 1.5
        while time.monotonic() < until:
            answer = await files.ask("read_file", path="top.txt")
            assert answer.text == "top\n" or answer.is_error
            assert SECRET not in answer.text
            assert "did not return" not in answer.text
    finally:
        done.set()
        swapper.join(SECONDS)


@pytest.mark.parametrize("bait", ["link", "pipe", "device"])
async def test_a_file_swapped_between_the_look_at_it_and_its_opening_is_refused_at_once(
    files: Files, monkeypatch: pytest.MonkeyPatch, bait: str
) -> None:
    look = os.stat

    def look_then_swap(path: Any, *, dir_fd: int | None = None, follow_symlinks: bool = True) -> os.stat_result:
        state = look(path, dir_fd=dir_fd, follow_symlinks=follow_symlinks)
        if path == "top.txt" and dir_fd is not None and stat.S_ISREG(state.st_mode):
            os.unlink(path, dir_fd=dir_fd)
            if bait == "pipe":
                os.mkfifo(path, dir_fd=dir_fd)
            else:
                os.symlink("../outside/secret.txt" if bait == "link" else "/dev/zero", path, dir_fd=dir_fd)
        return state

    monkeypatch.setattr(os, "stat", look_then_swap)
    text = await files.refused("read_file", path="top.txt")
    assert SECRET not in text
    assert "is a link" in text or "no regular file" in text


@given(st.text(alphabet=st.characters(exclude_categories=()), max_size=40))
def test_the_names_of_any_path_can_be_opened_one_by_one_or_the_path_is_refused(path: str) -> None:
    try:
        names = names_of(path, hidden=True)
    except ToolError as error:
        str(error).encode()
    else:
        assert all(name not in ("", ".", "..") and "/" not in name and "\0" not in name for name in names)


async def test_a_file_is_written_read_listed_and_found(files: Files) -> None:
    assert (
        await files.text("write_file", path="new/deep/b.md", content="caf\u00e9\n") == "wrote new/deep/b.md (6 bytes)"
    )
    assert await files.text("read_file", path="new/deep/b.md") == "caf\u00e9\n"
    assert await files.paths(recursive=True, pattern="*.md") == [
        "new/",
        "notes/",
        "new/deep/",
        "new/deep/b.md",
        "notes/a.md",
    ]
    answer = await files.ask("search_files", text="CAF\u00c9")
    assert answer.structured["matches"] == [{"path": "new/deep/b.md", "line": 1, "text": "caf\u00e9"}]


async def test_an_existing_file_is_replaced_only_with_overwrite(files: Files) -> None:
    assert "overwrite = true" in await files.refused("write_file", path="top.txt", content="new")
    assert (files.root / "top.txt").read_text() == "top\n"
    assert await files.text("write_file", path="top.txt", content="new", overwrite=True) == "replaced top.txt (3 bytes)"
    assert (files.root / "top.txt").read_text() == "new"


async def test_a_call_made_again_finds_its_own_work(files: Files) -> None:
    await files.text("write_file", path="b.txt", content="b")
    assert "exactly this already" in await files.text("write_file", path="b.txt", content="b")
    assert sorted(path.name for path in files.root.iterdir()) == ["b.txt", "notes", "top.txt"]


async def test_a_replaced_file_keeps_its_permissions(files: Files) -> None:
    (files.root / "top.txt").chmod(0o600)
    await files.text("write_file", path="top.txt", content="new", overwrite=True)
    assert stat.S_IMODE((files.root / "top.txt").stat().st_mode) == 0o600


async def test_no_temporary_file_is_left_behind_or_shown(files: Files) -> None:
    await files.text("write_file", path="b.txt", content="b")
    await files.refused("write_file", path="b.txt", content="c")
    await files.refused("write_file", path="notes", content="c", overwrite=True)
    assert sorted(path.name for path in files.root.iterdir()) == ["b.txt", "notes", "top.txt"]
    (files.root / ".toolyard-9.tmp").write_text("left by a crash")
    assert ".toolyard-9.tmp" not in await Files(files.root, hidden=True).paths()


async def test_a_new_file_interrupted_before_its_temporary_name_went_can_be_read(files: Files) -> None:
    (files.root / "b.txt").write_text("whole")
    os.link(files.root / "b.txt", files.root / ".toolyard-9.tmp")
    assert await files.text("read_file", path="b.txt") == "whole"


async def test_readers_see_the_old_file_or_the_new_one_and_nothing_between(files: Files) -> None:
    old, new = "o" * 200_000 + "\n", "n" * 200_000 + "\n"
    (files.root / "big.txt").write_text(old)
    seen = set()
    done = threading.Event()

    def watch() -> None:
        while not done.is_set():
            seen.add((files.root / "big.txt").read_text())

    watcher = threading.Thread(target=watch)
    watcher.start()
    try:
        for number in range(20):
            await files.text("write_file", path="big.txt", content=new if number % 2 else old, overwrite=True)
    finally:
        done.set()
        watcher.join(SECONDS)
    assert seen <= {old, new}


async def test_two_writers_of_one_new_file_do_not_overwrite_each_other(files: Files) -> None:
    for number in range(20):
        answers = [
            call(files.tools["write_file"], {"path": f"{number}.txt", "content": who}, seconds=SECONDS) for who in "ab"
        ]
        first, second = [await answer for answer in answers] if number % 2 else await _together(answers)
        assert first.is_error != second.is_error
        assert (files.root / f"{number}.txt").read_text() == ("b" if first.is_error else "a")


async def _together(answers: list[Any]) -> list[ToolResult]:
    return list(await asyncio.gather(*answers))


async def test_a_long_file_comes_in_pages_that_together_are_the_file(files: Files) -> None:
    whole = "".join(f"line {number}\n" for number in range(1, 1_301))
    (files.root / "long.txt").write_text(whole)
    read, start = "", 1
    while True:
        text = await files.text("read_file", path="long.txt", start_line=start)
        body, _, note = text.rpartition("[")
        read += body
        if "go on with" not in note:
            break
        start = int(note.removesuffix("]").rpartition("= ")[2])
    assert read == whole
    assert "no line 1301" in await files.refused("read_file", path="long.txt", start_line=1_301)
    assert "counts from 1" in await files.refused("read_file", path="long.txt", start_line=0)


async def test_a_page_fits_into_what_an_agent_is_shown(files: Files) -> None:
    (files.root / "wide.txt").write_text(("\u20ac" * 1_900 + "\n") * 30)
    (files.root / "one.txt").write_text("x" * 1_000_000)
    for name in ("wide.txt", "one.txt"):
        text = await files.text("read_file", path=name)
        assert len(text.encode()) < 32_768
        assert "[" in text


@pytest.mark.parametrize(
    ("data", "text"),
    [
        (b"plain", "plain"),
        (b"", "[the file is empty]"),
        ("caf\u00e9".encode(), "caf\u00e9"),
        ("\ufeffmarked".encode(), "marked"),
        ("wide \u20ac".encode("utf-16"), "wide \u20ac\n[decoded from utf-16]"),
        ("wide \u20ac".encode("utf-32"), "wide \u20ac\n[decoded from utf-32]"),
        ("caf\u00e9 \u20ac".encode("cp1252"), "caf\u00e9 \u20ac\n[decoded from cp1252]"),
        (b"one\r\ntwo\r\n", "one\r\ntwo\r\n"),
        (b"\x1b[31mred\x1b[0m", "\x1b[31mred\x1b[0m"),
    ],
)
async def test_text_is_read_in_its_encoding(files: Files, data: bytes, text: str) -> None:
    (files.root / "file").write_bytes(data)
    assert await files.text("read_file", path="file") == text


@pytest.mark.parametrize(
    "data", [b"\x89PNG\r\n\x1a\n\0\0", b"\0" * 10, b"\x7fELF\x02\x01\x01\0", bytes(range(1, 32)) * 9]
)
async def test_a_binary_file_is_refused_and_passed_over_by_searches(files: Files, data: bytes) -> None:
    (files.root / "binary").write_bytes(data + b"needle")
    assert "is binary" in await files.refused("read_file", path="binary")
    assert (await files.ask("search_files", text="needle")).structured["matches"] == []


@given(st.binary(max_size=200))
def test_any_bytes_are_text_or_no_text(data: bytes) -> None:
    found = decoded(data)
    assert found is None or isinstance(found.text, str)


async def test_a_name_that_is_not_utf_8_is_listed_with_its_bytes_escaped(files: Files) -> None:
    utf_8_only = os.uname().sysname == "Darwin"
    name, told = ("caf.txt", "caf.txt") if utf_8_only else (os.fsdecode(b"caf\xe9.txt"), "caf\\udce9.txt")
    (files.root / name).write_text("needle")
    assert told in await files.paths()
    assert (await files.ask("search_files", text="needle")).structured["matches"][0]["path"] == told


async def test_a_misspelt_name_is_answered_with_the_nearest_ones(files: Files) -> None:
    assert await files.refused("read_file", path="notes/aa.md") == "notes/aa.md does not exist: did you mean a.md?"
    assert "did you mean notes" in await files.refused("list_files", folder="note")


async def test_what_is_too_large_is_neither_read_nor_written(files: Files) -> None:
    small = Files(files.root, max_read_bytes=10, max_write_bytes=10)
    (files.root / "big.txt").write_text("x" * 11)
    assert "at most 10" in await small.refused("read_file", path="big.txt")
    assert "at most 10" in await small.refused("write_file", path="b.txt", content="\u20ac" * 4)
    assert (await small.ask("search_files", text="x")).structured["matches"] == []
    assert not (files.root / "b.txt").exists()


async def test_a_long_list_is_cut_and_says_so(files: Files) -> None:
    for number in range(250):
        (files.root / f"{number:03}.txt").touch()
    answer = await files.ask("list_files")
    assert len(answer.structured["entries"]) == 200
    assert "there are more" in answer.structured["note"]


async def test_a_search_ends_when_it_has_found_enough_or_its_time_is_over(files: Files) -> None:
    (files.root / "many.txt").write_text("needle\n" * 500)
    answer = await files.ask("search_files", text="needle")
    assert len(answer.structured["matches"]) == 50
    for number in range(3):
        (files.root / f"z{number}.txt").write_text("straw")
    files.now = 0.0
    slow = iter([0.0, 1.0, 100.0])
    tools = file_tools(Settings(root=str(files.root)), str, lambda: next(slow))
    late = await call(tools[2], {"text": "straw"})
    assert "stopped after 8 s" in late.text


async def test_a_match_in_a_long_line_is_shown_with_its_surroundings(files: Files) -> None:
    (files.root / "wide.txt").write_text("x" * 5_000 + "needle" + "y" * 5_000)
    (match,) = (await files.ask("search_files", text="needle")).structured["matches"]
    assert "needle" in match["text"]
    assert len(match["text"]) < 300


@pytest.mark.parametrize("text", ["", "   ", "a\nb"])
async def test_a_text_that_no_line_can_hold_is_refused(files: Files, text: str) -> None:
    assert "within one line" in await files.refused("search_files", text=text)


async def test_a_pattern_made_to_backtrack_is_answered_fast(files: Files) -> None:
    (files.root / ("a" * 200)).touch()
    began = time.monotonic()
    assert await files.paths(pattern="*a" * 90 + "b") == ["notes/"]
    assert time.monotonic() - began < 2.0
    assert "no '/'" in await files.refused("list_files", pattern="notes/*.md")
    assert "at most 200" in await files.refused("list_files", pattern="*" * 201)


async def test_a_file_from_beyond_every_calendar_is_listed_without_its_time(files: Files) -> None:
    os.utime(files.root / "top.txt", (0, -(2**40)))
    assert "top.txt" in await files.paths()


async def test_tenants_do_not_see_each_others_files(tmp_path: Path) -> None:
    files = Files(tmp_path / "{tenant}")
    await files.ask("write_file", tenant="one", path="a.txt", content="mine")
    assert (await files.ask("read_file", tenant="one", path="a.txt")).text == "mine"
    assert (await files.ask("read_file", tenant="two", path="a.txt")).text == "there are no files yet."
    assert (await files.ask("list_files", tenant="two")).structured == {"entries": [], "note": "there are no files yet"}
    for tenant in ("../one", "one/../two", ".", "..", "", "a/b", "a\0"):
        assert "ask the operator" in (await files.ask("read_file", tenant=tenant, path="a.txt")).text


def _registered(settings: dict[str, object]) -> dict[str, FunctionTool]:
    found: list[FunctionTool] = []
    register_tools(register=found.append, settings=settings)
    return {each.spec.name: each for each in found}


async def test_without_settings_each_tenant_has_a_folder_below_files(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    tools = _registered({})
    assert not (tmp_path / "files").exists()
    await call(tools["write_file"], {"path": "a.txt", "content": "x"}, ToolContext(tenant="acme"))
    assert (tmp_path / "files/acme/a.txt").read_text() == "x"


def test_without_writable_there_is_no_write_file(tmp_path: Path) -> None:
    assert list(_registered({"root": str(tmp_path), "writable": False})) == ["list_files", "read_file", "search_files"]


@pytest.mark.parametrize(
    "settings", [{"root": "/"}, {"root": "/no/such/folder"}, {"root": 5}, {"rot": "x"}, {"max_read_bytes": "big"}]
)
def test_settings_that_cannot_be_used_are_refused_with_the_fix(settings: dict[str, object]) -> None:
    with pytest.raises(ConfigError, match=r"\[plugins.files\]"):
        _registered(settings)


def test_only_writing_asks(files: Files) -> None:
    claims = {name: each.spec.annotations for name, each in files.tools.items()}
    assert {name for name, each in claims.items() if not each.read_only} == {"write_file"}
    assert claims["write_file"].destructive
