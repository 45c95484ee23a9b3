"""Reads a path that a model wrote: the names to follow from the root, one by one; touches no file system."""

from toolyard_sdk import ToolError

MAX_DEPTH = 32
MAX_NAME_BYTES = 255
SHOWN = 80


def names_of(path: str, *, hidden: bool) -> tuple[str, ...]:
    """Return the names of a relative path, none of them empty, `.` or `..`; raises ToolError saying what to write.

    The root itself is no names at all: it is written as an empty path or `.`. Unless `hidden`, names that begin with a
    dot are refused: they hold keys, histories and settings.
    """
    if path.startswith("/"):
        raise ToolError(f"{_short(path)} is absolute: write a path relative to the root, such as notes/today.md.")
    if "\\" in path:
        raise ToolError(f"{_short(path)} has a backslash: separate folders by '/'.")
    names = tuple(name for name in path.split("/") if name not in ("", "."))
    if len(names) > MAX_DEPTH:
        raise ToolError(f"the path has {len(names)} levels; at most {MAX_DEPTH} are followed.")
    for name in names:
        if name == "..":
            raise ToolError(f"{_short(path)} leads upwards: write the path from the root, without '..'.")
        if name.startswith(".") and not hidden:
            raise ToolError(f"{_short(name)} is hidden (it begins with a dot), and hidden files are not served here.")
        if not name.isprintable():
            raise ToolError(f"{_short(name)} holds control or invisible characters, which no file name here may.")
        if len(name.encode("utf-8", "surrogatepass")) > MAX_NAME_BYTES:
            raise ToolError(f"the name {_short(name)} is longer than {MAX_NAME_BYTES} bytes.")
    return names


def _short(text: str) -> str:
    """Quote a name for a message, in visible characters and not too long."""
    shown = text if text.isprintable() else ascii(text)[1:-1]
    return f"'{shown}'" if len(shown) <= SHOWN else f"'{shown[:SHOWN]}...'"
