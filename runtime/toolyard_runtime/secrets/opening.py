"""From settings, environment and database to everything a server keeps secret; decides which shelf comes first."""

from collections.abc import Callable, Mapping
from pathlib import Path

from toolyard_registry.names import NameInvalid
from toolyard_registry.toml.located import line_of, read_text
from toolyard_sdk.errors import ConfigError
from toolyard_sdk.ids import NewId
from toolyard_sdk.ports import Clock, Database

from toolyard_runtime.config import FILE as SETTINGS
from toolyard_runtime.config import SecretsTable
from toolyard_runtime.secrets import keyring
from toolyard_runtime.secrets.directory import DirectoryShelf
from toolyard_runtime.secrets.environment import EnvironmentShelf
from toolyard_runtime.secrets.keyring import KeyRing, given_keys
from toolyard_runtime.secrets.private import Exposed
from toolyard_runtime.secrets.safe import Safe
from toolyard_runtime.secrets.shelves import Shelf
from toolyard_runtime.secrets.table import TableShelf


def open_secrets(
    settings: SecretsTable,
    repository: Path,
    state_dir: Path,
    environment: Mapping[str, str],
    database: Database,
    clock: Clock,
    new_id: NewId,
    entropy: Callable[[int], bytes],
) -> Safe:
    """Return the safe of a repository: the table, then the directory, then the environment; raises ConfigError."""
    keys = KeyRing(state_dir / keyring.FILE, given_keys(environment.get(keyring.VARIABLE, "")), entropy)
    others = shelves_beside(settings, repository, environment)
    return Safe(database, TableShelf(database, clock, new_id, entropy, keys), others)


def shelves_beside(settings: SecretsTable, repository: Path, environment: Mapping[str, str]) -> list[Shelf]:
    """Return the shelves that no database is needed for, having looked at them; raises ConfigError."""
    others: list[Shelf] = []
    if settings.directory:
        others.append(_directory(settings, repository))
    if settings.environment:
        others.append(_environment(settings, repository, environment))
    return others


def _directory(settings: SecretsTable, repository: Path) -> DirectoryShelf:
    shelf = DirectoryShelf(repository / settings.directory)
    try:
        shelf.check()
    except (Exposed, OSError) as error:
        words = str(error) if isinstance(error, Exposed) else f"{settings.directory}: {error.strerror}"
        raise ConfigError(
            f"`secrets.directory` cannot be used: {words}",
            path=SETTINGS,
            line=line_of(read_text(repository / SETTINGS), "secrets", "directory"),
        ) from error
    return shelf


def _environment(settings: SecretsTable, repository: Path, environment: Mapping[str, str]) -> EnvironmentShelf:
    try:
        return EnvironmentShelf(settings.environment, environment)
    except NameInvalid as error:
        line = line_of(read_text(repository / SETTINGS), "secrets", "environment")
        raise ConfigError(f"`secrets.environment`: {error}", path=SETTINGS, line=line) from error
