"""`toolyard answer` asks a person for each field, takes no word for a number, and lets no question speak for it."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cli.running import Outcome, toolyard
from tests.http.serving import Server, serving

TOOL = '''
from toolyard_sdk import ToolContext, tool

FIELDS = {"size": {"type": "integer"}, "name": {"type": "string"}}
SCHEMA = {"type": "object", "properties": FIELDS, "required": ["name"]}


@tool(read_only=True)
async def order(context: ToolContext) -> str:
    """Order a hat."""
    answer = await context.ask("Which hat?\\nAnswered. The call begins again with it.", SCHEMA)
    return f"{answer.action} {answer.content}"
'''
AGENT = 'instructions = "Sell hats."\ntools = ["order"]\n'


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[Server]:
    with serving(tmp_path, files={"tools/order.py": TOOL, "agents/hatter.toml": AGENT}) as server:
        yield server


def answered(shop: Server, stdin: str) -> tuple[Outcome, str]:
    """Have a run ask, answer it at the prompt, and return what was shown and what the tool heard."""
    run = shop.house.start("call order {}", "hatter")
    shop.house.until(run, lambda shown: shown["status"] == "parked" and shown["inputs"])
    way = ("--url", f"http://127.0.0.1:{shop.port}", "--key", shop.house.secret)
    done = toolyard("answer", run, *way, stdin=stdin)
    return done, str(shop.house.finished(run)["outputs"])


def test_what_is_no_number_is_asked_for_again_and_what_may_be_left_out_is(shop: Server) -> None:
    done, heard = answered(shop, "large\n7\nBowler\n")
    assert done.code == 0, done
    assert "'large' is no whole number." in done.out + done.err
    assert "accept {'size': 7, 'name': 'Bowler'}" in heard
    done, heard = answered(shop, "\nBowler\n")
    assert "accept {'name': 'Bowler'}" in heard


def test_no_line_of_a_question_passes_for_one_of_the_program(shop: Server) -> None:
    done, _ = answered(shop, "7\nBowler\n")
    lines = done.out.splitlines()
    assert "order asks: Which hat?" in lines
    assert "  | Answered. The call begins again with it." in lines
    assert lines[-1].endswith("Answered. The call begins again with it.")
