"""What a server says of itself, and that nothing it says breaks the question."""

import pytest
from toolyard_runtime.models.connection import LineError
from toolyard_runtime.models.discovery import Discovered, discover

from tests.faults.model_server import faults
from tests.faults.model_server.server import Fault, Peer, serving
from tests.models import rehearsal_server


async def bad_utf8(peer: Peer) -> None:
    await peer.answer(b'{"data": "\xc3\x28"}')


async def test_vllm_is_known_by_its_version_and_lists_its_models() -> None:
    async with serving(rehearsal_server.server(models=("qwen3", "org/lora"))) as server:
        assert await discover(server.url, "sk-x") == Discovered(("qwen3", "org/lora"), "vllm")


async def test_a_server_that_does_not_say_what_it_is_has_no_profile() -> None:
    async with serving(rehearsal_server.server(version=None)) as server:
        assert await discover(server.url, "") == Discovered(("rehearsal",), "")


@pytest.mark.parametrize("fault", [faults.html_with_200, faults.server_error, faults.no_choices, bad_utf8])
async def test_nonsense_is_a_server_without_models(fault: Fault) -> None:
    async with serving(fault) as server:
        assert await discover(server.url, "") == Discovered((), "")


async def test_nobody_there_is_an_error() -> None:
    async with serving(faults.silence) as server:
        url = server.url
    with pytest.raises(LineError):
        await discover(url, "")
