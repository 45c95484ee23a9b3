"""What a tenant has published, in memory: turns `weather@^0.1` into a release; knows no agent and no database.

Agents' files are read in a thread and by name, so what they may mean is held here, encoded: ten thousand tools take
some tens of megabytes. One release at a time is replaced, and readers see the old or the new one.
"""

from collections.abc import Iterable

import msgspec
from msgspec import Struct

from toolyard_registry.names import Reference
from toolyard_registry.published.records import USABLE, Published, State
from toolyard_registry.releases import ToolRelease
from toolyard_registry.versions import Version, read_range, read_version

STABLE = "stable"
"""The channel that a grant without a version means, and that publishing moves."""

_KEPT = 4096
"""Decoded releases that are remembered."""


class Unresolved(LookupError):
    """A reference that means nothing here, or nothing that may be used: why, in words."""


class Entry(Struct, frozen=True, gc=False):
    """One release on the shelf: `body` is the ToolRelease as JSON, `wheel` a SHA-256 in hex, `file` its name."""

    text: str
    version: Version | None
    digest: str
    state: State
    message: str
    wheel: str
    file: str
    body: str


def entry_of(published: Published) -> Entry:
    """Return a publication as it stands on the shelf."""
    one, standing = published.publication, published.standing
    version = read_version(one.version)
    return Entry(
        one.version, version, one.digest, standing.state, standing.message, one.wheel, one.file, published.body
    )


def grant_of(name: str, entry: Entry) -> str:
    """Return how an agent's file grants a release and what follows it compatibly; one that no range holds, itself."""
    version = entry.version
    ranged = version is not None and version.final and (version.major or version.minor)
    return f"{name}@^{version.major}.{version.minor}" if version and ranged else f"{name}@{entry.text}"


class Shelf:
    """The published releases by name, and where channels point; `serial` changes with every change."""

    def __init__(self) -> None:
        self._entries: dict[str, tuple[Entry, ...]] = {}
        self._heads: dict[tuple[str, str], str] = {}
        self._decoded: dict[str, ToolRelease] = {}
        self.serial = 0

    def __len__(self) -> int:
        return len(self._entries)

    def fill(self, published: Iterable[Published]) -> None:
        """Put what was published where it belongs, name by name: what was there under these names goes."""
        found: dict[str, list[Entry]] = {}
        for one in published:
            found.setdefault(one.publication.name, []).append(entry_of(one))
        for name, entries in found.items():
            self._entries[name] = tuple(sorted(entries, key=_order, reverse=True))
        self.serial += 1

    def point(self, name: str, channel: str, digest: str) -> None:
        """Note where a channel of a tool points ("" for nowhere)."""
        if digest:
            self._heads[name, channel] = digest
        else:
            self._heads.pop((name, channel), None)
        self.serial += 1

    def names(self) -> tuple[str, ...]:
        """Return the published names, sorted."""
        return tuple(sorted(self._entries))

    def entries(self, name: str) -> tuple[Entry, ...]:
        """Return what is published under a name, the highest version first."""
        return self._entries.get(name, ())

    def newest(self) -> dict[str, Entry]:
        """Return the highest active release of every name that has one; a pre-release only where there is no other."""
        found: dict[str, Entry] = {}
        for name, entries in self._entries.items():
            active = [entry for entry in entries if entry.state == "active"]
            if active:
                found[name] = next((one for one in active if one.version is not None and one.version.final), active[0])
        return found

    def channels(self, name: str) -> dict[str, str]:
        """Return the digests of a tool's channels by name."""
        return {channel: digest for (of, channel), digest in sorted(self._heads.items()) if of == name}

    def adrift(self, name: str) -> tuple[str, ...]:
        """Say which channels of a tool point at a release that they cannot mean, and what to do about it."""
        entries = {entry.digest: entry for entry in self.entries(name)}
        lost = []
        for channel, digest in self.channels(name).items():
            entry = entries.get(digest)
            if entry is not None and entry.state not in USABLE:
                state = "withdrawn" if entry.state == "yanked" else entry.state
                lost.append(
                    f"`{name}@{channel}` is {entry.text}, which is {state}: agents that name it are not served; "
                    f"`toolyard tool move {name}@VERSION {channel}` points it at another release"
                )
        return tuple(lost)

    def release(self, entry: Entry) -> ToolRelease:
        """Return an entry's release."""
        known = self._decoded.get(entry.digest)
        if known is None:
            if len(self._decoded) >= _KEPT:
                self._decoded.clear()
            known = self._decoded[entry.digest] = msgspec.json.decode(entry.body, type=ToolRelease)
        return known

    def find(self, reference: Reference, beside: Entry | None = None) -> Entry:
        """Return the release a reference means; raises Unresolved.

        `beside` is one that is installed and that nobody has published: it counts among the others. A range means the
        highest active release in it, or, where there is none, the highest deprecated one; no pre-release.
        """
        entries = self.entries(reference.name)
        if beside is not None and all(entry.digest != beside.digest for entry in entries):
            entries = tuple(sorted((*entries, beside), key=_order, reverse=True))
        if not entries:
            raise Unresolved(f"no tool `{reference.name}` is published or installed")
        match reference.by:
            case "digest":
                found = [entry for entry in entries if entry.digest == reference.value]
            case "version":
                version = read_version(reference.value)
                found = [e for e in entries if e.text == reference.value or (version and e.version == version)]
            case "range":
                found = self._in_range(entries, reference.value)
            case "channel" | "default":
                channel = reference.value or STABLE
                head = self._heads.get((reference.name, channel), "")
                if not head:
                    known = ", ".join(f"`{name}`" for name in self.channels(reference.name)) or "none"
                    raise Unresolved(f"`{reference.name}` has no channel `{channel}`; there is {known}")
                found = [entry for entry in entries if entry.digest == head]
        if not found:
            raise Unresolved(f"`{reference}` is no release of it; there is {_listed(entries)}")
        return _usable(reference, found[0])

    def _in_range(self, entries: tuple[Entry, ...], text: str) -> list[Entry]:
        wanted = read_range(text)
        inside = [entry for entry in entries if wanted is not None and entry.version in wanted]
        usable = [entry for entry in inside if entry.state in USABLE]
        return sorted(usable or inside, key=lambda entry: entry.state != "active")


def _order(entry: Entry) -> tuple[bool, Version, str]:
    return entry.version is not None, entry.version or Version(0, 0, 0), entry.text


def _usable(reference: Reference, entry: Entry) -> Entry:
    name, said = f"{reference.name}@{entry.text}", f": {entry.message}" if entry.message else ""
    instead = "name another release"
    if reference.by in ("channel", "default"):
        channel = reference.value or STABLE
        instead += f", or point `{channel}` at one: `toolyard tool move {reference.name}@VERSION {channel}`"
    if entry.state == "yanked":
        raise Unresolved(f"`{name}` was withdrawn{said}; {instead}")
    if entry.state == "quarantined":
        raise Unresolved(f"`{name}` is held back{said}; an operator has to let it go (`toolyard tool restore {name}`)")
    if entry.state == "draft" and reference.by not in ("version", "digest"):
        raise Unresolved(f"`{name}` is a draft; name it by its version to try it")
    return entry


def _listed(entries: tuple[Entry, ...]) -> str:
    shown = ", ".join(
        f"{entry.text} ({entry.state})" if entry.state != "active" else entry.text for entry in entries[:8]
    )
    return f"{shown} and {len(entries) - 8} more" if len(entries) > 8 else shown  # noqa: PLR2004 - the same 8
