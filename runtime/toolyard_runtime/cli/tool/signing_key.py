"""The key with which an author signs: made at the first use, in a file of this user's own; knows no signature."""

import base64
import binascii
import os
from collections.abc import Callable, Mapping
from pathlib import Path

from toolyard_registry.published.signing import KEY_SIZE
from toolyard_sdk.errors import ConfigError

FILE = "signing.key"
OTHERS = 0o077


def key_file(environment: Mapping[str, str]) -> Path:
    """Return where the key lies: `toolyard/signing.key` in the user's folder of settings."""
    settings = environment.get("XDG_CONFIG_HOME") or str(Path(environment.get("HOME", "~")).expanduser() / ".config")
    return Path(settings) / "toolyard" / FILE


def signing_key(path: Path, entropy: Callable[[int], bytes]) -> tuple[bytes, bool]:
    """Return the secret key in a file, and whether it was made just now; raises ConfigError.

    A file that others may read is refused: whoever has read it can publish in this author's name.
    """
    try:
        status = path.stat()
    except FileNotFoundError:
        return _made(path, entropy(KEY_SIZE)), True
    if status.st_mode & OTHERS:
        raise ConfigError(f"others may read the signing key: `chmod 600 {path}`, and make a new one", path=str(path))
    try:
        secret = base64.b64decode(path.read_text(encoding="ascii").strip(), validate=True)
    except (OSError, UnicodeDecodeError, binascii.Error) as error:
        raise ConfigError(f"the signing key cannot be read: {error}", path=str(path)) from error
    if len(secret) != KEY_SIZE:
        raise ConfigError(f"this is no signing key of {KEY_SIZE} bytes in base64; move it away", path=str(path))
    return secret, False


def _made(path: Path, secret: bytes) -> bytes:
    try:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(handle, "w", encoding="ascii") as file:
            file.write(base64.b64encode(secret).decode() + "\n")
    except OSError as error:
        raise ConfigError(f"the signing key cannot be written: {error.strerror}", path=str(path)) from error
    return secret
