"""Responses through the OpenAI SDK for Python, end to end."""

import time
import uuid
from typing import Any

import openai
import pytest
from openai import OpenAI
from openai.types.responses import FunctionToolParam, Response, ResponseInputParam

from tests.clients.serving import AGENT, Running

WEATHER: FunctionToolParam = {
    "type": "function",
    "name": "weather",
    "description": "Tell the weather of a city.",
    "parameters": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]},
    "strict": True,
}
SECONDS = 20.0


def ask(client: OpenAI, given: str | ResponseInputParam, **more: Any) -> Response:
    response: Response = client.responses.create(model=AGENT, input=given, **more)
    return response


def settled(client: OpenAI, response: Response) -> Response:
    """Fetch a background response until it is over; fails after a deadline."""
    deadline = time.monotonic() + SECONDS
    while response.status in ("queued", "in_progress"):
        assert time.monotonic() < deadline, f"{response.id} is still {response.status}"
        response = client.responses.retrieve(response.id)
    return response


def test_a_question_is_answered_and_can_be_fetched_again(client: OpenAI) -> None:
    response = ask(client, "say Hello there.", metadata={"case": "one"}, instructions="Be brief.")
    assert (response.status, response.output_text) == ("completed", "Hello there.")
    assert (response.metadata, response.instructions) == ({"case": "one"}, "Be brief.")
    assert response.usage is not None
    assert response.usage.output_tokens > 0
    again = client.responses.retrieve(response.id)
    assert (again.id, again.status, again.output) == (response.id, "completed", response.output)


def test_the_servers_calls_are_shown_with_their_results(client: OpenAI) -> None:
    response = ask(client, 'call add {"a": 20, "b": 22}\n\ncall fail {"why": "no paper"}')
    first, second = (item for item in response.output if item.type == "mcp_call")
    assert (first.name, first.arguments, first.output, first.status) == ("add", '{"a":20,"b":22}', "42", "completed")
    assert (second.name, second.status) == ("fail", "failed")
    assert "no paper" in str(second.error)
    assert "42" in response.output_text


def test_a_stream_goes_through_all_its_events(client: OpenAI) -> None:
    events = list(client.responses.create(model=AGENT, input='call add {"a": 20, "b": 22}', stream=True))
    kinds = [event.type for event in events]
    assert kinds[:2] == ["response.created", "response.in_progress"]
    assert kinds[-1] == "response.completed"
    assert "response.mcp_call.completed" in kinds
    text = "".join(event.delta for event in events if event.type == "response.output_text.delta")
    last = events[-1]
    assert last.type == "response.completed"
    assert text == last.response.output_text
    numbers = [event.sequence_number for event in events]
    assert numbers == sorted(set(numbers))


def test_the_sdks_own_accumulator_reads_the_stream(client: OpenAI) -> None:
    with client.responses.stream(model=AGENT, input="say One two three.") as stream:
        for _ in stream:
            pass
        assert stream.get_final_response().output_text == "One two three."


def test_a_conversation_is_continued_by_the_response_before(client: OpenAI) -> None:
    first = ask(client, "say One.")
    second = ask(client, "say Two.", previous_response_id=first.id)
    assert (second.output_text, second.previous_response_id) == ("Two.", first.id)
    assert first.usage is not None
    assert second.usage is not None
    assert second.usage.input_tokens > first.usage.input_tokens


def test_a_conversation_can_branch(client: OpenAI) -> None:
    first = ask(client, "say One.")
    left, right = (ask(client, f"say {word}.", previous_response_id=first.id) for word in ("Left", "Right"))
    assert (left.output_text, right.output_text) == ("Left.", "Right.")
    assert left.usage is not None
    assert right.usage is not None
    assert left.usage.input_tokens == right.usage.input_tokens


def test_a_client_tool_is_asked_for_and_its_result_is_used(client: OpenAI) -> None:
    first = ask(client, 'call add {"a": 20, "b": 22}\ncall weather {"city": "Oslo"}', tools=[WEATHER])
    (call,) = (item for item in first.output if item.type == "function_call")
    assert (call.name, call.arguments) == ("weather", '{"city":"Oslo"}')
    second = ask(
        client,
        [{"type": "function_call_output", "call_id": call.call_id, "output": "It rains in Oslo."}],
        previous_response_id=first.id,
        tools=[WEATHER],
    )
    assert "42" in second.output_text
    assert "It rains in Oslo." in second.output_text


def test_a_client_that_keeps_its_own_history_sends_it_whole(client: OpenAI) -> None:
    given: list[Any] = [{"role": "user", "content": 'call weather {"city": "Oslo"}'}]
    first = ask(client, given, tools=[WEATHER])
    (call,) = (item for item in first.output if item.type == "function_call")
    given += first.output
    given.append({"type": "function_call_output", "call_id": call.call_id, "output": "It rains in Oslo."})
    second = ask(client, given, tools=[WEATHER])
    assert "It rains in Oslo." in second.output_text
    given += second.output
    given.append({"role": "user", "content": "say Thanks."})
    assert ask(client, given, tools=[WEATHER]).output_text == "Thanks."


def waiting(client: OpenAI, name: str, **more: Any) -> tuple[Response, str]:
    response = ask(client, f'call write_note {{"name": "{name}", "text": "milk"}}', **more)
    (request,) = (item for item in response.output if item.type == "mcp_approval_request")
    assert request.name == "write_note"
    assert name in request.arguments
    return response, request.id


def decision(request: str, approve: bool, **more: Any) -> Any:
    return [{"type": "mcp_approval_response", "approval_request_id": request, "approve": approve, **more}]


def test_an_approved_call_is_executed_once(client: OpenAI, running: Running) -> None:
    name = f"{uuid.uuid4().hex}.txt"
    first, request = waiting(client, name)
    assert not (running.notes / name).exists()
    second = ask(client, decision(request, approve=True), previous_response_id=first.id)
    assert f"{name} is written" in second.output_text
    assert (running.notes / name).read_text() == "milk\n"
    with pytest.raises(openai.APIStatusError) as caught:
        ask(client, decision(request, approve=True), previous_response_id=first.id)
    assert 400 <= caught.value.status_code < 500
    assert (running.notes / name).read_text() == "milk\n"


def test_a_denied_call_is_not_executed_and_the_model_is_told(client: OpenAI, running: Running) -> None:
    name = f"{uuid.uuid4().hex}.txt"
    first, request = waiting(client, name)
    second = ask(client, decision(request, approve=False, reason="not today"), previous_response_id=first.id)
    assert second.status == "completed"
    assert "not today" in second.output_text
    assert not (running.notes / name).exists()


def test_an_approval_is_answered_in_a_stream(client: OpenAI, running: Running) -> None:
    name = f"{uuid.uuid4().hex}.txt"
    first, request = waiting(client, name)
    with client.responses.stream(
        model=AGENT, input=decision(request, approve=True), previous_response_id=first.id
    ) as stream:
        for _ in stream:
            pass
        assert f"{name} is written" in stream.get_final_response().output_text
    assert (running.notes / name).read_text() == "milk\n"


def test_a_background_response_is_fetched_when_it_is_done(client: OpenAI) -> None:
    started = ask(client, 'call add {"a": 20, "b": 22}', background=True)
    assert started.background
    done = settled(client, started)
    assert (done.id, done.status) == (started.id, "completed")
    assert "42" in done.output_text


def test_cancelling_a_response_that_is_over_changes_nothing(client: OpenAI) -> None:
    done = settled(client, ask(client, "say Hi.", background=True))
    assert client.responses.cancel(done.id).status == "completed"
    assert client.responses.retrieve(done.id).output_text == "Hi."


def test_a_response_that_waits_can_be_cancelled(client: OpenAI, running: Running) -> None:
    name = f"{uuid.uuid4().hex}.txt"
    first, request = waiting(client, name)
    client.responses.cancel(first.id)
    with pytest.raises(openai.APIStatusError):
        ask(client, decision(request, approve=True), previous_response_id=first.id)
    assert not (running.notes / name).exists()


def test_a_client_that_comes_back_gets_exactly_what_follows(client: OpenAI) -> None:
    whole = list(client.responses.create(model=AGENT, input='call add {"a": 20, "b": 22}', stream=True))
    first = whole[0]
    assert first.type == "response.created"

    def told(events: list[Any]) -> tuple[list[str], str]:
        deltas = "".join(event.delta for event in events if event.type == "response.output_text.delta")
        return [event.type for event in events if event.type != "response.output_text.delta"], deltas

    for seen in (0, 1, len(whole) // 2, len(whole) - 2):
        again = client.responses.retrieve(first.response.id, stream=True, starting_after=whole[seen].sequence_number)
        assert told(list(again)) == told(whole[seen + 1 :])


def test_a_token_limit_makes_the_response_incomplete(client: OpenAI) -> None:
    response = ask(client, "say One two three four five.", max_output_tokens=2)
    assert (response.status, response.output_text) == ("incomplete", "One two")
    assert response.incomplete_details is not None
    assert response.incomplete_details.reason == "max_output_tokens"


@pytest.mark.parametrize(
    ("changes", "error", "param", "words"),
    [
        ({"model": "assistent"}, openai.NotFoundError, "model", "did you mean assistant?"),
        ({"previous_response_id": "resp_1"}, openai.NotFoundError, "previous_response_id", "resp_1"),
        (
            {"previous_response_id": f"resp_{'0' * 32}_0"},
            openai.NotFoundError,
            "previous_response_id",
            "previous_response_id",
        ),
        ({"max_output_tokens": 0}, openai.BadRequestError, "max_output_tokens", ">= 1"),
        ({"tools": [{"type": "web_search"}]}, openai.BadRequestError, "tools[0].type", "use function"),
        ({"text": {"format": {"type": "json_object"}}}, openai.BadRequestError, "text", "function tool"),
        ({"extra_body": {"instruction": "x"}}, openai.BadRequestError, "instruction", "did you mean instructions?"),
    ],
)
def test_a_bad_request_names_the_field_and_the_fix(
    client: OpenAI, changes: dict[str, Any], error: type[openai.APIStatusError], param: str, words: str
) -> None:
    with pytest.raises(error) as caught:
        client.responses.create(**{"model": AGENT, "input": "say Hi.", **changes})
    assert caught.value.param == param
    assert words in caught.value.message


def test_a_response_that_is_not_there_is_not_found(client: OpenAI) -> None:
    for name in ("resp_1", f"resp_{'0' * 32}_0"):
        with pytest.raises(openai.NotFoundError):
            client.responses.retrieve(name)
        with pytest.raises(openai.NotFoundError):
            client.responses.cancel(name)


def test_a_run_that_uses_up_its_turns_says_so(client: OpenAI) -> None:
    response = ask(client, "\n\n".join(f'call add {{"a": {n}, "b": 1}}' for n in range(40)))
    assert response.status == "incomplete"
    assert response.incomplete_details is not None
    assert response.incomplete_details.to_dict()["finish"] == "max_turns"


def test_a_request_that_is_sent_again_because_it_took_long_finds_its_first_run(client: OpenAI) -> None:
    impatient = client.with_options(timeout=0.9, max_retries=3)  # as many tries as would each be too short
    response = ask(impatient, f'call wait {{"seconds": 1.6}}\n\nsay {uuid.uuid4().hex}')
    assert response.status == "completed"


def test_an_idempotency_key_names_one_run_for_good(client: OpenAI) -> None:
    key = {"idempotency-key": uuid.uuid4().hex}
    first = ask(client, "say once", extra_headers=key)
    assert ask(client, "say once", extra_headers=key).id == first.id
    assert ask(client, "say once").id != first.id


def test_an_equal_question_after_an_answer_that_arrived_is_a_new_one(client: OpenAI) -> None:
    asked = f"say {uuid.uuid4().hex}"
    first = ask(client, asked)
    assert ask(client, asked, extra_headers={"x-stainless-retry-count": "1"}).id != first.id
