"""`toolyard answer`: a person answers what a tool asks, field by field or at once."""

import json
from collections.abc import Callable
from typing import Any

import click

from toolyard_runtime.cli.asking import Failed, connected, run_named
from toolyard_runtime.cli.connection import Connection, part
from toolyard_runtime.cli.screen import clean

_NUMBERS: dict[str, type[int] | type[float]] = {"integer": int, "number": float}
_BESIDE = "  | "
"""Before each further line of what a tool says, so that none passes for a line of this program."""


@click.command("answer")
@click.argument("run")
@click.argument("content", required=False)
@click.option("--decline", "action", flag_value="decline", help="Say no; the tool is told.")
@click.option("--cancel", "action", flag_value="cancel", help="Say nothing; the tool is told that it was put away.")
@connected
def answer_question(server: Connection, run: str, content: str | None, action: str | None) -> None:
    """Answer what a tool asks a person.

    RUN is a run's id, a question's id, or `last`. CONTENT is the answer as a JSON object; without it you are asked for
    each field.
    """
    if run.startswith("input_"):
        questions = [server.get(f"/api/v1/inputs/{part(run)}")]
    else:
        name = run_named(server, run)
        questions = server.get(f"/api/v1/runs/{part(name)}")["inputs"]
        if not questions:
            raise Failed(f"{clean(name)} asks nothing.")
    for question in questions:
        asked = clean(question["message"] or "[erased]").replace("\n", f"\n{_BESIDE}")
        click.echo(f"{clean(question['tool'])} asks: {asked}")
        if question["url"]:
            click.echo(f"Go to {clean(question['url'])} first.")
        given: dict[str, Any] = {"action": action or "accept"}
        if action is None:
            given["content"] = _read(content) if content is not None else _asked(question["schema"] or {})
        server.post(f"/api/v1/inputs/{part(question['id'])}", given)
        click.echo("Answered. The call begins again with it.")


def _read(content: str) -> dict[str, Any]:
    try:
        value = json.loads(content)
    except ValueError as error:
        raise Failed(f"CONTENT is no JSON: {error}") from error
    if not isinstance(value, dict):
        raise Failed('CONTENT is no JSON object: write \'{"field": "value"}\'.')
    return value


def _asked(schema: dict[str, Any]) -> dict[str, Any]:
    """Ask for each field of a flat schema, as MCP's elicitation has them."""
    found: dict[str, Any] = {}
    for name, field in schema.get("properties", {}).items():
        told = clean(str(field.get("description") or field.get("title") or name))
        needed = name in schema.get("required", ())
        kind = field.get("type")
        if "enum" in field:
            choice = click.Choice([str(value) for value in field["enum"]])
            found[name] = click.prompt(told, type=choice, default=field.get("default"))
        elif kind == "boolean":
            found[name] = click.confirm(told, default=bool(field.get("default", False)))
        else:
            default = field.get("default", None if needed else "")
            value = click.prompt(told, type=str, default=default, value_proc=_optional(_NUMBERS.get(kind, str), needed))
            if needed or value != "":
                found[name] = value
    return found


def _optional(kind: type[str] | type[int] | type[float], needed: bool) -> Callable[[Any], Any]:
    """Return what reads a person's word as a value of this kind, or asks again; nothing is nothing where it may be."""

    def read(text: Any) -> Any:
        if text == "" and not needed:
            return ""
        try:
            return kind(text)
        except ValueError:
            raise click.UsageError(f"{text!r} is no {'whole number' if kind is int else 'number'}.") from None

    return read
