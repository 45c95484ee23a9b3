"""What a call was given never comes back out of it: not in its result, its progress or its log."""

import base64
import json
import logging
from typing import Any
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st
from toolyard_runtime.logs import JsonLines
from toolyard_runtime.secrets.redaction import Redactor
from toolyard_sdk.http.filling import SHORTEST
from toolyard_sdk.messages import ToolResult

VALUE = 'p@ss/word "quoted" & <more>'

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text("ab ", max_size=4),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text("ab", max_size=3), inner, max_size=3),
    max_leaves=8,
)


class Kept(logging.Handler):
    """Keeps what a formatter makes of each record."""

    def __init__(self, formatter: logging.Formatter) -> None:
        super().__init__()
        self.setFormatter(formatter)
        self.lines: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.lines.append(self.format(record))


async def given_to(call: dict[str, str]) -> Redactor:
    async def reveal(name: str) -> str | None:
        return call.get(name)

    redactor = Redactor(reveal)
    for name in call:
        await redactor.reveal(name)
    return redactor


FORMS = {
    "as it is": VALUE,
    "in JSON": json.dumps(VALUE)[1:-1],
    "in a query": quote(VALUE, safe=""),
    "in a form": quote(VALUE, safe="").replace("%20", "+"),
    "in base64": base64.b64encode(VALUE.encode()).decode(),
    "in HTML": VALUE.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;").replace('"', "&quot;"),
}


@pytest.mark.parametrize("form", FORMS)
async def test_a_secret_is_taken_out_in_whatever_form_it_comes_back(form: str) -> None:
    redactor = await given_to({"k": VALUE})
    assert redactor.text(f"before {FORMS[form]} after") == "before [secret k] after"


async def test_a_result_is_redacted_with_all_that_is_in_it() -> None:
    redactor = await given_to({"k": VALUE})
    result = ToolResult(f"got {VALUE}", {"a": [VALUE, 1, None, {VALUE: True}], "b": f"x{VALUE}"}, is_error=True)
    assert redactor.result(result) == ToolResult(
        "got [secret k]", {"a": ["[secret k]", 1, None, {"[secret k]": True}], "b": "x[secret k]"}, is_error=True
    )


@given(st.lists(st.text("abc", min_size=SHORTEST, max_size=6), min_size=1, max_size=3), st.text("abc ", max_size=60))
async def test_no_value_is_left_whole_in_any_text(values: list[str], text: str) -> None:
    redactor = await given_to({str(index): value for index, value in enumerate(values)})
    clean = redactor.text(text)
    assert not [value for value in values if value in clean]


@given(JSON)
async def test_what_holds_no_secret_stays_as_it_is(value: Any) -> None:
    redactor = await given_to({"k": "never-in-there"})
    assert redactor.value(value) == value


async def test_only_what_this_call_was_given_is_looked_for() -> None:
    async def reveal(_name: str) -> str:
        return VALUE

    redactor = Redactor(reveal)
    assert redactor.text(VALUE) == VALUE
    assert redactor.result(ToolResult(VALUE)) == ToolResult(VALUE)
    await redactor.reveal("k")
    assert VALUE not in redactor.text(VALUE)


async def test_a_secret_that_was_rotated_during_the_call_is_looked_for_in_both_values() -> None:
    values = iter(("first-value", "second-value", "second-value"))

    async def reveal(_name: str) -> str:
        return next(values)

    redactor = Redactor(reveal)
    for _ in range(3):
        await redactor.reveal("k")
    assert "value" not in redactor.text("first-value second-value")


async def test_what_is_there_by_chance_is_not_looked_for() -> None:
    redactor = await given_to({"pin": "1" * (SHORTEST - 1), "none": ""})
    assert redactor.text("111 and 222") == "111 and 222"


@pytest.mark.parametrize("formatter", [JsonLines(), logging.Formatter("%(message)s")], ids=["json", "plain"])
async def test_a_log_is_redacted_with_its_arguments_fields_and_exceptions(formatter: logging.Formatter) -> None:
    target = logging.Logger("toolyard.tool", logging.INFO)  # noqa: LOG001 - not the process-wide one of that name
    kept = Kept(formatter)
    target.addHandler(kept)
    logger = (await given_to({"k": "hunter2-hunter2"})).logger(target)
    logger.info("sent %s", {"token": "hunter2-hunter2"}, extra={"url": "https://x/?k=hunter2-hunter2", "n": 5})
    logger.debug("quiet hunter2-hunter2")
    logger.warning("%s %s", *("hunter2-hunter2",))  # arguments that do not fit, as a stranger writes them
    try:
        int("401 for hunter2-hunter2")
    except ValueError:
        logger.exception("failed with hunter2-hunter2", stack_info=True)
    assert len(kept.lines) == 3
    assert "hunter2" not in "".join(kept.lines)
    assert "sent {'token': '[secret k]'}" in kept.lines[0]
    assert "[secret k]'" in kept.lines[2]


async def test_a_log_says_where_it_was_written() -> None:
    target = logging.Logger("toolyard.tool")  # noqa: LOG001 - same
    kept = Kept(logging.Formatter("%(name)s %(filename)s %(funcName)s %(levelname)s"))
    target.addHandler(kept)
    (await given_to({})).logger(target).error("x")
    assert kept.lines == [
        "toolyard.tool test_redaction.py test_a_log_says_where_it_was_written ERROR",
    ]
