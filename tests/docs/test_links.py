"""Every link between pages leads somewhere, down to the heading."""

import re
from pathlib import Path

from tests.docs.pages import ROOT, all_pages, read

_LINK = re.compile(r"\]\(([^)\s]+)\)")
BESIDE = ("CONTRIBUTING.md", "SECURITY.md", "CHANGELOG.md")


def anchors(path: Path) -> set[str]:
    """Return the anchors that readers of Markdown make of a page's headings."""
    headings = [section.heading for section in read([path])]
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def test_every_link_leads_somewhere() -> None:
    broken = []
    for page in [*all_pages(), *(ROOT / name for name in BESIDE)]:
        for section in read([page]):
            for target in _LINK.findall("\n".join(section.prose)):
                if "://" in target or target.startswith("mailto:"):
                    continue
                file, _, anchor = target.partition("#")
                path = (page.parent / file).resolve() if file else page
                if not path.exists() or (anchor and anchor not in anchors(path)):
                    broken.append(f"{page.relative_to(ROOT)}: {target}")
    assert not broken, "\n".join(broken)
