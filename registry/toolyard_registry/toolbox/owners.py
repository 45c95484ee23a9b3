"""Says whose the names are by which settings and ways out are granted (plugins, files, sources); grants nothing."""

from collections.abc import Iterable, Mapping

from msgspec import Struct

from toolyard_registry.toolbox.collecting import Toolbox


class Owner(Struct, frozen=True):
    """Who has a name: a distribution, a file or a source, and the tools that it offers under it."""

    source: str
    tools: tuple[str, ...] = ()


Owners = Mapping[str, Owner]


def owners_in(box: Toolbox, sources: Iterable[str] = ()) -> Owners:
    """Return who has which name in a toolbox; `sources` are those of toolyard.toml, which may be silent."""
    found = {name: f"[sources.{name}]" for name in sources}
    found |= {plugin.name: plugin.distribution or plugin.name for plugin in box.plugins.loaded}
    tools: dict[str, list[str]] = {}
    for tool, name in box.origins.items():
        tools.setdefault(name, []).append(tool)
        if tool in box.releases:
            found[name] = box.releases[tool].source
    return {name: Owner(source, tuple(sorted(tools.get(name, ())))) for name, source in found.items()}
