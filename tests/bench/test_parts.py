"""The parts of the benchmark do what its figures assume: the model server, the load loop, the floor, the verdicts."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from msgspec import Raw

from tests.bench import verdicts
from tests.bench.load import Order
from tests.bench.measure import Harness, Round
from tests.bench.model import Named, Offered, Request, Said, decide
from tests.bench.targets import FLOOR, KEY, printed


@pytest.fixture
def harness() -> Iterator[Harness]:
    with Harness() as running:
        yield running


def order(harness: Harness, expect: str) -> Order:
    return Order(
        port=harness.model_port,
        path="/v1/chat/completions",
        body=json.dumps({"messages": [{"role": "user", "content": "k0 n3"}]}),
        clients=4,
        runs=20,
        seconds=20.0,
        expect=expect,
        first="tok0",
    )


def test_the_model_calls_the_tool_as_often_as_the_last_user_message_says_and_then_answers() -> None:
    tools = [Offered(Named("other")), Offered(Named("my_add"))]
    asked = [Said("user", Raw(b'"k9 n9"')), Said("tool"), Said("user", Raw(b'"please: k1 n5"'))]
    assert decide(Request(messages=asked, tools=tools)) == ("my_add", 5)
    assert decide(Request(messages=[*asked, Said("assistant"), Said("tool")], tools=tools)) == ("", 5)
    assert decide(Request(messages=asked, tools=tools[:1])) == ("", 5)


def test_a_load_makes_as_many_runs_as_ordered_and_measures_each(harness: Harness) -> None:
    outcome = harness.load(order(harness, "tok2"))
    assert (outcome.ok, outcome.errors) == (20, 0)
    assert 0 < outcome.p50 <= outcome.p99
    assert outcome.first_ms is not None


def test_an_answer_without_the_expected_text_is_an_error(harness: Harness) -> None:
    outcome = harness.load(order(harness, "tok3"))
    assert (outcome.ok, outcome.errors) == (0, 20)
    assert "tok2" in outcome.error


def test_a_round_of_the_floor_yields_every_figure_that_is_judged(harness: Harness, tmp_path: Path) -> None:
    row = {name: [value] for name, value in Round(harness, FLOOR, tmp_path, 0.2).measure().items()}
    assert row[verdicts.ERRORS] == [0]
    lines = [line for _, line in verdicts.judge(row, row)]
    assert not [line for line in lines if "not measured" in line]


def test_a_limit_holds_up_to_the_limit_and_fails_above_it_or_without_a_figure() -> None:
    floor = {verdicts.START: [1.0]}
    judged = {
        value: next(holds for holds, line in verdicts.judge({verdicts.START: [value]}, floor) if verdicts.START in line)
        for value in (2.5, 2.51)
    }
    assert judged == {2.5: True, 2.51: False}
    assert not any(holds for holds, _ in verdicts.judge({}, floor))


def test_the_printed_targets_hold_both_apis_and_the_key_the_server_is_started_with() -> None:
    targets = json.loads(printed())
    assert set(targets) == {"toolyard-chat", "toolyard-responses"}
    for target in targets.values():
        assert target["env"] == {"TOOLYARD_BOOTSTRAP_KEY": KEY}
        assert target["run"]["headers"]["authorization"].endswith(KEY)
    assert targets["toolyard-responses"]["turn"]["body"]["previous_response_id"] == "{{prev}}"
