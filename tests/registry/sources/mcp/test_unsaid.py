"""What a server was given in confidence is in nothing that it says, whatever way it takes."""

import sys
import traceback
from typing import Any

from toolyard_registry.sources.mcp.unsaid import MOST, Unsaid
from toolyard_sdk.asking import Answer
from toolyard_sdk.context import ToolContext
from toolyard_sdk.errors import ToolError
from toolyard_sdk.messages import ToolResult

from tests.registry.sources.mcp.opened import Held, Known, opened

KEY = Unsaid({"key": 's3/cr"et', "pin": "123"})


def test_results_are_without_secrets_in_every_form_and_place() -> None:
    said = ToolResult('it is s3/cr"et or s3/cr\\"et', structured={'s3/cr"et': ["x s3%2Fcr%22et", 1, None]})
    assert KEY.result(said) == ToolResult(
        "it is [secret key] or [secret key]", structured={"[secret key]": ["x [secret key]", 1, None]}
    )


def test_what_is_too_short_to_be_looked_for_stays() -> None:
    assert KEY.text("page 123") == "page 123"
    plain = ToolContext()
    assert Unsaid({}).context(plain) is plain


def test_an_error_forgets_where_it_came_from() -> None:
    error = ToolError('The server says s3/cr"et')
    error.__cause__ = ValueError('answered s3/cr"et')
    KEY.error(error)
    assert "".join(traceback.format_exception(error)).strip().endswith("ToolError: The server says [secret key]")
    assert error.__cause__ is None


def test_tokens_are_learned_and_of_many_the_latest_are_looked_for() -> None:
    some = Unsaid({"key": "s3cret"}, learns=True)
    assert some.text("s3cret token-0") == "[secret key] token-0"
    for number in range(MOST + 1):
        some.learn("token", f"token-{number}-")
    assert some.text("s3cret token-0-") == "[secret key] token-0-"
    for number in range(1, MOST + 1):
        assert "token-" not in some.text(f"x token-{number}-").replace("[secret token", "")


async def test_what_is_learned_in_a_call_is_not_in_its_questions() -> None:
    heard: list[str] = []
    some = Unsaid(learns=True)
    context = some.context(ToolContext(progress=lambda _done, _total, message: heard.append(message)))
    some.learn("token", "tok-en")
    context.progress(1, None, "with tok-en")
    assert heard == ["with [secret token]"]


async def test_questions_and_progress_are_without_secrets() -> None:
    heard: list[Any] = []

    async def ask(message: str, schema: dict[str, Any] | None = None, url: str = "") -> Answer:
        heard.extend((message, schema, url))
        return Answer("decline")

    context = KEY.context(ToolContext(ask=ask, progress=lambda *said: heard.append(said)))
    await context.ask('Is s3/cr"et yours?', {"title": 's3/cr"et'}, 'https://x/?k=s3/cr"et')
    context.progress(1, None, 's3/cr"et')
    assert heard == [
        "Is [secret key] yours?",
        {"title": "[secret key]"},
        "https://x/?k=[secret key]",
        (1, None, "[secret key]"),
    ]


async def test_what_a_server_prints_before_it_dies_is_without_secrets() -> None:
    dying = [sys.executable, "-c", "import os, sys; sys.exit('no such key: ' + os.environ['KEY'])"]
    async with opened(
        {"command": dying, "env": {"KEY": "{{secret:key}}"}}, secrets=Known(key="s3cret"), clock=Held()
    ) as it:
        assert "no such key: [secret key]" in it.problem
