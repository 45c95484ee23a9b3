"""Walks a folder and what lies below it, looking at a bounded number of names; reads no file."""

from collections import deque
from collections.abc import Iterator

from toolyard_sdk import ToolError

from toolyard_files.paths import MAX_DEPTH
from toolyard_files.tree import Entry, Tree

MOST_LOOKED_AT = 20_000


class Walk:
    """The files and folders in `start`, folder by folder; `cut` tells afterwards why it ended early, if it did."""

    def __init__(self, files: Tree, start: tuple[str, ...], *, recursive: bool, hidden: bool) -> None:
        self.files = files
        self.start = start
        self.recursive = recursive
        self.hidden = hidden
        self.cut = ""

    def __iter__(self) -> Iterator[Entry]:
        left = MOST_LOOKED_AT
        waiting = deque([self.start])
        while waiting:
            here = waiting.popleft()
            entries, looked = self._entries(here, left)
            left -= looked
            seen = [entry for entry in entries if self.hidden or not entry.names[-1].startswith(".")]
            yield from seen
            if left <= 0:
                self.cut = f"{MOST_LOOKED_AT} names"
                return
            if self.recursive and len(here) < MAX_DEPTH:
                waiting.extendleft(entry.names for entry in reversed(seen) if entry.folder)

    def _entries(self, here: tuple[str, ...], most: int) -> tuple[list[Entry], int]:
        """Return what a folder holds; one below the start that cannot be read (any more) is passed over."""
        try:
            return self.files.entries(here, most)
        except ToolError:
            if here == self.start:
                raise
            return [], 1
