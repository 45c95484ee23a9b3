"""What is submitted to be published, and what becomes of it; records only."""

from collections.abc import Callable

from msgspec import Struct
from toolyard_sdk.messages import ToolSpec

from toolyard_registry.published.records import State
from toolyard_registry.published.signing import Envelope
from toolyard_registry.publishing.lookalikes import Flag
from toolyard_registry.schemas.compatibility import Change
from toolyard_registry.versions import Bump


class Manifest(Struct, frozen=True, forbid_unknown_fields=True):
    """What its author's machine says of a wheel: the distribution, and the definitions its plugins register."""

    distribution: str
    version: str
    file: str
    tools: tuple[ToolSpec, ...]


class Submission(Struct, frozen=True, forbid_unknown_fields=True):
    """A wheel to publish; `channel` is moved to it ("" for `stable`, or `next` for a pre-release)."""

    manifest: Manifest
    envelope: Envelope
    wheel: bytes
    channel: str = ""
    draft: bool = False
    force: bool = False


class Replay(Struct, frozen=True):
    """How recorded calls fare with a new input schema: `example` is one that would fail, in words."""

    calls: int = 0
    failing: int = 0
    skipped: int = 0
    days: int = 0
    example: str = ""

    def __str__(self) -> str:
        said = f"{self.failing} of {self.calls} recorded calls would fail"
        return f"{said}, e.g. {self.example}" if self.example else said


class Unchecked(Struct, frozen=True):
    """Why nobody has loaded a wheel to see what it registers: its manifest is believed."""

    why: str


def everything(_name: str) -> bool:
    """See every tool."""
    return True


class Publisher(Struct, frozen=True):
    """Who publishes: the tenant, the key's id, whether it is an operator's, which names it may use, and which it sees.

    What it does not see is named to it nowhere, and stands in its way only where it publishes for the house.
    """

    tenant: str
    key: str
    operator: bool
    may: Callable[[str], bool]
    sees: Callable[[str], bool] = everything


class PublishedTool(Struct, frozen=True):
    """What became of one tool: its release, what the change asked for and why, and what to look at.

    `unchecked` says why its wheel was not loaded, where it was not.
    """

    name: str
    version: str
    digest: str
    state: State
    bump: Bump
    changes: tuple[Change, ...]
    flags: tuple[Flag, ...]
    confusable: tuple[str, ...]
    replay: Replay | None
    new: bool = True
    unchecked: str = ""


class PublishRefused(ValueError):
    """A submission that is not published: `code` is a stable word, `field` what of it is wrong."""

    def __init__(self, code: str, message: str, field: str = "") -> None:
        super().__init__(message)
        self.code = code
        self.field = field
