"""Writes a new tool package that works at once; knows only the text of its files and what it may be called."""

import keyword
import re
import sys
from importlib.resources import files
from pathlib import Path

from toolyard_sdk.errors import ConfigError

from toolyard_registry.names import RESERVED

_FILES = {
    "pyproject.toml": "pyproject.toml.txt",
    "@MODULE@/__init__.py": "module.py.txt",
    "@MODULE@/py.typed": "",
    "tests/test_@MODULE@.py": "test.py.txt",
    "README.md": "README.md.txt",
    ".gitignore": "gitignore.txt",
}
_TRIAL_FILES = {"toolyard.toml": "toolyard.toml.txt", "agents/dev.toml": "dev.toml.txt"}
_PLACE, _MODULE_PLACE = "@NAME@", "@MODULE@"
_NAME = re.compile(r"[a-z][a-z0-9]*([_-][a-z0-9]+)*\Z")
_LONGEST = 64
_OURS = "toolyard"
_TAKEN = frozenset({"tests", "msgspec", "pluggy", "pytest"})
"""Modules that the new package's own files import or lie in."""


def scaffold_tool(target: Path, name: str) -> tuple[Path, ...]:
    """Write the package `name` into `target` and return its files; raises ConfigError unless both are free."""
    module = module_name(name)
    if target.is_dir() and any(target.iterdir()):
        raise ConfigError("the folder is not empty; choose a new one, nothing was written", path=str(target))
    if target.exists() and not target.is_dir():
        raise ConfigError("this is a file; choose a new folder, nothing was written", path=str(target))
    texts = files("toolyard_registry.scaffolding").joinpath("template", "tool")
    written = []
    for place, source in _FILES.items():
        path = target / place.replace(_MODULE_PLACE, module)
        text = texts.joinpath(source).read_text(encoding="utf-8") if source else ""
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text.replace(_PLACE, name).replace(_MODULE_PLACE, module), encoding="utf-8")
        written.append(path)
    return tuple(written)


def scaffold_trial(target: Path, plugin: str) -> None:
    """Write an agent repository in which a plugin can be tried out; files that are there stay as they are."""
    texts = files("toolyard_registry.scaffolding").joinpath("template", "tool")
    for place, source in _TRIAL_FILES.items():
        path = target / place
        if not path.exists():
            path.parent.mkdir(parents=True, exist_ok=True)
            text = texts.joinpath(source).read_text(encoding="utf-8")
            path.write_text(text.replace(_MODULE_PLACE, plugin), encoding="utf-8")


def module_name(name: str) -> str:
    """Return what a package's module and its tool are called; raises ConfigError for a name that cannot be one."""
    module = name.replace("-", "_")
    if not _NAME.match(name) or len(name) > _LONGEST:
        raise ConfigError(
            f"{name[:80]!r} is no name for a tool package: use up to {_LONGEST} lower-case letters and digits, "
            "a letter first, with '_' or '-' between them, as in weather or tide-table"
        )
    if module.startswith(_OURS):
        raise ConfigError(f"{name!r} begins with {_OURS!r}, which is kept for Toolyard's own packages; choose another")
    if module in RESERVED:
        raise ConfigError(f"{module!r} means something to the server itself; choose another name")
    if module in sys.stdlib_module_names or keyword.iskeyword(module) or module in _TAKEN:
        raise ConfigError(f"Python already has a meaning for {module!r}; choose another name, such as {name}-tool")
    return module
