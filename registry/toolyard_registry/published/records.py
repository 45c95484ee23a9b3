"""What is known of a release that somebody has published, and of how it stands; records only."""

from typing import Literal

import msgspec
from msgspec import Struct

from toolyard_registry.published.signing import Envelope
from toolyard_registry.releases import ToolRelease
from toolyard_registry.versions import Bump

State = Literal["draft", "active", "deprecated", "yanked", "quarantined"]

USABLE: frozenset[State] = frozenset({"active", "deprecated"})
"""States in which a range or a channel may mean a release."""


class Publication(Struct, frozen=True, omit_defaults=True):
    """A release of a tool as it was published.

    `wheel` is the SHA-256 of the distribution's wheel in hex, `file` the wheel's name; `checked` says what the
    definition was taken from, and `unchecked` why the wheel was not loaded for it; `bump` is what the change asked
    for, `forced` whether an operator overruled it. `plugins` are the wheel's entry points, by name.
    """

    name: str
    version: str
    digest: str
    source: str
    publisher: str
    wheel: str
    file: str
    envelope: Envelope
    checked: Literal["manifest", "wheel"] = "manifest"
    bump: Bump = "none"
    forced: bool = False
    warnings: tuple[str, ...] = ()
    published_at: int = 0
    unchecked: str = ""
    plugins: tuple[str, ...] = ()


class Standing(Struct, frozen=True):
    """How a release stands: its state and what to tell whoever meets it; since when and by whom."""

    state: State
    message: str
    changed_at: int
    changed_by: str
    seq: int = 0


class Published(Struct, frozen=True):
    """A publication, its release as JSON, and how it stands."""

    publication: Publication
    standing: Standing
    body: str

    @property
    def release(self) -> ToolRelease:
        """The release, decoded anew."""
        return msgspec.json.decode(self.body, type=ToolRelease)
