"""`python -m tests.bench`: Toolyard against the least work a Python server can do for the same run.

Starts the floor and the targets in turn, in interleaved rounds, each from an empty directory; prints medians, ranges
and ratios to the floor, then a verdict per limit. CPU is that of the server's process tree; the model server and the
load run in processes of their own and are not counted. Ends with 1 when a limit does not hold.
"""

import argparse
import sys
import tempfile
from pathlib import Path

from tests.bench import verdicts
from tests.bench.measure import Harness, Round
from tests.bench.targets import TARGETS, printed


def main() -> int:
    """Read options, measure, print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5, help="starts of every server (5)")
    parser.add_argument("--seconds", type=float, default=5.0, help="of load per figure (5)")
    parser.add_argument("--quick", action="store_true", help="one round of one second: to see that it works")
    parser.add_argument("--targets", nargs="+", default=["chat", "responses"], choices=["chat", "responses"])
    parser.add_argument("--floor-only", action="store_true", help="measure the floor alone")
    parser.add_argument("--print-target", action="store_true", help="print the targets for another harness and end")
    options = parser.parse_args()
    if options.print_target:
        print(printed())
        return 0
    rounds, seconds = (1, 1.0) if options.quick else (options.rounds, options.seconds)
    names = ["floor"] if options.floor_only else ["floor", *options.targets]
    rows: dict[str, dict[str, list[float]]] = {name: {} for name in names}
    with tempfile.TemporaryDirectory(prefix="bench-") as scratch, Harness() as harness:
        for number in range(rounds):
            for name in names:
                print(f"round {number + 1} of {rounds}: {name}", file=sys.stderr, flush=True)
                directory = Path(scratch) / f"{name}-{number}"
                directory.mkdir()
                for key, value in Round(harness, TARGETS[name], directory, seconds).measure().items():
                    rows[name].setdefault(key, []).append(value)
    floor, held = rows["floor"], True
    for name, row in rows.items():
        print("\n".join(verdicts.table(name, row, floor)), end="\n\n")
    for name in names[1:]:
        for holds, line in verdicts.judge(rows[name], floor):
            held = held and holds
            print(f"{'holds' if holds else 'FAILS'}  {name}  {line}")
    if not verdicts.is_quiet(rows.values()):
        print("\nThe machine was busy with something else; measure again when it is quiet.")
    return 0 if held else 1


if __name__ == "__main__":
    sys.exit(main())
