"""A transaction that waits for its commit: rows by statement; knows no database."""

from typing import Any


class CollectedTransaction:
    """Rows waiting for a commit; forgetting it undoes it."""

    __slots__ = ("rows",)

    def __init__(self) -> None:
        self.rows: dict[Any, list[tuple[Any, ...]]] = {}

    def write(self, statement: Any, row: tuple[Any, ...], *, expect: int | None = None) -> None:
        """Add one row's write; with `expect`, the commit is refused unless so many rows change."""
        key = statement if expect is None else (statement, expect)
        rows = self.rows.get(key)
        if rows is None:
            self.rows[key] = [row]
        else:
            rows.append(row)
