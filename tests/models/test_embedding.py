"""The embedder of a server: batches, patience, and answers that are wrong in every way."""

import base64
import json
from array import array
from collections.abc import Awaitable, Callable

import pytest
from toolyard_runtime.models.embedding import BATCH, OpenAIEmbedder
from toolyard_sdk.errors import EmbedderError

from tests.faults.model_server.server import FaultyServer, Peer, serving
from tests.models.embedding_server import answer_of, embeddings, vectors_of


class Waits:
    """A clock on which nobody waits; `slept` are the seconds that were asked for."""

    def __init__(self) -> None:
        self.slept: list[float] = []

    def now(self) -> int:
        return 0

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)


def asked(server: FaultyServer, n: int = -1) -> dict[str, object]:
    found: dict[str, object] = json.loads(server.requests[n])
    return found


def says(body: bytes, status: str = "200 OK", *headers: str) -> Callable[[Peer], Awaitable[None]]:
    async def fault(peer: Peer) -> None:
        await peer.answer(body, status=status, headers=headers)

    return fault


def in_turn(*steps: Callable[[Peer], Awaitable[None]]) -> Callable[[Peer], Awaitable[None]]:
    left = list(steps)

    async def fault(peer: Peer) -> None:
        await (left.pop(0) if len(left) > 1 else left[0])(peer)

    return fault


async def embedded(fault: Callable[[Peer], Awaitable[None]], *texts: str) -> tuple[list[bytes], FaultyServer, Waits]:
    waits = Waits()
    async with serving(fault) as server:
        embedder = OpenAIEmbedder(server.url, "m", waits)
        try:
            return await embedder.embed(texts), server, waits
        finally:
            await embedder.close()


async def test_many_texts_go_in_batches_and_come_back_in_order_and_at_unit_length() -> None:
    texts = [f"text {n}" for n in range(2 * BATCH + 3)]
    found, server, _ = await embedded(embeddings, *texts)
    assert [len(asked(server, n)["input"]) for n in range(3)] == [BATCH, BATCH, 3]  # type: ignore[arg-type] # a list
    assert len(server.requests) == 3
    expected = await vectors_of(texts)
    for vector, threefold in zip(found, expected, strict=True):
        assert array("f", vector).tolist() == pytest.approx([number / 3 for number in threefold], abs=1e-6)


async def test_texts_of_many_characters_go_in_smaller_batches() -> None:
    _, server, _ = await embedded(embeddings, "a" * 60_000, "b" * 60_000, "c")
    assert len(server.requests) == 2


async def test_key_model_dimensions_and_prefixes_are_sent_and_named_where_they_matter() -> None:
    async with serving(embeddings) as server:
        embedder = OpenAIEmbedder(
            server.url,
            "m",
            Waits(),
            "sk-x",
            dimensions=256,
            revision="2",
            text_prefix="passage: ",
            query_prefix="query: ",
        )
        await embedder.embed(["red"])
        assert asked(server)["input"] == ["passage: red"]
        assert (asked(server)["model"], asked(server)["dimensions"]) == ("m", 256)
        await embedder.embed(["red"], query=True)
        assert asked(server)["input"] == ["query: red"]
        assert embedder.id.startswith("openai:m@2:256:")
        assert OpenAIEmbedder(server.url, "m", Waits()).id == "openai:m"
        assert "127.0.0.1" not in embedder.id
        await embedder.close()


async def test_a_blank_text_is_sent_as_something_a_server_takes() -> None:
    found, server, _ = await embedded(embeddings, "", "red", " \n")
    assert asked(server)["input"] == [".", "red", "."]
    assert len(found) == 3


async def test_a_server_that_gives_lists_whatever_is_asked_is_understood() -> None:
    found, _, _ = await embedded(says(answer_of([[3.0, 4.0]])), "x")
    assert array("f", found[0]).tolist() == pytest.approx([0.6, 0.8])


async def test_a_server_that_refuses_base64_is_asked_for_lists_from_then_on() -> None:
    async def lists(peer: Peer) -> None:
        if asked_of(peer)["encoding_format"] == "base64":
            await peer.answer(b'{"error": "unknown encoding_format"}', status="400 Bad Request")
        else:
            await peer.answer(answer_of([[3.0, 4.0]]))

    async with serving(lists) as server:
        embedder = OpenAIEmbedder(server.url, "m", Waits())
        for _ in range(2):
            await embedder.embed(["x"])
        assert [asked(server, n)["encoding_format"] for n in range(3)] == ["base64", "float", "float"]
        await embedder.close()


def asked_of(peer: Peer) -> dict[str, object]:
    found: dict[str, object] = json.loads(peer.body)
    return found


async def test_a_busy_server_is_asked_again_when_it_wants_to_be() -> None:
    busy = says(b'{"error": {"message": "slow down"}}', "429 Too Many Requests", "Retry-After: 7")
    found, server, waits = await embedded(in_turn(busy, busy, embeddings), "x")
    assert len(found) == 1
    assert waits.slept == [7.0, 7.0]
    assert len(server.requests) == 3


async def test_a_question_waits_no_longer_than_somebody_would() -> None:
    async with serving(says(b"{}", "503 Service Unavailable", "Retry-After: 7")) as server:
        embedder = OpenAIEmbedder(server.url, "m", Waits())
        with pytest.raises(EmbedderError, match="503"):
            await embedder.embed(["x"], query=True)
        assert len(server.requests) == 1
        await embedder.close()


async def test_a_server_that_stays_broken_is_given_up_in_words() -> None:
    waits = Waits()
    async with serving(says(b'{"error": {"message": "out of memory"}}', "500 Internal Server Error")) as server:
        embedder = OpenAIEmbedder(server.url, "m", waits, "sk-very-secret")
        with pytest.raises(EmbedderError, match="500 out of memory") as caught:
            await embedder.embed(["x"])
        assert not caught.value.refused
        assert len(server.requests) == 4
        await embedder.close()


async def test_nobody_there_is_said_with_the_address() -> None:
    async with serving(embeddings) as server:
        url = server.url
    embedder = OpenAIEmbedder(url, "m", Waits())
    with pytest.raises(EmbedderError, match=r"127\.0\.0\.1.*is the server running"):
        await embedder.embed(["x"], query=True)
    await embedder.close()


async def test_a_key_that_the_server_echoes_is_not_told() -> None:
    async with serving(says(b'{"error": {"message": "bad key sk-very-secret"}}', "401 Unauthorized")) as server:
        embedder = OpenAIEmbedder(server.url, "m", Waits(), "sk-very-secret")
        with pytest.raises(EmbedderError, match=r"\[key\]") as caught:
            await embedder.embed(["x"])
        assert "secret" not in str(caught.value)
        assert not caught.value.refused
        await embedder.close()


async def test_texts_that_are_too_long_are_parted_and_then_cut() -> None:
    async def narrow(peer: Peer) -> None:
        texts = asked_of(peer)["input"]
        assert isinstance(texts, list)
        if sum(map(len, texts)) > 1000:
            await peer.answer(
                b'{"error": {"message": "This model\'s maximum context length is 512 tokens"}}',
                status="400 Bad Request",
            )
        else:
            await embeddings(peer)

    long = "long " * 600
    found, _, _ = await embedded(narrow, "red", "dog " * 200, long, "bird")
    expected = await vectors_of(["red", long[:750]])
    assert array("f", found[0]).tolist() == pytest.approx([number / 3 for number in expected[0]], abs=1e-6)
    assert array("f", found[2]).tolist() == pytest.approx([number / 3 for number in expected[1]], abs=1e-6)
    assert len(found) == 4


async def test_a_text_that_is_refused_is_told_apart_from_a_server_that_fails() -> None:
    with pytest.raises(EmbedderError, match="no such words") as caught:
        await embedded(says(b'{"error": {"message": "no such words"}}', "422 Unprocessable Entity"), "x")
    assert caught.value.refused


PACKED = base64.b64encode(array("f", [1.0, 2.0]).tobytes()[:-1]).decode()


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (answer_of([[0.0, 0.0]]), "all zeros"),
        (answer_of([[]]), "empty"),
        (answer_of([[1.0, float("nan")]], packed=True), "NaN"),
        (answer_of([[1.0, float("inf")]], packed=True), "infinity"),
        (b'{"data": [{"embedding": [1.0, NaN]}]}', "no embeddings"),
        (b'{"data": [{"embedding": [1.0, null]}]}', "no embeddings"),
        (b'{"data": [{"embedding": [1e39, 1.0]}]}', "infinity"),
        (b'{"data": [{"embedding": "%s"}]}' % PACKED.encode(), "no whole numbers"),
        (b'{"data": [{"embedding": "?!"}]}', "no base64"),
        (b'{"data": []}', "0 vectors came for 1 texts"),
        (answer_of([[1.0], [1.0]]), "2 vectors came for 1 texts"),
        (b'{"data": [{"embedding": [1.0], "index": 1}]}', "not numbered from 0"),
        (b"<html>Welcome</html>", "no embeddings"),
        (b"", "no embeddings"),
    ],
)
async def test_an_answer_that_is_wrong_is_an_error_that_says_how(body: bytes, words: str) -> None:
    with pytest.raises(EmbedderError, match=words) as caught:
        await embedded(says(body), "x")
    assert "127.0.0.1" in str(caught.value)
    assert not caught.value.refused


async def test_answers_in_another_order_are_put_right() -> None:
    body = json.loads(answer_of([[1.0, 0.0], [0.0, 1.0]]))
    body["data"].reverse()
    found, _, _ = await embedded(says(json.dumps(body).encode()), "one", "two")
    assert array("f", found[0]).tolist() == [1.0, 0.0]


async def test_a_dimension_that_changes_is_an_error_within_an_answer_and_between_two() -> None:
    with pytest.raises(EmbedderError, match="2 and 3 dimensions"):
        await embedded(says(answer_of([[1.0, 0.0], [0.0, 1.0, 0.0]])), "one", "two")
    async with serving(in_turn(says(answer_of([[1.0, 0.0]])), says(answer_of([[1.0, 0.0, 0.0]])))) as server:
        embedder = OpenAIEmbedder(server.url, "m", Waits())
        await embedder.embed(["x"])
        with pytest.raises(EmbedderError, match=r"3 dimensions, and 2 were expected.*another revision"):
            await embedder.embed(["x"])
        await embedder.close()


async def test_dimensions_that_were_asked_for_and_not_given_are_an_error() -> None:
    async with serving(says(answer_of([[1.0, 0.0]]))) as server:
        embedder = OpenAIEmbedder(server.url, "m", Waits(), dimensions=3)
        with pytest.raises(EmbedderError, match="2 dimensions, and 3 were expected"):
            await embedder.embed(["x"])
        await embedder.close()


async def test_a_redirect_is_not_followed_with_the_key() -> None:
    with pytest.raises(EmbedderError, match="redirects to http://elsewhere"):
        await embedded(says(b"", "307 Temporary Redirect", "Location: http://elsewhere/"), "x")
