"""What commands that talk to a server share: their options, and failures put into words; knows no route but `last`."""

import functools
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any, Concatenate, ParamSpec, TypeVar

import click

from toolyard_runtime.cli.connection import Connection, Refused, Unreachable
from toolyard_runtime.cli.surroundings import NotRunning, Surroundings, Target, find_server

P = ParamSpec("P")
R = TypeVar("R")

_UNAUTHORIZED = 401

HOW_TO_START = """Start one in the agent repository:
  toolyard serve --model-url http://HOST:8000/v1    with a model
  toolyard serve --rehearsal                        without one
or name one that runs elsewhere with --url and --key (or TOOLYARD_URL and TOOLYARD_KEY)."""


class Failed(click.ClickException):
    """A command that could not do its work: `toolyard: ...` on standard error, exit code 1."""

    def show(self, file: IO[Any] | None = None) -> None:
        """Write the message."""
        click.echo(f"toolyard: {self.format_message()}", file=file, err=file is None)


def json_option(function: Callable[P, R]) -> Callable[P, R]:
    """Add `--json`: print what the server answered instead of a table."""
    return click.option("--json", "as_json", is_flag=True, help="Print what the server answered, as JSON.")(function)


def server_options(function: Callable[..., R]) -> Callable[..., R]:
    """Add the options that name a server, and hand the command what was said as `target`."""

    @click.option("--url", default="", metavar="URL", help="Address of the server. [env: TOOLYARD_URL]")
    @click.option("--key", default="", metavar="KEY", help="API key. [env: TOOLYARD_KEY]")
    @click.option(
        "--repo",
        type=click.Path(exists=True, file_okay=False, path_type=Path),
        help="Agent repository whose server is meant. [default: here or above]",
    )
    @click.option(
        "--state-dir",
        type=click.Path(exists=True, file_okay=False, path_type=Path),
        help="State directory of the server that is meant, where it is not in the repository.",
    )
    @functools.wraps(function)
    def command(*args: Any, url: str, key: str, repo: Path | None, state_dir: Path | None, **kwargs: Any) -> R:
        kwargs["target"] = Target(url, key, repo, state_dir)
        return function(*args, **kwargs)

    return command


def connected(function: Callable[Concatenate[Connection, P], R]) -> Callable[..., R]:
    """Add the options that name a server, hand the command a Connection, and put its failures into words."""

    @server_options
    @functools.wraps(function)
    def command(*args: Any, target: Target, **kwargs: Any) -> R:
        with failures_in_words():
            return function(connect(here(), target), *args, **kwargs)

    return command


def here() -> Surroundings:
    """Return what the entry module read from the process."""
    surroundings = click.get_current_context().find_object(Surroundings)
    if surroundings is None:
        raise TypeError("the program was started without its surroundings")
    return surroundings


def connect(surroundings: Surroundings, target: Target) -> Connection:
    """Return a connection to the server that is meant; raises Failed when there is none."""
    try:
        url, key = find_server(surroundings, target)
    except NotRunning as error:
        raise Failed(f"{error}\n{HOW_TO_START}") from error
    try:
        return Connection(url, key)
    except ValueError as error:
        raise click.UsageError(str(error)) from error


@contextmanager
def failures_in_words() -> Iterator[None]:
    """Turn what a conversation with a server may raise into one message for a person."""
    try:
        yield
    except Unreachable as error:
        raise Failed(f"{error}\n{HOW_TO_START}") from error
    except Refused as error:
        if error.status == _UNAUTHORIZED:
            raise Failed(f"{error}\nGive a key with --key or TOOLYARD_KEY; `toolyard key create` makes one.") from error
        raise Failed(str(error)) from error
    except UnicodeEncodeError as error:  # such bytes are halves of surrogate pairs here, which no request can hold
        raise Failed("What was given holds bytes that are no UTF-8: write it in UTF-8.") from error


def run_named(server: Connection, name: str) -> str:
    """Return the run that `name` means: an id as it is, or the newest run for `last`."""
    if name != "last":
        return name
    newest = server.get("/api/v1/runs", limit=1)["data"]
    if not newest:
        raise Failed("There is no run yet. `toolyard chat` starts one.")
    return str(newest[0]["id"])
