"""`toolyard tool`: tools from their first line to their last version; knows which commands there are, not their work."""

import click

COMMANDS: tuple[click.Command, ...] = ()
"""In the order of a tool's life. Each command's module stands beside this one."""


@click.group()
def tool() -> None:
    """Write, publish, look at and withdraw tools."""


for _command in COMMANDS:
    tool.add_command(_command)
