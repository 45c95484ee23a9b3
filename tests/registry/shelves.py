"""Shelves and releases for tests: what was published, without publishing it."""

import msgspec
from toolyard_registry.published.records import Publication, Published, Standing, State
from toolyard_registry.published.shelf import STABLE, Shelf
from toolyard_registry.published.signing import Envelope
from toolyard_registry.releases import ToolRelease, tool_release
from toolyard_sdk.messages import ToolSpec

from tests.registry.wheels import spec

UNSIGNED = Envelope("", "", (), "")


def release(
    version: str, name: str = "weather", source: str = "acme-weather", definition: ToolSpec | None = None
) -> ToolRelease:
    """Return a release of a tool."""
    return tool_release(definition or spec(name), source, version)


def published(one: ToolRelease, state: State = "active", message: str = "", wheel: str = "ab" * 32) -> Published:
    """Return a release as somebody has published it."""
    name, version = one.spec.name, one.version
    publication = Publication(name, version, one.digest, one.source, "key_x", wheel, "x.whl", UNSIGNED)
    return Published(publication, Standing(state, message, 1, "key_x"), msgspec.json.encode(one).decode())


def shelf(*versions: str, stable: str = "", **states: State) -> Shelf:
    """Return a shelf with versions of `weather`; `v0_1_0="yanked"` gives one another state."""
    made = Shelf()
    named = {name[1:].replace("_", "."): state for name, state in states.items()}
    every = {each: release(each) for each in versions}
    made.fill(published(one, named.get(each, "active"), "told why") for each, one in every.items())
    if stable:
        made.point("weather", STABLE, every[stable].digest)
    return made
