"""The window: which of a session's items a model is shown; pure, over encoded fragments and token counts.

The window is a suffix of the item chain that begins at a user message, so it holds whole exchanges and never an
orphaned tool result. It moves in large steps (down to half the budget once the budget is passed), because every move
costs the model server its cached prefix. The same items and budget always give the same window.
"""

from collections.abc import Iterable
from typing import Literal

from msgspec import Struct
from toolyard_sdk.events import ItemRef

Kind = Literal["user", "assistant", "tool"]


class Item(Struct, frozen=True):
    """One item as the window needs it: `tokens` is an estimate or a count, `position` its depth in the session."""

    ref: ItemRef
    kind: Kind
    tokens: int
    position: int


def estimate_tokens(fragment: bytes) -> int:
    """Estimate the tokens of an encoded message: four bytes each and four for its frame (an estimate, not a count)."""
    return len(fragment) // 4 + 4


class Window:
    """The items a model is shown, oldest first; what it has let go of it no longer holds.

    `fragments` are the encoded messages, in step with `items`; a fragment may be filled in after its item.
    """

    __slots__ = ("_users", "budget", "fragments", "items", "moves", "tokens")

    def __init__(self, budget: int, items: Iterable[Item] = ()) -> None:
        self.budget = budget
        self.items: list[Item] = []
        self.fragments: list[bytes] = []
        self.tokens = 0
        self.moves = 0
        self._users: list[int] = []
        for item in items:
            self.add(item, b"")

    @property
    def next_position(self) -> int:
        """The depth of the item that would come next."""
        return self.items[-1].position + 1 if self.items else 0

    @property
    def size(self) -> int:
        """About how many bytes it holds: what a cache of windows counts."""
        return sum(map(len, self.fragments)) + 300 * len(self.items)

    def add(self, item: Item, fragment: bytes) -> None:
        """Append one item; the view moves only here, and only when the budget is passed."""
        if item.kind == "user" and not (self.items and self.items[-1].kind == "user"):
            self._users.append(len(self.items))
        self.items.append(item)
        self.fragments.append(fragment)
        self.tokens += item.tokens
        if self.tokens > self.budget:
            self._move()

    def _move(self) -> None:
        """Let whole exchanges go until half the budget is left, or only the last exchange."""
        kept, cut = self.tokens, 0
        for user in self._users:
            if user == 0:
                continue
            kept -= sum(item.tokens for item in self.items[cut:user])
            cut = user
            if kept <= self.budget // 2:
                break
        if cut:
            del self.items[:cut], self.fragments[:cut]
            self._users = [user - cut for user in self._users if user >= cut]
            self.tokens = kept
            self.moves += 1
