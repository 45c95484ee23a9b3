"""The source reads its document from a file or through its way out, and its tools reach a real server."""

import asyncio
import base64
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import msgspec
import pytest
from msgspec import Struct
from toolyard_registry.sources.openapi.settings import read_settings
from toolyard_registry.sources.openapi.source import FIRST_WAIT, LOOK_SECONDS, OpenApiSource, open_source
from toolyard_registry.toolbox.collecting import open_toolbox
from toolyard_registry.toolbox.supplies import Supplied, with_supplies
from toolyard_sdk.context import ToolContext
from toolyard_sdk.egress import CLOSED, Egress, EgressGrant
from toolyard_sdk.errors import ConfigError, EgressRefused, ToolError
from toolyard_sdk.http import EgressClient, open_egress
from toolyard_sdk.ports import Secrets, ToolSource

from tests.registry.sources.openapi.documents import body, document, parameter
from tests.sdk.http.network import Got, Server, answer

DEADLINE = 10


class NoSecrets:
    """Implements Secrets where there are none: a source is not to ask."""

    async def reveal(self, tenant: str, end_user: str | None, name: str) -> str | None:
        """Fail: requests name secrets by handle."""
        raise AssertionError((tenant, end_user, name))


class Api(Struct):
    """A real server, and a way out that may reach it."""

    server: Server
    client: EgressClient

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server.port}"

    @property
    def egress(self) -> Egress:
        place = f"127.0.0.1:{self.server.port}"
        grant = EgressGrant(private=(place,), secrets={"pets_key": (place,)})
        return self.client.for_tool("pets", grant, self.reveal)

    async def reveal(self, name: str) -> str | None:
        return {"pets_key": "s3cr&t"}.get(name)

    def context(self) -> ToolContext:
        return ToolContext(idempotency_key="call_9", egress=self.egress)


@pytest.fixture
async def api() -> AsyncIterator[Api]:
    """Give a server that answers with what reached it."""
    server = Server(echoed)
    await server.open()
    client = open_egress()
    try:
        yield Api(server, client)
    finally:
        await client.close()
        await server.close()


def echoed(got: Got) -> bytes:
    told = {"line": got.line, "headers": got.headers, "body": base64.b64encode(got.body).decode()}
    return answer(json.dumps(told).encode(), Content_Type="application/json")


def openapi(settings: dict[str, Any], root: Path, egress: Egress = CLOSED) -> OpenApiSource:
    secrets: Secrets = NoSecrets()
    source = open_source(name="pets", settings=settings, root=root, egress=egress, secrets=secrets)
    port: ToolSource = source
    assert port.origin == "openapi:pets"
    return source


async def opened(settings: dict[str, Any], root: Path, egress: Egress = CLOSED) -> OpenApiSource:
    source = openapi(settings, root, egress)
    async with asyncio.timeout(DEADLINE):
        await source.open(lambda: None)
    return source


ALL_STYLES = document(
    {
        "/pets/{id}/{labels}/{matrix}": {
            "parameters": [
                parameter("id", "path", {"type": "integer"}, required=True),
                parameter("labels", "path", {"type": "array"}, required=True, style="label", explode=True),
                parameter("matrix", "path", {"type": "object"}, required=True, style="matrix"),
            ],
            "post": {
                "operationId": "everything",
                "parameters": [
                    parameter("form", schema={"type": "array", "items": {"type": "string"}}),
                    parameter("space", schema={"type": "array"}, style="spaceDelimited", explode=False),
                    parameter("pipe", schema={"type": "array"}, style="pipeDelimited", explode=False),
                    parameter("deep", schema={"type": "object"}, style="deepObject", explode=True),
                    parameter("X-Tags", "header", {"type": "array"}),
                    parameter("session", "cookie"),
                    parameter("Idempotency-Key", "header"),
                ],
                **body({"$ref": "#/components/schemas/Pet"}),
                "security": [{"key": [], "query": []}],
            },
        },
        "/upload": {"put": {"operationId": "upload", **body({"type": "string"}, "application/octet-stream")}},
    },
    components={
        "schemas": {
            "Pet": {
                "type": "object",
                "required": ["name"],
                "properties": {"name": {"type": "string"}, "mother": {"$ref": "#/components/schemas/Pet"}},
            }
        },
        "securitySchemes": {
            "key": {"type": "http", "scheme": "bearer"},
            "query": {"type": "apiKey", "in": "query", "name": "key"},
        },
    },
)


async def test_everything_a_document_can_say_reaches_a_real_server(api: Api, tmp_path: Path) -> None:
    (tmp_path / "pets.json").write_text(json.dumps(ALL_STYLES))
    security = {"key": "pets_key", "query": "pets_key"}
    source = await opened({"file": "pets.json", "server": f"{api.url}/v1", "security": security}, tmp_path)
    assert source.supply.problems == ()
    assert source.supply.version == "1.2"
    everything, upload = source.supply.tools
    arguments = {
        "id": 7,
        "labels": ["a", "b c"],
        "matrix": {"x": 1, "y": "/"},
        "form": ["a&b", "c"],
        "space": ["a", "b"],
        "pipe": ["a", "b"],
        "deep": {"kind": "cat", "age": {"min": 3}},
        "X-Tags": ["x", "y"],
        "session": "s;1",
        "body": {"name": "Rex", "mother": {"name": "Ida"}},
    }
    encoded = msgspec.json.encode(arguments)
    everything.check(encoded)
    async with asyncio.timeout(DEADLINE):
        result = await everything.call(encoded, api.context())
    (got,) = api.server.got
    assert got.method == "POST"
    assert urlsplit(got.path).path == "/v1/pets/7/.a.b%20c/;matrix=x,1,y,%2F"
    assert parse_qsl(urlsplit(got.path).query) == [
        ("form", "a&b"),
        ("form", "c"),
        ("space", "a b"),
        ("pipe", "a|b"),
        ("deep[kind]", "cat"),
        ("deep[age][min]", "3"),
        ("key", "s3cr&t"),
    ]
    assert got.headers["x-tags"] == "x,y"
    assert got.headers["cookie"] == "session=s%3B1"
    assert got.headers["idempotency-key"] == "call_9"
    assert got.headers["authorization"] == "Bearer s3cr&t"
    assert msgspec.json.decode(got.body) == arguments["body"]
    assert result.text.startswith("HTTP 200 OK\n")
    assert result.structured["line"].startswith("POST /v1/pets/7/")
    assert "s3cr" not in result.text
    async with asyncio.timeout(DEADLINE):
        await upload.call(b'{"body": "AAH/"}', api.context())
    assert api.server.got[1].body == b"\0\1\xff"
    await source.close()


async def test_a_document_is_fetched_through_the_way_out_and_its_server_is_where_it_came_from(
    api: Api, tmp_path: Path
) -> None:
    raw = document({"/pets": {"get": {}}}, servers=[{"url": "../v2"}])
    api.server.reply = lambda _: answer(json.dumps(raw).encode())
    source = await opened({"url": f"{api.url}/docs/pets.json"}, tmp_path, api.egress)
    (tool,) = source.supply.tools
    assert api.server.got[0].path == "/docs/pets.json"
    async with asyncio.timeout(DEADLINE):
        await tool.call(b"{}", api.context())
    assert api.server.got[1].path == "/v2/pets"
    await source.close()


async def test_the_tools_of_a_source_join_a_toolbox(tmp_path: Path) -> None:
    (tmp_path / "pets.json").write_text(json.dumps(ALL_STYLES))
    source = await opened({"file": "pets.json", "security": {"key": "a", "query": "b"}}, tmp_path)
    box = with_supplies(open_toolbox(), [Supplied("pets", source.origin, "pets_", source.supply)])
    assert box.source_problems == ()
    assert {"pets_everything", "pets_upload"} <= box.tools.keys()
    assert box.releases["pets_upload"].source == "openapi:pets"
    assert box.about == {"openapi:pets": "Pets"}


class Waits:
    """A sleep that returns when it is told to."""

    def __init__(self) -> None:
        self.asked: list[float] = []
        self._ends: asyncio.Queue[None] = asyncio.Queue()

    async def sleep(self, seconds: float) -> None:
        self.asked.append(seconds)
        await self._ends.get()

    def end(self) -> None:
        self._ends.put_nowait(None)


async def test_a_document_that_cannot_be_fetched_is_tried_again_until_it_can(api: Api, tmp_path: Path) -> None:
    answers = [
        answer(b"", "503 Down"),
        answer(b"", "500 Worse"),
        answer(json.dumps(document({"/pets": {"get": {}}})).encode()),
    ]
    api.server.reply = lambda _: answers.pop(0)
    waits = Waits()
    sleep: Callable[[float], Awaitable[None]] = waits.sleep
    settings = read_settings("pets", {"url": f"{api.url}/pets.json", "server": api.url})
    source = OpenApiSource("pets", settings, tmp_path, api.egress, sleep)
    changed: asyncio.Queue[tuple[str, ...]] = asyncio.Queue()
    async with asyncio.timeout(DEADLINE):
        await source.open(lambda: changed.put_nowait(source.supply.problems))
        assert "the server answered HTTP 503" in source.supply.problems[0]
        waits.end()
        assert "the server answered HTTP 500" in (await changed.get())[0]
        waits.end()
        assert await changed.get() == ()
    assert len(source.supply.tools) == 1
    assert waits.asked[:2] == [FIRST_WAIT, 2 * FIRST_WAIT]
    await source.close()


def pets(*paths: str) -> str:
    return json.dumps(document({path: {"get": {}} for path in paths}))


async def test_a_file_that_is_written_again_is_read_again_and_a_broken_one_keeps_the_tools(tmp_path: Path) -> None:
    path, waits = tmp_path / "pets.json", Waits()
    path.write_text(pets("/pets"))
    settings = read_settings("pets", {"file": "pets.json", "server": "https://api.example.org"})
    source = OpenApiSource("pets", settings, tmp_path, CLOSED, waits.sleep)
    changed: asyncio.Queue[tuple[int, tuple[str, ...]]] = asyncio.Queue()
    async with asyncio.timeout(DEADLINE):
        await source.open(lambda: changed.put_nowait((len(source.supply.tools), source.supply.problems)))
        waits.end()  # nothing has changed: nobody is told
        for text, tools, problem in (
            (pets("/pets", "/more"), 2, ""),
            ("{", 2, "not valid JSON"),
            (pets("/pets", "/more"), 2, ""),
            (None, 2, "cannot be read: No such file or directory"),
            (pets("/one-more-than-before"), 1, ""),
        ):
            path.unlink() if text is None else path.write_text(text)
            waits.end()
            seen, problems = await changed.get()
            assert (seen, len(problems)) == (tools, bool(problem))
            assert all(problem in each and each.endswith("; the one before is used") for each in problems)
    assert set(waits.asked) == {LOOK_SECONDS}
    await source.close()


async def test_a_document_by_url_is_read_again_now_and_then_and_only_sent_when_it_is_another(
    api: Api, tmp_path: Path
) -> None:
    one, two = pets("/pets").encode(), pets("/pets", "/more").encode()
    answers = [
        answer(one, "200 OK", ETag='"a"', Last_Modified="Mon, 23 Nov 2026 05:00:00 GMT"),
        answer(b"", "304 Not Modified"),
        answer(two, "200 OK", ETag='"b"'),
        answer(b"{"),
        answer(two, "200 OK", ETag='"b"'),
        answer(b"", "503 Down"),
    ]
    api.server.reply = lambda _: answers.pop(0)
    waits = Waits()
    settings = read_settings("pets", {"url": f"{api.url}/pets.json", "server": api.url, "refresh": 60})
    source = OpenApiSource("pets", settings, tmp_path, api.egress, waits.sleep)
    changed: asyncio.Queue[int] = asyncio.Queue()
    async with asyncio.timeout(DEADLINE):
        await source.open(lambda: changed.put_nowait(len(source.supply.problems)))
        waits.end()
        waits.end()
        assert (await changed.get(), len(source.supply.tools)) == (0, 2)
        for problems in (1, 0, 1):
            waits.end()
            assert (await changed.get(), len(source.supply.tools)) == (problems, 2)
    asked = [(got.headers.get("if-none-match"), got.headers.get("if-modified-since")) for got in api.server.got]
    date = "Mon, 23 Nov 2026 05:00:00 GMT"
    assert asked == [(None, None), ('"a"', date), ('"a"', date), ('"b"', None), (None, None), ('"b"', None)]
    assert set(waits.asked[:5]) == {60}
    await source.close()


async def test_a_source_that_waits_can_be_closed(api: Api, tmp_path: Path) -> None:
    api.server.reply = lambda _: None
    source = await opened({"url": f"{api.url}/pets.json"}, tmp_path, api.egress)
    async with asyncio.timeout(DEADLINE):
        await source.close()
        await source.close()


async def test_a_source_without_a_way_out_says_so_and_does_not_try_again(tmp_path: Path) -> None:
    source = await opened({"url": "https://api.example.org/pets.json"}, tmp_path)
    assert "was given no way out" in source.supply.problems[0]
    await source.close()


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (None, "pets.json: cannot be read: No such file"),
        (b"{", "pets.json: line 1, column 2: not valid JSON"),
        (b'{"swagger": "2.0"}', "pets.json: is a Swagger 2.0 document"),
        (b'{"openapi": "3.0.0", "paths": {}}', "pets.json: #/paths: the document describes no operation"),
        (b'{"openapi": "3.0.0", "paths": {"/a": {"get": {}}}}', "GET /a: its server '/' names no host; write server ="),
    ],
)
async def test_a_document_that_cannot_be_used_is_told(content: bytes | None, told: str, tmp_path: Path) -> None:
    if content is not None:
        (tmp_path / "pets.json").write_bytes(content)
    source = await opened({"file": "pets.json"}, tmp_path)
    assert source.supply.tools == ()
    assert told in source.supply.problems[0]


async def test_many_problems_of_one_kind_are_counted(tmp_path: Path) -> None:
    raw = document({f"/p{number}": {"get": {"parameters": [3]}} for number in range(30)})
    (tmp_path / "pets.json").write_text(json.dumps(raw))
    source = await opened({"file": "pets.json"}, tmp_path)
    assert len(source.supply.problems) == 6
    assert source.supply.problems[-1] == "pets.json: 25 more of the kind parameter.invalid"


def test_settings_with_a_mistake_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError):
        openapi({"flie": "a"}, tmp_path)
    with pytest.raises(ConfigError, match="refresh must be 0"):
        openapi({"url": "https://api.example.org/", "refresh": 1}, tmp_path)


async def tool_of(api: Api, root: Path, method: str = "post", **settings: Any) -> Any:
    (root / "pets.json").write_text(json.dumps(document({"/pets": {method: {}}})))
    source = await opened({"file": "pets.json", "server": api.url, **settings}, root)
    (tool,) = source.supply.tools
    return tool


async def test_a_request_that_is_not_answered_in_time_may_have_arrived(api: Api, tmp_path: Path) -> None:
    never = asyncio.Event()
    api.server.reply = lambda _: never
    tool = await tool_of(api, tmp_path, timeout=0.2)
    async with asyncio.timeout(DEADLINE):
        with pytest.raises(TimeoutError):
            await tool.call(b"{}", api.context())
    never.set()


async def test_a_connection_that_breaks_may_have_brought_the_request(api: Api, tmp_path: Path) -> None:
    api.server.reply = lambda _: None
    tool = await tool_of(api, tmp_path)
    async with asyncio.timeout(DEADLINE):
        with pytest.raises(ConnectionError) as caught:
            await tool.call(b"{}", api.context())
    assert not isinstance(caught.value, ConnectionRefusedError)


async def test_an_answer_that_is_too_long_is_told_and_that_the_request_was_sent(api: Api, tmp_path: Path) -> None:
    api.server.reply = lambda _: answer(b"x" * 2000)
    async with asyncio.timeout(DEADLINE):
        with pytest.raises(ToolError, match=r"^POST /pets was sent, but its answer could not be read"):
            await (await tool_of(api, tmp_path, max_bytes=1000)).call(b"{}", api.context())
        with pytest.raises(ToolError, match="longer than 1000 bytes"):
            await (await tool_of(api, tmp_path, "get", max_bytes=1000)).call(b"{}", api.context())


async def test_a_tool_without_a_way_out_sends_nothing(api: Api, tmp_path: Path) -> None:
    tool = await tool_of(api, tmp_path)
    with pytest.raises(EgressRefused):
        await tool.call(b"{}", ToolContext())
    assert api.server.got == []


async def test_what_the_service_refuses_is_an_error_result(api: Api, tmp_path: Path) -> None:
    api.server.reply = lambda _: answer(b'{"detail": "name is taken"}', "409 Conflict", Content_Type="application/json")
    result = await (await tool_of(api, tmp_path)).call(b"{}", api.context())
    assert result.is_error
    assert result.text == 'HTTP 409 Conflict, answered to POST /pets.\n{"detail":"name is taken"}'
