"""An agent's repository on disk: reads agents/, prompts/ and policies/, and swaps a changed set in as a whole."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TypeVar

from msgspec import Struct
from toolyard_sdk.errors import ConfigError

from toolyard_registry.agents.grants import Granting
from toolyard_registry.agents.locks import FILE as LOCK
from toolyard_registry.agents.locks import Lock, make_lock, read_lock, stale
from toolyard_registry.agents.reading import read_agent
from toolyard_registry.names import NameInvalid, check_name
from toolyard_registry.policy import read_policy
from toolyard_registry.prompts import Prompt, read_prompt
from toolyard_registry.published.shelf import Shelf
from toolyard_registry.releases import AgentRelease, Policy
from toolyard_registry.toml.located import read_text
from toolyard_registry.toolbox.collecting import Toolbox
from toolyard_registry.toolbox.local_packages import files_in
from toolyard_registry.toolbox.local_tools import local_files
from toolyard_registry.toolbox.pins import Changed, Definition, Pins
from toolyard_registry.toolbox.supplies import Supplied, with_supplies

Read = TypeVar("Read")
Stamp = tuple[int, int]
"""A file's modification time in nanoseconds and its size."""

_FOLDERS = (("agents", "*.toml"), ("prompts", "*.md"), ("policies", "*.toml"))


class Repository(Struct, frozen=True):
    """What the files say at one moment. `problems` name what could not be read; those agents are not in `agents`.

    `notes` say where agent.lock is older than the files; `news` and `changed` what tools present that is new.
    """

    agents: dict[str, AgentRelease]
    prompts: dict[str, Prompt]
    policies: dict[str, Policy]
    toolbox: Toolbox
    problems: tuple[ConfigError, ...] = ()
    notes: tuple[str, ...] = ()
    news: tuple[Definition, ...] = ()
    changed: tuple[Changed, ...] = ()


class Reading(Struct, frozen=True):
    """What the files said when they were read, not served yet; `stamps` are those of the tools' files.

    `own` are the tools without those of sources, which come and go by themselves.
    """

    stamps: dict[Path, Stamp]
    repository: Repository
    own: Toolbox


def load_repository(
    root: Path,
    toolbox: Toolbox,
    *,
    shelf: Shelf | None = None,
    pins: Pins | None = None,
    locked: bool = True,
) -> Repository:
    """Read the repository at `root`; never raises for what is in it: each mistake is one of `problems`.

    An agent that names a prompt or policy that could not be read has a problem of its own, beside the file's. `shelf`
    holds what is published, `pins` what tools are held to; with `locked`, agents get what agent.lock says.
    """
    shelf, held = Shelf() if shelf is None else shelf, (pins or Pins()).held(toolbox)
    toolbox = held.box
    problems: list[ConfigError] = list(toolbox.file_problems)
    lock = _lock(root, problems) if locked else None
    notes: list[str] = []
    prompts = _read_each(root, "prompts", "*.md", problems, read_prompt)
    policies = _read_each(root, "policies", "*.toml", problems, lambda text, _name, shown: read_policy(text, shown))

    unreadable = {problem.path for problem in problems}

    def agent(text: str, name: str, shown: str) -> AgentRelease:
        own = lock.agents.get(name) if lock is not None else None
        granting = Granting(toolbox.releases, shelf, own.tools if own is not None else None)
        release = read_agent(
            text,
            name,
            shown,
            tools=toolbox.releases,
            prompts=prompts,
            policies=policies,
            unreadable=unreadable,
            silent=toolbox.silent,
            held=toolbox.held,
            granting=granting,
        )
        notes.extend(f"{shown}: {note}" for note in granting.notes)
        return release

    agents = _read_each(root, "agents", "*.toml", problems, agent)
    if lock is not None:
        now = make_lock(agents.values(), prompts.values(), policies, toolbox.releases, shelf)
        notes += [f"{LOCK}: {words}; `toolyard lock` writes it anew" for words in stale(lock, now)]
    return Repository(agents, prompts, policies, toolbox, tuple(problems), tuple(notes), held.news, held.changed)


def _lock(root: Path, problems: list[ConfigError]) -> Lock | None:
    """Read agent.lock where there is one; one that cannot be read is a problem, and nothing is locked by it."""
    path = root / LOCK
    if not path.exists():
        return None
    try:
        return read_lock(read_text(path, shown=LOCK))
    except ConfigError as error:
        problems.append(error)
        return None


class Loader:
    """Keeps the current repository; a set of files with a problem in it never replaces one without.

    `changed` and `read` may be called in a thread, one at a time: they change nothing that is served. Reading runs
    what the tools' files hold, which takes as long as it takes.

    `open_toolbox` is called at first and whenever a file of tools/ has changed, `supplied` at every reading: what it
    returns is another object whenever a source offers something else. The first set is taken as it is: what
    is good of it is served, and `current.problems` says what is not. `refused` holds what the last reload found wrong.
    """

    def __init__(
        self,
        root: Path,
        open_toolbox: Callable[[], Toolbox],
        supplied: Callable[[], Sequence[Supplied]] = tuple,
        packages: Sequence[Path] = (),
        *,
        shelf: Shelf | None = None,
        pins: Pins | None = None,
    ) -> None:
        """Take `packages` as the folders of plugins in development, whose files are followed like those of tools/.

        What is published (`shelf`) and what was decided about definitions (`pins`) is followed too.
        """
        self._shelf = Shelf() if shelf is None else shelf  # an empty one is filled later, and is false
        self._pins = pins or Pins()
        self._root = root
        self._packages = packages
        self._open_toolbox = open_toolbox
        self._supplied = supplied
        self._seen = self._stamps()
        self._supplied_seen = supplied()
        self._tools_seen = self._tools()
        self._toolbox = open_toolbox()
        self._refused: tuple[ConfigError, ...] = ()
        self._current = self._load(self._toolbox)
        self._held: Mapping[str, str] = self._current.toolbox.held

    def _load(self, own: Toolbox) -> Repository:
        self._registry_seen = self._shelf.serial, self._pins.serial
        box = with_supplies(own, self._supplied_seen)
        return load_repository(self._root, box, shelf=self._shelf, pins=self._pins)

    def unlocked(self) -> Repository:
        """Read all files as if there were no agent.lock; nothing of it is served."""
        box = with_supplies(self._toolbox, self._supplied_seen)
        return load_repository(self._root, box, shelf=self._shelf, pins=self._pins, locked=False)

    @property
    def current(self) -> Repository:
        """The set that is served."""
        return self._current

    @property
    def held(self) -> Mapping[str, str]:
        """The tools that are held back as things are now, and why, also while an older set is served."""
        return self._held

    @property
    def refused(self) -> tuple[ConfigError, ...]:
        """Why the files as they are now are not served; empty when they are."""
        return self._refused

    def _stamps(self) -> dict[Path, Stamp]:
        paths = [path for folder, pattern in _FOLDERS for path in _files(self._root, folder, pattern)]
        stamps: dict[Path, Stamp] = {}
        for path in (
            *paths,
            self._root / LOCK,
            *local_files(self._root),
            *(path for each in self._packages for path in files_in(each)),
        ):
            try:
                status = path.stat()
            except OSError:  # gone between listing and looking
                continue
            stamps[path] = (status.st_mtime_ns, status.st_size)
        return stamps

    def _tools(self) -> dict[Path, Stamp]:
        others = {self._root / folder for folder, _ in _FOLDERS}
        lock = self._root / LOCK
        return {path: stamp for path, stamp in self._seen.items() if path.parent not in others and path != lock}

    def changed(self) -> bool:
        """Tell whether a file was added, removed or written since it was last read, by time and size.

        So does a source that offers something else, something published, and a decision about a definition.
        """
        registry = self._shelf.serial, self._pins.serial
        others = self._supplied() is not self._supplied_seen or registry != self._registry_seen
        return others or self._stamps() != self._seen

    def read(self) -> Reading:
        """Read all files again; `take` serves what was read."""
        self._seen = self._stamps()  # before reading: what is written meanwhile counts as changed
        self._supplied_seen = self._supplied()
        tools, own = self._tools(), self._toolbox
        if tools != self._tools_seen or own.file_problems:
            own = self._open_toolbox()
        return Reading(tools, self._load(own), own)

    def take(self, reading: Reading) -> tuple[ConfigError, ...]:
        """Let what was read become `current` when there is no problem in it, else return the problems."""
        found = reading.repository
        self._refused, self._held = found.problems, found.toolbox.held
        self._toolbox, self._tools_seen = reading.own, reading.stamps
        if not found.problems:
            self._current = found
        return found.problems


def _read_each(
    root: Path,
    folder: str,
    pattern: str,
    problems: list[ConfigError],
    read: Callable[[str, str, str], Read],
) -> dict[str, Read]:
    """Read the files of a folder by name; what cannot be read becomes a problem."""
    found: dict[str, Read] = {}
    for path in _files(root, folder, pattern):
        shown = f"{folder}/{path.name}"
        try:
            check_name(path.stem, "file name here")
            found[path.stem] = read(read_text(path, shown=shown), path.stem, shown)
        except NameInvalid as error:
            problems.append(ConfigError(str(error), path=shown))
        except ConfigError as error:
            problems.append(error)
    return found


def _files(root: Path, folder: str, pattern: str) -> list[Path]:
    return sorted(path for path in (root / folder).glob(pattern) if not path.name.startswith("."))
