"""A server that does not run, as it lies on the disk; its database is opened for one errand and let go again."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from typing import TypeVar

from msgspec import Struct
from toolyard_sdk.errors import Conflict

from toolyard_runtime.config import Config
from toolyard_runtime.store.opening import OwnedDatabase, is_postgres, open_database, sqlite_path

R = TypeVar("R")

ACTOR = "command line"


class Impossible(Exception):
    """What was asked cannot be done to what is stored; the message says why."""


class Resting(Struct, frozen=True):
    """Where its database, repository and state folder are, its settings, and the environment of who asks."""

    url: str
    repository: Path
    state_dir: Path
    config: Config
    environment: Mapping[str, str] = {}


def is_there(url: str) -> bool:
    """Tell whether there is something to open: a file that exists, or a database that somebody else looks after."""
    path = None if is_postgres(url) else sqlite_path(url)
    return is_postgres(url) or (path is not None and path.exists())


def on_its_database(resting: Resting, work: Callable[[OwnedDatabase], Awaitable[R]]) -> R:
    """Open the database as its only owner, do the work, and close it; raises StorageError, Impossible."""

    async def opened() -> R:
        database = await open_database(resting.url)
        try:
            return await work(database)
        finally:
            await database.close()

    try:
        return asyncio.run(opened())
    except Conflict as error:
        raise Impossible("Something of that name is already there.") from error
    except ValueError as error:
        raise Impossible(str(error)) from error
