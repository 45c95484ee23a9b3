"""`python -m tests.usage.measure`: how long it takes to count a tool's use over 10,000 stored runs.

Prints the time of an author's question (of their own tenant and of everybody), and for how long the event loop was held
up meanwhile. Ends with 1 when the question takes longer than two seconds.
"""

import asyncio
import sys
import tempfile
import time
from pathlib import Path

from toolyard_runtime.store.opening import open_sqlite
from toolyard_runtime.usage.stored import MOST, UsageReader

from tests.usage.stocking import stock

LIMIT = 2.0
TENANTS = 8
NAMES = tuple(f"tool_{number}" for number in range(12))
ROUNDS = 3


async def main() -> int:
    """Fill a database, ask, print."""
    with tempfile.TemporaryDirectory(prefix="usage-") as folder:
        database = await open_sqlite(Path(folder) / "toolyard.db")
        for number in range(TENANTS):
            for start in range(0, MOST // TENANTS, 250):
                first = number * MOST + start
                await stock(database, f"tenant-{number}", range(first, first + 250), NAMES)
        reader, worst, stalls = UsageReader(database), 0.0, 0.0
        for _ in range(ROUNDS):
            overslept: list[float] = []
            watch = asyncio.create_task(_watch(overslept))
            began, worked = time.perf_counter(), time.process_time()
            own, everybody = await reader.read("tenant-0", NAMES[0], 0, 5)
            took, cpu = time.perf_counter() - began, time.process_time() - worked
            watch.cancel()
            stalls, worst = max(stalls, *overslept), max(worst, took)
            runs = everybody.runs if everybody is not None else 0
            print(f"own {own.runs} of {runs} runs: {took:.2f} s, of that {cpu:.2f} s CPU")
        await database.close()
    print(f"longest question {worst:.2f} s, the event loop waited {stalls * 1e3:.0f} ms at most")
    return int(worst > LIMIT)


async def _watch(overslept: list[float]) -> None:
    """Wake every millisecond, and note how late."""
    while True:
        began = time.perf_counter()
        await asyncio.sleep(0.001)
        overslept.append(time.perf_counter() - began - 0.001)


if __name__ == "__main__":
    sys.exit(asyncio.run(main()))
