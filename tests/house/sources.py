"""The Python files of this repository, parsed; knows no rule about them."""

import ast
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
FOLDERS = ("plugins", "registry", "memory", "runtime", "tests")
PACKAGES = FOLDERS[:-1]


def sources(folders: tuple[str, ...] = FOLDERS) -> Iterator[tuple[Path, ast.Module]]:
    """Yield every Python file under the folders, as a path from the root, with its syntax tree."""
    for folder in folders:
        for path in sorted((ROOT / folder).rglob("*.py")):
            shown = path.relative_to(ROOT)
            if not any(part.startswith(".") or part in ("build", "dist") for part in shown.parts):
                yield shown, ast.parse(path.read_text(), str(shown))


def imported(tree: ast.Module) -> Iterator[tuple[int, str]]:
    """Yield (line, dotted name) of everything a file imports, wherever in it."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            yield from ((node.lineno, f"{node.module}.{alias.name}") for alias in node.names)


def called(tree: ast.Module) -> Iterator[tuple[int, str]]:
    """Yield (line, dotted name) of every call of a plain name or attribute of one."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            name = ast.unparse(node.func)
            if name.replace(".", "").isidentifier():
                yield node.lineno, name
