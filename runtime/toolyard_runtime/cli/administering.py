"""Hands the admin commands their key book: the running server's, or, when none runs, the database's own."""

import functools
from collections.abc import Callable
from pathlib import Path
from typing import Any, Concatenate, ParamSpec, TypeVar

from toolyard_sdk.errors import ConfigError

from toolyard_runtime.cli.asking import HOW_TO_START, Failed, connect, failures_in_words, here, server_options
from toolyard_runtime.cli.keybook import KeyBook, ServerKeyBook
from toolyard_runtime.cli.surroundings import (
    STATE_FOLDER,
    NotRunning,
    Surroundings,
    Target,
    find_repository,
    find_server,
)

P = ParamSpec("P")
R = TypeVar("R")


def administering(function: Callable[Concatenate[KeyBook, P], R]) -> Callable[..., R]:
    """Add the options that name a server, hand the command a KeyBook, and put its failures into words."""

    @server_options
    @functools.wraps(function)
    def command(*args: Any, target: Target, **kwargs: Any) -> R:
        surroundings = here()
        try:
            find_server(surroundings, target)
        except NotRunning as absent:
            return _on_the_database(absent, surroundings, target, lambda book: function(book, *args, **kwargs))
        with failures_in_words():
            return function(ServerKeyBook(connect(surroundings, target)), *args, **kwargs)

    return command


def _on_the_database(absent: NotRunning, surroundings: Surroundings, target: Target, work: Callable[[KeyBook], R]) -> R:
    from toolyard_runtime.cli.stored_keybook import Impossible, StoredKeyBook  # noqa: PLC0415 - only without a server
    from toolyard_runtime.store.errors import StorageError  # noqa: PLC0415 - same

    try:
        path = _database(surroundings, target)
        if path is None or not path.exists():
            raise Failed(f"{absent} There is no database of one either.\n{HOW_TO_START}")
        return work(StoredKeyBook(path))
    except (Impossible, StorageError, ConfigError) as error:
        raise Failed(str(error)) from error


def _database(surroundings: Surroundings, target: Target) -> Path | None:
    """Return where the database of the server that is meant lies; it need not exist."""
    from toolyard_runtime.cli.stored_keybook import database_path  # noqa: PLC0415 - only without a server
    from toolyard_runtime.config import read_config  # noqa: PLC0415 - same

    repository = target.repository.resolve() if target.repository else find_repository(surroundings.cwd)
    if repository is None and target.state_dir is None:
        return None
    repository = repository or surroundings.cwd
    state_dir = target.state_dir.resolve() if target.state_dir else repository / STATE_FOLDER
    return database_path(read_config(repository), repository, state_dir)
