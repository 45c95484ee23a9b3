"""Compaction: what of a full window is put away and what is summarised; pure, over items, and reads no message.

`plan` decides, once, and the decision is kept: as an event of the run and as a row of its session. `shown` says what a
model is shown of a chain of items after such decisions. Folding them over the whole chain gives what the live window
holds, so the same rows always give the same bytes.

Only a plan looks at tokens. A large result that can be read back gives way to a placeholder first; then whole exchanges
are summarised, oldest first; then, where the last exchange alone is too much, results of its earlier turns, and at last
those turns. An *exchange* begins with what the user says, a *turn* is the assistant's message with all its results.
"""

from collections.abc import Collection, Iterable, Sequence

import msgspec
from msgspec import Struct
from toolyard_sdk.events import ItemRef

from toolyard_memory.sessions.window import STAND_INS, Item, fullness

LARGE = 200
"""Tokens of a result above which a placeholder is worth its place."""

AWAY = 60
"""Tokens of a placeholder, as far as plans are concerned."""

SHORTEST = 160
"""Tokens below which a summary would say nothing: what there is no room to summarise is let go without one."""


class Compaction(Struct, frozen=True):
    """A point at which a window was made smaller, as the event `seq` of `run` tells it.

    `after` is the newest item there was. What lies before `end`, itself included, is shown no more, but for the first
    `pinned` messages of the user and those that began the last exchange; payload `summary` of the run stands for it
    (None: nothing does). Results of more than `above` tokens up to `until` are put away. `source` commits to the bytes
    that were summarised, under the run's salt; `prompt` is a digest, "" where no model was asked. Token counts are the
    model server's where `counted`, else estimates.
    """

    run: bytes
    seq: int
    at: int
    after: ItemRef
    start: ItemRef | None = None
    end: ItemRef | None = None
    end_position: int = -1
    pinned: int = 0
    above: int = 0
    until: ItemRef | None = None
    summary: int | None = None
    source: bytes = b""
    model: str = ""
    prompt: str = ""
    tokens_before: int = 0
    tokens_after: int = 0
    counted: bool = False


class Plan(Struct, frozen=True):
    """What to do with a window: as `Compaction` says it."""

    end: ItemRef | None = None
    pinned: int = 0
    above: int = 0
    until: ItemRef | None = None


def summary_tokens(budget: int) -> int:
    """Return how long a summary may be: an eighth of the window's budget, 0 where that is too short to say anything."""
    room = budget // 8
    return room if room >= SHORTEST else 0


def step_tokens(budget: int) -> int:
    """Return what a compaction must win to be worth the cached prefix, and after how much more it is tried again."""
    return max(budget // 16, 1)


def plan(
    items: Sequence[Item], budget: int, readable: Collection[ItemRef] = (), pinned: int = 0, room: int = 0
) -> Plan | None:
    """Return how to bring a window to half its budget, or as near as can be; None where too little would be won.

    `items` are those of a window, `budget` is in the same tokens as theirs; `readable` are the results that the model
    could read back. `room` tokens are to stay free for what will be shown beside them: half the budget includes them.
    """
    planning = _Planning(items, budget, readable, pinned, room)
    made = planning.plan()
    return made if planning.total - planning.tokens >= step_tokens(budget) else None


def compacted(items: Sequence[Item], one: Compaction) -> list[Item]:
    """Return the items that are shown after a compaction; those after `one.after` are shown as they are."""
    made = list(items)
    until, end, after = (_place(made, ref) for ref in (one.until, one.end, one.after))
    for index in range(until + 1):
        item = made[index]
        if item.kind == "tool" and item.tokens > one.above and not item.away:
            made[index] = msgspec.structs.replace(item, away=True)
    if end < 0:
        return made
    asked = _asked(made[: after + 1])
    pinned: list[Item] = []
    staying: list[Item] = []
    for index, item in enumerate(made[: end + 1]):
        if item.kind != "user":
            continue
        if len(pinned) < one.pinned:
            pinned.append(item)
        elif index >= asked:
            staying.append(item)
    stand_ins: list[Item] = []
    if one.summary is not None:
        ref = ItemRef(one.run, one.summary)
        stand_ins = [Item(ref, "summary", 0, made[end].position), Item(ref, "noted", 0, made[end].position)]
    return [*pinned, *stand_ins, *staying, *made[end + 1 :]]


def along(items: Sequence[Item], compactions: Iterable[Compaction]) -> list[Compaction]:
    """Return the compactions that were made along a chain, oldest first: those of other branches are none of its."""
    places = {item.ref: item.position for item in items}
    runs = {item.ref.run for item in items}
    made = [one for one in compactions if one.after in places and one.run in runs]
    return sorted(made, key=lambda one: (places[one.after], one.seq))


def shown(items: Sequence[Item], made: Iterable[Compaction]) -> list[Item]:
    """Return what a model is shown of a chain, oldest first, after the compactions that were made along it.

    Tokens of what is put away are still those of the result.
    """
    left = list(items)
    for one in made:
        left = compacted(left, one)
    return left


def covered(before: Sequence[Item], after: Sequence[Item]) -> list[int]:
    """Return the indexes of those items of `before` that `after` shows no more."""
    left = {(item.ref, item.kind) for item in after}
    return [index for index, item in enumerate(before) if (item.ref, item.kind) not in left]


class _Planning:
    """One plan in the making: `tokens` is what the window would hold by what is decided so far."""

    def __init__(
        self, items: Sequence[Item], budget: int, readable: Collection[ItemRef], pinned: int, room: int
    ) -> None:
        self._items = items
        self._full, self._target = fullness(budget) - room, budget // 2 - room
        self._summary = summary_tokens(budget)
        self._costs = [item.tokens for item in items]
        self._readable = readable
        self._pinned = pinned
        self._kept = frozenset([index for index, item in enumerate(items) if item.kind == "user"][:pinned])
        self._asked = _asked(items)
        self._last = _last_turn(items, self._asked)
        self._end = 0
        self.total = self.tokens = sum(self._costs)

    def plan(self) -> Plan:
        """Decide, in the order of the module's first words, until the target is met."""
        asked, last = self._asked, self._last
        above, until = self._put_away(0, asked), asked
        if self.tokens > self._target:
            self._summarise([index for index in range(1, asked + 1) if self._begins(index)])
        if self.tokens > self._full:
            again = self._put_away(asked, last)
            above, until = (again, last) if again else (above, until)
        if self.tokens > self._full:
            self._summarise([index for index in range(asked + 1, last + 1) if self._items[index].kind == "assistant"])
        away = above > 0 and until > self._end
        return Plan(
            end=self._items[self._end - 1].ref if self._end else None,
            pinned=self._pinned if self._end else 0,
            above=above if away else 0,
            until=self._items[until - 1].ref if away else None,
        )

    def _begins(self, index: int) -> bool:
        """Tell whether an exchange begins at an index."""
        return self._items[index].kind == "user" != self._items[index - 1].kind

    def _put_away(self, begin: int, end: int) -> int:
        """Put away the largest results of a range until the target is met; return above how many tokens, 0 for none."""
        sizes: dict[int, list[int]] = {}
        for index in range(begin, end):
            item = self._items[index]
            if item.kind == "tool" and item.tokens > LARGE and not item.away and item.ref in self._readable:
                sizes.setdefault(item.tokens, []).append(index)
        above = 0
        for size in sorted(sizes, reverse=True):
            if self.tokens <= self._target:
                break
            above = size - 1
            for index in sizes[size]:
                self._costs[index] = AWAY
                self.tokens -= size - AWAY
        return above

    def _summarise(self, cuts: Sequence[int]) -> None:
        """Let a summary stand for all before the first of `cuts` that meets the target, else before the last one."""
        held, gone, begin, anything = sum(self._costs), 0, 0, False
        for cut in cuts:
            for index in range(begin, cut):
                if index not in self._kept and not self._stays(index):
                    gone += self._costs[index]
                    anything = anything or self._items[index].kind not in STAND_INS
            begin = cut
            if not anything:
                continue
            self._end, self.tokens = cut, held - gone + self._summary
            if self.tokens <= self._target:
                return

    def _stays(self, index: int) -> bool:
        """Tell whether an item is among the messages that began the last exchange."""
        return index >= self._asked and self._items[index].kind == "user"


def _place(items: Sequence[Item], ref: ItemRef | None) -> int:
    """Return an item's index, -1 where it is not shown."""
    if ref is None:
        return -1
    return next((i for i, item in enumerate(items) if item.ref == ref and item.kind not in STAND_INS), -1)


def _asked(items: Sequence[Item]) -> int:
    """Return the index at which the last exchange begins: of the user's messages that end it all, the first."""
    index = next((index for index in range(len(items) - 1, -1, -1) if items[index].kind == "user"), 0)
    while index and items[index].kind == items[index - 1].kind == "user":
        index -= 1
    return index


def _last_turn(items: Sequence[Item], asked: int) -> int:
    """Return the index at which the last turn begins: its results have not been seen by the model yet."""
    found = (index for index in range(len(items) - 1, asked, -1) if items[index].kind == "assistant")
    return next(found, asked)
