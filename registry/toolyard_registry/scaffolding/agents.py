"""Writes a new agent repository that runs at once; knows only the text of its files."""

from importlib.resources import files
from pathlib import Path

from toolyard_sdk.errors import ConfigError

from toolyard_registry.names import NameInvalid, check_name

_FILES = {
    "toolyard.toml": "toolyard.toml.txt",
    "agents/assistant.toml": "assistant.toml.txt",
    "prompts/assistant.md": "assistant.md.txt",
    "policies/default.toml": "default.toml.txt",
    "tools/reading_time.py": "reading_time.py.txt",
    "README.md": "README.md.txt",
    ".gitignore": "gitignore.txt",
}
_PLACE = "@NAME@"


def scaffold(target: Path, name: str) -> tuple[Path, ...]:
    """Write the repository `name` into `target` and return its files; raises ConfigError unless that is free."""
    try:
        check_name(name)
    except NameInvalid as error:
        raise ConfigError(str(error)) from error
    if target.is_dir() and any(target.iterdir()):
        raise ConfigError("the folder is not empty; choose a new one, nothing was written", path=str(target))
    if target.exists() and not target.is_dir():
        raise ConfigError("this is a file; choose a new folder, nothing was written", path=str(target))
    written = []
    for place, source in _FILES.items():
        path = target / place
        text = files("toolyard_registry.scaffolding").joinpath("template", source).read_text(encoding="utf-8")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text.replace(_PLACE, name), encoding="utf-8")
        written.append(path)
    return tuple(written)
