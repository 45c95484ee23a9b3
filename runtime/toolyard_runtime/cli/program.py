"""The `toolyard` program: its table of commands, each imported when it is called; knows no command's work.

`toolyard --help` answers from the table alone, so that it stays fast whatever the commands import.
"""

from importlib import import_module
from importlib.metadata import version

import click
from msgspec import Struct

from toolyard_runtime.cli.contributed import contributed_commands


class Entry(Struct, frozen=True):
    """One command: under which heading it is listed, where it is defined, and its line in the list."""

    section: str
    name: str
    place: str
    line: str


COMMANDS = (
    Entry("Start", "demo", "demo:demo", "Watch a whole run on this machine, with nothing to set up."),
    Entry("Start", "new", "new:new", "Make an agent repository that runs at once."),
    Entry("Start", "serve", "serve:serve", "Serve every agent of a repository."),
    Entry("Start", "doctor", "doctor:doctor", "Say what is wrong with a set-up, and what to do about it."),
    Entry("Talk", "chat", "chat:chat", "Talk to an agent in the terminal."),
    Entry("Look", "runs", "runs:runs", "List, show and cancel runs."),
    Entry("Look", "why", "why:why", "Say why a run did what it did."),
    Entry("Decide", "approve", "approve:approve", "Decide about a call that waits for a person."),
    Entry("Decide", "answer", "answer:answer_question", "Answer what a tool asks a person."),
    Entry("Decide", "doubt", "doubt:doubt", "Settle calls of which nobody knows whether they happened."),
    Entry("Decide", "stop", "stop:stop", "Stop an agent, a tool or a tenant before its next effect."),
    Entry("Tools", "lock", "lock:lock", "Pin every agent, tool, prompt and policy by digest in agent.lock."),
    Entry("Tools", "tool", "tool:tool", "Write, publish, look at and withdraw tools."),
    Entry("Agents", "memory", "memory:memory", "Search, show, mend, forget and export what is remembered."),
    Entry("Agents", "knowledge", "knowledge:knowledge", "Add, list, search and remove documents to ground answers on."),
    Entry("Administer", "key", "key:key", "Create, list and revoke API keys."),
    Entry("Administer", "tenant", "tenant:tenant", "Create, list and revoke tenants."),
    Entry("Administer", "secret", "secret:secret", "Set, list, rotate and remove secrets that tools send unseen."),
    Entry("Administer", "erase", "erase:erase", "Erase what an end user said and was told."),
    Entry("Models", "model", "model:model", "Check, serve and list models."),
)

_EPILOG = "Everything a command does, the server's HTTP routes do too: see docs/cli.md."


class Program(click.Group):
    """A click group that imports a command when it is called, and asks plugins for more."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - click's signature
        """Return the built-in names in the table's order, then those of plugins."""
        contributed, _ = contributed_commands()
        return [entry.name for entry in COMMANDS] + sorted(set(contributed) - {entry.name for entry in COMMANDS})

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002 - click's signature
        """Return one command; a plugin cannot replace a built-in one."""
        for entry in COMMANDS:
            if entry.name == cmd_name:
                module, attribute = entry.place.split(":")
                command = getattr(import_module(f"toolyard_runtime.cli.{module}"), attribute)
                if not isinstance(command, click.Command):
                    raise TypeError(f"{entry.place} is no command")
                return command
        contributed, _ = contributed_commands()
        return contributed.get(cmd_name)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002 - click's signature
        """Write the table under its headings, from the lines in it: nothing is imported for it but plugins."""
        contributed, problems = contributed_commands()
        width = max(len(name) for name in [*contributed, *(entry.name for entry in COMMANDS)])
        for section in dict.fromkeys(entry.section for entry in COMMANDS):
            with formatter.section(section):
                rows = [(entry.name.ljust(width), entry.line) for entry in COMMANDS if entry.section == section]
                formatter.write_dl(rows)
        builtin = {entry.name for entry in COMMANDS}
        rows = [
            (name.ljust(width), command.get_short_help_str(90))
            for name, command in sorted(contributed.items())
            if name not in builtin
        ]
        if rows:
            with formatter.section("From plugins"):
                formatter.write_dl(rows)
        if problems:
            with formatter.section("Plugins that failed (toolyard doctor says more)"):
                formatter.write_dl(sorted(problems.items()))


@click.group(
    cls=Program,
    epilog=_EPILOG,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110},
)
@click.version_option(version("toolyard-runtime"), prog_name="toolyard")
def program() -> None:
    """Toolyard runs agents: models that call tools, with every decision on record.

    New here? Try `toolyard demo`, then `toolyard new NAME`.
    """
