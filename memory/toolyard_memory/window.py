"""The window: which of a session's items a model is shown; pure, over encoded fragments and token counts.

The window is a suffix of the item chain that begins at a user message, so it holds whole exchanges and never an
orphaned tool result. It moves in large steps (down to half the budget when the budget is passed), because every move
costs the model server its cached prefix. The same items and budget always give the same window.
"""

from typing import Literal

from msgspec import Struct
from toolyard_sdk.events import ItemRef

Kind = Literal["user", "system", "assistant", "tool"]


class Item(Struct, frozen=True):
    """One item as the window needs it: `fragment` is its encoded message, `tokens` an estimate or a count."""

    ref: ItemRef
    kind: Kind
    fragment: bytes
    tokens: int


def estimate_tokens(fragment: bytes) -> int:
    """Estimate the tokens of an encoded message: four bytes each and four for its frame (an estimate, not a count)."""
    return len(fragment) // 4 + 4


class Window:
    """A chain of items, oldest first, and where the view of it begins; grows, and never looks back."""

    __slots__ = ("_kept", "budget", "fragments", "refs", "start", "tokens", "users")

    def __init__(self, budget: int, items: tuple[Item, ...] = ()) -> None:
        self.budget = budget
        self.fragments: list[bytes] = []
        self.refs: list[ItemRef] = []
        self.tokens: list[int] = []
        self.users: list[int] = []
        self.start = 0
        self._kept = 0
        for item in items:
            self.add(item.ref, item.kind, item.fragment, item.tokens)

    def __len__(self) -> int:
        return len(self.refs)

    @property
    def size(self) -> int:
        """Bytes held: what a cache of windows counts."""
        return sum(map(len, self.fragments)) + 200 * len(self.refs)

    def add(self, ref: ItemRef, kind: Kind, fragment: bytes, tokens: int) -> None:
        """Append one item; the view's start moves only here, and only when a user message opens an exchange."""
        if kind == "user" and (not self.users or self.users[-1] != len(self.refs) - 1):
            self.users.append(len(self.refs))
        self.refs.append(ref)
        self.fragments.append(fragment)
        self.tokens.append(tokens)
        self._kept += tokens
        if self._kept > self.budget:
            self._move()

    def _move(self) -> None:
        """Drop whole exchanges until half the budget is left, or only the last exchange."""
        for user in self.users:
            if user <= self.start:
                continue
            self._kept -= sum(self.tokens[self.start : user])
            self.start = user
            if self._kept <= self.budget // 2:
                return

    def view(self) -> list[bytes]:
        """Return the fragments a model is shown, oldest first."""
        return self.fragments[self.start :] if self.start else self.fragments

    def view_from(self, start: ItemRef) -> list[bytes]:
        """Return the fragments from a recorded start on: how a past request is rebuilt."""
        return self.fragments[self.refs.index(start) :]
