"""Commands that plugins add with the hook `register_commands`; one that fails is reported and takes nothing down."""

from typing import Any

import click
from toolyard_registry.plugins import load_plugins, told


def contributed_commands() -> tuple[dict[str, click.Command], dict[str, str]]:
    """Return (commands by name, what went wrong by plugin name); of two with one name the first stays."""
    plugins = load_plugins()
    commands: dict[str, click.Command] = {}
    problems = {problem.plugin: problem.error for problem in plugins.problems}
    for plugin in plugins.loaded:
        found: list[Any] = []
        others = [other for name, other in plugins.hooks.list_name_plugin() if name != plugin.name]
        try:
            plugins.hooks.subset_hook_caller("register_commands", others)(register=found.append)
        except BaseException as error:  # noqa: BLE001 - a stranger's hook never takes the program down
            problems[plugin.name] = told(error)
            continue
        for command in found:
            if isinstance(command, click.Command) and command.name:
                commands.setdefault(command.name, command)
            else:
                problems[plugin.name] = f"{command!r} is no click command with a name"
    return commands, problems
