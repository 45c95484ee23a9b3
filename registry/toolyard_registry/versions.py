"""Semantic versions and ranges of them: `1.4.2`, `^0.1`, `~1.2`; compares and counts, and looks nothing up.

Versions are read as wheels write them (PEP 440: `1.0.0rc1`) and as semver.org does (`1.0.0-rc.1`). Before 1.0.0 the
second number says what the first one says afterwards: `^0.1` ends before `0.2.0`.
"""

import re
from typing import Literal

from msgspec import Struct

Bump = Literal["none", "patch", "minor", "major"]
"""What a change asks of the next version, the least first."""

BUMPS: tuple[Bump, ...] = ("none", "patch", "minor", "major")

_FINAL = 4
_STAGES = {"dev": 0, "a": 1, "alpha": 1, "b": 2, "beta": 2, "c": 3, "rc": 3, "pre": 3, "preview": 3}
_VERSION = re.compile(
    r"(?P<major>[0-9]{1,9})\.(?P<minor>[0-9]{1,9})\.(?P<patch>[0-9]{1,9})"
    r"(?:[-._]?(?P<stage>dev|alpha|a|beta|b|preview|pre|rc|c)[-._]?(?P<number>[0-9]{1,9})?)?\Z",
    re.ASCII,
)
_RANGE = re.compile(r"(?P<kind>[\^~])(?P<numbers>[0-9]{1,9}(?:\.[0-9]{1,9}){0,2})\Z", re.ASCII)


class Version(Struct, frozen=True, order=True):
    """A version in the order in which versions follow each other: `stage` and `number` are of a pre-release."""

    major: int
    minor: int
    patch: int
    stage: int = _FINAL
    number: int = 0

    @property
    def final(self) -> bool:
        """Whether it is no pre-release."""
        return self.stage == _FINAL

    @property
    def numbers(self) -> tuple[int, int, int]:
        """The three numbers."""
        return self.major, self.minor, self.patch


class Range(Struct, frozen=True):
    """Versions from `least` to before `end`, pre-releases left out."""

    least: Version
    end: Version

    def __contains__(self, version: object) -> bool:
        return isinstance(version, Version) and version.final and self.least <= version < self.end


def read_version(text: str) -> Version | None:
    """Return the version a text says, None for one that is not semantic (`0+8db42f76e8c9`, `2025-11`)."""
    found = _VERSION.match(text)
    if found is None:
        return None
    numbers = int(found["major"]), int(found["minor"]), int(found["patch"])
    if found["stage"] is None:
        return Version(*numbers)
    return Version(*numbers, _STAGES[found["stage"]], int(found["number"] or 0))


def read_range(text: str) -> Range | None:
    """Return the range `^1.2`, `^0.1.3` or `~1.2` says, None for what is none.

    `^` allows what does not change the first number that is not 0, `~` what does not change the second one.
    """
    found = _RANGE.match(text)
    if found is None:
        return None
    given = [int(number) for number in found["numbers"].split(".")]
    major, minor, patch = (*given, 0, 0)[:3]
    least = Version(major, minor, patch)
    if found["kind"] == "~":
        return Range(least, Version(major + 1, 0, 0) if len(given) == 1 else Version(major, minor + 1, 0))
    if major or len(given) == 1:
        return Range(least, Version(major + 1, 0, 0))
    if minor or len(given) == 2:  # noqa: PLR2004 - `^0.0`: the second number is the last one that was said
        return Range(least, Version(0, minor + 1, 0))
    return Range(least, Version(0, 0, patch + 1))


def bump_of(before: Version, after: Version) -> Bump:
    """Return what going from one version to a later one promises at most; `none` where it does not go on."""
    if after.numbers <= before.numbers:
        return "none"
    if after.major > before.major or (after.major == 0 and after.minor > before.minor):
        return "major"
    return "minor" if after.minor > before.minor or after.major == 0 else "patch"


def least_after(before: Version, needed: Bump) -> str:
    """Return the lowest version after `before` that may hold a change of this size."""
    if needed == "major":
        return f"{before.major + 1}.0.0" if before.major else f"0.{before.minor + 1}.0"
    if needed == "minor" and before.major:
        return f"{before.major}.{before.minor + 1}.0"
    return f"{before.major}.{before.minor}.{before.patch + 1}"


def at_least(one: Bump, other: Bump) -> bool:
    """Tell whether one bump is as large as another."""
    return BUMPS.index(one) >= BUMPS.index(other)


def largest(*bumps: Bump) -> Bump:
    """Return the largest bump of those given."""
    return max(bumps, key=BUMPS.index, default="none")
