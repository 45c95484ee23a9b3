"""What a chat client is answered: checked against the types of OpenAI's own client, strictly."""

import json

import msgspec
import pytest
from openai.types.chat import ChatCompletion
from toolyard_runtime.run.segments import Segment, TextOut
from toolyard_runtime.wire.chat import approval_text, chat_completion

from tests.wire.samples import (
    CLIENT_CALL,
    EVERYTHING,
    PUBLIC_URL,
    RUN,
    RUNNING_CALL,
    SERVER_CALL,
    TEXT,
    WAITING,
    segment,
    unknown_fields,
)


def read(answered: Segment) -> ChatCompletion:
    completion = ChatCompletion.model_validate_json(chat_completion(answered, PUBLIC_URL), strict=True)
    assert unknown_fields(completion) == set()
    return completion


def test_a_text_is_the_message() -> None:
    completion = read(segment("completed", TEXT))
    (choice,) = completion.choices
    assert (choice.message.content, choice.finish_reason, choice.message.tool_calls) == ("It is four.", "stop", None)
    assert (completion.id, completion.model, completion.created) == (
        f"chatcmpl-{RUN.hex()}_1",
        "support",
        1_700_000_000,
    )


def test_usage_is_told_in_the_words_of_chat() -> None:
    usage = read(segment("completed", TEXT)).usage
    assert usage is not None
    assert (usage.prompt_tokens, usage.completion_tokens, usage.total_tokens) == (11, 7, 18)
    assert usage.prompt_tokens_details is not None
    assert usage.prompt_tokens_details.cached_tokens == 3
    assert usage.completion_tokens_details is not None
    assert usage.completion_tokens_details.reasoning_tokens == 2


def test_the_servers_own_calls_are_not_shown() -> None:
    data = chat_completion(
        segment("completed", TextOut(1, "Let me see."), SERVER_CALL, TextOut(9, "Four.")), PUBLIC_URL
    )
    assert b"tool_calls" not in data
    assert b"calculator" not in data
    assert json.loads(data)["choices"][0]["message"]["content"] == "Let me see.\n\nFour."


def test_client_calls_are_tool_calls_with_the_ids_they_were_given() -> None:
    (choice,) = read(segment("completed", SERVER_CALL, CLIENT_CALL, finish="client_tools")).choices
    assert choice.finish_reason == "tool_calls"
    assert choice.message.content is None
    assert choice.message.tool_calls is not None
    (call,) = choice.message.tool_calls
    assert call.type == "function"
    assert (call.id, call.function.name, call.function.arguments) == ("call_a_6", "weather", '{"city":"Oslo"}')


def test_a_waiting_approval_is_text_that_says_what_waits_and_how_to_decide() -> None:
    (choice,) = read(segment("completed", TEXT, WAITING, finish="approval")).choices
    assert choice.finish_reason == "stop"
    content = choice.message.content
    assert content is not None
    assert content.startswith("It is four.\n\n")
    for part in (
        'write({"path":"a.txt"})',
        "appr_101112131415161718191a1b1c1d1e1f",
        f"toolyard approve run_{RUN.hex()}",
        "POST http://127.0.0.1:8700/api/v1/approvals/appr_101112131415161718191a1b1c1d1e1f",
    ):
        assert part in content


def test_an_approval_in_doubt_says_that_the_call_may_have_happened() -> None:
    assert "may already have happened" in approval_text(msgspec.structs.replace(WAITING, doubt=True), RUN, PUBLIC_URL)
    assert "may already have happened" not in approval_text(WAITING, RUN, PUBLIC_URL)


def test_a_truncated_answer_ends_with_length() -> None:
    cut = segment("incomplete", TextOut(1, "It is", status="incomplete"), truncated=True)
    (choice,) = read(cut).choices
    assert (choice.finish_reason, choice.message.content) == ("length", "It is")


@pytest.mark.parametrize(("finish", "words"), [("max_turns", "turns"), ("budget", "budget")])
def test_a_run_that_ends_without_an_answer_says_why(finish: str, words: str) -> None:
    (choice,) = read(segment("incomplete", RUNNING_CALL, finish=finish)).choices
    assert choice.finish_reason == "length"
    assert choice.message.content is not None
    assert words in choice.message.content


def test_a_text_that_broke_off_is_left_out_when_the_turn_was_taken_again() -> None:
    answered = segment("completed", TextOut(1, "It is fo", status="incomplete"), TextOut(2, "It is four."))
    assert read(answered).choices[0].message.content == "It is four."


def test_everything_at_once_is_still_a_completion() -> None:
    (choice,) = read(segment("completed", *EVERYTHING)).choices
    assert choice.finish_reason == "tool_calls"
    assert choice.message.content is not None
    assert choice.message.content.startswith("Let me see.\n\nNearly \n\nThe call write(")


def test_an_answer_of_nothing_is_an_empty_string() -> None:
    assert read(segment("completed")).choices[0].message.content == ""
