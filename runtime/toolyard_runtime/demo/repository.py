"""The demonstration's agent repository: copied where it may be written to, and the traces its tools leave there."""

import shutil
from importlib.resources import as_file, files
from pathlib import Path

AGENT = "support"
QUESTION = (
    'Find the orders of "Ada Lovelace" and track the parcel "PX-220", '
    'then refund the order "A-17" with 1900 cents, '
    'then check the payout at the bank for "A-17".'
)
SLOW_TOOL = "check_payout"
PAYING_TOOL = "refund_order"
LEDGER = "ledger.txt"
_BEGUN = "begun.txt"


def write_repository(target: Path) -> None:
    """Copy the packaged repository into the folder `target`, which need not exist."""
    with as_file(files("toolyard_runtime.demo") / "agent") as source:
        shutil.copytree(source, target, dirs_exist_ok=True, ignore=shutil.ignore_patterns("__pycache__"))


def times_begun(repository: Path, tool: str) -> int:
    """Return how often a look-up was begun, as the tool itself wrote down."""
    return _lines(repository / _BEGUN).count(tool)


def payments(repository: Path) -> list[str]:
    """Return the lines of the shop's ledger: the money that really left."""
    return _lines(repository / LEDGER)


def _lines(path: Path) -> list[str]:
    try:
        return path.read_text().splitlines()
    except FileNotFoundError:
        return []
