"""`toolyard tool`: tools from their first line to their last version; knows the commands, not their work."""

import click

from toolyard_runtime.cli.tool.add import add_tools
from toolyard_runtime.cli.tool.badge import tool_badge
from toolyard_runtime.cli.tool.call import call_tool
from toolyard_runtime.cli.tool.dev import dev_tool
from toolyard_runtime.cli.tool.export import export_tool
from toolyard_runtime.cli.tool.listing import diff_tool, list_tools, show_tool
from toolyard_runtime.cli.tool.new import new_tool
from toolyard_runtime.cli.tool.prune import prune_tools
from toolyard_runtime.cli.tool.publish import publish_tool
from toolyard_runtime.cli.tool.search import search_tools
from toolyard_runtime.cli.tool.standing import (
    admit_tool,
    deprecate_tool,
    move_tool,
    reject_tool,
    restore_tool,
    waiting_tools,
    yank_tool,
)
from toolyard_runtime.cli.tool.test import test_tool
from toolyard_runtime.cli.tool.usage import tool_usage

SECTIONS: tuple[tuple[str, tuple[click.Command, ...]], ...] = (
    ("Write", (new_tool, dev_tool, call_tool, test_tool)),
    ("Publish", (publish_tool, move_tool, deprecate_tool, yank_tool, restore_tool, prune_tools)),
    ("Look", (list_tools, show_tool, diff_tool, search_tools, tool_usage, tool_badge)),
    ("From elsewhere", (add_tools, export_tool, waiting_tools, admit_tool, reject_tool)),
)
"""In the order of a tool's life, as `toolyard tool --help` lists them. Each command's module stands beside this one."""

COMMANDS = tuple(command for _, commands in SECTIONS for command in commands)
_LINE = 120
"""Letters of a command's line in the list; the terminal breaks it where it must."""


class Life(click.Group):
    """A click group that lists its commands under headings."""

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002 - click's signature
        """Write each heading with its commands, and all of their lines."""
        width = max(len(command.name or "") for command in COMMANDS)
        for heading, commands in SECTIONS:
            with formatter.section(heading):
                rows = [((command.name or "").ljust(width), command.get_short_help_str(_LINE)) for command in commands]
                formatter.write_dl(rows)


@click.group(cls=Life)
def tool() -> None:
    """Write, publish, look at and withdraw tools."""


for _command in COMMANDS:
    tool.add_command(_command)
