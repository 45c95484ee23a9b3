"""Which tools can be called without an agent: those that are installed, and published ones that somebody has let in.

Publishing alone makes nothing callable. A published release that is not installed is within reach where an agent's file
grants it, in the version that the agent has, or where `rights.toml` grants it to calls through no agent, as what its
channel `stable` points at. Who may call what of this, rights say for each caller.
"""

from collections.abc import Mapping

from toolyard_registry.agents.repository import Repository
from toolyard_registry.names import Reference
from toolyard_registry.published.shelf import STABLE, Entry, Shelf, Unresolved
from toolyard_registry.releases import ToolRelease
from toolyard_registry.rights import Rights, grants_in_writing

from toolyard_runtime.run.sights import Sights

_GONE = frozenset({"yanked", "quarantined"})

Tools = Mapping[str, ToolRelease]


class WithinReach:
    """The tools by name, worked out anew when the files, what is published or the rights have changed."""

    def __init__(self, shelf: Shelf, sights: Sights) -> None:
        self._shelf = shelf
        self._sights = sights
        self._seen: tuple[Repository, int, Rights] | None = None
        self._tools: Tools = {}

    def of(self, repository: Repository) -> Tools:
        """Return the tools; the same object as before when nothing has changed."""
        serial, rights, before = self._shelf.serial, self._sights.rights, self._seen
        if before is None or before[0] is not repository or before[1] != serial or before[2] is not rights:
            self._seen, self._tools = (repository, serial, rights), self._found(repository, rights)
        return self._tools

    def _found(self, repository: Repository, rights: Rights) -> Tools:
        installed = repository.toolbox.releases
        found: dict[str, Entry] = {}
        for name in self._shelf.names():
            if name not in installed and grants_in_writing(rights, name):
                try:
                    found[name] = self._shelf.find(Reference(name, "channel", STABLE))
                except Unresolved:
                    continue
        granted: dict[str, Entry] = {}
        for tool in (tool for agent in repository.agents.values() for tool in agent.tools):
            entry = self._granted(tool) if tool.spec.name not in installed else None
            if entry is not None and _later(entry, granted.get(tool.spec.name)):
                granted[tool.spec.name] = entry
        published = {name: self._shelf.release(entry) for name, entry in {**found, **granted}.items()}
        return {**installed, **published} if published else installed

    def _granted(self, tool: ToolRelease) -> Entry | None:
        """Return the release that an agent has, as it was published: what an agent pins of it is the agent's own."""
        for entry in self._shelf.entries(tool.spec.name):
            if entry.text == tool.version and entry.state not in _GONE:
                return entry if self._shelf.release(entry).source == tool.source else None
        return None


def _later(entry: Entry, than: Entry | None) -> bool:
    if than is None or entry.version is None or than.version is None:
        return than is None
    return entry.version > than.version
