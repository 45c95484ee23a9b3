"""A group of commands whose list says the whole first sentence of each; knows no command."""

import click

LINE = 150
"""Letters of a command's line in the list; the terminal breaks it where it must."""


class Group(click.Group):
    """A click group that does not cut its commands' lines off."""

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write every command with its line."""
        commands = [self.get_command(ctx, name) for name in self.list_commands(ctx)]
        shown = [(one.name or "", one.get_short_help_str(LINE)) for one in commands if one is not None]
        with formatter.section("Commands"):
            formatter.write_dl(shown)
