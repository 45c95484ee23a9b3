"""Sessions of any shape, as runs write them, and the life of a window that is compacted whenever it is full."""

from collections.abc import Iterator

import msgspec
from hypothesis import strategies as st
from toolyard_memory.sessions.compaction import (
    AWAY,
    Compaction,
    compacted,
    plan,
    step_tokens,
    summary_tokens,
)
from toolyard_memory.sessions.window import STAND_INS, Item, Kind, fullness
from toolyard_sdk.events import ItemRef

SIZES = st.integers(1, 90) | st.integers(180, 3_000)


@st.composite
def sessions(draw: st.DrawFn) -> list[list[Item]]:
    """Return a session as the steps it grows by: what a run begins with, then turns with their results, an answer."""
    steps: list[list[Item]] = []
    position = 0
    for number in range(draw(st.integers(1, 8))):
        run, n = bytes([number + 1]) * 16, 0
        shapes: list[list[Kind]] = [["user"] * draw(st.integers(1, 2))]
        calls = draw(st.lists(st.integers(1, 3), max_size=4))
        shapes += [["assistant", *(["tool"] * count)] for count in calls]  # type: ignore[list-item]  # literals
        if draw(st.booleans()):
            shapes.append(["assistant"])
        for shape in shapes:
            step = []
            for kind in shape:
                n += 1
                step.append(Item(ItemRef(run, n), kind, draw(SIZES), position))
                position += 1
            steps.append(step)
    return steps


class Life(msgspec.Struct):
    """A window as it lives: its entries, the compactions until now, and what was planned from."""

    budget: int
    pinned: int
    reader: bool
    entries: list[Item] = []
    history: list[Item] = []
    made: list[Compaction] = []
    limit: int = 0
    before: list[Item] = []

    @property
    def tokens(self) -> int:
        """What it holds now."""
        return sum(item.tokens for item in self.entries)

    def compact(self) -> bool:
        """Do what a run does before a model call; tell whether anything was done."""
        if self.tokens <= max(self.limit, fullness(self.budget)):
            return False
        readable = {item.ref for item in self.entries} if self.reader else set()
        pinned = min([self.pinned, *(one.pinned for one in self.made if one.end is not None)])
        planned = plan(self.entries, self.budget, readable, pinned)
        self.limit = self.tokens + step_tokens(self.budget)
        if planned is None:
            return False
        newest, room = self.entries[-1].ref, summary_tokens(self.budget)
        one = Compaction(
            newest.run, len(self.made), 0, newest, None, planned.end, -1, planned.pinned, planned.above, planned.until,
            1_000 + len(self.made) if planned.end is not None and room else None,
        )  # fmt: skip
        self.before = self.entries
        self.made.append(one)
        self.entries = [self._settled(item, room) for item in compacted(self.entries, one)]
        self.limit = self.tokens + step_tokens(self.budget)
        return True

    @staticmethod
    def _settled(item: Item, room: int) -> Item:
        """Give what stands in for an item the tokens that it has itself."""
        if item.kind in STAND_INS:
            return msgspec.structs.replace(item, tokens=room // 2)
        return msgspec.structs.replace(item, tokens=min(item.tokens, AWAY - 5)) if item.away else item


def lived(steps: list[list[Item]], budget: int, pinned: int, *, reader: bool) -> Iterator[tuple[Life, bool]]:
    """Let a window grow step by step; yields it before each model call, and whether it was compacted for it."""
    life = Life(budget, pinned, reader)
    for step in steps:
        life.entries = [*life.entries, *step]
        life.history = [*life.history, *step]
        yield life, life.compact()
