"""What serves wheels is started once, ends when nobody calls it, and makes room; by sources that only note."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from toolyard_registry.environments.running import Crowded, Limits, Running
from toolyard_sdk.ports import Supply

SECONDS = 10.0


class Noted:
    """A source of no tools that notes whether it is open, and says when it ends."""

    def __init__(self, name: str, open_: set[str], ended: asyncio.Event) -> None:
        self.origin = name
        self.supply = Supply()
        self._open = open_
        self._ended = ended
        open_.add(name)

    async def open(self, changed: Callable[[], None]) -> None:
        """Stay as it is."""

    async def close(self) -> None:
        self._open.discard(self.origin)
        self._ended.set()


class House:
    """Starts sources by the names of wheels; one called `broken` fails."""

    def __init__(self, limits: Limits) -> None:
        self.open: set[str] = set()
        self.starts: list[str] = []
        self.ended = asyncio.Event()
        self.running = Running(self.start, limits)

    async def start(self, wheel: Path, sha256: str) -> tuple[Noted, ...]:
        self.starts.append(sha256)
        await asyncio.sleep(0)
        if wheel.name == "broken":
            raise OSError("it is broken")
        return (Noted(sha256, self.open, self.ended),)

    @asynccontextmanager
    async def using(self, name: str) -> AsyncIterator[None]:
        async with self.running.using(Path(name), name):
            assert name in self.open
            yield


@asynccontextmanager
async def house(idle: float = 0, most: int = 2) -> AsyncIterator[House]:
    made = House(Limits(idle, most))
    try:
        async with asyncio.timeout(SECONDS):
            yield made
    finally:
        await made.running.close()
    assert not made.open


async def test_one_start_serves_many_and_stays() -> None:
    async with house() as made:

        async def use() -> None:
            async with made.using("a"):
                await asyncio.sleep(0)

        await asyncio.gather(*(use() for _ in range(5)))
        await use()
        assert made.starts == ["a"]


async def test_what_nobody_calls_ends_and_starts_again_with_the_next_call() -> None:
    async with house(idle=0.05) as made:
        async with made.using("a"):
            await asyncio.sleep(0.2)  # longer than it may be idle: it is in use
            assert made.open == {"a"}
        await made.ended.wait()
        async with made.using("a"):
            assert made.starts == ["a", "a"]


async def test_what_was_foreseen_and_never_called_ends_too() -> None:
    async with house(idle=0.05) as made:
        made.running.foresee(Path("a"), "a")
        await made.ended.wait()
        assert (made.starts, made.open) == (["a"], set())


async def test_the_longest_unused_makes_room_and_nothing_that_is_in_use() -> None:
    async with house() as made:
        for name in ("a", "b", "a"):
            async with made.using(name):
                pass
        async with made.using("c"):
            assert made.open == {"a", "c"}
            made.running.foresee(Path("d"), "d")  # there is no room: it is not worth ending another for
            async with made.using("a"):
                with pytest.raises(Crowded):
                    async with made.using("e"):
                        pass
        assert made.open == {"a", "c"}


async def test_a_start_that_fails_gives_its_place_up_and_is_tried_again() -> None:
    async with house(most=1) as made:
        for _ in range(2):
            with pytest.raises(OSError, match="it is broken"):
                async with made.using("broken"):
                    pass
        made.running.foresee(Path("broken"), "broken")
        for _ in range(5):  # turns of the loop, in which it starts and fails
            await asyncio.sleep(0)
        async with made.using("a"):
            assert made.open == {"a"}
        assert made.starts == ["broken"] * 3 + ["a"]


async def test_whoever_gives_up_waiting_for_a_start_ends_it_for_nobody_else() -> None:
    async with house() as made:

        async def use() -> None:
            async with made.using("a"):
                pass

        impatient = asyncio.create_task(use())
        patient = asyncio.create_task(use())
        await asyncio.sleep(0)
        impatient.cancel()
        await patient
        assert impatient.cancelled()
        assert made.starts == ["a"]
