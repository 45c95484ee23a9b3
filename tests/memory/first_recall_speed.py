"""What the first recall after a start costs: `python -m tests.memory.first_recall_speed [--facts 500] [--after 3]`.

A server that remembers stops and starts again, each in a process of its own. Printed are how soon after the start its
memory was searched, how long the start took, what that search and the next one cost on the clock, and for how long the
event loop stood still at most until then.
"""

import argparse
import asyncio
import json
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from toolyard_runtime.server import _settle_garbage

from tests.http.serving import Client, serving
from tests.memory.erasure_speed import AGENT, fill

PERSON = "penelope"
TICK = 0.002
SECONDS = 120.0


def fill_folder(folder: Path, facts: int) -> None:
    """Have a person remembered, and their vectors followed."""
    with serving(folder / "first", files={"agents/friend.toml": AGENT}, state=folder / "state") as server:
        long_term = server.wiring.app.state["admin"].long_term

        async def followed() -> None:
            memory = long_term.memory()
            await fill(memory, [PERSON], facts)
            async with asyncio.timeout(SECONDS):
                while (await memory.vectors.state("default")).waiting:  # noqa: ASYNC110 - nothing tells when
                    await asyncio.sleep(0.1)

        asyncio.run_coroutine_threadsafe(followed(), server._loop).result(SECONDS)


async def longest_pause(until: asyncio.Event) -> float:
    """Return for how long the event loop has stood still at most, in seconds."""
    longest, last = 0.0, time.perf_counter()
    while not until.is_set():
        await asyncio.sleep(TICK)
        now = time.perf_counter()
        longest, last = max(longest, now - last - TICK), now
    return longest


def searched(client: Client) -> float:
    """Return how long a search took, in milliseconds."""
    began = time.perf_counter()
    found = client.get("/api/v1/memory/search?words=which+ship+did+you+see")
    assert "text" in found, found
    return (time.perf_counter() - began) * 1_000


def ask(folder: Path, after: float) -> None:
    """Print what the first and the second search after a start cost."""
    began, own = time.perf_counter(), Path(tempfile.mkdtemp(dir=folder))
    with serving(own, files={"agents/friend.toml": AGENT}, state=folder / "state") as server:
        ready = time.perf_counter() - began
        _settle_garbage()  # as `toolyard serve` does
        over = asyncio.Event()
        pauses = asyncio.run_coroutine_threadsafe(longest_pause(over), server._loop)
        client = server.house.speaking_for(PERSON)
        client.get("/api/v1/memory/facts")  # everything of HTTP is there
        time.sleep(max(after - (time.perf_counter() - began - ready), 0))
        asked = time.perf_counter() - began - ready
        first, second = searched(client), searched(client)
        server._loop.call_soon_threadsafe(over.set)
        print(json.dumps([ready, asked, first, second, pauses.result(SECONDS) * 1_000]))


def main() -> None:
    """Print the figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--facts", type=int, default=500, help="of one person; with more than 2,000 there is a shelf")
    parser.add_argument("--after", type=float, nargs="*", default=[0.0, 3.0], help="seconds from the start on")
    parser.add_argument("--times", type=int, default=3)
    parser.add_argument("--step", choices=("fill", "ask"), help=argparse.SUPPRESS)
    parser.add_argument("--folder", type=Path, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.step == "fill":
        fill_folder(given.folder, given.facts)
    elif given.step == "ask":
        ask(given.folder, given.after[0])
    else:
        with tempfile.TemporaryDirectory() as folder:
            measure(given, Path(folder))


def measure(given: argparse.Namespace, folder: Path) -> None:
    """Fill a folder, and start on it again and again."""

    def step(which: str, *more: str) -> str:
        command = [sys.executable, "-m", "tests.memory.first_recall_speed", "--step", which, "--folder", str(folder)]
        done = subprocess.run([*command, *more], check=True, capture_output=True, text=True, timeout=SECONDS)
        return done.stdout

    step("fill", "--facts", str(given.facts))
    print(f"{given.facts} facts; milliseconds, the median of {given.times} starts")
    print(f"{'asked after':>12} {'start':>8} {'first':>8} {'second':>8} {'longest pause':>14}")
    for after in given.after:
        rows = [json.loads(step("ask", "--after", str(after))) for _ in range(given.times)]
        ready, asked, first, second, pause = (statistics.median(column) for column in zip(*rows, strict=True))
        print(f"{asked * 1_000:12.0f} {ready * 1_000:8.0f} {first:8.1f} {second:8.1f} {pause:14.1f}")


if __name__ == "__main__":
    main()
