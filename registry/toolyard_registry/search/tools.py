"""Makes tools findable by their releases; knows no run and no caller."""

from collections.abc import Mapping

from toolyard_registry.releases import ToolRelease
from toolyard_registry.search.documents import Document, document
from toolyard_registry.search.searching import Search


def documents_of(releases: Mapping[str, ToolRelease], about: Mapping[str, str]) -> dict[str, Document]:
    """Return what tools are found by, by name; `about` is what their sources say of themselves."""
    return {
        name: document(release.spec, release.source, about.get(release.source, ""))
        for name, release in releases.items()
    }


def index_of(documents: Mapping[str, Document]) -> Search:
    """Return an index of tools by name.

    For thousands of tools it takes seconds.
    """
    search = Search()
    for name, each in documents.items():
        search.add(name, each)
    return search
