"""Prompts: Markdown with `+++` front matter and `{{variables}}`; pure text in and out, no files and no agents.

    +++
    description = "Answers customers."
    [variables.company]
    description = "Whose customers they are."
    [model_settings]
    temperature = 0.2
    +++
    You answer customers of {{company}}.

`\\{{` is a literal `{{`.
"""

import re
from collections.abc import Mapping
from typing import Literal

import msgspec
from msgspec import Struct
from toolyard_sdk.canonical import digest
from toolyard_sdk.errors import ConfigError

from toolyard_registry.releases import ModelSettings
from toolyard_registry.toml.located import decode, did_you_mean, line_of

_FENCE = "+++"
_PLACE = re.compile(r"(?P<literal>\\\{\{)|\{\{[ \t]*(?P<name>[A-Za-z_][A-Za-z0-9_]*)[ \t]*\}\}|(?P<stray>\{\{)")

Value = str | int | float | bool


class Variable(Struct, frozen=True, omit_defaults=True, forbid_unknown_fields=True):
    """One variable's schema; without a default a value must be given."""

    type: Literal["string", "integer", "number", "boolean"] = "string"
    description: str = ""
    default: Value | None = None


class FrontMatter(Struct, frozen=True, forbid_unknown_fields=True):
    """What stands between the `+++` lines."""

    description: str = ""
    variables: dict[str, Variable] = {}
    model_settings: ModelSettings = ModelSettings()


class Prompt(Struct, frozen=True, omit_defaults=True):
    """A prompt at one version; its digest is over all but `path` and `first_line` (of the text in its file)."""

    name: str
    text: str
    description: str = ""
    variables: dict[str, Variable] = {}
    settings: ModelSettings = ModelSettings()
    digest: str = ""
    path: str = ""
    first_line: int = 1


def read_prompt(source: str, name: str, path: str) -> Prompt:
    """Read a prompt's file; raises ConfigError for bad front matter and for variables nobody declared."""
    lines = source.replace("\r\n", "\n").split("\n")
    front, first_line = FrontMatter(), 1
    if lines and lines[0].rstrip() == _FENCE:
        end = next((number for number, line in enumerate(lines[1:], 1) if line.rstrip() == _FENCE), None)
        if end is None:
            raise ConfigError(f"the front matter has no closing `{_FENCE}` line", path=path, line=1)
        header = "\n".join(lines[1:end])
        front = decode(header, FrontMatter, path, first_line=2)
        _check_defaults(front, header, path)
        lines, first_line = lines[end + 1 :], end + 2
    while lines and not lines[0].strip():
        lines, first_line = lines[1:], first_line + 1
    text = "\n".join(lines).rstrip()
    if not text:
        raise ConfigError("the prompt has no text", path=path, line=1)
    bare = Prompt(name, text, front.description, front.variables, front.model_settings)
    prompt = msgspec.structs.replace(bare, digest=digest(bare), path=path, first_line=first_line)
    _check_places(prompt)
    return prompt


def render(prompt: Prompt, values: Mapping[str, Value]) -> str:
    """Return the text with its variables filled in; raises ConfigError at the place that cannot be filled."""
    for name, value in values.items():
        if name not in prompt.variables:
            raise ConfigError(unknown_variable(prompt, name), path=prompt.path, line=1)
        check_value(prompt, name, value)
    pieces: list[str] = []
    at = 0
    for match in _PLACE.finditer(prompt.text):
        pieces.append(prompt.text[at : match.start()])
        at = match.end()
        name = match.group("name")
        if not name:
            pieces.append("{{")
            continue
        filled = values[name] if name in values else prompt.variables[name].default
        if filled is None:
            message = f"the variable `{name}` has no value: give it one under [variables], or a `default` here"
            raise ConfigError(message, path=prompt.path, line=_line(prompt, match.start()))
        pieces.append(_written(filled))
    pieces.append(prompt.text[at:])
    return "".join(pieces)


def unknown_variable(prompt: Prompt, name: str) -> str:
    """Return words for a value that the prompt has no place for."""
    return f"the prompt `{prompt.name}` has no variable `{name}`{did_you_mean(name, prompt.variables)}"


def check_value(prompt: Prompt, name: str, value: Value) -> None:
    """Raise ConfigError, without a place, unless the value is of the variable's type."""
    wanted = prompt.variables[name].type
    if not _is(value, wanted):
        raise ConfigError(f"the variable `{name}` of prompt `{prompt.name}` must be of type {wanted}")


def _check_defaults(front: FrontMatter, header: str, path: str) -> None:
    for name, variable in front.variables.items():
        if variable.default is not None and not _is(variable.default, variable.type):
            line = line_of(header, "variables", name, "default", first_line=2)
            raise ConfigError(f"the default of `{name}` must be of type {variable.type}", path=path, line=line)


def _check_places(prompt: Prompt) -> None:
    for match in _PLACE.finditer(prompt.text):
        if match.group("stray"):
            message = "`{{` begins no variable: write {{name}}, or \\{{ for the two characters themselves"
            raise ConfigError(message, path=prompt.path, line=_line(prompt, match.start()))
        name = match.group("name")
        if name and name not in prompt.variables:
            known = did_you_mean(name, prompt.variables) or f": declare it as [variables.{name}] in the front matter"
            raise ConfigError(f"unknown variable `{name}`{known}", path=prompt.path, line=_line(prompt, match.start()))


def _is(value: Value, wanted: str) -> bool:
    if isinstance(value, bool):
        return wanted == "boolean"
    if isinstance(value, str):
        return wanted == "string"
    return wanted == "number" or (wanted == "integer" and isinstance(value, int))


def _written(value: Value) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _line(prompt: Prompt, offset: int) -> int:
    return prompt.first_line + prompt.text.count("\n", 0, offset)
