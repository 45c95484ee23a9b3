"""Kill a run's process everywhere, and the one that takes it up everywhere too; print what was counted.

python -m tests.faults.crash            every place once
python -m tests.faults.crash --twice    and every place of the life that follows (minutes)
"""

import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

from tests.faults.crash.points import Point, examine, first_points, kills


def main(*, twice: bool) -> None:
    """Examine all points."""
    began = time.monotonic()
    seen: Counter[str] = Counter()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        points = first_points(folder)
        places = Counter(point.scenario.name for point in points)
        number = 0
        for point in points:
            number += 1
            counts = examine(folder / str(number), point, seen)
            for again in kills(counts) if twice else ():
                number += 1
                examine(folder / str(number), Point(point.scenario, point.kill, again), seen)
    for scenario, count in places.items():
        print(f"{count:6} places in {scenario!r}")
    for what, count in sorted(seen.items()):
        print(f"{count:6} {what}")
    print(f"{time.monotonic() - began:6.0f} s; every check held at every point")


main(twice="--twice" in sys.argv)
