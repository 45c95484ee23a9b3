"""`toolyard knowledge`: documents that agents ground their answers on, added from files to a running server."""

import os
import unicodedata
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from typing import Any, NoReturn
from urllib.parse import quote

import click
from msgspec import Struct
from rich.progress import Progress
from rich.text import Text

from toolyard_runtime.cli.asking import Failed, connected, json_option
from toolyard_runtime.cli.connection import Connection, Refused
from toolyard_runtime.cli.group import Group
from toolyard_runtime.cli.screen import clean, console, day_and_clock, one_line, print_json, print_table

_ROUTE = "/api/v1/knowledge"
_OF_THE_FILE = (400, 409, 413)
"""Statuses that say what is wrong with one file; any other would be the same for all."""

_PAGE = 100
_WIDTH = 90
_SHORT = 60
_LONGEST = 512


class File(Struct, frozen=True):
    """A file to send, and the document that it is."""

    name: str
    path: Path
    media_type: str


@click.group(cls=Group)
def knowledge() -> None:
    """Add, list, search and remove documents to ground answers on."""


@knowledge.command("add")
@click.argument("paths", metavar="DIR|FILE...", nargs=-1, required=True, type=click.Path(exists=True, path_type=Path))
@click.option(
    "--agent", "agents", multiple=True, metavar="GLOB", help="Who may recall it. [default: as it was, or all]"
)
@click.option("--under", default="", metavar="NAME", help="Put this before the documents' names.")
@json_option
@connected
def add(server: Connection, paths: tuple[Path, ...], agents: tuple[str, ...], under: str, as_json: bool) -> None:
    """Add text, Markdown, HTML and PDF files as documents; a folder is added with all that is below it.

    A document is named by its path from the folder on: `handbook/refunds.md`. A file that has changed becomes a new
    version, one that has not is left alone.
    """
    files, others = _files(paths, PurePosixPath(under))
    if not files:
        raise Failed("There is no text, Markdown, HTML or PDF file there.")
    done: list[dict[str, Any]] = []
    with _telling(len(files), quiet=as_json) as tell:
        for file in files:
            outcome = _sent(server, file, ",".join(agents) if agents else None)
            done.append({"name": clean(file.name), **outcome})
            tell(f"{one_line(file.name, _LONGEST)}: {_told(outcome)}")
    if as_json:
        print_json({"data": done, "left_out": others})
    else:
        click.echo(_summary(done, others))
    if any(one["outcome"] == "refused" for one in done):
        raise click.exceptions.Exit(1)


@knowledge.command("list")
@json_option
@connected
def list_documents(server: Connection, as_json: bool) -> None:
    """List the documents that can be recalled."""
    documents: list[dict[str, Any]] = []
    after: str | None = None
    while True:
        page = server.get(_ROUTE, after=after, limit=_PAGE)
        documents += page["data"]
        after = page.get("next")
        if after is None:
            break
    if as_json:
        print_json({"data": documents})
        return
    rows = [
        (
            each["name"],
            f"v{each['version']}",
            each["pieces"],
            ", ".join(each["agents"]),
            day_and_clock(each["added_at"]),
            one_line(each["title"], _SHORT),
        )
        for each in documents
    ]
    print_table(("DOCUMENT", "VERSION", "PIECES", "AGENTS", "ADDED", "TITLE"), rows, empty="No documents.")


@knowledge.command("show")
@click.argument("name")
@click.option("--version", "number", type=click.IntRange(min=1), help="Which one. [default: the newest]")
@json_option
@connected
def show(server: Connection, name: str, number: int | None, as_json: bool) -> None:
    """Show a document with its text."""
    shown = server.get(_path(name), version=number)
    if as_json:
        print_json(shown)
        return
    document = shown["document"]
    click.echo(
        f"{clean(document['name'])} v{document['version']} of {', '.join(f'v{one}' for one in shown['versions'])}"
    )
    click.echo(f"{document['media_type']}, {document['size']} bytes, {document['digest']}")
    click.echo(f"agents {clean(', '.join(document['agents']))}; added {day_and_clock(document['added_at'])}")
    if document["retired_at"]:
        click.echo(f"recalled no more since {day_and_clock(document['retired_at'])}")
    click.echo(f"\n{clean(shown['text'])}")


@knowledge.command("remove")
@click.argument("name")
@click.option("--erase", is_flag=True, help="Delete every version for good.")
@click.option("--yes", is_flag=True, help="Do not ask.")
@connected
def remove(server: Connection, name: str, erase: bool, yes: bool) -> None:
    """Let a document be recalled no more; it can still be shown, unless it is erased."""
    if erase and not yes:
        click.confirm(f"This deletes every version of {clean(name)}. It cannot be undone. Erase?", abort=True)
    server.delete(_path(name), erase="true" if erase else None)
    click.echo(f"{'Erased' if erase else 'Retired'} {clean(name)}.")


@knowledge.command("search")
@click.argument("words", nargs=-1, required=True)
@click.option("--agent", help="As which agent. [default: any]")
@click.option("--limit", default=10, show_default=True, type=click.IntRange(1, _PAGE), help="How many at most.")
@json_option
@connected
def search(server: Connection, words: tuple[str, ...], agent: str | None, limit: int, as_json: bool) -> None:
    """Search the documents as an agent would, best first."""
    answer = server.get(f"{_ROUTE}-search", words=" ".join(words), agent=agent, limit=limit)
    if as_json:
        print_json(answer)
        return
    if answer["degraded"]:
        click.echo(f"! {clean(answer['degraded'])}", err=True)
    if not answer["data"]:
        click.echo("Nothing was found.", err=True)
    for each in answer["data"]:
        click.echo(f"{each['score']:.2f}  {_place(each)}")
        click.echo(f"      {one_line(each['text'], _WIDTH)}")


def _files(paths: Sequence[Path], under: PurePosixPath) -> tuple[list[File], int]:
    """Return what to send, by name, and how many files are of kinds that are not read; raises Failed."""
    found: dict[str, File] = {}
    others = 0
    for path in paths:
        whole = path.resolve()
        for one in sorted(_below(whole)) if whole.is_dir() else [whole]:
            name = unicodedata.normalize("NFC", (under / one.relative_to(whole.parent).as_posix()).as_posix())
            media_type = _media_type(name)
            if media_type is None or not _is_inside(one, whole):
                others += 1
            elif name in found and found[name].path != one:
                raise Failed(f"{clean(one)} and {clean(found[name].path)} are both {clean(name)}: use --under for one.")
            else:
                found[name] = File(name, one, media_type)
    return sorted(found.values(), key=lambda file: file.name), others


def _below(folder: Path) -> Iterator[Path]:
    """Yield the files below a folder, but for hidden ones; links to folders are not followed; raises Failed."""
    for root, folders, names in os.walk(folder, onerror=_unreadable):
        folders[:] = [name for name in folders if not name.startswith(".")]
        yield from (Path(root, name) for name in names if not name.startswith("."))


def _unreadable(error: OSError) -> NoReturn:
    raise Failed(f"{clean(error.filename)} cannot be read: {error.strerror}.") from error


def _is_inside(path: Path, folder: Path) -> bool:
    """Tell whether this is a file of the folder's: no pipe, and no link to what is not there or lies elsewhere."""
    return path.is_file() and path.resolve().is_relative_to(folder)


def _media_type(name: str) -> str | None:
    from toolyard_memory.documents.reading.kinds import kind_of  # noqa: PLC0415 - only `add` needs what reads

    return kind_of(name, "")


def _sent(server: Connection, file: File, agents: str | None) -> dict[str, Any]:
    """Send a file and return what became of it; raises Refused where that says nothing of the file itself."""
    try:
        where, data = _path(file.name), file.path.read_bytes()
    except OSError as error:
        return {"outcome": "refused", "why": f"it cannot be read: {error.strerror}"}
    except UnicodeEncodeError:
        return {"outcome": "refused", "why": "its name holds bytes that are no UTF-8: rename it"}
    try:
        answer: dict[str, Any] = server.put_file(where, data, file.media_type, agents=agents)
    except Refused as error:
        if error.status not in _OF_THE_FILE:
            raise
        return {"outcome": "refused", "why": str(error)}
    return answer


def _told(outcome: dict[str, Any]) -> str:
    match outcome["outcome"]:
        case "added":
            return f"added v{outcome['document']['version']}"
        case "changed":
            pieces = outcome["document"]["pieces"]
            return (
                f"new version v{outcome['document']['version']} ({pieces - outcome['kept']} of {pieces} pieces are new)"
            )
        case "granted":
            return f"unchanged, now for {clean(', '.join(outcome['document']['agents']))}"
        case "refused":
            return f"refused ({clean(outcome['why'])})"
        case other:
            return clean(other)


def _summary(done: list[dict[str, Any]], others: int) -> str:
    names = {"added": "added", "changed": "changed", "granted": "granted anew", "unchanged": "unchanged"}
    names["refused"] = "refused"
    counts = {words: sum(one["outcome"] == outcome for one in done) for outcome, words in names.items()}
    said = ", ".join(f"{count} {words}" for words, count in counts.items() if count)
    left_out = f"; {others} file{'' if others == 1 else 's'} of other kinds left out" if others else ""
    return f"{said}{left_out}."


@contextmanager
def _telling(files: int, *, quiet: bool) -> Iterator[Callable[[str], None]]:
    """Give what prints a line and moves a bar on; the bar is where a person sees it, and never in a pipe."""
    out = console()
    shown = out if out.is_terminal else console(stderr=True)
    bar = Progress(
        console=shown,
        transient=True,
        redirect_stdout=False,
        redirect_stderr=False,
        disable=quiet or not shown.is_terminal,
    )
    task = bar.add_task("Reading", total=files)

    def tell(line: str) -> None:
        if not quiet:
            if out.is_terminal:
                shown.print(Text(line))
            else:
                click.echo(line)
        bar.advance(task)

    with bar:
        yield tell


def _place(found: dict[str, Any]) -> str:
    page = f", page {found['page']}" if found["page"] else ""
    heading = f", {one_line(found['heading'], _SHORT)}" if found["heading"] else ""
    return f"{clean(found['name'])} v{found['version']}{page}{heading}"


def _path(name: str) -> str:
    if not name:
        raise Failed("The name is empty: say which is meant.")
    return f"{_ROUTE}/{quote(unicodedata.normalize('NFC', name))}"
