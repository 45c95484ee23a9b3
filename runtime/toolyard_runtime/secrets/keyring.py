"""The keys under which secrets are sealed: the first one seals, all of them open; knows no secret.

Keys given from outside come before those in the file. The file is made when a key is needed for the first time, and
replaced as a whole: whoever reads it finds the old keys or the new ones. Losing it is losing what it sealed.
"""

import os
import re
from collections.abc import Callable, Collection
from pathlib import Path

from toolyard_sdk.errors import ConfigError

from toolyard_runtime.secrets.private import Exposed, read_private
from toolyard_runtime.secrets.sealing import KEY_BYTES, key_id
from toolyard_runtime.store.errors import StorageError

FILE = "secrets.key"
VARIABLE = "TOOLYARD_SECRETS_KEY"
MOST = 1 << 16
"""Bytes of a key file that are read: a thousand keys, where there are one or two."""

_KEY = re.compile(rf"[0-9a-fA-F]{{{2 * KEY_BYTES}}}")


class KeysUnusable(StorageError):
    """The key file is there and cannot be used; the message says why and what to do."""


def given_keys(text: str) -> tuple[bytes, ...]:
    """Read `TOOLYARD_SECRETS_KEY`: keys with commas between; raises ConfigError in words that quote none of it."""
    parts = [part.strip() for part in text.split(",") if part.strip()]
    if not all(_KEY.fullmatch(part) for part in parts):
        raise ConfigError(
            f"{VARIABLE} holds something that is no key: each is {2 * KEY_BYTES} hexadecimal digits, with commas "
            f"between. `openssl rand -hex {KEY_BYTES}` prints one"
        )
    return tuple(dict.fromkeys(bytes.fromhex(part) for part in parts))


class KeyRing:
    """The keys of one server; methods read and write a small file, so call them in a thread where that matters."""

    def __init__(self, file: Path, given: tuple[bytes, ...], entropy: Callable[[int], bytes]) -> None:
        self._file = file
        self._given = given
        self._entropy = entropy
        self._kept: tuple[bytes, ...] | None = None

    def find(self, wanted: str) -> bytes | None:
        """Return a key by its id, or None; raises KeysUnusable."""
        return next((key for key in (*self._given, *self._read()) if key_id(key) == wanted), None)

    @property
    def empty(self) -> bool:
        """Whether there is no key yet; raises KeysUnusable."""
        return not self._given and not self._read()

    def sealing(self) -> bytes:
        """Return the key that seals, made now if there is none; raises KeysUnusable."""
        if self.empty:
            self.renew()
        return (*self._given, *self._read())[0]

    def renew(self) -> bytes:
        """Make a new key and let it seal from now on, those before still open; with given keys, the first of them.

        Raises KeysUnusable.
        """
        if self._given:
            return self._given[0]
        made = self._entropy(KEY_BYTES)
        self._write((made, *self._read()))
        return made

    def retire(self, in_use: Collection[str]) -> None:
        """Forget the keys of the file that neither seal nor are the id of a key in use; raises KeysUnusable."""
        known = self._read()
        sealing = key_id((*self._given, *known)[0]) if self._given or known else ""
        left = tuple(key for key in known if key_id(key) == sealing or key_id(key) in in_use)
        if left != known:
            self._write(left)

    def _read(self) -> tuple[bytes, ...]:
        if self._kept is None:
            self._kept = self._from_file()
        return self._kept

    def _from_file(self) -> tuple[bytes, ...]:
        try:
            content = read_private(self._file, self._file, MOST) or b""
        except OSError as error:
            raise KeysUnusable(f"{self._file} cannot be read: {error.strerror}") from error
        except (Exposed, ValueError) as error:
            raise KeysUnusable(str(error)) from error
        lines = content.decode("ascii", "replace").split()
        if not all(_KEY.fullmatch(line) for line in lines):
            raise KeysUnusable(f"{self._file} is damaged: restore it from a backup; without it no secret can be read")
        return tuple(bytes.fromhex(line) for line in lines)

    def _write(self, keys: tuple[bytes, ...]) -> None:
        fresh = self._file.with_name(self._file.name + ".new")
        try:
            fresh.unlink(missing_ok=True)  # left by a process that died here: it held nothing that was used
            handle = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
            with os.fdopen(handle, "w") as file:
                file.writelines(f"{key.hex()}\n" for key in keys)
                file.flush()
                os.fsync(handle)
            fresh.replace(self._file)
            folder = os.open(self._file.parent, os.O_RDONLY | os.O_CLOEXEC)
            try:
                os.fsync(folder)
            finally:
                os.close(folder)
        except OSError as error:
            raise KeysUnusable(f"{self._file} cannot be written: {error.strerror}") from error
        self._kept = keys
