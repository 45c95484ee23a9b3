"""`toolyard knowledge`: folders and files go in, and what became of each is said."""

import json
import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from toolyard_runtime.demo.repository import write_repository

from tests.cli.running import Terminal, toolyard
from tests.cli.scripted import scripted
from tests.cli.serving import serving
from tests.memory.documents.pdfs import bomb, pdf


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Return a repository that is served."""
    repository = tmp_path_factory.mktemp("shop")
    write_repository(repository)
    with serving(repository):
        yield repository


@pytest.fixture
def handbook(tmp_path: Path) -> Path:
    """Return a folder of documents, of a name of its own."""
    folder = tmp_path / f"handbook-{tmp_path.name}"
    (folder / "inner").mkdir(parents=True)
    (folder / "refunds.md").write_text("# Refunds\n\nPaid within 14 days.\n\n# Returns\n\nAt our cost.\n")
    (folder / "inner" / "pump.pdf").write_bytes(pdf("The pump is blue.", "The valve is red."))
    (folder / "logo.png").write_bytes(b"\x89PNG")
    (folder / ".hidden.md").write_text("hidden")
    return folder


def test_a_folder_is_added_and_added_again(shop: Path, handbook: Path) -> None:
    name = handbook.name
    first = toolyard("knowledge", "add", str(handbook), cwd=shop)
    assert (first.code, first.out.splitlines()) == (
        0,
        [
            f"{name}/inner/pump.pdf: added v1",
            f"{name}/refunds.md: added v1",
            "2 added; 1 file of other kinds left out.",
        ],
    ), first.err
    text = handbook / "refunds.md"
    text.write_text(text.read_text().replace("our cost", "your cost"))
    again = toolyard("knowledge", "add", f"{handbook}/", cwd=shop)
    assert again.out.splitlines() == [
        f"{name}/inner/pump.pdf: unchanged",
        f"{name}/refunds.md: new version v2 (1 of 2 pieces are new)",
        "1 changed, 1 unchanged; 1 file of other kinds left out.",
    ]
    shown = toolyard("knowledge", "show", f"{name}/refunds.md", "--version", "1", cwd=shop)
    assert "At our cost." in shown.out
    assert "v1 of v1, v2" in shown.out
    assert "recalled no more since" in shown.out
    assert "At your cost." in toolyard("knowledge", "show", f"{name}/refunds.md", cwd=shop).out


def test_a_piece_of_a_former_version_is_shown_as_one(shop: Path, handbook: Path) -> None:
    text = handbook / "refunds.md"
    text.write_text(f"# Quinces\n\nQuinces are taken back within {len(handbook.name)} days.\n")
    assert toolyard("knowledge", "add", str(text), cwd=shop).code == 0
    found = toolyard("knowledge", "search", "quinces", "--json", cwd=shop)
    piece = json.loads(found.out)["data"][0]["passage"]
    assert "former" not in toolyard("memory", "show", piece, "--user", "ann", cwd=shop).out
    text.write_text("# Quinces\n\nNobody takes quinces back.\n")
    assert toolyard("knowledge", "add", str(text), cwd=shop).code == 0
    shown = toolyard("memory", "show", piece, "--user", "ann", cwd=shop)
    assert "Quinces are taken back" in shown.out, shown.err
    assert "refunds.md v1 (a former version, until 2" in shown.out


@pytest.mark.timeout(60)
def test_what_leads_outside_of_a_folder_or_is_no_file_is_left_out(shop: Path, handbook: Path, tmp_path: Path) -> None:
    (tmp_path / "secret.md").write_text("# Secret\n\nnobody is to know\n")
    (handbook / "secret.md").symlink_to(tmp_path / "secret.md")
    (handbook / "gone.md").symlink_to(tmp_path / "nowhere.md")
    (handbook / "again.md").symlink_to(handbook / "refunds.md")
    (handbook / "loop").symlink_to(handbook)
    os.mkfifo(handbook / "pipe.md")
    done = toolyard("knowledge", "add", str(handbook), cwd=shop)
    assert [line.rpartition("/")[2] for line in done.out.splitlines()[:-1]] == [
        "again.md: added v1",
        "pump.pdf: added v1",
        "refunds.md: added v1",
    ], done.err
    assert done.out.splitlines()[-1] == "3 added; 4 files of other kinds left out."
    named = toolyard("knowledge", "add", str(handbook / "pipe.md"), cwd=shop)
    assert named.code == 1
    assert "no text, Markdown, HTML or PDF file" in named.err


def test_what_is_refused_is_said_and_the_rest_goes_in(shop: Path, handbook: Path) -> None:
    (handbook / "bomb.pdf").write_bytes(bomb())
    (handbook / "large.txt").write_bytes(b"word " * 2_000_000)
    (handbook / "empty.txt").write_text("")
    done = toolyard("knowledge", "add", str(handbook), "--json", cwd=shop)
    assert done.code == 1
    outcomes = {one["name"].partition("/")[2]: one for one in json.loads(done.out)["data"]}
    assert {name: one["outcome"] for name, one in outcomes.items()} == {
        "bomb.pdf": "refused",
        "empty.txt": "refused",
        "large.txt": "refused",
        "inner/pump.pdf": "added",
        "refunds.md": "added",
    }
    assert "made to do harm" in outcomes["bomb.pdf"]["why"]
    assert "too large" in outcomes["large.txt"]["why"]


def test_files_whose_names_no_document_can_have_are_refused_one_by_one(shop: Path, handbook: Path) -> None:
    for name in (b"torn\xff.md", b"two\nlines.md"):
        Path(os.fsdecode(os.fsencode(handbook) + b"/" + name)).write_text("hello")
    done = toolyard("knowledge", "add", str(handbook), cwd=shop)
    assert done.code == 1
    lines = dict(line.removeprefix(f"{handbook.name}/").split(": ", 1) for line in done.out.splitlines()[:-1])
    assert lines["refunds.md"] == "added v1"
    assert "no UTF-8: rename it" in lines["torn\ufffd.md"]
    assert "rename the file" in lines["two lines.md"]
    told = toolyard("knowledge", "add", str(handbook), "--json", cwd=shop)
    assert {one["outcome"] for one in json.loads(told.out)["data"]} == {"unchanged", "refused"}


def test_documents_are_for_the_agents_that_are_named(shop: Path, handbook: Path) -> None:
    done = toolyard("knowledge", "add", str(handbook), "--agent", "support*", "--agent", "sales", cwd=shop)
    assert done.code == 0, done.err
    rows = toolyard("knowledge", "list", cwd=shop).out.splitlines()
    (row,) = [row.split("\t") for row in rows if row.startswith(f"{handbook.name}/refunds.md")]
    assert row[1:4] == ["v1", "2", "sales, support*"]
    assert row[5] == "Refunds"
    again = toolyard("knowledge", "add", str(handbook / "refunds.md"), "--under", handbook.name, cwd=shop)
    assert again.out.startswith(f"{handbook.name}/refunds.md: unchanged\n")
    other = toolyard(
        "knowledge", "add", str(handbook / "refunds.md"), "--under", handbook.name, "--agent", "cook", cwd=shop
    )
    assert other.out.startswith(f"{handbook.name}/refunds.md: unchanged, now for cook\n")


def test_a_document_for_an_agent_without_a_name_is_refused_and_not_for_everybody(shop: Path, tmp_path: Path) -> None:
    (tmp_path / "salaries.md").write_text("What we pay.")
    done = toolyard("knowledge", "add", str(tmp_path / "salaries.md"), "--agent", "", cwd=shop)
    assert (done.code, done.out.splitlines()[1]) == (1, "1 refused.")
    assert "name agents as in support" in done.out


def test_a_folder_that_cannot_be_looked_into_is_not_left_out_in_silence(shop: Path, handbook: Path) -> None:
    inner = os.open(handbook, os.O_RDONLY)
    for _ in range(20):  # deeper than any path the system takes
        os.mkdir("d" * 250, dir_fd=inner)
        outer, inner = inner, os.open("d" * 250, os.O_RDONLY, dir_fd=inner)
        os.close(outer)
    os.close(inner)
    done = toolyard("knowledge", "add", str(handbook), cwd=shop)
    assert (done.code, done.out) == (1, "")
    assert "cannot be read: File name too long." in done.err


def test_what_is_found_is_shown_with_its_place(shop: Path, tmp_path: Path) -> None:
    (tmp_path / "zeppelin.pdf").write_bytes(pdf("Nothing here.", "The zeppelin is moored in the dock."))
    assert toolyard("knowledge", "add", str(tmp_path / "zeppelin.pdf"), cwd=shop).code == 0
    found = toolyard("knowledge", "search", "zeppelin", "dock", cwd=shop).out
    assert found.splitlines()[0].endswith("zeppelin.pdf v1, page 2")
    assert found.splitlines()[1].strip() == "The zeppelin is moored in the dock."
    data = json.loads(toolyard("knowledge", "search", "zeppelin", "--json", cwd=shop).out)["data"]
    assert (data[0]["name"], data[0]["page"]) == ("zeppelin.pdf", 2)


def test_a_search_that_finds_nothing_says_so_and_what_was_not_asked(tmp_path: Path) -> None:
    answer: dict[str, object] = {"data": [], "next": None, "degraded": "the embedder does not answer"}
    with scripted({"GET /api/v1/knowledge-search": (200, answer)}) as server:
        done = toolyard("knowledge", "search", "blue", "pump", "--agent", "cook", "--url", server.url, cwd=tmp_path)
        (asked,) = [path for _, path, _, _ in server.asked]
    assert asked == "/api/v1/knowledge-search?words=blue+pump&agent=cook&limit=10"
    assert (done.out, done.err) == ("", "! the embedder does not answer\nNothing was found.\n")


def test_a_document_is_retired_then_erased(shop: Path, handbook: Path) -> None:
    name = f"{handbook.name}/refunds.md"
    toolyard("knowledge", "add", str(handbook), cwd=shop)
    assert toolyard("knowledge", "remove", name, cwd=shop).out == f"Retired {name}.\n"
    assert name not in toolyard("knowledge", "list", cwd=shop).out
    assert toolyard("knowledge", "show", name, cwd=shop).code == 0
    assert toolyard("knowledge", "remove", name, "--erase", cwd=shop, stdin="n\n").code == 1
    assert toolyard("knowledge", "remove", name, "--erase", "--yes", cwd=shop).out == f"Erased {name}.\n"
    gone = toolyard("knowledge", "show", name, cwd=shop)
    assert (gone.code, "There is no document" in gone.err) == (1, True)


def test_two_files_of_one_name_are_refused_before_anything_is_sent(tmp_path: Path) -> None:
    for folder in ("a", "b"):
        (tmp_path / folder / "docs").mkdir(parents=True)
        (tmp_path / folder / "docs" / "one.md").write_text(folder)
    with scripted({}) as server:
        done = toolyard("knowledge", "add", "a/docs", "b/docs", "--url", server.url, cwd=tmp_path)
        assert server.asked == []
    assert (done.code, "are both docs/one.md: use --under" in done.err) == (1, True)


def test_a_folder_without_documents_says_so(tmp_path: Path) -> None:
    (tmp_path / "logo.png").write_bytes(b"\x89PNG")
    with scripted({}) as server:
        done = toolyard("knowledge", "add", ".", "--url", server.url, cwd=tmp_path)
    assert (done.code, "no text, Markdown, HTML or PDF file" in done.err) == (1, True)


def test_a_key_that_may_not_is_told_once(shop: Path, handbook: Path) -> None:
    made = toolyard("key", "create", "watcher", "--role", "auditor", cwd=shop)
    done = toolyard("knowledge", "add", str(handbook), cwd=shop, TOOLYARD_KEY=made.out.strip())
    assert done.code == 1
    assert done.err.count("needs the role author or operator") == 1


def test_a_person_sees_each_file_go_in(shop: Path, handbook: Path) -> None:
    with Terminal("knowledge", "add", str(handbook), cwd=shop) as terminal:
        terminal.until(f"{handbook.name}/inner/pump.pdf: added v1")
        terminal.until(f"{handbook.name}/refunds.md: added v1")
        terminal.until("2 added; 1 file of other kinds left out.")
        assert terminal.end() == 0
