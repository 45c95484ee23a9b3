"""What the Open Responses specification asks of `/v1/responses`, sent as raw requests, one behaviour each.

Every answer is read strictly with OpenAI's own types, and has every field the specification requires.
"""

import json
import urllib.request
from typing import Any

import pytest
from openai.types.responses import Response, ResponseStreamEvent
from pydantic import TypeAdapter

from tests.clients.serving import AGENT, Running
from tests.wire.samples import events_of

EVENT: TypeAdapter[ResponseStreamEvent] = TypeAdapter(ResponseStreamEvent)
REQUIRED = {
    "id",
    "object",
    "created_at",
    "completed_at",
    "status",
    "incomplete_details",
    "model",
    "previous_response_id",
    "instructions",
    "output",
    "error",
    "tools",
    "tool_choice",
    "truncation",
    "parallel_tool_calls",
    "text",
    "top_p",
    "presence_penalty",
    "frequency_penalty",
    "top_logprobs",
    "temperature",
    "reasoning",
    "usage",
    "max_output_tokens",
    "max_tool_calls",
    "store",
    "background",
    "service_tier",
    "metadata",
    "safety_identifier",
    "prompt_cache_key",
}
WEATHER = {
    "type": "function",
    "name": "get_weather",
    "description": "Get the weather of a place.",
    "parameters": {"type": "object", "properties": {"location": {"type": "string"}}, "required": ["location"]},
}
CALL_WEATHER = 'call get_weather {"location": "San Francisco"}'
PIXEL = "data:image/gif;base64,R0lGODlhAQABAIAAAAAAAP///yH5BAEAAAAALAAAAAABAAEAAAIBRAA7"


def message(role: str, content: Any) -> dict[str, Any]:
    return {"type": "message", "role": role, "content": content}


def sent(running: Running, given: Any, **more: Any) -> tuple[str, bytes]:
    """Send a request and return the answer's media type and body; anything but 200 raises HTTPError."""
    body = json.dumps({"model": AGENT, "input": given} | more).encode()
    headers = {"Authorization": f"Bearer {running.key}", "Content-Type": "application/json"}
    request = urllib.request.Request(f"{running.base_url}/responses", body, headers)
    with urllib.request.urlopen(request, timeout=30) as answer:
        return answer.headers.get_content_type(), answer.read()


@pytest.fixture
def post(running: Running) -> Any:
    def send(given: Any, **more: Any) -> dict[str, Any]:
        kind, content = sent(running, given, **more)
        assert kind == "application/json"
        Response.model_validate_json(content, strict=True)
        body: dict[str, Any] = json.loads(content)
        assert set(body) >= REQUIRED
        return body

    return send


@pytest.fixture
def stream(running: Running) -> Any:
    def send(given: Any, **more: Any) -> list[dict[str, Any]]:
        kind, content = sent(running, given, stream=True, **more)
        assert kind == "text/event-stream"
        events = []
        for name, event in events_of(content):
            assert name == event["type"]
            EVENT.validate_json(json.dumps(event), strict=True)
            assert set(event.get("response", REQUIRED)) >= REQUIRED
            events.append(event)
        numbers = [event["sequence_number"] for event in events]
        assert numbers == sorted(set(numbers))
        return events

    return send


def text_of(response: dict[str, Any]) -> str:
    return "".join(part["text"] for item in response["output"] if item["type"] == "message" for part in item["content"])


def test_basic_text(post: Any) -> None:
    response = post([message("user", "say Hello to you.")])
    assert (response["status"], response["error"], response["incomplete_details"]) == ("completed", None, None)
    (item,) = response["output"]
    assert (item["type"], item["role"], item["status"]) == ("message", "assistant", "completed")
    assert text_of(response) == "Hello to you."


def test_input_as_a_string(post: Any) -> None:
    assert text_of(post("say Hello.")) == "Hello."


def test_content_as_parts(post: Any) -> None:
    assert text_of(post([message("user", [{"type": "input_text", "text": "say Hello."}])])) == "Hello."


def test_streaming(stream: Any) -> None:
    events = stream([message("user", "say One two three.")])
    kinds = [event["type"] for event in events]
    assert kinds[:4] == [
        "response.created",
        "response.in_progress",
        "response.output_item.added",
        "response.content_part.added",
    ]
    assert kinds[-4:] == [
        "response.output_text.done",
        "response.content_part.done",
        "response.output_item.done",
        "response.completed",
    ]
    assert set(kinds[4:-4]) == {"response.output_text.delta"}
    deltas = "".join(event["delta"] for event in events if event["type"] == "response.output_text.delta")
    assert deltas == text_of(events[-1]["response"]) == "One two three."


def test_system_prompt(post: Any) -> None:
    assert text_of(post([message("system", "You are a pirate."), message("user", "say Arr.")])) == "Arr."


def test_developer_prompt(post: Any) -> None:
    assert text_of(post([message("developer", "You are a pirate."), message("user", "say Arr.")])) == "Arr."


def test_instructions_are_repeated(post: Any) -> None:
    assert post("say Hi.", instructions="Be brief.")["instructions"] == "Be brief."


def test_tool_calling(post: Any) -> None:
    response = post([message("user", CALL_WEATHER)], tools=[WEATHER])
    assert response["status"] == "completed"
    (item,) = response["output"]
    assert (item["type"], item["name"], item["status"]) == ("function_call", "get_weather", "completed")
    assert json.loads(item["arguments"]) == {"location": "San Francisco"}
    assert [tool["name"] for tool in response["tools"]] == ["get_weather"]


def test_tool_calling_streamed(stream: Any) -> None:
    events = stream([message("user", CALL_WEATHER)], tools=[WEATHER])
    kinds = [event["type"] for event in events]
    for kind in ("response.function_call_arguments.delta", "response.function_call_arguments.done"):
        assert kind in kinds
    items = [event["item"]["type"] for event in events if event["type"].startswith("response.output_item.")]
    assert items == ["function_call", "function_call"]


def test_parallel_tool_calls(post: Any) -> None:
    response = post(
        [message("user", f"{CALL_WEATHER}\n{CALL_WEATHER.replace('San Francisco', 'Oslo')}")], tools=[WEATHER]
    )
    calls = [item for item in response["output"] if item["type"] == "function_call"]
    assert len({call["call_id"] for call in calls}) == len(calls) == 2


def test_a_tool_result_with_the_whole_history(post: Any) -> None:
    asked = message("user", CALL_WEATHER)
    (call,) = post([asked], tools=[WEATHER])["output"]
    output = {"type": "function_call_output", "call_id": call["call_id"], "output": "Fog."}
    assert "Fog." in text_of(post([asked, call, output], tools=[WEATHER]))


def test_a_tool_result_after_the_previous_response(post: Any) -> None:
    first = post(CALL_WEATHER, tools=[WEATHER])
    output = {"type": "function_call_output", "call_id": first["output"][0]["call_id"], "output": "Fog."}
    second = post([output], previous_response_id=first["id"], tools=[WEATHER])
    assert "Fog." in text_of(second)
    assert second["previous_response_id"] == first["id"]


def test_image_input(post: Any) -> None:
    parts = [{"type": "input_text", "text": "say A pixel."}, {"type": "input_image", "image_url": PIXEL}]
    assert text_of(post([message("user", parts)])) == "A pixel."


def test_multi_turn(post: Any) -> None:
    history = [
        message("user", "My name is Alice."),
        message("assistant", "Hello Alice!"),
        message("user", "say Alice."),
    ]
    assert text_of(post(history)) == "Alice."


def test_a_previous_response_is_continued(post: Any) -> None:
    first = post("say One.")
    assert text_of(post("say Two.", previous_response_id=first["id"])) == "Two."


def test_metadata_and_sampling_are_repeated(post: Any) -> None:
    response = post("say Hi.", metadata={"case": "17"}, temperature=0.5, top_p=0.75, max_output_tokens=64)
    assert response["metadata"] == {"case": "17"}
    assert (response["temperature"], response["top_p"], response["max_output_tokens"]) == (0.5, 0.75, 64)


def test_a_token_limit_makes_it_incomplete(post: Any, stream: Any) -> None:
    response = post("say One two three four.", max_output_tokens=2)
    assert response["status"] == "incomplete"
    assert response["incomplete_details"]["reason"] == "max_output_tokens"
    assert stream("say One two three four.", max_output_tokens=2)[-1]["type"] == "response.incomplete"
