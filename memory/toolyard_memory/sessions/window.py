"""The window: which of a session's items a model is shown, as encoded fragments with token counts; decides nothing.

It grows by what a run adds. Once it holds more than `limit` tokens whoever calls the model makes it smaller
(`compaction`), in one large step, because every change but at the end costs the model server its cached prefix.
"""

from collections.abc import Iterable, Sequence
from typing import Literal

import msgspec
from msgspec import Struct
from toolyard_sdk.events import ItemRef

Kind = Literal["user", "assistant", "tool", "summary", "noted"]
"""A message's role; `summary` stands for items that are no longer shown, `noted` is the answer to it."""


STAND_INS = frozenset({"summary", "noted"})
"""Kinds of what is no item of the session itself."""


NOWHERE = ItemRef(b"", 0)

JOINT = 8
"""Tokens that join what comes to mind to the message it is shown in."""


class Item(Struct, frozen=True):
    """One item as the window needs it: `tokens` estimates its bytes, `position` is its depth in the session.

    `away` says that a placeholder is shown of a tool's result, from which the model can read it back.
    """

    ref: ItemRef
    kind: Kind
    tokens: int
    position: int
    away: bool = False


def estimate_tokens(fragment: bytes) -> int:
    """Estimate the tokens of an encoded message: four bytes each and four for its frame (an estimate, not a count)."""
    return len(fragment) // 4 + 4


def fullness(budget: int) -> int:
    """Return how many tokens a window may hold before it is made smaller: four fifths of its budget."""
    return budget * 4 // 5


class Window:
    """The items a model is shown, oldest first; what it has let go of it no longer holds.

    `fragments` are the encoded messages, in step with `items`, whose tokens are those of what is shown of them: with
    what came to mind, without reasoning that is shown no more. `limit` is in estimated tokens, `per_estimate` says how
    many of the model's own tokens one of them was when they were last counted. `sources` are the runs whose items are
    only shown in a summary, `pinned` how many messages of the user the last summary left alone (None: there is none),
    `start` is the oldest item that is shown itself.
    """

    __slots__ = (
        "budget",
        "fragments",
        "items",
        "limit",
        "moves",
        "per_estimate",
        "pinned",
        "sources",
        "start",
        "tokens",
    )

    def __init__(self, budget: int) -> None:
        self.budget = budget
        self.limit = fullness(budget)
        self.per_estimate = 1.0
        self.items: list[Item] = []
        self.fragments: list[bytes] = []
        self.sources: frozenset[bytes] = frozenset()
        self.pinned: int | None = None
        self.start = NOWHERE
        self.tokens = 0
        self.moves = 0

    @property
    def next_position(self) -> int:
        """The depth of the item that would come next."""
        return self.items[-1].position + 1 if self.items else 0

    @property
    def shown_from(self) -> int:
        """The depth from which on every item is shown itself: what is older may be in a summary only."""
        last = next((item for item in reversed(self.items) if item.kind in STAND_INS), None)
        return last.position + 1 if last is not None else self.items[0].position if self.items else 0

    @property
    def size(self) -> int:
        """About how many bytes it holds: what a cache of windows counts."""
        return sum(map(len, self.fragments)) + 300 * len(self.items)

    @property
    def own_budget(self) -> int:
        """The budget in tokens as they are estimated here: fewer where the model counts more than one for each."""
        return int(self.budget / self.per_estimate)

    def room_for(self, wanted: int) -> int:
        """Return how many tokens to keep free for `wanted` of what comes to mind: at most a quarter of the budget."""
        return min(wanted + JOINT, self.own_budget // 4)

    def room_left(self, wanted: int) -> int:
        """Return how many tokens of what comes to mind may be shown now; 0 where nothing is left."""
        return max(min(self.room_for(wanted), self.own_budget - self.tokens) - JOINT, 0)

    def add(self, item: Item, fragment: bytes) -> None:
        """Append one item."""
        if not self.items:
            self.start = item.ref
        self.items.append(item)
        self.fragments.append(fragment)
        self.tokens += item.tokens

    def reword(self, index: int, fragment: bytes) -> None:
        """Show other bytes of an item."""
        item = self.items[index]
        self.items[index] = _counted(item, fragment)
        self.fragments[index] = fragment
        self.tokens += self.items[index].tokens - item.tokens

    def show(self, items: Iterable[Item], fragments: Sequence[bytes], sources: Iterable[bytes] = ()) -> None:
        """Show these items and no others."""
        self.items = [_counted(item, fragment) for item, fragment in zip(items, fragments, strict=True)]
        self.fragments = list(fragments)
        self.tokens = sum(item.tokens for item in self.items)
        self.start = next((item.ref for item in self.items if item.kind not in STAND_INS), NOWHERE)
        self.sources |= frozenset(sources)
        self.moves += 1


def _counted(item: Item, fragment: bytes) -> Item:
    tokens = estimate_tokens(fragment)
    return item if item.tokens == tokens else msgspec.structs.replace(item, tokens=tokens)
