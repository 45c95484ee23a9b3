"""Prints what a catalogue of many tools costs: `python -m tests.registry.measure_catalogue [--tools 10000]`.

It publishes that many tools into a database of its own, reads them as a starting server does, resolves a locked agent
and grants by range, and lists a page; memory is this process's resident set.
"""

import argparse
import asyncio
import gc
import resource
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import msgspec
from toolyard_registry.agents.grants import Granting, LockedTool
from toolyard_registry.catalogue.storing import Channel
from toolyard_registry.published.records import Publication
from toolyard_registry.published.shelf import STABLE
from toolyard_registry.published.signing import SignedTool, Statement, sign
from toolyard_registry.releases import ToolRelease, tool_release
from toolyard_registry.rights import HOUSE
from toolyard_runtime.clocks import SystemClock
from toolyard_runtime.engine.registry import open_registry
from toolyard_runtime.store.opening import open_sqlite
from toolyard_sdk.messages import ToolSpec

GRANTED = 20
"""Tools of the agent that is resolved."""

REPEATS = 200
BATCH = 500


def made(number: int) -> ToolRelease:
    """Return a release with a definition of a usual size, about 1.5 kB."""
    properties = {
        f"argument_{index}": {"type": "string", "description": f"What to do with part {index} of thing {number}."}
        for index in range(8)
    }
    schema = {"type": "object", "properties": properties, "required": ["argument_0"], "additionalProperties": False}
    words = f"Does thing number {number} for whoever asks, in eight parts, and says how it went. " * 3
    return tool_release(ToolSpec(f"tool_{number:05}", words, schema), f"acme-{number % 100}", "1.2.3")


def milliseconds(work: Callable[[], object], repeats: int = REPEATS) -> str:
    """Return the median and the 95th percentile of how long something takes."""
    times = []
    for _ in range(repeats):
        began = time.perf_counter()
        work()
        times.append((time.perf_counter() - began) * 1e3)
    return f"median {statistics.median(times):.3f} ms, p95 {sorted(times)[int(0.95 * len(times))]:.3f} ms"


def resident() -> float:
    """Return this process's resident memory in megabytes."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * resource.getpagesize() / 1e6


async def measure(many: int) -> None:
    """Print the figures."""
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        database = await open_sqlite(root / "toolyard.db")
        try:
            await _fill(database, root, many)
            gc.collect()
            before, began = resident(), time.perf_counter()
            registry = await open_registry(database, SystemClock(), root, root)
            took = time.perf_counter() - began
            gc.collect()
            print(
                f"read at start: {took * 1e3:.0f} ms, {resident() - before:.0f} MB more ({len(registry.shelf)} tools)"
            )
            wanted = [made(number * (many // GRANTED)) for number in range(GRANTED)]
            locked = {each.spec.name: LockedTool("1.2.3", each.source, each.digest) for each in wanted}
            grants = [f"{each.spec.name}@^1.0" for each in wanted]

            def resolve(lock: dict[str, LockedTool] | None) -> None:
                registry.shelf._decoded.clear()
                granting = Granting({}, registry.shelf, lock)
                assert len([granting.find(grant) for grant in grants]) == GRANTED
                assert not granting.notes

            print(f"resolve a locked agent of {GRANTED} tools: {milliseconds(lambda: resolve(locked))}")
            print(f"resolve {GRANTED} ranges without a lock: {milliseconds(lambda: resolve(None))}")
            print(f"list the names: {milliseconds(registry.shelf.names)}")
            one = wanted[3].spec.name
            began = time.perf_counter()
            for _ in range(REPEATS):
                await registry.publications.of_name(HOUSE, one)
            print(f"read one tool's releases from SQL: {(time.perf_counter() - began) / REPEATS * 1e3:.3f} ms")
        finally:
            await database.close()


async def _fill(database: object, root: Path, many: int) -> None:
    registry = await open_registry(database, SystemClock(), root, root)  # type: ignore[arg-type]  # a database
    statement = Statement("acme", "1.2.3", "sha256:" + "ab" * 32, (SignedTool("t", "sha256:" + "0" * 64),))
    envelope = sign(bytes(32), statement)
    began = time.perf_counter()
    for start in range(0, many, BATCH):
        tx = registry._database.begin()
        for number in range(start, min(start + BATCH, many)):
            release = made(number)
            registry.catalogue.put_tool(tx, HOUSE, release)
            name, file = release.spec.name, "acme-1.2.3-py3-none-any.whl"
            publication = Publication(
                name, "1.2.3", release.digest, release.source, "key_x", "ab" * 32, file, envelope, published_at=number
            )
            await registry.publications.add(tx, HOUSE, publication, "active")
            await registry.catalogue.move(tx, HOUSE, "key_x", Channel("tool", name, STABLE), release.digest)
        await registry._database.commit(tx)
    took = time.perf_counter() - began
    size = len(msgspec.json.encode(made(0)))
    print(f"put {many} tools of {size} bytes each: {took:.1f} s, {took / many * 1e3:.2f} ms a tool")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tools", type=int, default=10_000)
    asyncio.run(measure(parser.parse_args().tools))
