"""Opens the tool sources that toolyard.toml names and says what they offer; knows no kind of source."""

import asyncio
import logging
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

from toolyard_registry.plugins import told
from toolyard_registry.schemas.checking import not_installed
from toolyard_registry.toml.located import did_you_mean
from toolyard_registry.toolbox.supplies import Supplied
from toolyard_sdk.egress import Egress
from toolyard_sdk.ports import Secrets, Supply, ToolSource

OPEN_SECONDS = 20.0
"""How long a starting server waits for its sources; one that takes longer joins when it is there."""

CLOSE_SECONDS = 5.0

SourceFactory = Callable[..., ToolSource]
"""See the hook `register_sources`."""


@runtime_checkable
class Consented(Protocol):
    """A source to whose server each end user consents for themselves."""

    async def returned(self, parameters: Mapping[str, str]) -> str | None:
        """Take the query of the callback's address: "" when all is well, else in words; None for somebody else's."""
        ...


class Sources:
    """The sources of one server; `supplied` is another object whenever one of them offers something else."""

    def __init__(
        self,
        tables: Mapping[str, Mapping[str, Any]],
        kinds: Mapping[str, SourceFactory],
        *,
        root: Path,
        egress: Callable[[str], Egress],
        secrets: Secrets,
    ) -> None:
        """Take the `[sources.NAME]` tables; `egress(name)` is the way out of one source."""
        self._log = logging.getLogger("toolyard.sources")
        self._sources: dict[str, ToolSource] = {}
        self._broken: dict[str, Supply] = {}
        self._prefixes = {name: str(table.get("prefix", f"{name}_")) for name, table in tables.items()}
        self._opening: list[asyncio.Task[None]] = []
        self._supplied: tuple[Supplied, ...] = ()
        for name, table in tables.items():
            settings = {key: value for key, value in table.items() if key != "kind"}
            factory = kinds.get(str(table.get("kind")))
            if factory is None:
                self._broken[name] = Supply(problems=(_no_kind(table.get("kind"), kinds),))
                continue
            try:
                self._sources[name] = factory(
                    name=name, settings=settings, root=root, egress=egress(name), secrets=secrets
                )
            except ModuleNotFoundError as error:
                self._broken[name] = Supply(problems=(not_installed(error),))
            except Exception as error:  # noqa: BLE001 - a source that cannot be made takes only its own tools along
                self._broken[name] = Supply(problems=(told(error),))
        self._tell()

    def supplied(self) -> Sequence[Supplied]:
        """Return what every source offers now; the same object as before when nothing has changed."""
        return self._supplied

    def _tell(self) -> None:
        found = {name: (source.origin, source.supply) for name, source in self._sources.items()}
        found |= {name: (f"source:{name}", supply) for name, supply in self._broken.items()}
        self._supplied = tuple(
            Supplied(name, origin, self._prefixes[name], supply) for name, (origin, supply) in sorted(found.items())
        )

    async def open(self) -> bool:
        """Open all sources side by side and return whether all have answered.

        Those that have not after a while go on opening by themselves.
        """
        self._opening = [asyncio.create_task(self._open(name, source)) for name, source in self._sources.items()]
        if not self._opening:
            return True
        _, silent = await asyncio.wait(self._opening, timeout=OPEN_SECONDS)
        return not silent

    async def _open(self, name: str, source: ToolSource) -> None:
        try:
            await source.open(self._tell)
        except Exception as error:  # noqa: BLE001 - a source that cannot be opened takes only its own tools along
            self._log.exception("the source %s could not be opened", name)
            self._broken[name] = Supply(problems=(told(error),))
        self._tell()

    async def returned(self, parameters: Mapping[str, str]) -> str | None:
        """Give what a person came back with from a consent to the source that waits for it; None when none does.

        Returns "" when all is well, else in words what went wrong.
        """
        for source in self._sources.values():
            if isinstance(source, Consented):
                outcome = await source.returned(parameters)
                if outcome is not None:
                    return outcome
        return None

    async def close(self) -> None:
        """End all of them; one that does not end in time is left behind."""
        for task in self._opening:
            task.cancel()
        closing = [asyncio.create_task(source.close()) for source in self._sources.values()]
        if self._opening or closing:
            await asyncio.wait([*self._opening, *closing], timeout=CLOSE_SECONDS)
        for task in closing:
            if task.done() and not task.cancelled() and task.exception() is not None:
                self._log.error("a source could not be closed", exc_info=task.exception())


def _no_kind(kind: object, kinds: Mapping[str, SourceFactory]) -> str:
    if kind is None:
        return f"it has no `kind`: write one of {', '.join(sorted(kinds))}"
    return f"there is no kind of source {kind!r}{did_you_mean(str(kind), kinds)}"
