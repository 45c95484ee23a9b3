"""The rights file of a repository as it is now: read again when it has changed; decides nothing."""

import logging
from pathlib import Path

from toolyard_sdk.errors import ConfigError

from toolyard_registry.rights import FILE, NOBODY, UNWRITTEN, Rights, read_rights
from toolyard_registry.toml.located import read_text

Stamp = tuple[int, int]
"""Modification time in nanoseconds and size."""

_log = logging.getLogger("toolyard.rights")


class RightsFile:
    """What `rights.toml` says; looking costs a stat, so ask again for each request.

    A file that cannot be read grants nothing: what it granted before may be what somebody has just taken back.
    """

    def __init__(self, root: Path) -> None:
        self._path = root / FILE
        self._seen: Stamp | None = None
        self._current = UNWRITTEN
        self.problem: ConfigError | None = None

    @property
    def current(self) -> Rights:
        """The rights that hold now; `problem` says why they are those of nobody."""
        stamp = self._stamp()
        if stamp != self._seen:
            self._current = self._read(stamp)
            self._seen = stamp
        return self._current

    def _stamp(self) -> Stamp | None:
        try:
            status = self._path.stat()
        except FileNotFoundError:
            return None
        except OSError:  # it is there, as far as anybody knows
            return (0, -1)
        return (status.st_mtime_ns, status.st_size)

    def _read(self, stamp: Stamp | None) -> Rights:
        self.problem = None
        if stamp is None:
            return UNWRITTEN
        try:
            return read_rights(read_text(self._path, shown=FILE))
        except ConfigError as error:
            self.problem = error
            _log.error("nobody may publish or call anything: %s", error)
            return NOBODY
