"""Reads Markdown pages as sections of prose and fenced blocks; knows nothing of what the pages are about."""

import re
from collections.abc import Iterable
from pathlib import Path

from msgspec import Struct

ROOT = Path(__file__).resolve().parents[2]
_HEADING = re.compile(r"#{1,6} +(.+?) *#*\Z")
_FENCE = re.compile(r"(?P<fence>`{3,}|~{3,})(?P<language>[\w+-]*)")
_SPAN = re.compile(r"`([^`]+)`")


class Block(Struct, frozen=True):
    """A fenced block: its language, its text, and the line of its fence."""

    page: str
    line: int
    language: str
    text: str

    @property
    def file(self) -> str:
        """The file that the block shows, named by a comment in its first line; "" when it is none."""
        first = self.text.split("\n", 1)[0]
        named = re.match(r"(?:#|//|<!--) *([\w./-]+\.\w+)\b", first)
        return named[1] if named else ""

    @property
    def content(self) -> str:
        """What is in that file: a comment in HTML only names it, since front matter has to begin a prompt's file."""
        return self.text.split("\n", 1)[1] if self.text.startswith("<!--") else self.text


class Section(Struct):
    """A heading with everything under it up to the next heading of any level."""

    page: str
    heading: str
    prose: list[str]
    blocks: list[Block]

    @property
    def code(self) -> str:
        """All that stands as code: spans of the heading and the prose, and blocks."""
        spans = [span for text in (self.heading, *self.prose) for span in _SPAN.findall(text)]
        return "\n".join([*spans, *(block.text for block in self.blocks)])

    @property
    def rows(self) -> list[tuple[str, ...]]:
        """The rows of the section's tables, headings included; a cell is its text without white space around it."""
        lines = [line.strip() for line in self.prose if line.lstrip().startswith("|")]
        cells = [tuple(cell.strip() for cell in line.strip("|").split("|")) for line in lines]
        return [row for row in cells if not all(re.fullmatch(r":?-+:?", cell) for cell in row)]


def read(paths: Iterable[Path]) -> list[Section]:
    """Return the sections of some pages, in order."""
    return [section for path in sorted(paths) for section in _sections(path)]


def _sections(path: Path) -> list[Section]:
    page = str(path.relative_to(ROOT))
    sections = [Section(page, "", [], [])]
    fence, language, began, inside = "", "", 0, list[str]()
    for number, line in enumerate(path.read_text().splitlines(), start=1):
        if fence:
            if line.strip() == fence:
                sections[-1].blocks.append(Block(page, began, language, "\n".join(inside)))
                fence = ""
            else:
                inside.append(line)
        elif opening := _FENCE.match(line):
            fence, language, began, inside = opening["fence"], opening["language"], number, []
        elif heading := _HEADING.match(line):
            sections.append(Section(page, heading[1], [], []))
        else:
            sections[-1].prose.append(line)
    assert not fence, f"{page}:{began}: the block is never closed"
    return sections


def reference() -> list[Section]:
    """Return the sections of the reference: docs/reference*.md, docs/reference/ and the page of the command line."""
    docs = ROOT / "docs"
    return read([*docs.glob("reference*.md"), *docs.glob("reference/**/*.md"), *docs.glob("cli.md")])


def all_pages() -> list[Path]:
    """Return README.md, the readmes of the distributions and examples, and everything under docs/."""
    readmes = [ROOT / "README.md", ROOT / "examples" / "README.md", *(ROOT / "plugins").glob("*/README.md")]
    readmes += [ROOT / folder / "README.md" for folder in ("registry", "memory", "runtime")]
    return [*readmes, *(ROOT / "docs").rglob("*.md")]


def codes(text: str) -> list[str]:
    """Return what stands as code in a text, in order."""
    return _SPAN.findall(text)


def mentions(sections: Iterable[Section], word: str) -> bool:
    """Tell whether a word stands somewhere as code, whole."""
    whole = re.compile(rf"(?<![\w-]){re.escape(word)}(?![\w-])")
    return any(whole.search(section.code) for section in sections)
