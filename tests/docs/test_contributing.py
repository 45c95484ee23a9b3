"""The page for contributors names every suite that is a command of its own."""

import re

from tests.docs.pages import ROOT

_ROW = re.compile(r"^\| `(tests[\w.]+)` \|", re.MULTILINE)
_COMMAND = re.compile(r"python -m (tests[\w.]+)")


def commands() -> set[str]:
    """Return the modules under `tests` whose first text says that they are run by themselves."""
    found = set()
    for path in (ROOT / "tests").rglob("*.py"):
        parts = path.relative_to(ROOT).with_suffix("").parts
        module = ".".join(parts[:-1] if parts[-1] == "__main__" else parts)
        told = path.read_text().split('"""')
        if len(told) > 1 and module in _COMMAND.findall(told[1]):
            found.add(module)
    return found


def test_the_page_for_contributors_names_every_suite_that_is_a_command() -> None:
    named = set(_ROW.findall((ROOT / "CONTRIBUTING.md").read_text()))
    assert len(named) > 20
    assert named == commands()
