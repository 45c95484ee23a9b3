"""Makes tools findable by their releases; knows no run and no caller."""

from collections.abc import Mapping

from toolyard_registry.releases import ToolRelease
from toolyard_registry.search.documents import document
from toolyard_registry.search.searching import Search


def index_of(releases: Mapping[str, ToolRelease]) -> Search:
    """Return an index of tools by name: for thousands of them it takes seconds."""
    search = Search()
    for name, release in releases.items():
        search.add(name, document(release.spec, release.source))
    return search
