"""Two versions of one plugin, each in an environment of its own, answer side by side."""

import asyncio
import os
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, NamedTuple

import msgspec
import pytest
from toolyard_registry.environments.building import Environments, Index
from toolyard_registry.environments.serving import OtherReleases
from toolyard_registry.environments.uv import BuildFailed
from toolyard_registry.releases import ToolRelease, tool_release
from toolyard_sdk.asking import Answer, InputNeeded, answering
from toolyard_sdk.context import ToolContext
from toolyard_sdk.egress import EgressReply
from toolyard_sdk.errors import ArgumentsInvalid, ToolError
from toolyard_sdk.messages import Annotations, ToolSpec

from tests.registry.environments.packages import build_greeter, build_sdk

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300), pytest.mark.xdist_group("environments")]

NAME: dict[str, Any] = {"type": "object", "properties": {"name": {"type": "string"}}, "required": ["name"]}
NAME["additionalProperties"] = False
NO_ARGUMENTS = {"type": "object", "properties": {}, "required": [], "additionalProperties": False}


class Built(NamedTuple):
    """Wheels of two versions, and the folder that environments of them are made in."""

    first: tuple[Path, str]
    second: tuple[Path, str]
    where: Index
    folder: Path


class WallClock:
    """The system's time."""

    def now(self) -> int:
        return time.time_ns() // 1000

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)


class Answering:
    """A way out on which every request is answered with its address."""

    async def request(self, method: str, url: str, **_more: Any) -> EgressReply:
        return EgressReply(200, (), f"{method} {url}".encode(), url)


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Built:
    folder = tmp_path_factory.mktemp("environments")
    links = build_sdk(folder / "sdk")
    first = build_greeter(folder, "1.0.0", "Hello")
    second = build_greeter(folder, "2.0.0", "Good day")
    return Built(first, second, Index(links=(str(links),)), folder / "made")


@asynccontextmanager
async def serving(built: Built, folder: Path) -> AsyncIterator[OtherReleases]:
    environments = Environments(built.folder, built.where, os.environ, WallClock())
    releases = OtherReleases(environments, {"greeter": {"mood": "merry"}}, folder, WallClock())
    try:
        async with asyncio.timeout(240):
            yield releases
    finally:
        await releases.close()
        await environments.close()


def release(name: str, version: str, **schema: Any) -> ToolRelease:
    spec = ToolSpec(name, "", schema or NO_ARGUMENTS)
    return tool_release(msgspec.structs.replace(spec, annotations=Annotations(read_only=True)), "greeter", version)


def context(**changes: Any) -> ToolContext:
    deadline = int((time.time() + 200) * 1e6)
    return ToolContext(tenant="acme", end_user="ann", deadline=deadline, egress=Answering(), **changes)


async def test_two_versions_of_one_plugin_answer_side_by_side(built: Built, tmp_path: Path) -> None:
    async with serving(built, tmp_path) as releases:
        first = releases.tool(release("greet", "1.0.0", **NAME), *built.first)
        second = releases.tool(release("greet", "2.0.0", **NAME), *built.second)
        said = await asyncio.gather(*(tool.call(b'{"name":"Bo"}', context()) for tool in (first, second)))
        assert [one.text for one in said] == ["Hello, Bo! [acme ann merry]", "Good day, Bo! [acme ann merry]"]
        with pytest.raises(ArgumentsInvalid):
            first.check(b'{"name":3}')

        # What it reports on the way arrives, and its requests go out by the call's own way.
        seen: list[str] = []
        told = msgspec.structs.replace(context(), progress=lambda _done, _total, message: seen.append(message))
        await first.call(b'{"name":"Bo"}', told)
        assert seen == ["greeting"]
        reach = releases.tool(_schema_of("reach", "url"), *built.first)
        assert (await reach.call(b'{"url":"https://a.example/"}', context())).text == "GET https://a.example/"

        # What leaves a call in doubt in this process does so from that one.
        lose = releases.tool(release("lose", "1.0.0"), *built.first)
        with pytest.raises(ConnectionError, match="reset by peer"):
            await lose.call(b"{}", context())

        # What it asks is asked here: of a run that waits, and of whoever answers at once.
        measure = releases.tool(release("measure", "1.0.0"), *built.first)
        with pytest.raises(InputNeeded, match="Which size") as needed:
            await measure.call(b"{}", context(ask=answering(())))
        answer = Answer("accept", {"size": "M"})
        known = answering(((needed.value.question, answer),))
        assert (await measure.call(b"{}", context(ask=known))).text == "accept {'size': 'M'}"
        assert (await measure.call(b"{}", context())).text == "decline {}"

        # One process serves a release, also from another handle to it, and it ends with the house.
        numbers = [
            int((await releases.tool(release("process", "1.0.0"), *built.first).call(b"{}", context())).text)
            for _ in range(2)
        ]
        assert numbers[0] == numbers[1] != os.getpid()
    with pytest.raises(ProcessLookupError):
        os.kill(numbers[0], 0)


def _schema_of(name: str, argument: str) -> ToolRelease:
    schema = {"type": "object", "properties": {argument: {"type": "string"}}, "required": [argument]}
    return release(name, "1.0.0", **schema, additionalProperties=False)


async def test_what_is_not_as_it_was_published_is_not_called(built: Built, tmp_path: Path) -> None:
    async with serving(built, tmp_path) as releases:
        other = releases.tool(_schema_of("greet", "who"), *built.first)
        with pytest.raises(ToolError, match=r"greet 1\.0\.0 takes other arguments than it was published with"):
            await other.call(b'{"who":"Bo"}', context())
        missing = releases.tool(release("nothing", "1.0.0"), *built.first)
        with pytest.raises(ToolError, match="does not offer nothing: it has no such tool"):
            await missing.call(b"{}", context())
        wheel, _ = built.first
        forged = releases.tool(release("greet", "1.0.0", **NAME), wheel, "0" * 64)
        with pytest.raises(ToolError, match="is not what was published: its SHA-256 is"):
            await forged.call(b'{"name":"Bo"}', context())


async def test_an_environment_is_made_once_and_found_again_until_it_is_pruned(built: Built) -> None:
    environments = Environments(built.folder, built.where, os.environ, WallClock())
    one, two = await asyncio.gather(environments.ready(*built.first), environments.ready(*built.first))
    assert one == two
    unable = Environments(built.folder, built.where, {"PATH": "/nowhere"}, WallClock())
    assert await unable.ready(*built.first) == one  # found, not made
    assert {made.sha256 for made in environments.all()} <= {built.first[1], built.second[1]}
    removed = environments.prune(keep=[built.second[1]])
    assert [made.sha256 for made in removed] == [built.first[1]]
    assert not one.folder.exists()
    with pytest.raises(BuildFailed, match="there is no uv on PATH"):
        await unable.ready(*built.first)
    assert not list(built.folder.glob("*.new.*"))


async def test_what_uv_cannot_do_is_told_in_its_own_words_and_leaves_nothing_behind(
    built: Built, tmp_path: Path
) -> None:
    alone = Environments(tmp_path, Index(offline=True), os.environ, WallClock())
    with pytest.raises(BuildFailed, match=r"(?s)`uv pip` ended with status 1:.*toolyard-sdk"):
        await alone.ready(*built.first)
    hurried = Environments(tmp_path, built.where, os.environ, WallClock(), seconds=0.01)
    with pytest.raises(BuildFailed, match="has not ended within"):
        await hurried.ready(*built.first)
    assert not alone.all()
    assert not [left for left in os.listdir(tmp_path) if ".new." in left]  # noqa: PTH208 - a quick look at a folder


async def test_while_an_environment_is_being_made_a_call_is_refused_and_nothing_was_sent(
    built: Built, tmp_path: Path
) -> None:
    async with serving(built, tmp_path) as releases:
        tool = releases.tool(release("greet", "2.0.0", **NAME), *built.second)
        soon = msgspec.structs.replace(context(), deadline=int((time.time() + 1) * 1e6))
        with pytest.raises(ConnectionRefusedError, match="is still being made"):
            await tool.call(b'{"name":"Bo"}', soon)
