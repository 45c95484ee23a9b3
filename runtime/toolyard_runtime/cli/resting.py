"""A server that does not run, as it lies on the disk; its database is opened for one errand and let go again."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from typing import TypeVar

from msgspec import Struct
from toolyard_sdk.errors import Conflict

from toolyard_runtime.config import Config
from toolyard_runtime.store.opening import open_database, sqlite_path
from toolyard_runtime.store.sqlite import SqliteDatabase

R = TypeVar("R")

DATABASE_FILE = "toolyard.db"
ACTOR = "command line"


class Impossible(Exception):
    """What was asked cannot be done to what is stored; the message says why."""


class Resting(Struct, frozen=True):
    """Where its database, repository and state folder are, its settings, and the environment of who asks."""

    path: Path
    repository: Path
    state_dir: Path
    config: Config
    environment: Mapping[str, str] = {}


def database_path(config: Config, repository: Path, state_dir: Path) -> Path | None:
    """Return the file of a repository's database, None for one in memory; raises StorageError for a strange URL."""
    path = sqlite_path(config.store.url) if config.store.url else state_dir / DATABASE_FILE
    return None if path is None else repository / path


def on_its_database(resting: Resting, work: Callable[[SqliteDatabase], Awaitable[R]]) -> R:
    """Open the database as its only owner, do the work, and close it; raises StorageError, Impossible."""

    async def opened() -> R:
        database = await open_database(f"sqlite:///{resting.path}")
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
