"""Ending a run from outside, and staying until it has ended."""

from toolyard_sdk import events as e

from toolyard_runtime.engine.engine import Engine
from toolyard_runtime.store.runs import RunRow


async def end(engine: Engine, row: RunRow, by: str, reason: e.CancelReason) -> None:
    """Cancel a run and wait until nobody drives it any more."""
    await engine.cancel(row, by, reason)
    driver = engine.live.get(row.id)
    if driver is not None:
        await driver.gone.wait()
