import asyncio
import threading
from collections.abc import AsyncIterator, Iterator
from typing import Annotated, Any, Literal

import msgspec
import pytest
from msgspec import Meta, Struct
from toolyard_sdk import ArgumentsInvalid, ToolContext, ToolResult, tool
from toolyard_sdk.tools import result_of


class Place(Struct, frozen=True):
    """Somewhere."""

    city: str
    near: tuple[str, ...] = ()


class Tree(Struct, frozen=True):
    """A thing that holds things of its kind."""

    name: str
    below: list["Tree"] = []


@tool(read_only=True)
def plan(
    place: Place,
    context: ToolContext,
    days: Annotated[int, Meta(ge=1, le=14)] = 3,
    mode: Literal["train", "car"] = "train",
    extras: list[str] = [],  # noqa: B006 - what a tool's author may write, and must not be shared between calls
) -> dict[str, Any]:
    """Plan a journey.

    Args:
        place: Where to go.
        context: The call.
        days: For how long.
    """
    extras.append(context.tenant)
    return {"city": place.city, "days": days, "mode": mode, "extras": extras}


def test_the_signature_and_docstring_become_the_schema() -> None:
    schema = plan.spec.input_schema
    assert plan.spec.description == "Plan a journey."
    assert schema["required"] == ["place"]
    assert schema["additionalProperties"] is False
    assert schema["properties"].keys() == {"place", "days", "mode", "extras"}
    assert schema["properties"]["days"] == {
        "type": "integer",
        "minimum": 1,
        "maximum": 14,
        "description": "For how long.",
        "default": 3,
    }
    assert schema["properties"]["place"]["description"] == "Where to go."
    assert schema["$defs"]["Place"]["required"] == ["city"]


async def test_a_call_decodes_nested_types_and_hands_in_the_context() -> None:
    result = await plan.call(b'{"place": {"city": "Oslo"}}', ToolContext(tenant="acme"))
    assert result.structured == {"city": "Oslo", "days": 3, "mode": "train", "extras": ["acme"]}
    assert msgspec.json.decode(result.text) == result.structured


async def test_a_mutable_default_is_fresh_for_every_call() -> None:
    for _ in range(2):
        result = await plan.call(b'{"place": {"city": "Oslo"}}', ToolContext())
        assert result.structured["extras"] == ["default"]


def test_a_decorated_function_stays_a_function() -> None:
    assert plan(Place("Rome"), ToolContext(), 1, "car", [])["city"] == "Rome"
    assert getattr(plan, "__doc__", "").startswith("Plan a journey.")


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (b"{}", "`place`"),
        (b'{"place": {"city": 5}}', "$.place.city"),
        (b'{"place": {"city": "x"}, "days": 15}', "$.days"),
        (b'{"place": {"city": "x"}, "mode": "boat"}', "$.mode"),
        (b'{"place": {"city": "x"}, "planes": 1}', "`planes`"),
        (b'{"place": {"city": "x"}, "context": {}}', "`context`"),
        (b"[]", "Expected `object`"),
        (b"{", "truncated"),
        (b'{"place": {"city": "\xff"}}', "utf-8"),
        (b'{"place": ' + b"[" * 100_000, "object"),
    ],
)
def test_arguments_that_do_not_fit_are_refused_by_the_field_and_told_what_there_is(
    arguments: bytes, words: str
) -> None:
    with pytest.raises(ArgumentsInvalid) as refused:
        plan.check(arguments)
    assert words in str(refused.value)
    usage = 'place (object), days (integer, optional), mode ("car" or "train", optional), extras (array, optional).'
    assert str(refused.value).endswith(usage)


async def test_a_plain_function_runs_in_a_thread_and_an_async_one_on_the_loop() -> None:
    @tool(read_only=True)
    def plain() -> int:
        """Where am I?"""
        return threading.get_ident()

    @tool(read_only=True)
    async def on_loop() -> int:
        """Where am I?"""
        return threading.get_ident()

    class Whereabouts:
        async def __call__(self) -> int:
            """Where am I?"""
            return threading.get_ident()

    here = threading.get_ident()
    assert (await plain.call(b"{}", ToolContext())).structured != here
    assert (await on_loop.call(b"{}", ToolContext())).structured == here
    odd = tool(name="odd", description="Where am I?")(Whereabouts())
    assert (await odd.call(b"{}", ToolContext())).structured == here


def _untyped(x) -> str:  # type: ignore[no-untyped-def]  # the point of the test
    """Do it."""
    return str(x)


def _many(*values: int) -> int:
    """Do it."""
    return sum(values)


def _silent(x: int) -> int:
    return x


def _misnamed(x: int) -> int:
    """Do it.

    Args:
        y: A number that is not there.
    """
    return x


def _yielding() -> Iterator[int]:
    """Do it."""
    yield 1


async def _async_yielding() -> AsyncIterator[int]:
    """Do it."""
    yield 1


def _opaque(x: threading.Thread) -> int:
    """Do it."""
    return id(x)


@pytest.mark.parametrize(
    ("function", "words"),
    [
        (_untyped, "needs a type"),
        (_many, "must be a named parameter"),
        (_silent, "needs a docstring"),
        (_misnamed, "'y'"),
        (_yielding, "return one value"),
        (_async_yielding, "return one value"),
        (_opaque, "_opaque"),
        (lambda: 1, "no tool name"),
    ],
)
def test_a_function_that_cannot_be_a_tool_is_refused_at_decoration(function: Any, words: str) -> None:
    with pytest.raises(TypeError, match=words):
        tool(function)


@pytest.mark.parametrize(
    ("hint", "schema"),
    [
        (str, None),
        (str | None, None),
        (None, None),
        (Any, None),
        (ToolResult, None),
        (ToolResult | int, None),
        (int, {"type": "integer"}),
        (list[str], {"type": "array", "items": {"type": "string"}}),
        (int | None, {"anyOf": [{"type": "integer"}, {"type": "null"}]}),
    ],
)
def test_what_is_returned_has_a_schema_unless_it_is_text_or_unknown(hint: Any, schema: Any) -> None:
    def made() -> Any:
        """Do it."""

    made.__annotations__["return"] = hint
    assert tool(made).spec.output_schema == schema


def test_a_type_that_contains_itself_is_referred_to_and_not_lost() -> None:
    @tool
    def grow() -> Tree:
        """Grow a tree."""
        return Tree("oak")

    schema = grow.spec.output_schema
    assert schema is not None
    assert schema["$ref"] == "#/$defs/Tree"
    assert schema["$defs"]["Tree"]["properties"]["below"]["items"] == {"$ref": "#/$defs/Tree"}


@pytest.mark.parametrize(
    ("value", "result"),
    [
        ("text", ToolResult("text")),
        (None, ToolResult("done")),
        ("bad \udce9", ToolResult("bad \\udce9")),
        (ToolResult("bad \udce9", is_error=True), ToolResult("bad \\udce9", is_error=True)),
        ((1, 2), ToolResult("[1,2]", [1, 2])),
        ({1: float("nan")}, ToolResult('{"1":null}', {"1": None})),
        (Place("Oslo"), ToolResult('{"city":"Oslo","near":[]}', {"city": "Oslo", "near": []})),
        (10**30, ToolResult("1" + "0" * 30, 10**30)),
    ],
)
def test_whatever_is_returned_becomes_text_and_json(value: Any, result: ToolResult) -> None:
    made = result_of(value)
    assert (made.text, made.is_error) == (result.text, result.is_error)
    assert made.structured == result.structured


def test_annotations_are_mcps_unless_the_author_says_better() -> None:
    def made() -> str:
        """Do it."""
        return ""

    worst, best = tool(made).spec.annotations, tool(read_only=True, open_world=False)(made).spec.annotations
    assert (worst.read_only, worst.destructive, worst.idempotent, worst.open_world) == (False, True, False, True)
    assert (best.read_only, best.destructive, best.idempotent, best.open_world) == (True, False, True, False)


async def test_an_attribute_of_the_function_does_not_hide_the_tools_own() -> None:
    def made() -> str:
        """Do it."""
        return "done it"

    made.spec = "mine"  # type: ignore[attr-defined]  # the point of the test
    async with asyncio.timeout(5):
        assert (await tool(made).call(b"{}", ToolContext())).text == "done it"
    assert tool(made).spec.name == "made"
