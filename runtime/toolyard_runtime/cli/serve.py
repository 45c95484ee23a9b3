"""`toolyard serve`: options become ServeOptions and the server takes over; says how when there is no model."""

import gc
import os
import signal
from contextlib import suppress
from pathlib import Path
from types import FrameType
from typing import get_args

import click
from toolyard_sdk.errors import ConfigError

from toolyard_runtime.cli.asking import Failed
from toolyard_runtime.cli.surroundings import STATE_FOLDER, Surroundings, find_repository
from toolyard_runtime.serving import LogLevel, NoModel, ServeOptions

WAYS_TO_A_MODEL = """\
Say where the model is:
  vLLM          toolyard serve --model-url http://HOST:8000/v1
  Ollama        toolyard serve --model-url http://127.0.0.1:11434/v1 --model qwen3:8b
  llama-server  toolyard serve --model-url http://127.0.0.1:8080/v1
  OpenAI        toolyard serve --model-url https://api.openai.com/v1 --model gpt-5.2

No model server yet? `toolyard model serve PATH` prints the vLLM command with the flags an agent needs
(and starts it with --start, after: pip install 'toolyard[vllm]'); `toolyard model check --url URL` says
whether a server's tool calls work. To look around without any model: `toolyard serve --rehearsal` (it picks
tools by words and understands nothing)."""


@click.command()
@click.option("--host", help="Address to listen on. [default: toolyard.toml's, or 127.0.0.1]")
@click.option(
    "--port", type=click.IntRange(0, 65535), help="Port; 0 is any free one. [default: toolyard.toml's, or 8700]"
)
@click.option("--model-url", default="", metavar="URL", help="Address of an OpenAI-compatible model server (.../v1).")
@click.option("--model", default="", help="Name of the model there. [default: the only one it serves]")
@click.option("--rehearsal", is_flag=True, help="No model: rehearse, picking tools by words.")
@click.option(
    "--repo",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    help="Agent repository. [default: here or the nearest folder above]",
)
@click.option(
    "--state-dir",
    type=click.Path(file_okay=False, path_type=Path),
    help=f"Where the database lies. [default: {STATE_FOLDER} in the repository]",
)
@click.option("--log-level", type=click.Choice(get_args(LogLevel)), default="info", show_default=True)
@click.pass_obj
def serve(
    surroundings: Surroundings,
    *,
    host: str | None,
    port: int | None,
    model_url: str,
    model: str,
    rehearsal: bool,
    repo: Path | None,
    state_dir: Path | None,
    log_level: LogLevel,
) -> None:
    """Serve every agent of a repository.

    Point any OpenAI client at http://HOST:PORT/v1; the agent's name is the model.
    """
    if rehearsal and (model_url or model):
        raise click.UsageError("--rehearsal serves without a model: leave out --model-url and --model.")
    repository = repo.resolve() if repo else find_repository(surroundings.cwd)
    if repository is None:
        raise Failed("There is no toolyard.toml here or above. `toolyard new NAME` makes an agent repository.")
    state = (state_dir or repository / STATE_FOLDER).resolve()
    must_be_a_folder(state)
    options = ServeOptions(
        repository=repository,
        state_dir=state,
        host=host,
        port=port,
        model_url=model_url,
        model=model,
        rehearsal=rehearsal,
        log_level=log_level,
    )
    start(options)


def start(options: ServeOptions) -> None:
    """Serve until a signal ends it; raises Failed with what to do where that cannot begin."""
    gc.disable()  # nearly all that is made while a server starts stays: looking for the rest takes its time
    from toolyard_runtime.server import serve as serve_repository  # noqa: PLC0415 - the server is heavy; --help must not wait for it
    from toolyard_runtime.store.errors import StorageError  # noqa: PLC0415 - same

    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, _end)
    try:
        with suppress(KeyboardInterrupt):
            serve_repository(options)
    except NoModel as error:
        raise Failed(f"no model is configured, so no agent could answer.\n\n{WAYS_TO_A_MODEL}") from error
    except (ConfigError, StorageError) as error:
        raise Failed(str(error)) from error
    except SystemExit as error:  # how the HTTP server gives up on an address, after a line in the log
        if error.code:
            raise Failed("the server cannot listen there. Choose another --port; 0 takes any free one.") from error


def must_be_a_folder(state_dir: Path) -> None:
    """Refuse a state folder that cannot be made or written; raises Failed."""
    there = next(folder for folder in (state_dir, *state_dir.parents) if folder.exists())
    another = "Name another one with --state-dir."
    if not there.is_dir():
        raise Failed(f"{state_dir} cannot be the state folder: {there} is a file. {another}")
    if not os.access(there, os.W_OK | os.X_OK):
        raise Failed(f"{state_dir} cannot be the state folder: this user may not write to {there}. {another}")


def _end(_number: int, _frame: FrameType | None) -> None:
    """End the process the way that lets every `finally` run.

    The HTTP server takes these signals while it serves, drains, and then raises them once more: with the default for
    SIGTERM the process would be gone before the database is closed.
    """
    raise KeyboardInterrupt
