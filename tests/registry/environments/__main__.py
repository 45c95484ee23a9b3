"""`python -m tests.registry.environments`: what a release costs that runs in an environment of its own."""

import asyncio
import os
import resource
import tempfile
import time
from pathlib import Path

from toolyard_registry.environments.building import Environments, Index
from toolyard_registry.environments.serving import OtherReleases
from toolyard_registry.releases import tool_release
from toolyard_sdk.context import ToolContext
from toolyard_sdk.messages import ToolSpec
from toolyard_sdk.tools import tool

from tests.registry.environments.packages import build_greeter, build_sdk
from tests.registry.environments.test_side_by_side import NAME, NO_ARGUMENTS, WallClock

CALLS = 500
ARGUMENTS = b'{"name":"Bo"}'
_TICKS = os.sysconf("SC_CLK_TCK")


@tool(read_only=True)
def greet(name: str, context: ToolContext) -> str:
    """Greet somebody."""
    return f"Hello, {name}! {context.tenant}"


def own_cpu() -> float:
    """Return the CPU seconds of this process."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


def cpu_of(pid: int) -> float:
    """Return the CPU seconds of a process."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / _TICKS


def memory_of(pid: int) -> tuple[float, float]:
    """Return a process's resident and proportional memory in MB."""
    lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    found = {line.split(":")[0]: int(line.split()[1]) / 1024 for line in lines if line.startswith(("Rss:", "Pss:"))}
    return found["Rss"], found["Pss"]


def size_of(folder: Path) -> float:
    """Return how many MB a folder takes on disk."""
    return sum(file.lstat().st_blocks * 512 for file in folder.rglob("*")) / 1e6


async def measure(folder: Path) -> None:
    """Print the figures."""
    links = build_sdk(folder / "sdk")
    wheels = [build_greeter(folder, version, "Hello") for version in ("1.0.0", "2.0.0")]
    environments = Environments(folder / "made", Index(links=(str(links),)), os.environ, WallClock())
    context = ToolContext(deadline=int((time.time() + 600) * 1e6))
    for number, (wheel, sha256) in enumerate(wheels):
        began = time.perf_counter()
        made = await environments.ready(wheel, sha256)
        print(
            f"environment {number + 1} made: {time.perf_counter() - began:.1f} s, {size_of(made.folder):.0f} MB on disk"
        )
    releases = OtherReleases(environments, {}, folder, WallClock())
    try:
        for number, (wheel, sha256) in enumerate(wheels):
            spec = ToolSpec("process", "", NO_ARGUMENTS)
            began = time.perf_counter()
            process = releases.tool(tool_release(spec, "toolyard-greeter", f"{number + 1}.0.0"), wheel, sha256)
            pid = int((await process.call(b"{}", context)).text)
            print(f"process {number + 1}, from start to its first answer: {time.perf_counter() - began:.2f} s")
        rss, pss = memory_of(pid)
        print(f"memory of a process: RSS {rss:.0f} MB, PSS {pss:.0f} MB")
        spec = ToolSpec("greet", "", NAME)
        other = releases.tool(tool_release(spec, "toolyard-greeter", "2.0.0"), *wheels[1])
        for name, called in (("in its process", other), ("in this process", greet)):
            await called.call(ARGUMENTS, context)
            here, there, began = own_cpu(), cpu_of(pid), time.perf_counter()
            for _ in range(CALLS):
                await called.call(ARGUMENTS, context)
            wall = (time.perf_counter() - began) / CALLS * 1e3
            here, there = ((own_cpu() - here) / CALLS * 1e3, (cpu_of(pid) - there) / CALLS * 1e3)
            print(f"a call {name}: {wall:.2f} ms; CPU here {here:.2f} ms, there {there:.2f} ms")
    finally:
        await releases.close()
        await environments.close()


def main() -> None:
    """Build, start, call and print."""
    with tempfile.TemporaryDirectory() as folder:
        asyncio.run(measure(Path(folder)))


if __name__ == "__main__":
    main()
