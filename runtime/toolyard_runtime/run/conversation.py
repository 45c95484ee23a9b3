"""A session's window as request bytes: fragments are spliced in as they are stored, and hashed once."""

import hashlib

import msgspec
from toolyard_memory.sessions.compaction import Compaction, compacted, covered
from toolyard_memory.sessions.window import Window, fullness
from toolyard_sdk.events import ItemRef

from toolyard_runtime.models.encoder import with_recalled, without_reasoning
from toolyard_runtime.run.showing import NOTED, put_away

END = b"]}"


class Conversation:
    """A window, and the running SHA-256 of the request that ends with it.

    A request is `prefix` (the encoder's head and the system message), the window's fragments with commas between
    them, and `]}`. While the prefix and the window's beginning stay, only new fragments are hashed.
    """

    __slots__ = ("_hashed", "_hasher", "_moves", "_prefix", "_recalled", "window")

    def __init__(self, window: Window) -> None:
        self.window = window
        self._prefix = b""
        self._hasher = hashlib.sha256()
        self._hashed = 0
        self._moves = -1
        self._recalled: tuple[ItemRef, bytes] | None = None

    @property
    def said(self) -> list[bytes]:
        """The window's fragments without what came to mind."""
        fragments = list(self.window.fragments)
        if self._recalled is not None:
            asked, fragment = self._recalled
            index = next((index for index, item in enumerate(self.window.items) if item.ref == asked), None)
            if index is not None:
                fragments[index] = fragment
        return fragments

    def recall(self, asked: ItemRef, text: str) -> None:
        """Show what came to mind before the words of `asked`, a user's item, for as long as its run goes on."""
        window = self.window
        for index in range(len(window.items) - 1, -1, -1):
            if window.items[index].ref == asked:
                self._recalled = asked, window.fragments[index]
                window.reword(index, with_recalled(window.fragments[index], text))
                self._moves = -1
                return

    def compact(self, one: Compaction, summary: bytes | None) -> Compaction:
        """Show what is left after a compaction, `summary` being the message that stands for what is not.

        Returns it with the place where what it stands for ends.
        """
        window = self.window
        items = compacted(window.items, one)
        before = {(item.ref, item.kind): index for index, item in enumerate(window.items)}
        fragments: list[bytes] = []
        for item in items:
            index = before.get((item.ref, item.kind))
            if index is None:
                fragments.append(NOTED if item.kind == "noted" or summary is None else summary)
            elif item.away and not window.items[index].away:
                fragments.append(put_away(item, window.fragments[index]))
            else:
                fragments.append(window.fragments[index])
        gone = [window.items[index] for index in covered(window.items, items)]
        ends = next((item.position for item in window.items if item.ref == one.end), -1)
        window.show(items, fragments, (item.ref.run for item in gone))
        if one.end is not None:
            window.pinned = one.pinned
        return msgspec.structs.replace(one, end_position=ends)

    def request(self, prefix: bytes) -> tuple[bytes, bytes]:
        """Return the request's bytes and their digest; `prefix` ends in `[` or in the system message."""
        window = self.window
        if self._prefix != prefix or self._moves != window.moves:
            self._hasher = hashlib.sha256(prefix)
            self._prefix, self._moves, self._hashed = prefix, window.moves, 0
        if self._hashed < len(window.fragments):
            if self._hashed or not prefix.endswith(b"["):
                self._hasher.update(b",")
            self._hasher.update(b",".join(window.fragments[self._hashed :]))
            self._hashed = len(window.fragments)
        whole = self._hasher.copy()
        whole.update(END)
        lead = b"" if prefix.endswith(b"[") or not window.fragments else b","
        return b"".join((prefix, lead, b",".join(window.fragments), END)), whole.digest()

    def settle(self, run: bytes) -> None:
        """Drop what only a run under way is shown: its reasoning, and what came to mind for its request.

        What could not be made smaller for it may be for the next one, which keeps another exchange.
        """
        window = self.window
        window.limit = fullness(window.own_budget)
        recalled, self._recalled = self._recalled, None
        for index in range(len(window.items) - 1, -1, -1):
            if window.items[index].ref.run != run:
                break
            fragment = window.fragments[index]
            if recalled is not None and window.items[index].ref == recalled[0]:
                window.reword(index, recalled[1])
                self._moves = -1
            elif b'"reasoning":' in fragment:
                window.reword(index, without_reasoning(fragment))
                self._moves = -1
