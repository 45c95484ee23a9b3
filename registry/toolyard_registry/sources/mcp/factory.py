"""Makes an MCP source of its table in toolyard.toml; loads the SDK only when the source is opened."""

import asyncio
import random
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from toolyard_sdk.egress import Egress
from toolyard_sdk.ports import Secrets, Supply, ToolSource

from toolyard_registry.sources.mcp.settings import McpSettings, read_settings

if TYPE_CHECKING:  # naming the class must not load it
    from toolyard_registry.sources.mcp.source import McpSource
    from toolyard_registry.sources.mcp.tokens import TokenStore


class LazySource:
    """Implements ToolSource: an MCP source that is made when it is opened."""

    def __init__(self, name: str, settings: McpSettings, egress: Egress, secrets: Secrets) -> None:
        self.origin = f"mcp:{name}"
        self._name = name
        self._settings = settings
        self._egress = egress
        self._secrets = secrets
        self._source: McpSource | None = None

    @property
    def supply(self) -> Supply:
        """What the server offers; nothing before it has been opened."""
        return Supply() if self._source is None else self._source.supply

    async def open(self, changed: Callable[[], None]) -> None:
        """Load the SDK, away from the event loop, and connect."""
        make, stores = await asyncio.to_thread(_loaded)
        self._source = make(
            self._name,
            self._settings,
            secrets=self._secrets,
            egress=self._egress,
            tokens=cast("TokenStore", self._secrets) if stores(self._secrets) else None,
            clock=_WallClock(),
            jitter=random.SystemRandom().random,
        )
        await self._source.open(changed)

    async def returned(self, parameters: Mapping[str, str]) -> str | None:
        """Take what a person came back with from a consent; see `McpSource.returned`."""
        return None if self._source is None else await self._source.returned(parameters)

    async def close(self) -> None:
        """End every connection and process."""
        if self._source is not None:
            await self._source.close()


class _WallClock:
    """Implements Clock by the system's time."""

    def now(self) -> int:
        return time.time_ns() // 1000

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)


def mcp_source(
    *,
    name: str,
    settings: Mapping[str, Any],
    root: Path,
    egress: Egress,
    secrets: Secrets,
) -> ToolSource:
    """Return the source; raises ConfigError. See the hook `register_sources`."""
    return LazySource(name, read_settings(name, settings, root), egress, secrets)


def _loaded() -> "tuple[type[McpSource], Callable[[object], bool]]":
    """Import what needs the SDK: about a second of work, and tens of megabytes."""
    from toolyard_registry.sources.mcp.source import McpSource  # noqa: PLC0415 - see above
    from toolyard_registry.sources.mcp.tokens import TokenStore  # noqa: PLC0415 - see above

    return McpSource, lambda secrets: isinstance(secrets, TokenStore)
