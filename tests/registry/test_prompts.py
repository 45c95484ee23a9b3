"""Prompts fill their places, and a place that cannot be filled is told with file and line."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from toolyard_registry.prompts import Prompt, Value, read_prompt, render
from toolyard_sdk.errors import ConfigError

SOURCE = """+++
description = "Answers customers."

[variables.company]
[variables.years]
type = "integer"
default = 3

[model_settings]
temperature = 0.2
+++

You work for {{company}}
since {{ years }} years. Write \\{{name}} for a place.
"""


def read(source: str) -> Prompt:
    return read_prompt(source, "support", "prompts/support.md")


def error_of(source: str, **values: Value) -> ConfigError:
    with pytest.raises(ConfigError) as caught:
        render(read(source), values)
    assert caught.value.path == "prompts/support.md"
    return caught.value


def test_places_are_filled_from_values_and_defaults() -> None:
    prompt = read(SOURCE)
    assert render(prompt, {"company": "ACME"}) == "You work for ACME\nsince 3 years. Write {{name}} for a place."
    assert prompt.settings.temperature == 0.2
    assert prompt.description == "Answers customers."


def test_a_prompt_without_front_matter_is_its_text() -> None:
    prompt = read("\n\nYou are {kind}.\n")
    assert render(prompt, {}) == "You are {kind}."
    assert prompt.first_line == 3


def test_a_variable_without_a_value_is_told_at_its_place() -> None:
    error = error_of(SOURCE)
    assert (error.line, "`company` has no value" in error.message) == (13, True)


def test_an_undeclared_variable_is_told_at_its_place_with_the_nearest_one() -> None:
    error = error_of(SOURCE.replace("{{ years }}", "{{ yeras }}"))
    assert (error.line, error.message) == (14, "unknown variable `yeras`; did you mean `years`?")
    error = error_of("{{who}}")
    assert error.message == "unknown variable `who`: declare it as [variables.who] in the front matter"


def test_a_value_nobody_asked_for_or_of_another_type_is_refused() -> None:
    assert "has no variable `compani`; did you mean `company`?" in error_of(SOURCE, compani="x").message
    with pytest.raises(ConfigError, match="`years` of prompt `support` must be of type integer"):
        render(read(SOURCE), {"company": "x", "years": "three"})
    with pytest.raises(ConfigError, match="must be of type integer"):
        render(read(SOURCE), {"company": "x", "years": True})


@pytest.mark.parametrize(
    ("source", "line", "word"),
    [
        ("+++\na = 1\n", 1, "no closing"),
        ("+++\ndescripton = 1\n+++\nx", 2, "did you mean `description`?"),
        ("+++\n[variables.a]\ntyp = 1\n+++\nx", 3, "did you mean `type`?"),
        (
            "+++\n[variables.a]\ntype = 'integer'\ndefault = 'x'\n+++\n{{a}}",
            4,
            "default of `a` must be of type integer",
        ),
        ("+++\n+++\n\n", 1, "has no text"),
        ("a\n{{ two words }}", 2, "begins no variable"),
        ("a {{", 1, "begins no variable"),
    ],
)
def test_a_broken_prompt_is_told_with_its_line(source: str, line: int, word: str) -> None:
    error = error_of(source)
    assert word in error.message
    assert error.line == line


def test_the_digest_is_of_what_the_prompt_says_and_not_of_where_it_stands() -> None:
    here = read_prompt("+++\n+++\ntext", "a", "prompts/a.md")
    there = read_prompt("text", "a", "elsewhere/a.md")
    assert here.digest == there.digest
    assert read_prompt("text!", "a", "prompts/a.md").digest != here.digest
    assert read_prompt("text", "b", "prompts/a.md").digest != here.digest
    assert read_prompt("+++\n[model_settings]\nseed = 1\n+++\ntext", "a", "prompts/a.md").digest != here.digest


@given(st.text(), st.text())
def test_a_value_is_never_read_as_a_place(before: str, value: str) -> None:
    before = before.replace("{", "").replace("\\", "").replace("+", "")
    prompt = Prompt("p", before + "{{v}}", variables=read("+++\n[variables.v]\n+++\n{{v}}").variables)
    assert render(prompt, {"v": value}) == before + value
