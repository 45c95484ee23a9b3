"""Makes environments of wheels, once each, and finds them again by what is in them; starts nothing."""

import asyncio
import contextlib
import fcntl
import hashlib
import os
import shutil
import sys
from collections.abc import AsyncIterator, Collection, Mapping
from pathlib import Path

import msgspec
from msgspec import Struct
from toolyard_sdk.canonical import digest
from toolyard_sdk.ports import Clock

from toolyard_registry.environments.checkout import SDK, sdk_folder
from toolyard_registry.environments.uv import BuildFailed, run_uv

BUILD_SECONDS = 300.0
"""How long an environment may take to be made, the wait for somebody else who makes the same one included."""

SERVE = f"{SDK}[serve]"
_MARK = "environment.json"
_OWN = "own-wheels"
_LOOK_AGAIN = 0.1
"""Seconds between two looks at a lock that another process holds."""

_LAYOUT = 1
"""Changes when environments of an earlier version of this file cannot be used any more."""


class Index(Struct, frozen=True):
    """Where uv finds what a wheel depends on: folders of wheels, and the index that uv itself is set up with.

    With `offline`, from the folders alone (`--no-index`). `url` takes the place of uv's own index.
    """

    links: tuple[str, ...] = ()
    url: str = ""
    offline: bool = False

    @property
    def arguments(self) -> tuple[str, ...]:
        """The options of uv that say so."""
        given = [part for folder in self.links for part in ("--find-links", folder)]
        if self.url:
            given += ["--default-index", self.url]
        return (*given, "--no-index") if self.offline else tuple(given)


class Environment(Struct, frozen=True):
    """A made environment: its interpreter's path, and what it was made of."""

    folder: Path
    wheel: str
    sha256: str
    made_at: int

    @property
    def python(self) -> Path:
        return self.folder / "bin" / "python"


class _Mark(Struct, frozen=True):
    """What lies in an environment that is whole."""

    wheel: str
    sha256: str
    made_at: int
    """UTC seconds."""


class Environments:
    """Environments below one folder, by the digest of everything that decides what is in them.

    One that is there is whole, and is never written again: it is made beside its place and moved there at the end, by
    whoever holds the lock of its name. They go only by `prune`.
    """

    def __init__(
        self,
        folder: Path,
        index: Index,
        environment: Mapping[str, str],
        clock: Clock,
        *,
        seconds: float = BUILD_SECONDS,
    ) -> None:
        """Take `environment` as the variables that uv is run with: PATH, and whatever it is set up by."""
        self._folder = folder
        self._index = index
        self._environment = environment
        self._clock = clock
        self._seconds = seconds
        self._making: dict[str, asyncio.Task[Environment]] = {}

    async def ready(self, wheel: Path, sha256: str) -> Environment:
        """Return the environment of a wheel, made if it is not there; raises BuildFailed.

        Of many who wait for one, each may give up by itself.
        """
        name = self._name(sha256)
        found = self._found(name)
        if found is not None:
            return found
        making = self._making.get(name)
        if making is None:
            making = self._making[name] = asyncio.create_task(self._make(name, wheel, sha256))
            making.add_done_callback(lambda _: self._making.pop(name, None))
        return await asyncio.shield(making)

    def all(self) -> tuple[Environment, ...]:
        """Return the environments that are there, the newest first."""
        names = [path.name for path in self._folder.iterdir() if path.is_dir()] if self._folder.is_dir() else []
        found = [made for name in names if (made := self._found(name)) is not None]
        return tuple(sorted(found, key=lambda made: made.made_at, reverse=True))

    def unwanted(self, keep: Collection[str] = ()) -> tuple[Environment, ...]:
        """Return every environment but those of the wheels in `keep` (SHA-256 in hex), and those that nobody finds.

        Nobody finds one any more that was made with another Python, or by another way to find what wheels need.
        """
        return tuple(
            made for made in self.all() if made.sha256 not in keep or made.folder.name != self._name(made.sha256)
        )

    def prune(self, keep: Collection[str] = (), using: Collection[str] = ()) -> tuple[Environment, ...]:
        """Remove what is `unwanted`, and return it; an environment of a wheel in `using` stays."""
        gone = tuple(made for made in self.unwanted(keep) if made.sha256 not in using)
        for made in gone:
            dying = made.folder.with_name(f"{made.folder.name}.gone.{os.getpid()}")
            made.folder.rename(dying)
            shutil.rmtree(dying)
        for left in self._folder.glob("*.new.*") if self._folder.is_dir() else ():
            if not _alive(left):
                shutil.rmtree(left, ignore_errors=True)
        return gone

    async def close(self) -> None:
        """Stop making environments."""
        for making in list(self._making.values()):
            making.cancel()
        if self._making:
            await asyncio.wait(self._making.values())

    def _name(self, sha256: str) -> str:
        decides = [_LAYOUT, sha256, self._index, sys.version, sys.platform]
        return digest(decides).removeprefix("sha256:")[:32]

    def _found(self, name: str) -> Environment | None:
        folder = self._folder / name
        try:
            mark = msgspec.json.decode((folder / _MARK).read_bytes(), type=_Mark)
        except (OSError, msgspec.MsgspecError):
            return None
        return Environment(folder, mark.wheel, mark.sha256, mark.made_at)

    async def _make(self, name: str, wheel: Path, sha256: str) -> Environment:
        self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        until = self._clock.now() + int(self._seconds * 1e6)
        async with _locked(self._folder / f"{name}.lock", until, self._clock):
            found = self._found(name)
            if found is not None:  # somebody else has made it meanwhile
                return found
            await asyncio.to_thread(_check, wheel, sha256)
            fresh = self._folder / f"{name}.new.{os.getpid()}"
            try:
                await self._install(fresh, wheel, until)
                mark = _Mark(wheel.name, sha256, self._clock.now() // 1_000_000)
                (fresh / _MARK).write_bytes(msgspec.json.encode(mark))
                fresh.rename(self._folder / name)
            except BaseException:
                await asyncio.to_thread(shutil.rmtree, fresh, ignore_errors=True)
                raise
        return Environment(self._folder / name, mark.wheel, mark.sha256, mark.made_at)

    async def _install(self, folder: Path, wheel: Path, until: int) -> None:
        """Install a wheel with what serves it, before a time. Only wheels are taken: installing one runs nothing of it.

        A server that runs from a checkout builds the wheel of its own SDK for it.
        """

        async def uv(*arguments: str | Path) -> None:
            left = (until - self._clock.now()) / 1e6
            await run_uv(*arguments, environment=self._environment, seconds=max(left, 0.1))

        await uv("venv", "--quiet", "--relocatable", "--no-project", "--python", sys.executable, folder)
        python = folder / "bin" / "python"
        options: list[str | Path] = ["--quiet", "--python", python, "--only-binary", ":all:", "--compile-bytecode"]
        sources = await asyncio.to_thread(sdk_folder)
        if sources is not None:
            await uv("build", "--quiet", "--wheel", "--out-dir", folder / _OWN, sources)
            options += ["--find-links", folder / _OWN]
        await uv("pip", "install", *options, *self._index.arguments, wheel, SERVE)


def _check(wheel: Path, sha256: str) -> None:
    """Raise BuildFailed unless a file is what its hash says."""
    try:
        content = wheel.read_bytes()
    except OSError as error:
        raise BuildFailed(f"the wheel {wheel} cannot be read: {error.strerror or error}") from error
    actual = hashlib.sha256(content).hexdigest()
    if actual != sha256:
        raise BuildFailed(f"the wheel {wheel.name} is not what was published: its SHA-256 is {actual}, not {sha256}")


@contextlib.asynccontextmanager
async def _locked(path: Path, until: int, clock: Clock) -> AsyncIterator[None]:
    """Hold a lock that goes with its process; raises BuildFailed when another one does not let go of it in time."""
    handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        while True:
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if clock.now() > until:
                    raise BuildFailed(f"another process has been making {path.stem} for too long") from None
                await clock.sleep(_LOOK_AGAIN)
        yield
    finally:
        os.close(handle)


def _alive(folder: Path) -> bool:
    """Tell whether the process that is making an environment is still there: its number ends the folder's name."""
    try:
        os.kill(int(folder.name.rpartition(".")[2]), 0)
    except (ValueError, ProcessLookupError):
        return False
    except PermissionError:
        return True
    return True
