"""Makes an MCP source of its table in toolyard.toml; loads the SDK only when the source is opened."""

import asyncio
import random
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from toolyard_sdk.egress import Egress
from toolyard_sdk.ports import Secrets, Supply, ToolSource

from toolyard_registry.sources.mcp.settings import McpSettings, read_settings


class LazySource:
    """Implements ToolSource: an MCP source that is made when it is opened."""

    def __init__(self, name: str, settings: McpSettings, secrets: Secrets) -> None:
        self.origin = f"mcp:{name}"
        self._name = name
        self._settings = settings
        self._secrets = secrets
        self._source: ToolSource | None = None

    @property
    def supply(self) -> Supply:
        """What the server offers; nothing before it has been opened."""
        return Supply() if self._source is None else self._source.supply

    async def open(self, changed: Callable[[], None]) -> None:
        """Load the SDK, away from the event loop, and connect."""
        made = await asyncio.to_thread(_source_class)
        self._source = made(
            self._name, self._settings, secrets=self._secrets, clock=_WallClock(), jitter=random.SystemRandom().random
        )
        await self._source.open(changed)

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
    egress: Egress,  # noqa: ARG001 - a server that an operator names is reached directly
    secrets: Secrets,
) -> ToolSource:
    """Return the source; raises ConfigError. See the hook `register_sources`."""
    return LazySource(name, read_settings(name, settings, root), secrets)


def _source_class() -> Callable[..., ToolSource]:
    """Import what needs the SDK: about a second of work, and tens of megabytes."""
    from toolyard_registry.sources.mcp.source import McpSource  # noqa: PLC0415 - see above

    return McpSource
