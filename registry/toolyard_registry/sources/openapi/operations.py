"""Finds the operations of a document: every path and method, each with its place; looks into none of them."""

from collections.abc import Iterator
from fnmatch import fnmatchcase
from typing import Any, Literal, get_args

from msgspec import Struct

from toolyard_registry.sources.openapi.problems import Problem, Unusable
from toolyard_registry.sources.openapi.references import References

Method = Literal["get", "put", "post", "delete", "options", "head", "patch"]

METHODS: tuple[Method, ...] = get_args(Method)


class Operation(Struct, frozen=True):
    """One operation as it stands in the document; `shared` is its Path Item, which may hold parameters and servers."""

    method: Method
    path: str
    raw: dict[str, Any]
    shared: dict[str, Any]

    @property
    def place(self) -> str:
        """How it is told in messages and named in settings: `GET /pets/{petId}`."""
        return f"{self.method.upper()} {self.path}"

    @property
    def id(self) -> str:
        """Its `operationId`, or nothing."""
        given = self.raw.get("operationId")
        return given if isinstance(given, str) else ""


def find_operations(
    document: dict[str, Any], references: References, wanted: tuple[str, ...] = ("*",)
) -> tuple[list[Operation], list[Problem]]:
    """Return the operations that one of the globs in `wanted` names by operationId or as `GET /path`."""
    problems: list[Problem] = []
    found: list[Operation] = []
    paths = document.get("paths", {})
    if not isinstance(paths, dict):
        return [], [Problem("document.invalid", "#/paths", "must be an object")]
    total = 0
    for path, item in paths.items():
        if not path.startswith("/"):
            if not path.startswith("x-"):
                problems.append(Problem("operation.invalid", f"#/paths: {path[:80]!r}", "a path begins with `/`"))
            continue
        try:
            shared = references.follow(item)
        except Unusable as error:
            problems.append(error.at(path))
            continue
        if not isinstance(shared, dict):
            problems.append(Problem("operation.invalid", path, "its path item must be an object"))
            continue
        for operation in _of_path(path, shared, problems):
            total += 1
            if any(fnmatchcase(operation.id, glob) or fnmatchcase(operation.place, glob) for glob in wanted):
                found.append(operation)
    problems += _unused(wanted, found)
    if not total:
        problems.append(Problem("operations.none", "#/paths", "the document describes no operation"))
    return found, problems


def _of_path(path: str, shared: dict[str, Any], problems: list[Problem]) -> Iterator[Operation]:
    if "trace" in shared:
        problems.append(Problem("operation.method", f"TRACE {path}", "a TRACE request answers with itself; left out"))
    for method in METHODS:
        raw = shared.get(method)
        if isinstance(raw, dict):
            yield Operation(method, path, raw, shared)
        elif raw is not None:
            problems.append(Problem("operation.invalid", f"{method.upper()} {path}", "must be an object"))


def _unused(wanted: tuple[str, ...], found: list[Operation]) -> Iterator[Problem]:
    for glob in wanted:
        if glob != "*" and not any(fnmatchcase(one.id, glob) or fnmatchcase(one.place, glob) for one in found):
            words = f"operations = [{glob!r}] names no operation; write an operationId or `GET /path`, `*` for any part"
            yield Problem("operations.none", "", words)
