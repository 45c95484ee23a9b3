"""The in-memory tool source: offers what it is given, and something else when told so; for tests and for embedding."""

from collections.abc import Callable

from toolyard_sdk.ports import Supply


class GivenSource:
    """Implements ToolSource without anything outside."""

    def __init__(self, name: str, supply: Supply) -> None:
        self.origin = f"given:{name}"
        self.supply = Supply()
        self._given = supply
        self._changed: Callable[[], None] | None = None

    async def open(self, changed: Callable[[], None]) -> None:
        """Offer what was given."""
        self._changed = changed
        self.supply = self._given

    def offer(self, supply: Supply) -> None:
        """Offer something else from now on."""
        self._given = supply
        if self._changed is not None and supply != self.supply:
            self.supply = supply
            self._changed()

    async def close(self) -> None:
        """Offer the same as before, and tell nobody of changes any more."""
        self._changed = None
