"""Finds lines in the files below a folder, within bounds of time, bytes and files; takes the text literally."""

from collections.abc import Callable

from msgspec import Struct
from toolyard_sdk import ToolError

from toolyard_files.texts import decoded, lines_of
from toolyard_files.tree import Entry, Tree, shown
from toolyard_files.walking import Walk

MOST_MATCHES = 50
LONGEST_MATCH = 240
SEARCH_BYTES = 50_000_000
SEARCH_SECONDS = 8.0


class Match(Struct, frozen=True):
    """A line that contains the text."""

    path: str
    line: int
    text: str


class Matches(Struct, frozen=True, omit_defaults=True):
    """The lines found in `files` files that were searched; `note` tells when that is not all."""

    matches: tuple[Match, ...]
    files: int
    note: str | None = None


class Search:
    """One search: the text, the bounds, and what has been found."""

    def __init__(self, text: str, most_bytes: int, monotonic: Callable[[], float], *, match_case: bool) -> None:
        self.match_case = match_case
        self.text = text if match_case else text.casefold()
        self.most_bytes = most_bytes
        self.monotonic = monotonic
        self.until = monotonic() + SEARCH_SECONDS
        self.left = SEARCH_BYTES
        self.found: list[Match] = []
        self.files = 0

    def run(self, walk: Walk, fits: Callable[[str], object]) -> Matches:
        """Search until everything is read or a bound is reached."""
        stopped = ""
        for entry in walk:
            stopped = self._stopped()
            if stopped:
                break
            if not entry.folder and fits(entry.names[-1]) and entry.size <= self.most_bytes:
                self._read(walk.files, entry)
        if stopped or walk.cut:
            note = f"stopped after {stopped or walk.cut}: name a folder or a pattern"
            return Matches(tuple(self.found), self.files, note)
        return Matches(tuple(self.found), self.files, None if self.found else "no line contains it")

    def _stopped(self) -> str:
        if len(self.found) >= MOST_MATCHES:
            return f"{MOST_MATCHES} lines"
        if self.left <= 0:
            return f"{SEARCH_BYTES} bytes"
        return f"{SEARCH_SECONDS:g} s" if self.monotonic() > self.until else ""

    def _read(self, files: Tree, entry: Entry) -> None:
        try:
            data = files.read(entry.names, self.most_bytes)
        except (OSError, ToolError):  # gone, or turned into something else, since the folder was read
            return
        self.left -= len(data)
        text = decoded(data)
        if text is None:
            return
        self.files += 1
        if self.text not in (text.text if self.match_case else text.text.casefold()):
            return
        for number, line in enumerate(lines_of(text), start=1):
            if self.text in (line if self.match_case else line.casefold()):
                self.found.append(Match(shown(entry.names), number, _around(line, self.text)))
                if len(self.found) == MOST_MATCHES:
                    return


def _around(line: str, text: str) -> str:
    """Return a line, or of a long one the part around the text."""
    line = line.strip()
    if len(line) <= LONGEST_MATCH:
        return line
    start = max(0, line.casefold().find(text.casefold()) - LONGEST_MATCH // 3)
    return f"{'...' if start else ''}{line[start : start + LONGEST_MATCH]}..."
