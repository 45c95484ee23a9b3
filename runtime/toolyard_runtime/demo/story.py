"""The demonstration's course: what is done, in which order, and what is said about it. All it shows, it has read."""

import shlex
import textwrap
from collections.abc import Callable
from pathlib import Path

import click
from rich.console import Console
from rich.text import Text

from toolyard_runtime.cli.approve import show_approval
from toolyard_runtime.cli.connection import Connection, part
from toolyard_runtime.cli.conversation import run_of
from toolyard_runtime.cli.screen import clean, folded, now, one_line
from toolyard_runtime.cli.why import why_lines
from toolyard_runtime.demo.process import ServerProcess
from toolyard_runtime.demo.repository import AGENT, LEDGER, PAYING_TOOL, QUESTION, SLOW_TOOL, payments, times_begun
from toolyard_runtime.demo.watch import Watch

_SECONDS = 60.0
_MICROSECONDS = 1_000_000
_SHOWN = ("reply", "start", "result", "approval", "parked", "decision", "resumed", "finished")
"""The kinds of line that tell the story as it happens; `why` shows all of them in the end."""

_KIND_WIDTH = 10
_LONGEST = 160
_WIDEST = 100
_HEADINGS = ("A server", "A question", "A person decides", "kill -9", "The answer", "Why")


class NotAsTold(Exception):
    """Something turned out otherwise than the demonstration says; nothing is glossed over."""


class Story:
    """Tells and performs one demonstration on `server`'s repository."""

    def __init__(self, out: Console, server: ServerProcess, repository: Path, *, yes: bool) -> None:
        self._out = out
        self._server = server
        self._repository = repository
        self._yes = yes
        self._step = 0
        self._begin = 0

    def tell(self) -> str:
        """Perform the whole demonstration and return the run's id; raises NotAsTold, TooSlow and ServerFailed."""
        connection = self._start()
        watch = self._ask(connection)
        approved = self._decide(connection, watch)
        connection = self._kill_and_restart(connection, watch, approved=approved)
        self._answer(connection, watch, approved=approved)
        self._why(connection, watch)
        return watch.run

    def _start(self) -> Connection:
        self._heading()
        self._say(
            "A real server, in a process and a folder of its own. Its model is `rehearsal`, which is no language "
            "model: it picks tools by words and understands nothing. All the rest is what runs in production."
        )
        self._command(f"toolyard serve --rehearsal --port 0 --repo {shlex.quote(str(self._repository))}")
        connection = self._server.start()
        self._fact(f"process {self._server.pid} listens on {connection.url}")
        for agent in connection.get("/api/v1/agents")["data"]:
            tools = ", ".join(f"{tool['name']} ({tool['effect'].replace('_', '-')})" for tool in agent["tools"])
            self._fact(f"agent {agent['name']}: {tools}")
        return connection

    def _ask(self, connection: Connection) -> Watch:
        self._heading()
        self._say(
            "In the background: the run belongs to the server, and no connection is needed to keep it going. Whoever "
            "gets its id can rely on it. What follows is read from its journal, where whatever may have side effects "
            "is written down before it happens."
        )
        body = {"model": AGENT, "input": QUESTION, "background": True}
        self._command(f"POST /v1/responses  {QUESTION}")
        response = connection.post("/v1/responses", body)
        watch = Watch(run_of(response["id"]))
        self._fact(f"{watch.run} was accepted ({response['status']})")
        self._show(connection, watch, lambda seen: bool(seen.happened("RunParked")))
        first = watch.happened("ModelReplied")[0]
        if len(first.get("calls", ())) < 2:  # noqa: PLR2004 - one call would not be parallel
            raise NotAsTold("the first turn had no parallel calls")
        return watch

    def _decide(self, connection: Connection, watch: Watch) -> bool:
        self._heading()
        self._say(
            "The two look-ups are read-only and ran side by side. Paying money back is not: the agent's policy asks a "
            "person. Until somebody answers, the run holds no task, no memory and no connection."
        )
        waiting = connection.get("/api/v1/approvals", status="pending")["data"]
        approval = next(each for each in waiting if each["run"] == watch.run)
        for line in show_approval(approval, now()):
            self._out.print(Text("  ") + line)
        if self._yes:
            approved = True
            self._fact("--yes was given, so this is approved without asking you")
        else:
            approved = click.confirm("  Approve this call?", default=None)
        decision = "approve" if approved else "deny"
        self._command(f'POST /api/v1/approvals/{approval["id"]}  {{"decision": "{decision}"}}')
        connection.post(f"/api/v1/approvals/{part(approval['id'])}", {"decision": decision, "reason": None})
        self._show(connection, watch, lambda _: times_begun(self._repository, SLOW_TOOL) > 0)
        return approved

    def _kill_and_restart(self, connection: Connection, watch: Watch, *, approved: bool) -> Connection:
        self._heading()
        paid = "the money is paid, and " if approved else ""
        self._say(
            f"Now {paid}the agent is in the middle of {SLOW_TOOL}, which takes its time. "
            "The worst moment to lose the server, so we do: no chance to save, to close, to say goodbye."
        )
        pid = self._server.pid
        self._show(connection, watch, lambda _: True)
        if watch.happened("RunFinished"):
            raise NotAsTold("the run was over before the server could be killed")
        self._command(f"kill -9 {pid}")
        self._server.kill()
        self._fact(f"process {pid} is gone; the last record of the run that we have seen is {watch.events[-1]['seq']}")
        self._command("toolyard serve --rehearsal --port 0   (again, on the same folder)")
        connection = self._server.start()
        self._fact(f"process {self._server.pid} listens on {connection.url}; nobody asked again")
        self._show(connection, watch, lambda seen: bool(seen.happened("RunFinished")))
        return connection

    def _answer(self, connection: Connection, watch: Watch, *, approved: bool) -> None:
        self._heading()
        run = connection.get(f"/api/v1/runs/{part(watch.run)}")
        texts = [output["text"] for output in run["outputs"] if "text" in output]
        if run["reason"] != "stop" or not texts:
            raise NotAsTold(f"the run ended as {run['reason'] or run['status']} ({run.get('error') or 'no answer'})")
        self._out.print(Text(clean(texts[-1]), style="bold"))
        paid, begun = payments(self._repository), times_begun(self._repository, SLOW_TOOL)
        self._say("What really happened is in the files that the tools write:")
        self._fact(f"{LEDGER} holds {len(paid)} payment(s): {', '.join(paid) or 'none'}")
        self._fact(f"{SLOW_TOOL} was begun {begun} times: read-only work that was cut off is simply done again")
        if len(paid) != (1 if approved else 0):
            raise NotAsTold(f"{PAYING_TOOL} happened {len(paid)} times")
        again = [event for event in watch.happened("ModelCalled") if event["attempt"] > 1]
        if again:
            self._fact(
                f"turn {again[0]['turn']} had not been written down yet when the server died, and was asked again"
            )
        if approved:
            asked = len(watch.happened("ApprovalRequested"))
            self._say(
                f"What the journal held was not done again: {PAYING_TOOL} ran once, and a person was asked "
                f"{'once' if asked == 1 else f'{asked} times'}."
            )
        else:
            self._say(f"You said no, so {PAYING_TOOL} never ran; the model was told, and the run went on.")

    def _why(self, connection: Connection, watch: Watch) -> None:
        self._heading()
        self._say("The same journal, for whoever asks later why the agent did what it did:")
        self._command(f"toolyard why {watch.run}")
        answer = connection.get(f"/api/v1/runs/{part(watch.run)}/why")
        for line in why_lines(answer, width=max(0, self._width() - 2)):
            self._out.print(Text("  ") + line)
        if not answer["verified"]:
            raise NotAsTold("the journal's hash chain does not hold")

    # --- how it looks ---

    def _show(self, connection: Connection, watch: Watch, reached: Callable[[Watch], bool]) -> None:
        for line in watch.until(connection, reached, _SECONDS):
            self._begin = self._begin or line["at"]
            offset = (line["at"] - self._begin) / _MICROSECONDS
            if line["kind"] not in _SHOWN:
                continue
            head = f"  {line['seq']:>3}  {offset:+7.2f} s  {line['kind']:<{_KIND_WIDTH}}"
            first, *rest = folded(head, one_line(line["text"], _LONGEST), self._width())
            self._out.print(Text.assemble((head, "cyan"), first))
            for piece in rest:
                self._out.print(Text(" " * len(head) + piece))

    def _width(self) -> int:
        """Return how wide lines may be; 0 in a pipe, where nothing is folded."""
        return self._out.width if self._out.is_terminal else 0

    def _heading(self) -> None:
        title = _HEADINGS[self._step]
        self._step += 1
        self._out.print()
        self._out.print(Text(f"{self._step}/{len(_HEADINGS)}  {title}", style="bold"))

    def _say(self, text: str) -> None:
        for line in textwrap.wrap(text, min(self._out.width, _WIDEST)):
            self._out.print(Text(line, style="italic"))

    def _command(self, text: str) -> None:
        self._out.print(Text.assemble(("  $ ", "green"), clean(text)))

    def _fact(self, text: str) -> None:
        self._out.print(Text.assemble(("  · ", "cyan"), clean(text)))
