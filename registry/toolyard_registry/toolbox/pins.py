"""Holds tools to the definitions they were admitted with: a plugin or source that presents another one waits; no I/O.

The first definition that a source's tool presents is admitted. Of an installed plugin, another version is the
operator's own doing and is admitted too; the same version with another definition is not. Of what lies outside this
process (MCP servers, REST APIs) no other definition is. Tools of the repository's own files follow the files.

While a changed definition waits, agents keep the admitted one. Where calls by that are not certain to be taken by the
tool as it is now, it is held back: nothing calls it.
"""

from collections import Counter
from collections.abc import Iterable
from typing import Any, Literal

import msgspec
from msgspec import Struct

from toolyard_registry.releases import ToolRelease
from toolyard_registry.schemas.compatibility import still_callable
from toolyard_registry.toolbox.collecting import Toolbox
from toolyard_registry.toolbox.held_tools import HeldTool
from toolyard_registry.toolbox.local_tools import LOCAL

Standing = Literal["admitted", "quarantined", "rejected"]
Place = tuple[str, str]
"""A source and the name of a tool of it."""

MOST_NAMES = 20_000
"""Tools of one source that are admitted as they come, twice as many as one list has; another one is held back."""

MOST_WAITING = 5
"""Definitions of one tool that are written down while nobody decides; the newest waits all the same."""

_OPEN = frozenset(
    {"additionalProperties", "patternProperties", "unevaluatedProperties", "propertyNames", "$ref", "$dynamicRef"}
    | {"allOf", "anyOf", "oneOf", "if", "dependentSchemas", "dependencies"}
)
"""Keywords beside which `properties` do not say alone which arguments a schema names."""

_COMPARED = 20_000
"""Comparisons that are remembered."""


class Definition(Struct, frozen=True):
    """A definition that was presented, and what was decided about it."""

    release: ToolRelease
    standing: Standing
    decided_at: int = 0
    decided_by: str = ""

    @property
    def place(self) -> Place:
        return self.release.source, self.release.spec.name


class Changed(Struct, frozen=True):
    """A tool that presents another definition than the admitted one; `kept` says whether agents go on with that."""

    admitted: ToolRelease
    presented: ToolRelease
    standing: Standing
    kept: bool


class Held(Struct, frozen=True):
    """A toolbox as agents may use it, the definitions that are new, and the tools that have changed."""

    box: Toolbox
    news: tuple[Definition, ...]
    changed: tuple[Changed, ...]


class Pins:
    """What was admitted, by source and name; `serial` changes with every decision."""

    def __init__(self) -> None:
        self._admitted: dict[Place, ToolRelease] = {}
        self._standings: dict[tuple[Place, str], Standing] = {}
        self._compared: dict[tuple[str, str], bool] = {}
        self._names: Counter[str] = Counter()
        self._waiting: Counter[Place] = Counter()
        self.serial = 0

    def learn(self, definitions: Iterable[Definition]) -> None:
        """Take decisions over, the oldest first."""
        self.note(definitions)
        self.serial += 1

    def note(self, definitions: Iterable[Definition]) -> None:
        """Take over what `held` has found: nothing is another because of it."""
        for one in definitions:
            self._standings[one.place, one.release.digest] = one.standing
            self._waiting[one.place] = self._waiting[one.place] + 1 if one.standing == "quarantined" else 0
            if one.standing == "admitted":
                self._names[one.release.source] += one.place not in self._admitted
                self._admitted[one.place] = one.release

    def admitted(self, place: Place) -> ToolRelease | None:
        """Return the definition that agents are held to."""
        return self._admitted.get(place)

    def standing(self, release: ToolRelease) -> Standing | None:
        """Return what was decided about a definition, None for one that is new."""
        return self._standings.get(((release.source, release.spec.name), release.digest))

    def held(self, box: Toolbox) -> Held:
        """Return a toolbox in which every tool has its admitted definition; one that is held back calls nothing."""
        tools, releases, held = dict(box.tools), dict(box.releases), dict(box.held)
        news: list[Definition] = []
        changed: list[Changed] = []
        names = Counter(self._names)
        for name, release in box.releases.items():
            pinned = self._admitted.get((release.source, name))
            if pinned is None or _may_follow(pinned, release):
                names[release.source] += pinned is None
                if pinned is None and names[release.source] > MOST_NAMES and not release.source.startswith(LOCAL):
                    held[name] = (
                        f"`{name}` is one too many: {release.source} has had {MOST_NAMES:,} tools of other names"
                    )
                    del releases[name], tools[name]
                elif (pinned is None or pinned.digest != release.digest) and not release.source.startswith(LOCAL):
                    news.append(Definition(release, "admitted"))
                continue
            standing = self.standing(release)
            if standing is None and self._waiting[release.source, name] < MOST_WAITING:
                news.append(Definition(release, "quarantined"))
            kept = self._still_callable(pinned, release)
            changed.append(Changed(pinned, release, standing or "quarantined", kept))
            releases[name] = pinned
            if not kept:
                tools[name] = HeldTool(pinned.spec)
                held[name] = (
                    f"`{name}` of {release.source} has changed and no longer takes what it was admitted with; nothing "
                    f"calls it: see `toolyard tool waiting`, then `toolyard tool admit {name}@{release.digest}`"
                )
        if not changed and len(held) == len(box.held):
            return Held(box, tuple(news), ())
        return Held(
            msgspec.structs.replace(box, tools=tools, releases=releases, held=held), tuple(news), tuple(changed)
        )

    def _still_callable(self, pinned: ToolRelease, release: ToolRelease) -> bool:
        """Compare two definitions once: they are looked at with every reading, and may take a second."""
        pair = pinned.digest, release.digest
        if pair not in self._compared:
            if len(self._compared) >= _COMPARED:
                self._compared.clear()
            self._compared[pair] = still_callable(_named(pinned.spec.input_schema), release.spec.input_schema)
        return self._compared[pair]


def _named(schema: dict[str, Any]) -> dict[str, Any]:
    """Return the part of an input schema that callers go by: the arguments that it names.

    Most servers leave open what else may be sent, and a new argument then takes something away from that. Whoever sends
    it all the same is told so by the tool as it is now, which checks every call.
    """
    closed = not _OPEN.isdisjoint(schema) or "properties" not in schema
    return schema if closed else {**schema, "additionalProperties": False}


def _may_follow(pinned: ToolRelease, release: ToolRelease) -> bool:
    """Tell whether a definition may take the admitted one's place without anybody being asked."""
    if pinned.digest == release.digest or release.source.startswith(LOCAL):
        return True
    return ":" not in release.source and pinned.version != release.version
