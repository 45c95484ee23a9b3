"""The four tools over a tree of files: list, read, search, write, each bounded in what it looks at and returns."""

import re
from collections.abc import Callable
from datetime import UTC, datetime
from fnmatch import translate

from msgspec import Struct
from toolyard_sdk import FunctionTool, ToolContext, ToolError, tool

from toolyard_files.paths import names_of
from toolyard_files.searching import Matches, Search
from toolyard_files.texts import decoded, page
from toolyard_files.tree import NewName, Tree, shown
from toolyard_files.walking import Walk

PAGE_LINES = 500
PAGE_BYTES = 24_000
MOST_ENTRIES = 200
LONGEST_PATTERN = 200
_TENANT = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,127}\Z")


class Settings(Struct, frozen=True, forbid_unknown_fields=True):
    """The table `[plugins.files]`. `root` may hold `{tenant}`, and then every tenant has a folder of its own.

    `writable = false` offers no `write_file`; `hidden = true` serves names that begin with a dot.
    """

    root: str = "files/{tenant}"
    writable: bool = True
    hidden: bool = False
    max_read_bytes: int = 5_000_000
    max_write_bytes: int = 1_000_000


class Listed(Struct, frozen=True, omit_defaults=True):
    """A file, with its size in bytes and when it changed, or a folder, whose path ends in `/`."""

    path: str
    bytes: int | None = None
    changed: str | None = None


class Listing(Struct, frozen=True, omit_defaults=True):
    """What a folder holds; `note` tells when that is not all."""

    entries: tuple[Listed, ...]
    note: str | None = None


class Place(Struct, frozen=True):
    """Where the tools work: the settings, and what makes temporary names."""

    settings: Settings
    new_name: NewName

    def files(self, context: ToolContext) -> Tree:
        """Return the files of the call's tenant."""
        root = self.settings.root
        if "{tenant}" in root and not _TENANT.match(context.tenant):
            raise ToolError("this tenant's name cannot be the name of a folder: ask the operator.")
        return Tree(root.replace("{tenant}", context.tenant), self.new_name)

    def names(self, path: str) -> tuple[str, ...]:
        """Read a path that a model wrote."""
        return names_of(path, hidden=self.settings.hidden)

    def walk(self, context: ToolContext, folder: str, *, recursive: bool) -> Walk | None:
        """Return the walk of a folder; None when it is the root and nobody has written a file yet."""
        files, start = self.files(context), self.names(folder)
        if not start and not files.exists():
            return None
        return Walk(files, start, recursive=recursive, hidden=self.settings.hidden)


def file_tools(settings: Settings, new_name: NewName, monotonic: Callable[[], float]) -> tuple[FunctionTool, ...]:
    """Return the tools. `new_name` makes unique tokens, `monotonic` gives the seconds by which searches are bounded."""
    place = Place(settings, new_name)
    reading = _list_tool(place), _read_tool(place), _search_tool(place, monotonic)
    return (*reading, _write_tool(place)) if settings.writable else reading


def _list_tool(place: Place) -> FunctionTool:
    @tool(title="List files", read_only=True, open_world=False)
    def list_files(context: ToolContext, folder: str = "", pattern: str = "*", recursive: bool = False) -> Listing:
        """List the files and folders in a folder, with sizes and times of change. Paths are relative to the root.

        Args:
            folder: Folder to list, such as notes/2026; empty for the root.
            pattern: Only files whose names fit, with * and ? as wildcards, such as *.md.
            recursive: Also list what lies in the folders below.
        """
        fits = _glob(pattern)
        walk = place.walk(context, folder, recursive=recursive)
        if walk is None:
            return Listing((), note="there are no files yet")
        found: list[Listed] = []
        for entry in walk:
            if len(found) > MOST_ENTRIES:
                break
            if entry.folder:
                found.append(Listed(shown(entry.names) + "/"))
            elif fits(entry.names[-1]):
                found.append(Listed(shown(entry.names), entry.size, _time(entry.changed)))
        if len(found) > MOST_ENTRIES or walk.cut:
            return Listing(tuple(found[:MOST_ENTRIES]), note="there are more: list a folder below, or give a pattern")
        return Listing(tuple(found), note=None if found else "nothing here fits")

    return list_files


def _read_tool(place: Place) -> FunctionTool:
    @tool(title="Read a file", read_only=True, open_world=False)
    def read_file(context: ToolContext, path: str, start_line: int = 1) -> str:
        """Read a text file. Long files come in pages; a note in square brackets at the end tells how to go on.

        Args:
            path: File to read, relative to the root, such as notes/today.md.
            start_line: First line to read, counted from 1.
        """
        if start_line < 1:
            raise ToolError("start_line counts from 1.")
        names = place.names(path)
        data = place.files(context).read(names, place.settings.max_read_bytes)
        text = decoded(data)
        if text is None:
            raise ToolError(f"{shown(names)} is binary ({len(data)} bytes): only text can be read.")
        return page(text, start_line, PAGE_LINES, PAGE_BYTES)

    return read_file


def _search_tool(place: Place, monotonic: Callable[[], float]) -> FunctionTool:
    @tool(title="Search in files", read_only=True, open_world=False)
    def search_files(
        context: ToolContext, text: str, folder: str = "", pattern: str = "*", match_case: bool = False
    ) -> Matches:
        """Find the lines that contain a text, in all files below a folder. The text is taken literally.

        Args:
            text: Text to find within one line; no wildcards, no regular expression.
            folder: Folder to search, with all below it; empty for the root.
            pattern: Only files whose names fit, with * and ? as wildcards, such as *.md.
            match_case: Tell capital letters from small ones.
        """
        if not text.strip() or "\n" in text:
            raise ToolError("give a text to find that is not empty and within one line.")
        fits = _glob(pattern)
        walk = place.walk(context, folder, recursive=True)
        if walk is None:
            return Matches((), 0, note="there are no files yet")
        return Search(text, place.settings.max_read_bytes, monotonic, match_case=match_case).run(walk, fits)

    return search_files


def _write_tool(place: Place) -> FunctionTool:
    @tool(title="Write a file", destructive=True, idempotent=True, open_world=False)
    def write_file(context: ToolContext, path: str, content: str, overwrite: bool = False) -> str:
        """Write a text file as a whole, making missing folders. An existing file is replaced only with overwrite.

        Args:
            path: File to write, relative to the root, such as notes/today.md.
            content: The complete new text of the file.
            overwrite: Replace the file if it exists; what it held is lost.
        """
        data = content.encode()
        most = place.settings.max_write_bytes
        if len(data) > most:
            raise ToolError(f"the content has {len(data)} bytes; at most {most} are written.")
        names = place.names(path)
        if path.endswith("/"):
            raise ToolError(f"{shown(names)}/ names a folder: name the file to write in it.")
        done = place.files(context).write(names, data, overwrite=overwrite)
        if done == "kept":
            return f"{shown(names)} holds exactly this already ({len(data)} bytes)"
        return f"{done} {shown(names)} ({len(data)} bytes)"

    return write_file


def _time(seconds: float) -> str | None:
    """Return when a file changed in ISO 8601; None for what no calendar holds (a file system stores any number)."""
    try:
        return datetime.fromtimestamp(int(seconds), UTC).isoformat().replace("+00:00", "Z")
    except (OverflowError, ValueError, OSError):
        return None


def _glob(pattern: str) -> Callable[[str], object]:
    """Return what tells whether a name fits; since Python 3.11 the translation does not backtrack without bound."""
    if "/" in pattern:
        raise ToolError("a pattern is for names and has no '/': name the folder in its own argument.")
    if len(pattern) > LONGEST_PATTERN:
        raise ToolError(f"a pattern has at most {LONGEST_PATTERN} characters.")
    return re.compile(translate(pattern or "*")).match
