"""`toolyard demo`: sets the scene for the demonstration, plays it, and cleans up after it."""

import shutil
import signal
import sys
import tempfile
from pathlib import Path
from types import FrameType

import click
from rich.text import Text

from toolyard_runtime.cli.asking import Failed, failures_in_words
from toolyard_runtime.cli.screen import console
from toolyard_runtime.cli.surroundings import Surroundings

_NEXT = """
What next:
  toolyard new shop                                       an agent repository of your own
  cd shop && toolyard serve --rehearsal                   serve it, without a model
  toolyard serve --model-url http://HOST:8000/v1          or with one: vLLM, Ollama, llama-server, OpenAI
  toolyard chat                                           talk to it; or point any OpenAI client at it
  toolyard why last                                       ask why"""


@click.command()
@click.option("--yes", is_flag=True, help="Answer the approval with yes, and say so.")
@click.option("--keep", is_flag=True, help="Leave the agent repository and its journal in place to look at.")
@click.pass_obj
def demo(surroundings: Surroundings, *, yes: bool, keep: bool) -> None:
    """Watch a whole run on this machine, with nothing to set up.

    A server, a question, parallel tool calls, an approval that you give, `kill -9` in the middle, the restart, the
    answer, and why. Everything shown is read from the server. Needs no model, key, account or network.
    """
    from toolyard_runtime.demo.process import ServerFailed, ServerProcess  # noqa: PLC0415 - only when it is played
    from toolyard_runtime.demo.repository import write_repository  # noqa: PLC0415 - same
    from toolyard_runtime.demo.story import NotAsTold, Story  # noqa: PLC0415 - same
    from toolyard_runtime.demo.watch import TooSlow  # noqa: PLC0415 - same

    if not yes and not sys.stdin.isatty():
        raise Failed("The demonstration asks a person: run it in a terminal, or with --yes.")
    out = console()
    folder = Path(tempfile.mkdtemp(prefix="toolyard-demo-"))
    repository, log = folder / "agent", folder / "server.log"
    write_repository(repository)
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, _end)  # a closed terminal must not leave a server behind
    server = ServerProcess(surroundings.python, repository, log)
    out.print(Text("Toolyard: one run, for real, on this machine.", style="bold"))
    try:
        with failures_in_words():
            Story(out, server, repository, yes=yes).tell()
    except (ServerFailed, NotAsTold, TooSlow) as error:
        keep = True
        raise Failed(f"the demonstration did not go as it should: {error}\nThe server's log: {log}") from error
    finally:
        server.stop()
        if keep:
            out.print(Text(f"\nKept: {repository} (the journal is in .toolyard/), {log}"))
        else:
            shutil.rmtree(folder, ignore_errors=True)
    out.print(Text(_NEXT))


def _end(_number: int, _frame: FrameType | None) -> None:
    raise KeyboardInterrupt
