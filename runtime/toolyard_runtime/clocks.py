"""The system's clock, as the Clock port."""

import asyncio
import time


class SystemClock:
    """Wall time in UTC microseconds."""

    def now(self) -> int:
        """Return UTC microseconds."""
        return time.time_ns() // 1000

    async def sleep(self, seconds: float) -> None:
        """Return after `seconds`."""
        await asyncio.sleep(seconds)
