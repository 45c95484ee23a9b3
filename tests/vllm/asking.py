"""Asks an agent the same thing over and over by both APIs, whole and streamed, with the OpenAI SDK as it is; counts
what comes back. The model behind it writes noise, so answers are judged by form, never by what they say."""

from collections.abc import Awaitable, Callable

import openai
from msgspec import Struct
from openai import AsyncOpenAI

Ask = Callable[[AsyncOpenAI, str], Awaitable[int]]
"""Asks one question of the agent and returns the number of characters of the answer."""

AGENT = "mixer"
DEADLINE = 120.0


class Tally(Struct):
    """What came of one way of asking. A refusal is an error the server reported in OpenAI's shape."""

    answered: int = 0
    refused: int = 0
    characters: int = 0
    reason: str = ""


async def chat(client: AsyncOpenAI, text: str) -> int:
    """Ask Chat Completions for a whole answer."""
    answer = await client.chat.completions.create(model=AGENT, messages=[{"role": "user", "content": text}])
    assert answer.choices[0].finish_reason in ("stop", "length"), answer
    return len(answer.choices[0].message.content or "")


async def chat_stream(client: AsyncOpenAI, text: str) -> int:
    """Ask Chat Completions for a stream; it must say how it ended."""
    stream = await client.chat.completions.create(
        model=AGENT, messages=[{"role": "user", "content": text}], stream=True
    )
    characters, finish = 0, None
    async for chunk in stream:
        for choice in chunk.choices:
            characters += len(choice.delta.content or "")
            finish = choice.finish_reason or finish
    assert finish in ("stop", "length"), finish
    return characters


async def responses(client: AsyncOpenAI, text: str) -> int:
    """Ask Responses for a whole answer, then for more of the same session."""
    first = await client.responses.create(model=AGENT, input=text)
    if first.status == "failed":
        raise RunFailedError(str(first.error))
    second = await client.responses.create(model=AGENT, input=text, previous_response_id=first.id)
    if second.status == "failed":
        raise RunFailedError(str(second.error))
    return len(first.output_text) + len(second.output_text)


async def responses_stream(client: AsyncOpenAI, text: str) -> int:
    """Ask Responses for a stream; it must end with one of its three endings."""
    characters, ending, error = 0, "", ""
    async for event in await client.responses.create(model=AGENT, input=text, stream=True):
        if event.type == "response.output_text.delta":
            characters += len(event.delta)
        elif event.type in ("response.completed", "response.incomplete"):
            ending = event.type
        elif event.type == "response.failed":
            ending, error = event.type, str(event.response.error)
    assert ending, "the stream did not say how it ended"
    if error:
        raise RunFailedError(error)
    return characters


class RunFailedError(Exception):
    """A run ended as failed, and said so in its answer."""


WAYS: dict[str, Ask] = {
    "chat": chat,
    "chat, streamed": chat_stream,
    "responses": responses,
    "responses, streamed": responses_stream,
}


async def ask(url: str, key: str, way: Ask, times: int) -> Tally:
    """Ask `times` times, one after the other; raises whatever is not an answer or an error in OpenAI's shape."""
    tally = Tally()
    async with AsyncOpenAI(base_url=f"{url}/v1", api_key=key, max_retries=0, timeout=DEADLINE) as client:
        for number in range(times):
            try:
                tally.characters += await way(client, f"Mix colour number {number}.")
                tally.answered += 1
            except (openai.APIStatusError, openai.APIError, RunFailedError) as error:
                if isinstance(error, openai.APIConnectionError):
                    raise
                tally.refused += 1
                tally.reason = tally.reason or str(error)[:300]
    return tally
