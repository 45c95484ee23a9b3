"""Prints what a catalogue of ten thousand tools costs to search: `python -m tests.registry.search.measure`.

With `--embedder` it says what vectors cost, too.

Times are CPU times of the thread, so that other work on the machine counts less. The tools are made up: words drawn as
they are in real text (a few often, most seldom), in names, descriptions and parameters as long as those of real tools,
of two hundred sources. Half of the requests are short, half are tasks of several steps.
"""

import argparse
import asyncio
import random
import statistics
import time
import tracemalloc
from collections.abc import Callable, Sequence
from functools import partial
from itertools import accumulate
from pathlib import Path
from typing import Any

from toolyard_registry.search.alike import GROUPS
from toolyard_registry.search.documents import document
from toolyard_registry.search.meaning import Meaning, parts_of, text_of
from toolyard_registry.search.searching import Search
from toolyard_registry.search.shortlist import shortlist
from toolyard_sdk.messages import ToolSpec
from toolyard_sdk.ports import Embedder

from tests.registry.search.recall import embedder_of

TOOLS = 10_000
SOURCES = 200
REQUESTS = 400
SYLLABLES = ("ba", "co", "di", "fer", "gan", "lo", "mi", "nor", "pel", "qua", "ris", "sto", "tu", "ven", "wi", "zan")
ORDINARY = ("get", "list", "create", "update", "delete", "search", "data", "user", "file", "id", "name", "return")


class Author:
    """Writes tools and requests; the same ones every time."""

    def __init__(self) -> None:
        self._dice = random.Random(11)
        real = sorted(set(GROUPS.split()))
        made = ["".join(self._dice.choices(SYLLABLES, k=self._dice.randint(2, 4))) for _ in range(12_000)]
        self._dice.shuffle(real)
        self._words = [*ORDINARY, *real, *dict.fromkeys(made)]
        self._often = list(accumulate(1 / (rank + 12) for rank in range(len(self._words))))

    def words(self, few: int, many: int) -> str:
        """Return between `few` and `many` words."""
        return " ".join(self._dice.choices(self._words, cum_weights=self._often, k=self._dice.randint(few, many)))

    def tool(self, number: int) -> tuple[str, ToolSpec, str]:
        """Return a tool's key, its definition and where it comes from."""
        name = f"{'_'.join(self.words(2, 4).split())}_{number}"
        properties = {
            word: {"type": "string", "description": self.words(4, 16)} for word in set(self.words(1, 6).split())
        }
        spec = ToolSpec(name, self.words(8, 50), {"type": "object", "properties": properties})
        return name, spec, f"source {number % SOURCES} {self._words[number % SOURCES * 7]}"

    def request(self, number: int) -> str:
        """Return a short request, or a task of several sentences."""
        if number % 2:
            return self.words(3, 10)
        return ". ".join(self.words(5, 12) for _ in range(self._dice.randint(2, 5)))


def main() -> None:
    """Make the catalogue, search it, change it, and print the figures."""
    reader = argparse.ArgumentParser(prog="python -m tests.registry.search.measure")
    reader.add_argument("--embedder", help="hashing, or onnx:FOLDER: what vectors cost, too")
    given = reader.parse_args()
    author = Author()
    tools = [author.tool(number) for number in range(TOOLS)]
    requests = [author.request(number) for number in range(REQUESTS)]
    before = _resident()
    began = time.process_time()
    search = Search()
    for key, spec, source in tools:
        search.add(key, document(spec, source))
    built = time.process_time() - began
    search.scores(requests[0])
    first = [_timed(search.scores, request) for request in requests]
    again = [_timed(search.scores, request) for request in requests]
    grown = _resident() - before
    lists = [_timed(partial(shortlist, most=1_000), search, (request,), 40) for request in requests]
    key, spec, source = tools[17]
    changes = [_timed(_replace, search, key, spec, source) for _ in range(200)]
    print(f"{TOOLS} tools of {SOURCES} sources; CPU seconds to index all: {built:.2f}")
    print(f"resident memory: {grown / 1e6:.1f} MB more ({_traced(tools) / 1e6:.1f} MB by tracemalloc)")
    _show("search", again)
    _show("search, right after a change", first)
    _show("shortlist of 40", lists)
    _show("replace one tool", changes)
    if given.embedder:
        _measure_vectors(embedder_of(given.embedder), tools, requests)


def _measure_vectors(embedder: Embedder, tools: Sequence[tuple[str, ToolSpec, str]], requests: Sequence[str]) -> None:
    """Embed the catalogue and requests, and compare them; the event loop is this thread's."""
    texts = {key: text_of(document(spec, source)) for key, spec, source in tools}
    before, began = _resident(), time.process_time()
    vectors = dict(zip(texts, asyncio.run(embedder.embed(list(texts.values()))), strict=True))
    print(f"{embedder.id}: CPU seconds to embed all: {time.process_time() - began:.2f}")
    some = requests[:40]
    parts = [asyncio.run(embedder.embed(parts_of(request), query=True)) for request in some]
    _show("embed a request", [_timed(lambda text: asyncio.run(embedder.embed(parts_of(text))), each) for each in some])
    for title, by_hand in (("by numpy", False), ("without numpy", True)):
        meaning = Meaning(vectors, by_hand=by_hand)
        _show(f"what is near a request, {title}", [_timed(meaning.near, each) for each in parts])
    print(f"resident memory: {(_resident() - before) / 1e6:.1f} MB more, with and without numpy")


def _replace(search: Search, key: str, spec: ToolSpec, source: str) -> None:
    search.remove(key)
    search.add(key, document(spec, source))


def _timed(function: Callable[..., Any], *given: Any) -> float:
    began = time.thread_time()
    function(*given)
    return time.thread_time() - began


def _show(what: str, seconds: list[float]) -> None:
    ordered = sorted(seconds)
    p95 = ordered[int(len(ordered) * 0.95)]
    print(f"{what}: p50 {statistics.median(ordered) * 1e3:.2f} ms, p95 {p95 * 1e3:.2f} ms")


def _traced(tools: list[tuple[str, ToolSpec, str]]) -> int:
    """Return the bytes that a second index holds."""
    tracemalloc.start()
    search = Search()
    for key, spec, source in tools:
        search.add(key, document(spec, source))
    held, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    return held


def _resident() -> int:
    """Return the bytes of this process in memory; 0 where the system does not tell."""
    status = Path("/proc/self/status")
    lines = status.read_text().splitlines() if status.exists() else []
    return next((int(line.split()[1]) * 1024 for line in lines if line.startswith("VmRSS")), 0)


if __name__ == "__main__":
    main()
