"""The program as a whole: its help, its table of commands, its speed, and commands of plugins."""

import resource
import subprocess
import sys
from pathlib import Path

import click
from toolyard_runtime.cli.program import COMMANDS, program

from tests.cli.running import as_process, environment, toolyard

HEAVY = {"litestar", "sqlalchemy", "rich", "uvicorn", "sqlmodel", "alembic"}
DOCS = Path(__file__).parents[2] / "docs" / "cli.md"


def commands(group: click.Group, path: str) -> list[tuple[str, click.Command]]:
    """Return every command below a group with its full name."""
    found = []
    context = click.Context(group)
    names = [entry.name for entry in COMMANDS] if group is program else group.list_commands(context)
    for name in names:
        command = group.get_command(context, name)
        assert command is not None
        found.append((f"{path} {name}", command))
        if isinstance(command, click.Group):
            found += commands(command, f"{path} {name}")
    return found


def test_help_takes_less_than_half_a_second_of_work() -> None:
    work = []
    for _ in range(3):
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        assert as_process("--help").code == 0
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        work.append(after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)
    assert min(work) < 0.5


def test_help_imports_nothing_heavy() -> None:
    code = (
        "import sys\n"
        "from toolyard_runtime.cli.program import program\n"
        "program.main(['--help'], standalone_mode=False)\n"
        f"print('heavy:', sorted({HEAVY} & set(sys.modules)))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=30, env=environment(), check=True
    )
    assert "heavy: []" in done.stdout


def test_help_lists_every_command_under_a_heading() -> None:
    out = toolyard("--help").out
    for entry in COMMANDS:
        assert f"{entry.section}:" in out
        assert f"  {entry.name} " in out
        assert entry.line in out


def test_no_list_of_commands_cuts_a_line_off() -> None:
    for name, command in commands(program, "toolyard"):
        if isinstance(command, click.Group):
            for line in toolyard(*name.split()[1:], "--help").out.splitlines()[1:]:
                assert not line.endswith("..."), name


def test_the_lines_of_the_table_are_those_of_the_commands() -> None:
    for entry in COMMANDS:
        command = program.get_command(click.Context(program), entry.name)
        assert command is not None
        assert command.get_short_help_str(200) == entry.line


def test_every_command_and_option_says_what_it_does() -> None:
    for name, command in commands(program, "toolyard"):
        assert command.get_short_help_str(), name
        for parameter in command.params:
            if isinstance(parameter, click.Option) and parameter.name != "help":
                assert parameter.help or parameter.show_default, f"{name} {parameter.name}"


def test_every_command_is_in_the_documentation() -> None:
    text = DOCS.read_text()
    for name, command in commands(program, "toolyard"):
        spoken = name.removeprefix("toolyard ")
        assert spoken in text, f"docs/cli.md does not mention `{name}`"
        for parameter in command.params:
            for option in parameter.opts if isinstance(parameter, click.Option) else ():
                assert option in text, f"docs/cli.md does not mention {option} of `{name}`"


def test_every_command_in_the_documentation_exists() -> None:
    known = {name for name, _ in commands(program, "toolyard")}
    for line in DOCS.read_text().splitlines():
        if not line.startswith("$ toolyard "):
            continue
        words = line.removeprefix("$ ").split()
        candidates = {" ".join(words[:2]), " ".join(words[:3])}
        assert candidates & known, line
        _, command = max((len(name), name) for name in candidates & known)
        done = toolyard(*command.split()[1:], "--help")
        assert done.code == 0


def test_a_misspelt_command_is_a_usage_error() -> None:
    done = toolyard("serv")
    assert done.code == 2
    assert "serv" in done.err


def test_a_command_of_a_plugin_appears_and_a_failing_plugin_is_named(tmp_path: Path) -> None:
    (tmp_path / "greeter.py").write_text(
        "import click\n"
        "from toolyard_sdk import hookimpl\n"
        "@click.command()\n"
        "def greet():\n"
        "    'Greet whoever reads this.'\n"
        "    click.echo('hello from a plugin')\n"
        "@click.command()\n"
        "def serve():\n"
        "    'Pretend to be the server.'\n"
        "@hookimpl\n"
        "def register_commands(register):\n"
        "    register(greet)\n"
        "    register(serve)\n"
    )
    (tmp_path / "broken.py").write_text("raise RuntimeError('no such luck')\n")
    info = tmp_path / "greeter-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: greeter\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text("[toolyard]\ngreeter = greeter\nbroken = broken\n")
    shown = as_process("--help", PYTHONPATH=str(tmp_path))
    assert "Greet whoever reads this." in shown.out
    assert "broken" in shown.out
    assert "no such luck" in shown.out
    assert as_process("greet", PYTHONPATH=str(tmp_path)).out == "hello from a plugin\n"
    assert "Serve every agent" in as_process("serve", "--help", PYTHONPATH=str(tmp_path)).out


def test_the_help_of_tools_lists_every_command_with_its_whole_line() -> None:
    out = toolyard("tool", "--help").out
    group = program.commands.get("tool") or program.get_command(click.Context(program), "tool")
    assert isinstance(group, click.Group)
    assert all(f"\n  {name} " in out for name in group.commands)
    assert "..." not in out.partition("Write:")[2]
