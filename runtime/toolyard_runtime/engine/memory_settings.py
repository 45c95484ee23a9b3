"""Whether what `[memory]` in toolyard.toml names is there: providers, folders, packages; opens and loads none of it."""

import importlib.util
from collections.abc import Collection
from pathlib import Path
from typing import Final

from toolyard_runtime.config import MemoryTable
from toolyard_runtime.engine.embedding import unusable

CHROMA: Final = "chromadb"


def has_chroma() -> bool:
    """Tell whether the package that an embedded Chroma needs is installed."""
    return importlib.util.find_spec(CHROMA) is not None


def trouble_with(settings: MemoryTable, providers: Collection[str], repository: Path) -> str:
    """Return what cannot be used of the settings, with what to write in its place; "" for nothing."""
    for key, named in (("embedder", settings.embedder), ("former", settings.former)):
        if key == "former" and not named:
            continue
        trouble = unusable(named, providers, repository)
        if trouble:
            return f'[memory] {key} = "{named}": {trouble}'
    if settings.vectors == "chroma" and not settings.chroma_url and not has_chroma():
        return "[memory] vectors = \"chroma\" needs it installed: pip install 'toolyard[chroma]'"
    return ""
