"""Adds to a toolbox what sources outside this process offer; knows no kind of source and opens none.

What a source says of its tools' effects are claims: in a release they are the worst until an operator pins better ones.
"""

from collections.abc import Sequence

import msgspec
from msgspec import Struct
from toolyard_sdk.canonical import digest
from toolyard_sdk.messages import Annotations
from toolyard_sdk.ports import Supply, Tool

from toolyard_registry.plugins import told
from toolyard_registry.releases import ToolRelease, tool_release
from toolyard_registry.toolbox.collecting import NoTool, Toolbox, checked_tool

WORST = Annotations()


class Supplied(Struct, frozen=True):
    """What one source offers now: `name` is its table's in toolyard.toml, `prefix` how its tools' names begin."""

    name: str
    origin: str
    prefix: str
    supply: Supply

    @property
    def silent(self) -> bool:
        """Whether the source may have tools that nobody has heard of yet: it has not answered."""
        return bool(self.supply.problems) and not self.supply.tools


def with_supplies(box: Toolbox, supplied: Sequence[Supplied]) -> Toolbox:
    """Return the toolbox with what the sources offer; of two tools with one name the one already there stays."""
    if not supplied:
        return box
    tools, releases, origins = dict(box.tools), dict(box.releases), dict(box.origins)
    taken = {*box.origins.values()}
    problems: list[str] = []
    for source in supplied:
        problems += [f"source {source.name}: {problem}" for problem in source.supply.problems]
        if source.name in taken:
            problems.append(
                f"source {source.name}: a plugin or a tool file has this name; call [sources.NAME] otherwise"
            )
            continue
        for offer in source.supply.tools:
            problem = _take(offer, source, tools, releases)
            if problem:
                problems.append(f"source {source.name}: {problem}")
            else:
                origins[offer.spec.name] = source.name
    return msgspec.structs.replace(
        box,
        tools=tools,
        releases=releases,
        origins=origins,
        source_problems=tuple(problems),
        silent=tuple(source.prefix for source in supplied if source.silent),
        about={source.origin: source.supply.about for source in supplied if source.supply.about},
    )


def _take(offer: Tool, source: Supplied, tools: dict[str, Tool], releases: dict[str, ToolRelease]) -> str:
    """Add one tool; return why not, in words, or nothing."""
    try:
        tool, spec = checked_tool(offer)
    except BaseException as error:  # noqa: BLE001 - a stranger's property may raise anything
        return str(error) if isinstance(error, NoTool) else told(error)
    if spec.name in tools:
        return f"the tool {spec.name} is already there, from {releases[spec.name].source}"
    version = f"0+{digest(spec).removeprefix('sha256:')[:12]}"
    tools[spec.name] = tool
    releases[spec.name] = tool_release(msgspec.structs.replace(spec, annotations=WORST), source.origin, version)
    return ""
