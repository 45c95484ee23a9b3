"""`python -m tests.usage.measure`: how long it takes to count a tool's use over 10,000 stored runs.

Prints the time of an author's question (their own tenant's runs, then everybody's), and for how long the event loop was
held up meanwhile. Ends with 1 when the question takes longer than two seconds.
"""

import asyncio
import sys
import tempfile
import time
from pathlib import Path

from toolyard_runtime.store.opening import open_database
from toolyard_runtime.usage.stored import MOST, UsageReader

from tests.usage.stocking import stock

LIMIT = 2.0
TENANTS = 8
NAMES = tuple(f"tool_{number}" for number in range(12))
ROUNDS = 3


async def main() -> int:
    """Fill a database, ask, print."""
    with tempfile.TemporaryDirectory(prefix="usage-") as folder:
        database = await open_database(f"sqlite:///{Path(folder) / 'toolyard.db'}")
        for number in range(TENANTS):
            most = MOST if number == 0 else MOST // TENANTS
            for start in range(0, most, 500):
                first = number * MOST + start
                await stock(database, f"tenant-{number}", range(first, first + 500), NAMES)
        reader, worst, stalls = UsageReader(database), 0.0, 0.0
        for _ in range(ROUNDS):
            overslept: list[float] = []
            watch = asyncio.create_task(_watch(overslept))
            began = time.perf_counter()
            own = await reader.of_tenant("tenant-0", NAMES[0], 0)
            middle = time.perf_counter()
            everybody = await reader.of_all_tenants(NAMES[0], 0, 5)
            ended = time.perf_counter()
            watch.cancel()
            stalls = max(stalls, *overslept)
            worst = max(worst, ended - began)
            runs = everybody.runs if everybody is not None else 0
            print(f"own {own.runs} runs {middle - began:.2f} s, everybody {runs} runs {ended - middle:.2f} s")
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
