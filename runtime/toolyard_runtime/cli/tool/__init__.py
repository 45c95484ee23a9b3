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

COMMANDS: tuple[click.Command, ...] = (
    new_tool,
    dev_tool,
    call_tool,
    test_tool,
    tool_usage,
    search_tools,
    publish_tool,
    list_tools,
    show_tool,
    diff_tool,
    move_tool,
    deprecate_tool,
    yank_tool,
    restore_tool,
    waiting_tools,
    admit_tool,
    reject_tool,
    tool_badge,
    add_tools,
    export_tool,
    prune_tools,
)
"""In the order of a tool's life. Each command's module stands beside this one."""


@click.group()
def tool() -> None:
    """Write, publish, look at and withdraw tools."""


for _command in COMMANDS:
    tool.add_command(_command)
