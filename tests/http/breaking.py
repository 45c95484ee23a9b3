"""A disk that fails: the server's commits, each as a test wants it."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from toolyard_runtime.store.errors import StorageError

from tests.http.serving import Server


@contextmanager
def failing(
    server: Server, error: Callable[[str], Exception] = StorageError, *, after: int = 0, times: int = 1
) -> Iterator[None]:
    """Let the server's commits fail `times` times, `after` so many that go well, with words that nobody may be told."""
    database = server.wiring.engine.services.database
    commit, seen = database.commit, 0

    async def breaking(tx: Any, durability: Any = "normal") -> None:
        nonlocal seen
        seen += 1
        if after < seen <= after + times:
            raise error(f"{server.root}: INSERT INTO run: the disk is full")
        await commit(tx, durability)

    setattr(database, "commit", breaking)  # noqa: B010 - the port's method is put back below
    try:
        yield
    finally:
        delattr(database, "commit")
