"""Rights are read again after a moment, whatever the clock does meanwhile."""

from toolyard_registry.rights import NOBODY, UNWRITTEN, Rights
from toolyard_runtime.run.sights import FRESH_US, Sights
from toolyard_sdk.testing import FixedClock


def test_rights_are_read_again_once_they_are_not_fresh_or_the_clock_is_set_back() -> None:
    clock, said = FixedClock(at=10 * FRESH_US), [UNWRITTEN]
    reads: list[int] = []

    def current() -> Rights:
        reads.append(clock.at)
        return said[-1]

    sights = Sights(current, clock.now)
    assert sights.sees("t", ("user",), "a", "tool")
    said.append(NOBODY)
    clock.at += FRESH_US - 1
    assert sights.sees("t", ("user",), "a", "tool")
    clock.at += 1
    assert sights.unseen("t", ("user",), "a", ("tool",)) == {"tool"}
    said.append(UNWRITTEN)
    clock.at = 0
    assert sights.sees("t", ("user",), "a", "tool")
    assert len(reads) == 3
