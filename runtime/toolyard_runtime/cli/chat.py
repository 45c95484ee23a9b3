"""`toolyard chat`: a person and an agent in a terminal; reads lines, shows updates, asks for approvals."""

import io
import readline  # noqa: F401 - gives input() its line editing and history
import sys
from collections.abc import Iterator
from typing import Any

import click
from rich.console import Console
from rich.text import Text

from toolyard_runtime.cli.asking import Failed, connected
from toolyard_runtime.cli.connection import Connection, Refused, Unreachable, part
from toolyard_runtime.cli.conversation import (
    ApprovalAsked,
    CallBegan,
    CallEnded,
    Conversation,
    Ended,
    Said,
    Update,
    approval_of,
    run_of,
)
from toolyard_runtime.cli.screen import call_line, clean, console, one_line
from toolyard_runtime.cli.why import why_lines

_RESULT_WIDTH = 200
_HELP = """/why   why the last answer is what it is
/new   begin a new session
/quit  leave (or Ctrl-D)
Ctrl-C cancels an answer, on the server too."""


@click.command()
@click.argument("agent", required=False)
@click.option("-m", "--message", help="Ask this one thing, print the answer and leave.")
@click.option("--user", metavar="ID", help="Speak as this end user; needs a key with the role `frontend`.")
@connected
def chat(server: Connection, agent: str | None, message: str | None, user: str | None) -> None:
    """Talk to an agent in the terminal.

    Without AGENT, the only one there is. In a pipe, each line of standard input is a question.
    """
    if isinstance(sys.stdin, io.TextIOWrapper):
        sys.stdin.reconfigure(errors="replace")  # a byte that is no UTF-8 must not end the conversation
    about = _chosen(server, agent)
    talk = Talk(server, Conversation(server, about["name"], user), about["name"])
    if message is not None:
        talk.once(iter([message.encode("utf-8", "surrogateescape").decode("utf-8", "replace")]))
    elif sys.stdin.isatty():
        talk.greet(about)
        talk.loop()
    else:
        talk.once(line.strip() for line in sys.stdin if line.strip())


def _chosen(server: Connection, agent: str | None) -> dict[str, str]:
    agents: dict[str, dict[str, str]] = {each["name"]: each for each in server.get("/api/v1/agents")["data"]}
    names = ", ".join(clean(name) for name in sorted(agents)) or "none"
    if agent is None:
        if len(agents) != 1:
            raise Failed(f"Say which agent to talk to: toolyard chat NAME (there is: {names}).")
        return next(iter(agents.values()))
    if agent not in agents:
        raise Failed(f"There is no agent {clean(agent)} (there is: {names}).")
    return agents[agent]


class Talk:
    """The terminal's side of a conversation."""

    def __init__(self, server: Connection, conversation: Conversation, agent: str) -> None:
        self._server = server
        self._conversation = conversation
        self._agent = agent
        self._out: Console = console()
        self._in_text = False

    def greet(self, about: dict[str, str]) -> None:
        """Say who is there, and which keys do what."""
        described = f": {clean(about['description'])}" if about.get("description") else ""
        model = f"  (model {clean(about['model'])})" if about.get("model") else ""
        self._out.print(Text.assemble((clean(self._agent), "bold"), described, (model, "dim")))
        self._out.print(Text("/help lists commands, Ctrl-C cancels an answer, Ctrl-D leaves.", style="dim"))

    def loop(self) -> None:
        """Read and answer until the person leaves."""
        while True:
            try:
                line = input("\nyou> ").strip()
            except EOFError:
                click.echo()
                return
            except KeyboardInterrupt:
                click.echo("\n(Ctrl-D leaves)")
                continue
            if line in ("/quit", "/exit"):
                return
            if line.startswith("/"):
                self._command(line)
            elif line:
                self._answer(line)

    def once(self, questions: Iterator[str]) -> None:
        """Answer questions without asking anything back; raises Failed at the first that got no whole answer."""
        for question in questions:
            waiting, end = self._show(self._conversation.ask(question))
            if waiting:
                calls = ", ".join(call_line(each.name, each.arguments) for each in waiting)
                raise Failed(f"{calls} waits for approval: toolyard approve {self._run()}")
            if end.status != "completed":
                raise Failed(f"The answer is {end.status}{': ' + clean(end.message) if end.message else ''}.")

    def _answer(self, question: str) -> None:
        updates = self._conversation.ask(question)
        try:
            while True:
                waiting, end = self._show(updates)
                if not waiting:
                    break
                updates = self._conversation.decide([self._asked(each) for each in waiting])
        except KeyboardInterrupt:
            self._break_text()
            self._cancel()
        except (Refused, Unreachable) as error:
            self._break_text()
            self._out.print(Text(clean(error), style="red"))
        else:
            if end.status != "completed":
                self._out.print(Text(f"({end.status}{': ' + clean(end.message) if end.message else ''})", style="red"))

    def _cancel(self) -> None:
        """End the run on the server; a second Ctrl-C does not wait for it."""
        try:
            ended = self._conversation.cancel()
        except KeyboardInterrupt:
            ended = False
        told = "Cancelled." if ended else "Stopped listening; the run may go on (toolyard runs cancel last ends it)."
        self._out.print(Text(told, style="magenta"))

    def _asked(self, asked: ApprovalAsked) -> tuple[str, bool, str | None]:
        self._out.print(
            Text.assemble(("  ? ", "yellow"), call_line(asked.name, asked.arguments), " needs your approval.")
        )
        more = self._more_of(asked)
        if more.get("doubt"):
            self._out.print(Text("    It was sent before, and nobody knows whether it happened.", style="bold red"))
        return asked.approval, click.confirm("    Approve?", default=False), more.get("binding")

    def _more_of(self, asked: ApprovalAsked) -> dict[str, Any]:
        """Return what an item of OpenAI's shape has no field for: a doubt, and what the decision is bound to."""
        try:
            found: dict[str, Any] = self._server.get(f"/api/v1/approvals/{part(approval_of(asked.approval))}")
        except Refused:
            return {}
        return found

    def _show(self, updates: Iterator[Update]) -> tuple[list[ApprovalAsked], Ended]:
        """Print updates as they come; return the approvals that were asked for, and how it ended."""
        waiting: list[ApprovalAsked] = []
        end = Ended("failed", "nothing came")
        for update in updates:
            match update:
                case Said():
                    self._say(update.text)
                case CallBegan():
                    self._break_text()
                    self._out.print(Text.assemble(("  → ", "cyan"), call_line(update.name, update.arguments)))
                case CallEnded():
                    self._break_text()
                    self._out.print(_result_line(update))
                case ApprovalAsked():
                    self._break_text()
                    waiting.append(update)
                case Ended():
                    end = update
        self._break_text()
        return waiting, end

    def _say(self, text: str) -> None:
        if not self._in_text and self._out.is_terminal:
            self._out.print(Text(f"{clean(self._agent)}> ", style="bold green"), end="")
        self._in_text = True
        self._out.file.write(clean(text))
        self._out.file.flush()

    def _break_text(self) -> None:
        if self._in_text:
            click.echo()
            self._in_text = False

    def _command(self, line: str) -> None:
        if line == "/new":
            self._conversation.forget()
            click.echo("A new session begins with your next question.")
        elif line == "/why":
            self._why()
        else:
            click.echo(_HELP)

    def _run(self) -> str:
        return run_of(self._conversation.response) if self._conversation.response else "last"

    def _why(self) -> None:
        if self._conversation.response is None:
            click.echo("Nothing was asked yet.")
            return
        try:
            answer = self._server.get(f"/api/v1/runs/{part(self._run())}/why")
            for each in why_lines(answer, width=self._out.width):
                self._out.print(each)
        except (Refused, Unreachable) as error:
            self._out.print(Text(clean(error), style="red"))


def _result_line(ended: CallEnded) -> Text:
    shown = one_line(ended.error or ended.output, _RESULT_WIDTH)
    return Text.assemble(("  ← ", "cyan"), (f"{clean(ended.name)} ", "dim"), (shown, "red" if ended.error else "dim"))
