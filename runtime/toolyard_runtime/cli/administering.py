"""Hands the admin commands what they administer: the running server's, or, when none runs, the database's own."""

import functools
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Concatenate, ParamSpec, TypeVar

from toolyard_sdk.errors import ConfigError

from toolyard_runtime.cli.asking import HOW_TO_START, Failed, connect, failures_in_words, here, server_options
from toolyard_runtime.cli.connection import Connection
from toolyard_runtime.cli.keybook import KeyBook, ServerKeyBook
from toolyard_runtime.cli.secretbook import SecretBook, ServerSecretBook
from toolyard_runtime.cli.surroundings import (
    STATE_FOLDER,
    NotRunning,
    Surroundings,
    Target,
    find_repository,
    find_server,
)

if TYPE_CHECKING:  # only without a server is there anything to open
    from toolyard_runtime.cli.resting import Resting

P = ParamSpec("P")
R = TypeVar("R")
Book = TypeVar("Book")


def administering(function: Callable[Concatenate[KeyBook, P], R]) -> Callable[..., R]:
    """Add the options that name a server, hand the command a KeyBook, and put its failures into words."""
    return _with_book(function, ServerKeyBook, _stored_keys)


def keeping_secrets(function: Callable[Concatenate[SecretBook, P], R]) -> Callable[..., R]:
    """Add the options that name a server, hand the command a SecretBook, and put its failures into words."""
    return _with_book(function, ServerSecretBook, _stored_secrets)


def _with_book(
    function: Callable[Concatenate[Book, P], R],
    of_server: Callable[[Connection], Book],
    of_database: Callable[["Resting"], Book],
) -> Callable[..., R]:
    @server_options
    @functools.wraps(function)
    def command(*args: Any, target: Target, **kwargs: Any) -> R:
        surroundings = here()
        try:
            find_server(surroundings, target)
        except NotRunning as absent:
            return _on_the_database(
                absent, surroundings, target, lambda resting: function(of_database(resting), *args, **kwargs)
            )
        with failures_in_words():
            return function(of_server(connect(surroundings, target)), *args, **kwargs)

    return command


def _stored_keys(resting: "Resting") -> KeyBook:
    from toolyard_runtime.cli.stored_keybook import StoredKeyBook  # noqa: PLC0415 - only without a server

    return StoredKeyBook(resting)


def _stored_secrets(resting: "Resting") -> SecretBook:
    from toolyard_runtime.cli.stored_secretbook import StoredSecretBook  # noqa: PLC0415 - only without a server

    return StoredSecretBook(resting)


def _on_the_database(
    absent: NotRunning, surroundings: Surroundings, target: Target, work: Callable[["Resting"], R]
) -> R:
    from toolyard_runtime.cli.resting import Impossible, is_there  # noqa: PLC0415 - only without a server
    from toolyard_runtime.store.errors import StorageError  # noqa: PLC0415 - same

    try:
        resting = _resting(surroundings, target)
        if resting is None or not is_there(resting.url):
            raise Failed(f"{absent} There is no database of one either.\n{HOW_TO_START}")
        return work(resting)
    except (Impossible, StorageError, ConfigError) as error:
        raise Failed(str(error)) from error


def _resting(surroundings: Surroundings, target: Target) -> "Resting | None":
    """Return the server that is meant, as it lies on the disk; its database need not exist."""
    from toolyard_runtime.cli.resting import Resting  # noqa: PLC0415 - only without a server
    from toolyard_runtime.config import read_config  # noqa: PLC0415 - same
    from toolyard_runtime.store.opening import located  # noqa: PLC0415 - same

    repository = target.repository.resolve() if target.repository else find_repository(surroundings.cwd)
    if repository is None and target.state_dir is None:
        return None
    repository = repository or surroundings.cwd
    state_dir = target.state_dir.resolve() if target.state_dir else repository / STATE_FOLDER
    config = read_config(repository)
    url = located(config.store.url, repository, state_dir)
    return Resting(url, repository, state_dir, config, surroundings.environment)
