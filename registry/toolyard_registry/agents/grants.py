"""Turns what an agent's file grants into releases: by version, channel or digest, or as agent.lock says; no files."""

from collections.abc import Mapping

from msgspec import Struct

from toolyard_registry.names import Reference, parse
from toolyard_registry.published.shelf import Entry, Shelf, Unresolved
from toolyard_registry.releases import ToolRelease
from toolyard_registry.toolbox.local_tools import LOCAL
from toolyard_registry.versions import read_range, read_version


class LockedTool(Struct, frozen=True, omit_defaults=True):
    """What a tool was resolved to: its release before the agent's own pins; `wheel` is that wheel's SHA-256."""

    version: str
    source: str
    digest: str
    wheel: str = ""


class Granting:
    """The releases that one agent may be granted; `notes` say where a lock is older than the files, or a tool held."""

    def __init__(
        self, tools: Mapping[str, ToolRelease], shelf: Shelf, locked: Mapping[str, LockedTool] | None = None
    ) -> None:
        """Take `tools` as those that are installed; without `locked` nothing is locked."""
        self._tools = tools
        self._shelf = shelf
        self._locked = locked
        self.notes: list[str] = []

    def find(self, grant: str) -> ToolRelease:
        """Return what `weather@^0.1` means, or a name that nothing installed has; raises Unresolved, NameInvalid."""
        reference = parse(grant)
        locked = self._locked.get(reference.name) if self._locked is not None else None
        if locked is not None:
            if _holds(reference, locked):
                return self._exactly(reference.name, locked)
            self.notes.append(f"agent.lock has {reference.name}@{locked.version}, which is not `{grant}`")
        elif self._locked is not None:
            self.notes.append(f"agent.lock does not have `{reference.name}`")
        return self._resolved(reference)

    def published(self, name: str) -> bool:
        """Tell whether anything is published under a name."""
        return bool(self._shelf.entries(name))

    def settled(self, release: ToolRelease) -> ToolRelease:
        """Return an installed tool's release as it is locked; raises Unresolved where that one is not here."""
        name = release.spec.name
        if self._locked is None:
            return release
        locked = self._locked.get(name)
        if locked is None:
            self.notes.append(f"agent.lock does not have `{name}`")
            return release
        if locked.digest == release.digest:
            return release
        if release.source.startswith(LOCAL) or release.source != locked.source:
            self.notes.append(f"agent.lock has another {name} ({locked.source} {locked.version})")
            return release
        return self._exactly(name, locked)

    def _resolved(self, reference: Reference) -> ToolRelease:
        installed = self._tools.get(reference.name)
        if installed is None:
            return self._shelf.release(self._shelf.find(reference))
        entry = self._shelf.find(reference, _beside(installed))
        return installed if entry.digest == installed.digest else self._shelf.release(entry)

    def _exactly(self, name: str, locked: LockedTool) -> ToolRelease:
        """Return the locked release and no other."""
        installed = self._tools.get(name)
        if installed is not None and installed.digest == locked.digest:
            return installed
        try:
            return self._shelf.release(self._shelf.find(Reference(name, "digest", locked.digest)))
        except Unresolved as error:
            here = str(error)
            if installed is not None and not self.published(name):
                here = f"what is installed is {name}@{installed.version}"
            raise Unresolved(
                f"agent.lock says {name}@{locked.version} ({locked.digest[:19]}), and {here}. "
                "`toolyard lock` writes what there is now"
            ) from error


def _beside(installed: ToolRelease) -> Entry:
    """Return an installed release as it stands beside published ones."""
    version = read_version(installed.version)
    return Entry(installed.version, version, installed.digest, "active", "", "", "", "")


def _holds(reference: Reference, locked: LockedTool) -> bool:
    """Tell whether a locked release is one that a grant still means; of a channel, the lock says which."""
    match reference.by:
        case "digest":
            return reference.value == locked.digest
        case "version":
            return reference.value == locked.version or _same_version(reference.value, locked.version)
        case "range":
            wanted = read_range(reference.value)
            return wanted is not None and read_version(locked.version) in wanted
        case "channel" | "default":
            return True


def _same_version(one: str, other: str) -> bool:
    version = read_version(one)
    return version is not None and version == read_version(other)
