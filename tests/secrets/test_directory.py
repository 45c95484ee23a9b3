"""Secrets in files: what others can read is refused, names stay inside, and nothing but a file is read."""

import logging
import os
import stat
from pathlib import Path

import pytest
from toolyard_runtime.secrets.directory import DirectoryShelf
from toolyard_runtime.secrets.private import Exposed, check_private
from toolyard_runtime.secrets.shelves import LONGEST, SecretUnreadable


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "secrets"
    made.mkdir(0o700)
    return made


def keep(path: Path, value: bytes = b"v", mode: int = 0o600) -> Path:
    path.write_bytes(value)
    path.chmod(mode)
    return path


@pytest.mark.parametrize("mode", [0o644, 0o640, 0o604, 0o620, 0o602, 0o610, 0o601, 0o777])
async def test_a_file_that_others_reach_is_refused(folder: Path, mode: int, caplog: pytest.LogCaptureFixture) -> None:
    path = keep(folder / "k", b"exposed-value", mode)
    with pytest.raises(SecretUnreadable) as refused:
        await DirectoryShelf(folder).own("default", None, "k")
    assert str(folder) not in str(refused.value)
    assert f"{path} can be read by others (mode {mode:03o}): chmod 600 it" in caplog.text
    assert "exposed-value" not in caplog.text + str(refused.value)


@pytest.mark.parametrize("tenant", ["default", "acme"])
async def test_a_folder_that_others_reach_is_refused_with_all_that_is_in_it(
    folder: Path, tenant: str, caplog: pytest.LogCaptureFixture
) -> None:
    inside = folder if tenant == "default" else folder / tenant
    inside.mkdir(0o700, exist_ok=True)
    keep(inside / "k")
    shelf = DirectoryShelf(folder)
    assert await shelf.own(tenant, None, "k") == "v"
    inside.chmod(0o750)
    with pytest.raises(SecretUnreadable):
        await shelf.own(tenant, None, "k")
    assert await shelf.entries(tenant, ("", ""), 9) == []
    assert f"{inside} can be read by others (mode 750): chmod 700 it" in caplog.text


def test_a_folder_is_looked_at_before_anybody_needs_it(folder: Path) -> None:
    DirectoryShelf(folder).check()
    folder.chmod(0o755)
    with pytest.raises(Exposed, match="chmod 700"):
        DirectoryShelf(folder).check()
    with pytest.raises(FileNotFoundError):
        DirectoryShelf(folder / "absent").check()


def test_what_belongs_to_another_user_is_refused() -> None:
    def owned(by: int) -> os.stat_result:
        return os.stat_result((stat.S_IFREG | 0o600, 1, 1, 1, by, 0, 1, 0, 0, 0))

    check_private(owned(os.geteuid()), Path("k"))
    check_private(owned(0), Path("k"))
    with pytest.raises(Exposed, match="belongs to another user"):
        check_private(owned(os.geteuid() + 4321), Path("k"))


@pytest.mark.parametrize(
    ("content", "value"),
    [(b"v", "v"), (b"v\n", "v"), (b"v\r\n", "v"), (b"v\n\n", "v\n"), (b" v ", " v "), (b"x" * LONGEST, "x" * LONGEST)],
)
async def test_one_line_break_at_the_end_is_the_editors(folder: Path, content: bytes, value: str) -> None:
    keep(folder / "k", content)
    assert await DirectoryShelf(folder).own("default", None, "k") == value


@pytest.mark.parametrize("content", [b"", b"\n", b"\xff\xfe", b"x" * (LONGEST + 1), b"x" * (LONGEST * 3)])
async def test_what_is_no_value_is_refused(folder: Path, content: bytes) -> None:
    keep(folder / "k", content)
    with pytest.raises(SecretUnreadable):
        await DirectoryShelf(folder).own("default", None, "k")


async def test_a_pipe_is_refused_and_waits_for_nobody(folder: Path) -> None:
    os.mkfifo(folder / "k", 0o600)
    with pytest.raises(SecretUnreadable):
        await DirectoryShelf(folder).own("default", None, "k")
    assert await DirectoryShelf(folder).entries("default", ("", ""), 9) == []


async def test_a_link_is_judged_by_what_it_leads_to(folder: Path, tmp_path: Path) -> None:
    target = keep(tmp_path / "elsewhere", b"linked")
    (folder / "k").symlink_to(target)
    shelf = DirectoryShelf(folder)
    assert await shelf.own("default", None, "k") == "linked"
    target.chmod(0o644)
    with pytest.raises(SecretUnreadable):
        await shelf.own("default", None, "k")


async def test_another_tenants_folder_is_no_secret_of_the_house(folder: Path) -> None:
    (folder / "acme").mkdir(0o700)
    keep(folder / "acme" / "k")
    keep(folder / "flat")
    shelf = DirectoryShelf(folder)
    assert await shelf.own("default", None, "acme") is None
    assert await shelf.own("flat", None, "k") is None
    assert [entry.name for entry in await shelf.entries("default", ("", ""), 9)] == ["flat"]
    assert await shelf.entries("flat", ("", ""), 9) == []


async def test_a_listed_file_says_when_it_was_written(folder: Path) -> None:
    os.utime(keep(folder / "k"), ns=(5_000_000, 1_700_000_000_000_001_000))
    (entry,) = await DirectoryShelf(folder).entries("default", ("", ""), 9)
    assert entry.set_at == 1_700_000_000_000_001


async def test_files_that_no_secret_could_be_are_not_listed(folder: Path, caplog: pytest.LogCaptureFixture) -> None:
    keep(folder / "k")
    keep(folder / ".hidden")
    keep(folder / "k.bak")
    with caplog.at_level(logging.ERROR):
        assert [entry.name for entry in await DirectoryShelf(folder).entries("default", ("", ""), 9)] == ["k"]
    assert caplog.text == ""
