"""`python -m toolyard_sdk.testing`: as an author calls it, on a module by its name or its file."""

import subprocess
import sys
from pathlib import Path

import pytest

REFUNDS = '''
from dataclasses import dataclass
from toolyard_sdk import tool

@dataclass
class Order:
    """An order."""

    number: str

@tool(read_only=True)
def look_up(order: Order) -> str:
    """Look an order up and return its number.

    Args:
        order: The order to look up.
    """
    return order.number
'''


def checked(module: str, folder: Path) -> tuple[int, str, str]:
    """Run the command in a folder; return its exit status, its output and its errors."""
    done = subprocess.run(
        [sys.executable, "-m", "toolyard_sdk.testing", module],
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    return done.returncode, done.stdout, done.stderr


@pytest.mark.parametrize("module", ["tools/json.py", "./tools/json.py", "tools.json"])
def test_a_module_is_named_by_its_import_name_or_its_file(tmp_path: Path, module: str) -> None:
    (tmp_path / "tools").mkdir()
    (tmp_path / "tools" / "json.py").write_text(REFUNDS)  # a name that must not hide the module of the library
    status, told, errors = checked(module, tmp_path)
    assert (status, errors) == (0, "")
    assert told.startswith("look_up: about ")
    assert told.endswith("no findings\n")


@pytest.mark.parametrize("module", ["tools/missing.py", "missing"])
def test_a_module_that_is_not_there_is_said_to_be_missing(tmp_path: Path, module: str) -> None:
    status, told, errors = checked(module, tmp_path)
    assert (status, told) == (2, "")
    assert errors.startswith(f"{module} cannot be imported: ")
    assert "Traceback" not in errors
