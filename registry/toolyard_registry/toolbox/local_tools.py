"""Loads the single-file tools of an agent's repository, `tools/*.py`; knows nothing of installed plugins.

A file is imported under a private module name, from its text as it is now: neither the import path nor a bytecode
cache takes part, so a changed file is always read again and nothing is written beside it.
"""

import hashlib
import importlib.machinery
import importlib.util
import sys
import traceback
from pathlib import Path
from types import ModuleType
from typing import Any

from msgspec import Struct
from toolyard_sdk.errors import ConfigError
from toolyard_sdk.tools import FunctionTool

from toolyard_registry.plugins import told

_FOLDER = "tools"
LOCAL = f"{_FOLDER}/"
"""How the source of a repository's own tool file begins: it follows the file, whatever a lock or a pin says."""


class LocalModule(Struct, frozen=True):
    """One imported file. `shown` is its path inside the repository, `version` names its content."""

    name: str
    shown: str
    version: str
    module: ModuleType


class Uncached(importlib.machinery.SourceFileLoader):
    """A loader without a bytecode cache: two edits within one tick of the file system's clock look the same to it."""

    def path_stats(self, path: Any) -> Any:
        raise OSError(f"no bytecode for {path!s}")


def local_files(root: Path) -> tuple[Path, ...]:
    """Return the tool files of a repository by name; a leading underscore or dot keeps a file out."""
    folder = root / _FOLDER
    if not folder.is_dir():
        return ()
    return tuple(sorted(path for path in folder.glob("*.py") if path.name[0] not in "_." and path.is_file()))


def load_local(path: Path, shown: str = "") -> LocalModule:
    """Import one file; raises ConfigError with the line on which it failed, of the file as `shown` names it."""
    shown = shown or f"{_FOLDER}/{path.name}"
    try:
        content = path.read_bytes()
    except OSError as error:
        raise ConfigError(f"cannot be read: {error.strerror or error}", path=shown) from error
    place = hashlib.sha256(str(path.resolve()).encode()).hexdigest()[:8]
    name = f"_toolyard_local_{place}_{path.stem}"
    loader = Uncached(name, str(path))
    spec = importlib.util.spec_from_file_location(name, path, loader=loader)
    if spec is None:
        raise ConfigError("cannot be imported", path=shown)
    module = importlib.util.module_from_spec(spec)
    before = sys.modules.get(name)
    sys.modules[name] = module  # typing and msgspec look a class's module up by name
    try:
        loader.exec_module(module)
    except BaseException as error:
        if before is None:
            del sys.modules[name]
        else:
            sys.modules[name] = before
        raise located(error, path, shown) from error
    return LocalModule(path.stem, shown, f"0+{hashlib.sha256(content).hexdigest()[:12]}", module)


def own_tools(module: ModuleType) -> list[FunctionTool]:
    """Return the tools that a module defines itself, in the order of the file; what it imported is not its own."""
    found = [value for value in vars(module).values() if isinstance(value, FunctionTool)]
    unique = {id(tool): tool for tool in found if tool.function.__module__ == module.__name__}
    return list(unique.values())


def located(error: BaseException, path: Path, shown: str) -> ConfigError:
    """Return an exception raised by a tool's file as a ConfigError at the last of its own lines that took part."""
    lines = [frame.lineno for frame in traceback.extract_tb(error.__traceback__) if frame.filename == str(path)]
    line = lines[-1] if lines and lines[-1] else 0
    if isinstance(error, SyntaxError) and error.filename == str(path):
        line = error.lineno or line
    words = f"{type(error).__name__}: {error.msg}" if isinstance(error, SyntaxError) else told(error)
    return ConfigError(words, path=shown, line=line)
