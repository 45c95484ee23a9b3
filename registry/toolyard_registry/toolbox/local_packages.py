"""Imports a tool package from its folder, as its author has just saved it; knows nothing of what is installed.

The package's modules are read from their text under their own names, by a finder that asks neither the import path nor
a bytecode cache, so a saved file is always read again. A package that fails to import leaves the modules it had.
"""

import contextlib
import hashlib
import importlib
import importlib.machinery
import sys
import tomllib
import traceback
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from types import ModuleType
from typing import Any

from msgspec import Struct
from toolyard_sdk import hooks
from toolyard_sdk.errors import ConfigError

from toolyard_registry.plugins import told
from toolyard_registry.toolbox.local_tools import Uncached

FILE = "pyproject.toml"
_PLACES = ("", "src")
"""Folders of a package in which its modules are looked for."""

_OURS = ("toolyard_sdk", "toolyard_registry", "toolyard_memory", "toolyard_runtime")
_FINDING = (
    (Uncached, importlib.machinery.SOURCE_SUFFIXES),
    (importlib.machinery.ExtensionFileLoader, importlib.machinery.EXTENSION_SUFFIXES),
)


class Described(Struct, frozen=True):
    """What a package's pyproject.toml says: its plugins are objects (`module` or `module:attribute`) by name.

    `places` maps each of its modules to the folder that it lies in.
    """

    folder: Path
    distribution: str
    version: str
    plugins: dict[str, str]
    places: dict[str, Path]

    def target(self, plugin: str) -> str:
        """Return the file of a plugin, as the package's author knows it; its pyproject.toml where it is none."""
        top, *below = self.plugins[plugin].partition(":")[0].split(".")
        root = self.places[top]
        for ending in ("__init__.py", ""):
            path = root.joinpath(top, *below, ending) if ending else root.joinpath(top, *below).with_suffix(".py")
            if path.is_file():
                return str(path.relative_to(self.folder))
        return FILE


class LocalPackage(Struct, frozen=True):
    """A package as it was imported; `version` also names its content."""

    distribution: str
    version: str
    plugins: dict[str, Any]


def is_package(folder: Path) -> bool:
    """Tell whether a folder holds a package that offers plugins, readable or not."""
    try:
        text = (folder / FILE).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError):
        return False
    return f"entry-points.{hooks.GROUP}" in text


def read_package(folder: Path) -> Described:
    """Read what a package is; raises ConfigError with the file."""
    path = folder / FILE
    try:
        project = tomllib.loads(path.read_text(encoding="utf-8")).get("project", {})
    except OSError as error:
        raise ConfigError(f"cannot be read: {error.strerror or error}", path=str(path)) from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigError(f"is no TOML: {error}", path=FILE) from error
    points = project.get("entry-points", {}).get(hooks.GROUP, {}) if isinstance(project, dict) else {}
    if not points or not isinstance(points, dict) or not all(isinstance(target, str) for target in points.values()):
        raise ConfigError(
            f'offers no plugin: add [project.entry-points.{hooks.GROUP}] with a line `NAME = "MODULE"`', path=FILE
        )
    places = dict(_place(folder, name, target) for name, target in points.items())
    return Described(folder, str(project.get("name", folder.name)), str(project.get("version", "0")), points, places)


def _place(folder: Path, name: str, target: str) -> tuple[str, Path]:
    top = target.partition(":")[0].partition(".")[0]
    if top in _OURS or top in sys.stdlib_module_names:
        raise ConfigError(f"the plugin {name} cannot be a module named {top}: Python already has one", path=FILE)
    for place in _PLACES:
        root = folder / place
        if (root / top).is_dir() or (root / f"{top}.py").is_file():
            return top, root
    raise ConfigError(f"the plugin {name} is the module {target}, but there is no {top}/ and no {top}.py", path=FILE)


def plugin_names(folders: Iterable[Path]) -> frozenset[str]:
    """Return the plugins that packages in development stand for, as far as they can be read."""
    names: set[str] = set()
    for folder in folders:
        with contextlib.suppress(ConfigError):
            names |= read_package(folder).plugins.keys()
    return frozenset(names)


def files_in(folder: Path) -> tuple[Path, ...]:
    """Return the files of a package in development; its pyproject.toml alone while that cannot be read."""
    try:
        return package_files(read_package(folder))
    except ConfigError:
        return (folder / FILE,)


def package_files(described: Described) -> tuple[Path, ...]:
    """Return every file that a package is made of, by name: its pyproject.toml, its modules and what lies in them."""
    return (described.folder / FILE, *sorted(set(_module_files(described))))


def _module_files(described: Described) -> Iterator[Path]:
    for top, root in described.places.items():
        if (root / f"{top}.py").is_file():
            yield root / f"{top}.py"
        for path in (root / top).rglob("*"):
            inside = path.relative_to(root).parts
            if not any(part == "__pycache__" or part.startswith(".") for part in inside) and path.is_file():
                yield path


def import_package(described: Described) -> LocalPackage:
    """Import a package's plugins from its files as they are; raises ConfigError with the file and the line."""
    _must_be_free(described.places)
    version = f"{described.version}+{_content(described)[:12]}"
    before = {name: module for name, module in sys.modules.items() if _top(name) in described.places}
    _take_out(before)
    finder = _Finder(described.places)
    others = [each for each in sys.meta_path if not (isinstance(each, _Finder) and each.serves(described.places))]
    earlier = sys.meta_path[:]
    sys.meta_path[:] = [finder, *others]
    try:
        plugins = {name: _resolved(target) for name, target in described.plugins.items()}
    except BaseException as error:
        _take_out([name for name in sys.modules if _top(name) in described.places])
        sys.modules.update(before)
        sys.meta_path[:] = earlier
        raise located_in(error, described.folder) from error
    return LocalPackage(described.distribution, version, plugins)


def located_in(error: BaseException, folder: Path) -> ConfigError:
    """Return an exception raised by a package's code as a ConfigError at the last of its own lines that took part."""
    frames = [(frame.filename, frame.lineno or 0) for frame in traceback.extract_tb(error.__traceback__)]
    words = told(error)
    if isinstance(error, SyntaxError) and error.filename:
        frames.append((error.filename, error.lineno or 0))
        words = f"{type(error).__name__}: {error.msg}"
    own = [(Path(name), line) for name, line in frames if Path(name).is_relative_to(folder)]
    path, line = own[-1] if own else (folder / FILE, 0)
    return ConfigError(words, path=str(path.relative_to(folder)), line=line)


def _resolved(target: str) -> Any:
    module, _, attributes = target.partition(":")
    found: Any = importlib.import_module(module)
    for attribute in filter(None, attributes.split(".")):
        found = getattr(found, attribute)
    return found


def _content(described: Described) -> str:
    digest = hashlib.sha256()
    for path in package_files(described):
        try:
            content = path.read_bytes()
        except OSError:  # gone between listing and reading
            continue
        digest.update(f"{path.relative_to(described.folder)}\0{len(content)}\0".encode())
        digest.update(content)
    return digest.hexdigest()


def _must_be_free(places: Mapping[str, Path]) -> None:
    """Refuse a module that is imported already from somewhere else: others hold on to it."""
    for top, root in places.items():
        module = sys.modules.get(top)
        file = getattr(module, "__file__", None)
        ours = isinstance(getattr(getattr(module, "__spec__", None), "loader", None), Uncached)
        if file is not None and not ours and not Path(file).is_relative_to(root):
            raise ConfigError(f"a module named {top} is in use already, from {file}; choose another name", path=FILE)


def _take_out(names: Iterable[str]) -> None:
    for name in list(names):
        del sys.modules[name]


def _top(name: str) -> str:
    return name.partition(".")[0]


class _Finder:
    """Finds the modules of one package in its folder, before anything that may be installed under their names."""

    def __init__(self, places: Mapping[str, Path]) -> None:
        self._places = places

    def serves(self, places: Mapping[str, Path]) -> bool:
        """Tell whether it is for one of these modules."""
        return not self._places.keys().isdisjoint(places)

    def find_spec(
        self, fullname: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> importlib.machinery.ModuleSpec | None:
        """Return where a module of the package is loaded from (called by Python's import)."""
        del target
        root = self._places.get(_top(fullname))
        if root is None:
            return None
        for place in (str(root),) if path is None else path:
            # Made anew each time: one that is kept lists its folder once for each tick of the file system's clock.
            spec = importlib.machinery.FileFinder(place, *_FINDING).find_spec(fullname)
            if spec is not None:
                return spec
        return None
