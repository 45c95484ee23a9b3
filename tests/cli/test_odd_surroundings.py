"""Odd files, full disks and bytes that are no text: one line for a person, never a traceback."""

import subprocess
import sys
from pathlib import Path

import pytest

from tests.cli.running import environment, toolyard
from tests.cli.serving import serving

PROGRAM = (sys.executable, "-m", "toolyard_runtime.cli")


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    done = toolyard("new", "shop", cwd=tmp_path)
    assert done.code == 0, done.err
    return tmp_path / "shop"


@pytest.mark.parametrize("place", [".toolyard", "taken/below"])
def test_a_state_folder_that_is_a_file_is_told_in_one_line(shop: Path, place: str) -> None:
    (shop / place.partition("/")[0]).write_text("mine")
    done = toolyard("serve", "--rehearsal", "--port", "0", "--state-dir", str(shop / place), cwd=shop)
    assert done.code != 0
    assert "Traceback" not in done.err
    assert "is a file" in done.err


def test_the_usual_state_folder_that_is_a_file_is_told_in_one_line(shop: Path) -> None:
    (shop / ".toolyard").write_text("mine")
    done = toolyard("serve", "--rehearsal", "--port", "0", cwd=shop)
    assert (done.code, done.err.count("\n")) == (1, 1)
    assert f"{shop / '.toolyard'} is a file" in done.err
    for command in (("doctor",), ("key", "list"), ("runs", "list")):
        assert toolyard(*command, cwd=shop).code == 1


def test_an_empty_name_is_called_empty(tmp_path: Path) -> None:
    done = toolyard("new", "", cwd=tmp_path)
    assert done.code == 1
    assert "the name is empty" in done.err


def test_an_output_that_cannot_be_written_is_told_in_one_line(shop: Path) -> None:
    with serving(shop):
        asked = toolyard("chat", "-m", "What is 17 * 23?", cwd=shop)
        assert asked.code == 0, asked.err
        for arguments in (("why", "last"), ("why", "last", "--json"), ("runs", "list"), ("--help",)):
            with Path("/dev/full").open("w") as full:
                done = subprocess.run(
                    [*PROGRAM, *arguments],
                    cwd=shop,
                    stdout=full,
                    stderr=subprocess.PIPE,
                    env=environment(),
                    timeout=60,
                    check=False,
                )
            told = done.stderr.decode()
            assert (done.returncode, told.count("\n")) == (1, 1), told
            assert told.startswith("toolyard: the output cannot be written")


def test_a_question_may_hold_bytes_that_are_no_utf8(shop: Path) -> None:
    with serving(shop):
        for arguments, given in ((["chat"], b"What is 17 * 23? \xff\xfe\n"), (["chat", "-m", b"17 * 23 \xff"], b"")):
            done = subprocess.run(
                [*PROGRAM, *arguments],
                cwd=shop,
                input=given,
                capture_output=True,
                env=environment(),
                timeout=60,
                check=False,
            )
            assert done.returncode == 0, done.stderr
            assert b"391" in done.stdout
