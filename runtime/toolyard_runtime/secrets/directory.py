"""Secrets as files of a folder that only their owner can read, one each; writes nothing there.

`NAME` is the house's, `TENANT/NAME` another tenant's. Modes are looked at each time, on the file that is being read:
what others can read is no secret any more, and is refused rather than used.
"""

import asyncio
import contextlib
import logging
import os
from collections.abc import Iterator, Sequence
from pathlib import Path

from toolyard_registry.names import NameInvalid
from toolyard_registry.rights import HOUSE

from toolyard_runtime.secrets.private import Exposed, check_private, read_private
from toolyard_runtime.secrets.shelves import (
    LONGEST,
    Entry,
    Place,
    SecretUnreadable,
    check_secret,
    check_value,
    position,
)
from toolyard_runtime.store.tenants import NAME as TENANT

_log = logging.getLogger("toolyard.secrets")


class DirectoryShelf:
    """`[secrets] directory`; end users have none here."""

    def __init__(self, path: Path) -> None:
        self._path = path

    @property
    def kept(self) -> str:
        """The place in one word."""
        return "directory"

    async def own(self, tenant: str, end_user: str | None, name: str) -> str | None:
        """Return what the tenant's file of this name holds, one line break at its end left out."""
        if end_user is not None or not _is_tenant(tenant) or not _is_name(name):
            return None
        try:
            return await asyncio.to_thread(self._read, tenant, name)
        except (Exposed, OSError, ValueError) as error:
            _log.error("the secret %s of %s is not used: %s", name, tenant, error)
            raise SecretUnreadable(name) from None

    async def entries(self, tenant: str, start: Place, limit: int) -> Sequence[Entry]:
        """Return the tenant's files by name; a folder that others can read lists nothing."""
        if not _is_tenant(tenant):
            return []
        try:
            held = await asyncio.to_thread(self._listed, tenant)
        except (Exposed, OSError) as error:
            _log.error("the secrets of %s are not listed: %s", tenant, error)
            return []
        return sorted((entry for entry in held if entry.place >= start), key=position)[:limit]

    def check(self) -> None:
        """Look at the folder itself, before anybody needs it; raises Exposed, OSError."""
        with self._folder(HOUSE):
            pass

    @contextlib.contextmanager
    def _folder(self, tenant: str) -> Iterator[int]:
        """Open a tenant's folder, having looked at everything above it in here; raises Exposed, OSError."""
        with contextlib.ExitStack() as opened:

            def enter(name: Path | str, above: int | None, shown: Path) -> int:
                handle = os.open(name, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC, dir_fd=above)
                opened.callback(os.close, handle)
                check_private(os.fstat(handle), shown)
                return handle

            folder = enter(self._path, None, self._path)
            yield folder if tenant == HOUSE else enter(tenant, folder, self._path / tenant)

    def _read(self, tenant: str, name: str) -> str | None:
        shown = self._path / ("" if tenant == HOUSE else tenant) / name
        try:
            with self._folder(tenant) as folder:
                content = read_private(name, shown, LONGEST + len("\r\n") + 1, folder=folder)
        except (FileNotFoundError, NotADirectoryError):  # the tenant has no folder
            return None
        return None if content is None else check_value(content.decode().removesuffix("\n").removesuffix("\r"))

    def _listed(self, tenant: str) -> list[Entry]:
        try:
            with self._folder(tenant) as folder, os.scandir(folder) as found:
                return [
                    Entry(one.name, self.kept, set_at=one.stat().st_mtime_ns // 1000)
                    for one in found
                    if _is_name(one.name) and one.is_file()
                ]
        except (FileNotFoundError, NotADirectoryError):
            return []


def _is_tenant(tenant: str) -> bool:
    return TENANT.fullmatch(tenant) is not None


def _is_name(name: str) -> bool:
    try:
        check_secret(name)
    except NameInvalid:
        return False
    return True
