"""`python -m tests.bfcl`: the gold calls of BFCL's `multi_turn_base`, as tools of a plugin, against its own executor.

Downloads the package `bfcl-eval` into a folder outside this repository, offers the methods of its classes as tools, and
makes every gold call along the way a run makes it. After each call the result and the state of all objects have to be
those that the package's executor has. Ends with 1 when one differs.
"""

import argparse
import os
import sys
from collections import Counter
from pathlib import Path

from tests.bfcl.package import fetch, load
from tests.bfcl.replaying import replay


def main() -> int:
    """Read options, replay every task, print counts."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    usual = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "toolyard-bfcl"
    parser.add_argument("--folder", type=Path, default=usual, help=f"where the package lies ({usual})")
    folder = parser.parse_args().folder
    fetch(folder)
    package = load(folder)
    calls: Counter[str] = Counter()
    different = []
    for number, task in enumerate(package.tasks):
        count, found = replay(package, task, "gold")
        calls["all"] += count
        different += found
        if sys.stderr.isatty():
            print(f"\r{number + 1} of {len(package.tasks)} tasks", end="", file=sys.stderr, flush=True)
    for each in different[:20]:
        print(f"{each.task}: {each.call}\n  theirs {each.theirs[:500]}\n  ours   {each.ours[:500]}")
    equal = calls["all"] - len(different)
    print(f"{len(package.tasks)} tasks, {calls['all']} calls, {equal} with equal results and states")
    return 1 if different else 0


if __name__ == "__main__":
    sys.exit(main())
