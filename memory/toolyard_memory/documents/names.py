"""What documents and the agents that may recall them can be called; pure."""

import unicodedata
from collections.abc import Iterable
from typing import Final

from toolyard_memory.records import MemoryRefused

LONGEST_NAME: Final = 512
LONGEST_GLOB: Final = 128
MOST_GLOBS: Final = 32
EVERY_AGENT: Final = ("*",)


def checked_name(name: str) -> str:
    """Return a document's name, composed (NFC): a relative path such as `handbook/refunds.md`; raises MemoryRefused."""
    composed = unicodedata.normalize("NFC", name)
    if not composed or len(composed) > LONGEST_NAME:
        raise MemoryRefused("name", f"a document's name has 1 to {LONGEST_NAME} characters, not {len(composed)}")
    if not composed.isprintable() or "\\" in composed:
        raise MemoryRefused("name", "a document's name holds no control characters and no '\\'; rename the file")
    if any(part in ("", ".", "..") for part in composed.split("/")):
        raise MemoryRefused("name", "a document's name is a relative path without '.', '..' and empty parts")
    return composed


def checked_globs(agents: Iterable[str]) -> tuple[str, ...]:
    """Return the globs over agents, sorted, each once; raises MemoryRefused."""
    globs = tuple(sorted({glob.strip() for glob in agents}))
    if len(globs) > MOST_GLOBS:
        raise MemoryRefused("agents", f"at most {MOST_GLOBS} globs say who may recall a document")
    for glob in globs:
        if not 0 < len(glob) <= LONGEST_GLOB or not glob.isprintable() or "," in glob:
            raise MemoryRefused("agents", "name agents as in support or support*, separated by commas")
    return globs
