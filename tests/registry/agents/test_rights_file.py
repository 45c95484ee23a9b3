"""The rights file is read again when it changes; while it cannot be read, nobody may do anything."""

import os
from pathlib import Path

import pytest
from toolyard_registry.agents.rights_file import RightsFile
from toolyard_registry.rights import NOBODY, UNWRITTEN, may_see


def test_without_a_file_agents_grants_decide(tmp_path: Path) -> None:
    assert RightsFile(tmp_path).current == UNWRITTEN


def test_a_change_holds_from_the_next_look_on(tmp_path: Path) -> None:
    file, rights = tmp_path / "rights.toml", RightsFile(tmp_path)
    file.write_text('[[call]]\ntools = ["a"]\n')
    assert (may_see(rights.current, "t", (), "a"), may_see(rights.current, "t", (), "bb")) == (True, False)
    file.write_text('[[call]]\ntools = ["bb"]\n')
    assert (may_see(rights.current, "t", (), "a"), may_see(rights.current, "t", (), "bb")) == (False, True)
    file.unlink()
    assert rights.current == UNWRITTEN


def test_one_that_did_not_change_is_not_read_again(tmp_path: Path) -> None:
    (tmp_path / "rights.toml").write_text("call = []\n")
    rights = RightsFile(tmp_path)
    assert rights.current is rights.current


@pytest.mark.parametrize("content", [b'[[call]]\ntools = "a"\n', b"\xff\xfe", b"[[call"])
def test_one_that_cannot_be_read_grants_nothing_and_says_why(
    tmp_path: Path, content: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    file, rights = tmp_path / "rights.toml", RightsFile(tmp_path)
    file.write_bytes(content)
    assert rights.current == NOBODY
    assert str(rights.problem).startswith("rights.toml:1: ") or str(rights.problem).startswith("rights.toml:2: ")
    assert "nobody may publish or call anything" in caplog.text
    file.write_text("")
    assert rights.current == UNWRITTEN
    assert rights.problem is None


def test_a_file_that_is_there_and_closed_is_not_one_that_is_missing(tmp_path: Path) -> None:
    (tmp_path / "rights.toml").mkdir()
    os.utime(tmp_path / "rights.toml")
    assert RightsFile(tmp_path).current == NOBODY
