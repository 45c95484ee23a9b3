"""Reads a wheel without importing it, and keeps wheels by their content; knows no tool and no catalogue.

A wheel is a stranger's zip: what it says of itself is compared with what it holds, sizes are bounded before anything is
unpacked, and nothing of it is ever written out by its own names.
"""

import base64
import configparser
import csv
import hashlib
import io
import os
import re
import stat
import struct
import tempfile
import zipfile
import zlib
from email.parser import HeaderParser
from pathlib import Path

from msgspec import Struct

GROUP = "toolyard"
MOST_BYTES = 32 * 1024 * 1024
"""Bytes of a wheel."""

MOST_UNPACKED = 256 * 1024 * 1024
MOST_FILES = 20_000
_MOST_TEXT = 1024 * 1024
_MOST_RECORD = 8 * 1024 * 1024
"""Bytes of a file that says something of the wheel: reading one takes many times its length."""

_LONGEST_NAME = 200
"""Characters of a wheel's file name: file systems take 255 bytes, and one that is being written has a longer one."""

_CHUNK = 1 << 20
_ENTRY = b"PK\x01\x02"
"""How a file's line in a zip's directory begins."""

_COMPRESSION = frozenset({zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED})
_UNREADABLE = (
    zipfile.BadZipFile, zlib.error, struct.error, csv.Error, NotImplementedError, RuntimeError, EOFError, OSError,
    ValueError, IndexError,
)  # fmt: skip
"""What `zipfile` and `csv` raise for bytes that somebody has damaged, on purpose or not."""


_FILE = re.compile(
    r"(?P<name>[A-Za-z0-9](?:[A-Za-z0-9._]*[A-Za-z0-9])?)-(?P<version>[A-Za-z0-9_.!+]+)"
    r"(?:-[0-9][A-Za-z0-9_.]*)?-[A-Za-z0-9_.]+-[A-Za-z0-9_.]+-[A-Za-z0-9_.]+\.whl\Z",
    re.ASCII,
)
_PLUGIN = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}\Z", re.ASCII)
"""A plugin's name goes into settings, grants and a command's words."""

_RUNS = re.compile(r"[-_.]+")
_HASHES = {"sha256": hashlib.sha256, "sha384": hashlib.sha384, "sha512": hashlib.sha512}


class WheelRefused(ValueError):
    """A file that is no wheel to keep: what is wrong with it."""


class Wheel(Struct, frozen=True):
    """What a wheel says of itself: `plugins` are its entry points of group `toolyard`, by name."""

    name: str
    version: str
    sha256: str
    requires_python: str
    requires: tuple[str, ...]
    plugins: dict[str, str]


def normal_name(name: str) -> str:
    """Return a distribution's name as two of the same are equal (PEP 503)."""
    return _RUNS.sub("-", name).lower()


def inspect_wheel(content: bytes, file: str) -> Wheel:
    """Read a wheel of this file name; raises WheelRefused for whatever in it does not fit together."""
    named = _FILE.match(file)
    if named is None:
        raise WheelRefused(f"{file[:120]!r} is no name of a wheel: it is NAME-VERSION-py3-none-any.whl")
    if len(file) > _LONGEST_NAME:
        raise WheelRefused(f"the wheel's file name has {len(file)} characters; at most {_LONGEST_NAME} are taken")
    if len(content) > MOST_BYTES:
        raise WheelRefused(f"the wheel has {len(content)} bytes; at most {MOST_BYTES} are taken")
    if content.count(_ENTRY) > MOST_FILES:
        raise WheelRefused(f"the wheel holds more than {MOST_FILES} files")
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            return _read(archive, content, named["name"], named["version"])
    except WheelRefused:
        raise
    except _UNREADABLE as error:
        raise WheelRefused(f"the wheel is no zip that can be read: {error}") from error


def _read(archive: zipfile.ZipFile, content: bytes, name: str, version: str) -> Wheel:
    members = _members(archive)
    folders = {path.split("/")[0] for path in members if path.split("/")[0].endswith(".dist-info")}
    if len(folders) != 1:
        raise WheelRefused(f"the wheel has {len(folders)} folders *.dist-info, and needs one")
    info = folders.pop()
    metadata = HeaderParser().parsestr(_text(archive, members, f"{info}/METADATA"))
    said, its_version = str(metadata.get("Name", "")), str(metadata.get("Version", ""))
    if normal_name(said) != normal_name(name) or its_version != version.replace("_", "-"):
        raise WheelRefused(f"its METADATA says {said} {its_version}, its file name {name} {version}")
    _check_record(archive, members, info)
    return Wheel(
        name=said,
        version=its_version,
        sha256=hashlib.sha256(content).hexdigest(),
        requires_python=str(metadata.get("Requires-Python", "")),
        requires=tuple(str(one) for one in metadata.get_all("Requires-Dist", ())),
        plugins=_plugins(archive, members, f"{info}/entry_points.txt"),
    )


def _members(archive: zipfile.ZipFile) -> dict[str, zipfile.ZipInfo]:
    """Return the files by path; raises WheelRefused for links, doubles, paths that lead out, too much of anything."""
    every = archive.infolist()
    entries = [entry for entry in every if not entry.is_dir()]
    for entry in every:
        path = entry.filename
        if path.startswith("/") or "\\" in path or ":" in path or ".." in path.split("/"):
            raise WheelRefused(f"the wheel holds {path[:120]!r}, a path that leads out of it")
        if stat.S_ISLNK(entry.external_attr >> 16):
            raise WheelRefused(f"the wheel holds {path[:120]!r}, a link: an installer may follow it out of the wheel")
    if sum(entry.file_size for entry in entries) > MOST_UNPACKED:
        raise WheelRefused(f"unpacked, the wheel has more than {MOST_UNPACKED} bytes")
    members: dict[str, zipfile.ZipInfo] = {}
    for entry in entries:
        path = entry.filename
        if path in members:
            raise WheelRefused(f"the wheel holds {path[:120]!r} twice")
        if entry.compress_type not in _COMPRESSION:
            raise WheelRefused(f"{path[:120]!r} is packed in a way that not every installer reads: use deflate")
        members[path] = entry
    return members


def _text(archive: zipfile.ZipFile, members: dict[str, zipfile.ZipInfo], path: str, most: int = _MOST_TEXT) -> str:
    if path not in members:
        raise WheelRefused(f"the wheel has no {path}")
    if members[path].file_size > most:
        raise WheelRefused(f"its {path} has {members[path].file_size} bytes; at most {most} are read")
    try:
        return archive.read(members[path]).decode()
    except UnicodeDecodeError as error:
        raise WheelRefused(f"its {path} is not UTF-8") from error


def _check_record(archive: zipfile.ZipFile, members: dict[str, zipfile.ZipInfo], info: str) -> None:
    """Compare every file with its hash in RECORD (PEP 427): none missing, none more, none other."""
    record = f"{info}/RECORD"
    rows = {row[0]: row for row in csv.reader(io.StringIO(_text(archive, members, record, _MOST_RECORD))) if row}
    unlisted = members.keys() - rows.keys() - {record, f"{info}/RECORD.jws", f"{info}/RECORD.p7s"}
    if unlisted:
        raise WheelRefused(f"{min(unlisted)[:120]!r} is not in its RECORD")
    for path, row in rows.items():
        if path not in members:
            raise WheelRefused(f"its RECORD names {path[:120]!r}, which it does not hold")
        if path == record:
            continue
        algorithm, _, expected = (row[1] if len(row) > 1 else "").partition("=")
        if algorithm not in _HASHES:
            raise WheelRefused(f"its RECORD has no hash of {path[:120]!r} that is safe: use sha256")
        actual = _HASHES[algorithm]()
        with archive.open(members[path]) as file:
            while chunk := file.read(_CHUNK):
                actual.update(chunk)
        if base64.urlsafe_b64encode(actual.digest()).rstrip(b"=").decode() != expected:
            raise WheelRefused(f"{path[:120]!r} is not what its RECORD says")


def _plugins(archive: zipfile.ZipFile, members: dict[str, zipfile.ZipInfo], path: str) -> dict[str, str]:
    if path not in members:
        raise WheelRefused(
            f"it has no entry point of group `{GROUP}`: add [project.entry-points.{GROUP}] to its project"
        )
    parser = configparser.ConfigParser(delimiters=("=",), interpolation=None, strict=False)
    parser.optionxform = str  # type: ignore[assignment,method-assign]  # names of entry points have two cases
    try:
        parser.read_string(_text(archive, members, path))
    except configparser.Error as error:
        raise WheelRefused(f"its entry_points.txt cannot be read: {' '.join(str(error).split())}") from error
    if not parser.has_section(GROUP) or not parser.items(GROUP):
        raise WheelRefused(
            f"it has no entry point of group `{GROUP}`: add [project.entry-points.{GROUP}] to its project"
        )
    named = dict(parser.items(GROUP))
    odd = next((name for name in named if not _PLUGIN.match(name)), None)
    if odd is not None:
        raise WheelRefused(
            f"its entry point {odd[:80]!r} can be no plugin: a name has 1 to 64 letters, digits, '_', '-' or '.', and "
            "begins with a letter or digit"
        )
    return named


class WheelStore:
    """Wheels in a folder, each under its SHA-256: what is there is whole, and is never written again."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def path(self, sha256: str, file: str) -> Path:
        """Return where a wheel lies, or would; raises ValueError for what is no hash or no wheel's name."""
        if not re.fullmatch(r"[0-9a-f]{64}", sha256) or _FILE.match(file) is None:
            raise ValueError("no wheel has such a name")
        return self._folder / sha256 / file

    def put(self, sha256: str, file: str, content: bytes) -> Path:
        """Keep a wheel, readable by this user only, and return where; one that is there stays as it is."""
        path = self.path(sha256, file)
        if path.is_file():
            return path
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        handle, name = tempfile.mkstemp(prefix=f"{path.name}.", suffix=".new", dir=path.parent)
        fresh = Path(name)
        try:
            with os.fdopen(handle, "wb") as file_object:
                file_object.write(content)
                file_object.flush()
                os.fsync(file_object.fileno())
            fresh.replace(path)
        except BaseException:
            fresh.unlink(missing_ok=True)
            raise
        return path
