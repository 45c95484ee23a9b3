"""Chat Completions through the OpenAI SDK for Python, end to end."""

import time
import uuid
from typing import Any

import openai
import pytest
from openai import AsyncOpenAI, OpenAI
from openai.types.chat import ChatCompletion, ChatCompletionMessageParam, ChatCompletionToolParam

from tests.clients.serving import AGENT, Running

WEATHER: ChatCompletionToolParam = {
    "type": "function",
    "function": {
        "name": "weather",
        "description": "Tell the weather of a city.",
        "parameters": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]},
    },
}
SECONDS = 20.0


def user(text: str) -> ChatCompletionMessageParam:
    return {"role": "user", "content": text}


def say(client: OpenAI, *messages: ChatCompletionMessageParam, **more: Any) -> ChatCompletion:
    completion: ChatCompletion = client.chat.completions.create(model=AGENT, messages=messages, **more)
    return completion


def test_the_agent_is_a_model(client: OpenAI) -> None:
    assert AGENT in [model.id for model in client.models.list()]
    assert client.models.retrieve(AGENT).owned_by == "toolyard"


def test_a_question_is_answered(client: OpenAI) -> None:
    completion = say(client, user("say Hello there."))
    assert completion.choices[0].message.content == "Hello there."
    assert completion.choices[0].finish_reason == "stop"
    assert completion.usage is not None
    assert completion.usage.total_tokens == completion.usage.prompt_tokens + completion.usage.completion_tokens > 0


def test_the_servers_tools_run_unseen(client: OpenAI) -> None:
    (choice,) = say(client, user('call add {"a": 20, "b": 22}\ncall add {"a": 1, "b": 1}')).choices
    assert choice.message.tool_calls is None
    assert choice.finish_reason == "stop"
    assert choice.message.content is not None
    assert "42" in choice.message.content


def test_a_tool_that_fails_is_told_to_the_model_and_the_run_goes_on(client: OpenAI) -> None:
    (choice,) = say(client, user('call fail {"why": "the printer is on fire"}')).choices
    assert "the printer is on fire" in (choice.message.content or "")


def test_a_stream_says_what_the_whole_answer_says(client: OpenAI) -> None:
    asked = user('call add {"a": 20, "b": 22}')
    whole = say(client, asked).choices[0].message.content
    chunks = list(
        client.chat.completions.create(
            model=AGENT, messages=[asked], stream=True, stream_options={"include_usage": True}
        )
    )
    assert chunks[0].choices[0].delta.role == "assistant"
    assert "".join(chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices) == whole
    assert [chunk.choices[0].finish_reason for chunk in chunks if chunk.choices][-1] == "stop"
    assert chunks[-1].usage is not None
    assert chunks[-1].usage.completion_tokens > 0
    assert len({chunk.id for chunk in chunks}) == 1


def test_the_sdks_own_accumulator_reads_the_stream(client: OpenAI) -> None:
    with client.chat.completions.stream(model=AGENT, messages=[user("say One two three four.")]) as stream:
        text = "".join(event.delta for event in stream if event.type == "content.delta")
        final = stream.get_final_completion()
    assert text == final.choices[0].message.content == "One two three four."


def test_a_client_tool_is_asked_for_and_its_result_is_used(client: OpenAI) -> None:
    asked = user('call weather {"city": "Oslo"}')
    first = say(client, asked, tools=[WEATHER])
    assert first.choices[0].finish_reason == "tool_calls"
    (call,) = first.choices[0].message.tool_calls or []
    assert call.type == "function"
    assert (call.function.name, call.function.arguments) == ("weather", '{"city":"Oslo"}')
    second = say(
        client,
        asked,
        first.choices[0].message.to_dict(),  # type: ignore[arg-type]  # what the client gave comes back as it is
        {"role": "tool", "tool_call_id": call.id, "content": "It rains in Oslo."},
        tools=[WEATHER],
    )
    assert second.choices[0].finish_reason == "stop"
    assert "It rains in Oslo." in (second.choices[0].message.content or "")


def test_a_client_tool_is_asked_for_in_a_stream(client: OpenAI) -> None:
    with client.chat.completions.stream(
        model=AGENT, messages=[user('call weather {"city": "Oslo"}\ncall weather {"city": "Rome"}')], tools=[WEATHER]
    ) as stream:
        final = stream.get_final_completion()
    assert final.choices[0].finish_reason == "tool_calls"
    calls = final.choices[0].message.tool_calls or []
    assert [call.function.arguments for call in calls] == ['{"city":"Oslo"}', '{"city":"Rome"}']
    assert len({call.id for call in calls}) == 2


def test_server_and_client_tools_are_mixed_in_one_turn(client: OpenAI) -> None:
    asked = user('call add {"a": 20, "b": 22}\ncall weather {"city": "Oslo"}')
    first = say(client, asked, tools=[WEATHER])
    (call,) = first.choices[0].message.tool_calls or []
    assert call.type == "function"
    assert call.function.name == "weather"
    second = say(
        client,
        asked,
        first.choices[0].message.to_dict(),  # type: ignore[arg-type]  # what the client gave comes back as it is
        {"role": "tool", "tool_call_id": call.id, "content": "rain"},
        tools=[WEATHER],
    )
    content = second.choices[0].message.content or ""
    assert "42" in content
    assert "rain" in content


def test_a_call_that_asks_is_approved_by_its_id_and_answered_in_the_next_request(
    client: OpenAI, running: Running
) -> None:
    name = f"{uuid.uuid4().hex}.txt"
    asked = user(f'call write_note {{"name": "{name}", "text": "milk"}}')
    first = say(client, asked)
    content = first.choices[0].message.content or ""
    assert first.choices[0].finish_reason == "stop"
    assert "write_note" in content
    assert not (running.notes / name).exists()
    approval = next(word for word in content.replace("/", " ").split() if word.startswith("appr_")).rstrip(".")
    decided = client.with_options(max_retries=0).post(
        f"{running.url}/api/v1/approvals/{approval}", cast_to=object, body={"decision": "approve"}
    )
    assert decided is not None
    history: list[ChatCompletionMessageParam] = [asked, {"role": "assistant", "content": content}]
    answer = say(client, *history, user("And?")).choices[0].message.content or ""
    deadline = time.monotonic() + SECONDS
    while f"{name} is written" not in answer and time.monotonic() < deadline:
        answer = say(client, *history, user("And?")).choices[0].message.content or ""
    assert f"{name} is written" in answer
    assert (running.notes / name).read_text() == "milk\n"


def test_the_conversation_grows_with_its_history(client: OpenAI) -> None:
    first = say(client, user("say One."))
    second = say(client, user("say One."), {"role": "assistant", "content": "One."}, user("say Two."))
    assert second.choices[0].message.content == "Two."
    assert first.usage is not None
    assert second.usage is not None
    assert second.usage.prompt_tokens > first.usage.prompt_tokens


def test_instructions_and_images_and_parts_are_taken(client: OpenAI) -> None:
    messages: list[ChatCompletionMessageParam] = [
        {"role": "system", "content": "Be brief."},
        {"role": "developer", "content": [{"type": "text", "text": "Be kind."}]},
        {
            "role": "user",
            "content": [
                {"type": "text", "text": "say A heart."},
                {"type": "image_url", "image_url": {"url": "data:image/png;base64,iVBORw0KGgo="}},
            ],
        },
    ]
    assert say(client, *messages).choices[0].message.content == "A heart."


def test_a_token_limit_ends_the_answer_with_length(client: OpenAI) -> None:
    (choice,) = say(client, user("say One two three four five."), max_completion_tokens=2).choices
    assert (choice.finish_reason, choice.message.content) == ("length", "One two")


def test_an_ignored_field_is_named_in_a_header(client: OpenAI) -> None:
    raw = client.chat.completions.with_raw_response.create(
        model=AGENT, messages=[user("say Hi.")], presence_penalty=1, n=1, logprobs=False, parallel_tool_calls=True
    )
    assert raw.headers["x-toolyard-warning"] == "presence_penalty has no effect: the agent's release sets it"
    assert raw.parse().choices[0].message.content == "Hi."


@pytest.mark.parametrize(
    ("changes", "error", "param", "words"),
    [
        ({"model": "assistent"}, openai.NotFoundError, "model", "did you mean assistant?"),
        ({"temperature": 9}, openai.BadRequestError, "temperature", "from 0 to 2"),
        ({"n": 2}, openai.BadRequestError, "n", "one answer"),
        ({"messages": []}, openai.BadRequestError, "messages", "user message"),
        ({"extra_body": {"temprature": 1}}, openai.BadRequestError, "temprature", "did you mean temperature?"),
    ],
)
def test_a_bad_request_names_the_field_and_the_fix(
    client: OpenAI, changes: dict[str, Any], error: type[openai.APIStatusError], param: str, words: str
) -> None:
    for stream in (False, True):
        with pytest.raises(error) as caught:
            client.chat.completions.create(
                **{"model": AGENT, "messages": [user("say Hi.")], "stream": stream, **changes}
            )
        assert caught.value.param == param
        assert words in caught.value.message


def test_a_wrong_key_is_refused(running: Running) -> None:
    with (
        OpenAI(base_url=running.base_url, api_key="ty_wrong", max_retries=0) as stranger,
        pytest.raises(openai.AuthenticationError),
    ):
        stranger.chat.completions.create(model=AGENT, messages=[user("say Hi.")])


async def test_the_asynchronous_client_reads_a_stream(running: Running) -> None:
    async with AsyncOpenAI(base_url=running.base_url, api_key=running.key, max_retries=0) as client:
        stream = await client.chat.completions.create(model=AGENT, messages=[user("say A b c.")], stream=True)
        pieces = [chunk.choices[0].delta.content or "" async for chunk in stream]
    assert "".join(pieces) == "A b c."


def test_a_run_that_uses_up_its_turns_says_so(client: OpenAI) -> None:
    endless = "\n\n".join(f'call add {{"a": {n}, "b": 1}}' for n in range(40))
    (choice,) = say(client, user(endless)).choices
    assert choice.finish_reason == "length"
    assert "used up its turns" in (choice.message.content or "")


def test_a_request_that_is_sent_again_because_it_took_long_finds_its_first_run(client: OpenAI) -> None:
    impatient = client.with_options(timeout=0.9, max_retries=3)  # as many tries as would each be too short
    asked = user(f'call wait {{"seconds": 1.6}}\n\nsay {uuid.uuid4().hex}')
    assert say(impatient, asked).choices[0].finish_reason == "stop"


def test_tool_results_and_a_new_message_are_not_mixed(client: OpenAI) -> None:
    tools: Any = [{"type": "function", "function": {"name": "mine", "parameters": {"type": "object"}}}]
    asked = user("call mine {}")
    first = say(client, asked, tools=tools).choices[0].message
    assert first.tool_calls is not None
    result: Any = {"role": "tool", "tool_call_id": first.tool_calls[0].id, "content": "done"}
    made: Any = first.model_dump(exclude_none=True)
    with pytest.raises(openai.BadRequestError, match="send the results of the calls alone"):
        say(client, asked, made, result, user("and now?"), tools=tools)
    assert say(client, asked, made, result, tools=tools).choices[0].finish_reason == "stop"
