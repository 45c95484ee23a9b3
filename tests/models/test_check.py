"""What `check` finds on servers that are well, ill set up, or not there."""

import msgspec
import pytest
from toolyard_runtime.models.check import Finding, check

from tests.faults.model_server import faults
from tests.faults.model_server.recorded import chunk, completion
from tests.faults.model_server.server import Fault, Peer, serving
from tests.models import rehearsal_server


async def findings_of(fault: Fault, *, model: str = "") -> dict[str, Finding]:
    async with serving(fault) as server:
        found = await check(server.url, "sk-x", model, seconds=3)
    assert all(finding.advice for finding in found if finding.outcome == "failed")
    return {finding.name: finding for finding in found}


async def test_a_server_that_is_well_passes_everything() -> None:
    found = await findings_of(rehearsal_server.server())
    assert {name: finding.outcome for name, finding in found.items()} == {
        "reachable": "ok",
        "model": "ok",
        "server": "ok",
        "tool parser": "ok",
        "tool choice auto": "ok",
        "strict arguments": "ok",
        "streaming": "ok",
        "tool results in history": "ok",
        "tokenize": "ok",
    }
    assert "vLLM 0.32.0" in found["server"].detail
    assert "2048" in found["tokenize"].detail


async def test_a_server_that_is_not_vllm_is_not_blamed_for_it() -> None:
    found = await findings_of(rehearsal_server.server(version=None))
    assert found["server"].outcome == "not applicable"
    assert found["tokenize"].outcome == "not applicable"
    assert "failed" not in {finding.outcome for finding in found.values()}


async def test_nobody_there_says_so_and_stops() -> None:
    async with serving(faults.silence) as server:
        url = server.url
    (finding,) = await check(url, "", "m", seconds=3)
    assert (finding.name, finding.outcome) == ("reachable", "failed")
    assert "start the server" in finding.advice


async def test_an_address_that_is_none_says_how_to_write_one() -> None:
    (finding,) = await check("localhost:8000", "", "m")
    assert finding.outcome == "failed"
    assert "http://HOST:PORT" in finding.advice


@pytest.mark.parametrize(
    ("fault", "words"), [(faults.key_refused, "key"), (faults.html_with_200, "/v1"), (faults.server_error, "/v1")]
)
async def test_a_server_that_lists_no_models_says_what_to_look_at(fault: Fault, words: str) -> None:
    found = await findings_of(fault)
    assert found.keys() == {"reachable"}
    assert words in found["reachable"].advice


async def test_a_model_that_is_not_served_is_named_beside_those_that_are() -> None:
    found = await findings_of(rehearsal_server.server(models=("a", "b/c")), model="nope")
    assert found["model"].outcome == "failed"
    assert "a, b/c" in found["model"].detail


async def test_a_server_without_a_tool_parser_is_found_out() -> None:
    text = '<tool_call>\n{"name": "get_weather", "arguments": {"city": "Oslo", "days": 2}}\n</tool_call>'

    async def unparsed(peer: Peer) -> None:
        if b'"stream":true' in peer.body:
            await peer.stream(chunk({"content": text}), chunk({}, "stop"))
        else:
            await peer.answer(completion({"content": text}))

    found = await findings_of(rehearsal_server.server(talk=unparsed))
    for name in ("tool parser", "tool choice auto"):
        assert found[name].outcome == "failed"
        assert "<tool_call" in found[name].detail
        assert "--tool-call-parser" in found[name].advice


async def test_a_server_that_refuses_tools_is_told_the_flags_it_needs() -> None:
    async def refuses(peer: Peer) -> None:
        text = '"auto" tool choice requires --enable-auto-tool-choice and --tool-call-parser to be set'
        await peer.answer(faults.error_body(text, code=400), status="400 Bad Request")

    found = await findings_of(rehearsal_server.server(talk=refuses))
    assert "--enable-auto-tool-choice" in found["tool parser"].advice


async def test_loose_arguments_and_calls_lost_in_streams_are_found() -> None:
    async def loose(peer: Peer) -> None:
        call = {"id": "a", "type": "function", "function": {"name": "get_weather", "arguments": '{"city":"Rome"}'}}
        if b'"stream":true' in peer.body:
            await peer.stream(chunk({"content": "Hm."}), chunk({}, "stop"))
        else:
            await peer.answer(completion({"content": None, "tool_calls": [call]}))

    found = await findings_of(rehearsal_server.server(talk=loose))
    assert found["strict arguments"].outcome == "failed"
    assert "--tool-strict-level" in found["strict arguments"].advice
    assert found["streaming"].outcome == "failed"


async def test_a_template_that_cannot_show_results_is_found() -> None:
    async def picky(peer: Peer) -> None:
        if b'"role":"tool"' in peer.body:
            await faults.template_refuses(peer)
        else:
            await rehearsal_server.chat(peer)

    found = await findings_of(rehearsal_server.server(talk=picky))
    assert found["tool results in history"].outcome == "failed"
    assert "--chat-template" in found["tool results in history"].advice


async def test_a_server_that_dies_in_the_middle_gives_findings_and_no_exception() -> None:
    found = await findings_of(rehearsal_server.server(talk=faults.closed_without_an_answer))
    assert found["tool parser"].outcome == "failed"
    assert found["tokenize"].outcome == "ok"
    assert msgspec.json.encode(list(found.values()))
