"""Makes tools findable by their releases; knows no run and no caller."""

from collections.abc import Mapping

from toolyard_registry.releases import ToolRelease
from toolyard_registry.search.documents import document
from toolyard_registry.search.searching import Search


def index_of(releases: Mapping[str, ToolRelease], about: Mapping[str, str]) -> Search:
    """Return an index of tools by name, `about` being what their sources say of themselves.

    For thousands of tools it takes seconds.
    """
    search = Search()
    for name, release in releases.items():
        search.add(name, document(release.spec, release.source, about.get(release.source, "")))
    return search
