"""Questions to a person in MCP's words (elicitation), where a client can put them; knows no call and no server.

Source: MCP 2026-07-28 and 2025-11-25, client/elicitation: a form is a flat object of strings, numbers and choices.
"""

from typing import Any

import mcp_types as mcp

from toolyard_sdk.asking import Answer, Question
from toolyard_sdk.errors import ToolError
from toolyard_sdk.testing.values import value_problems

_SIMPLE = frozenset({"string", "number", "integer", "boolean"})
_ROOT = frozenset({"type", "properties", "required", "additionalProperties", "title", "description", "$schema"})
_NESTED = frozenset({"$ref", "anyOf", "allOf", "not", "if", "properties", "prefixItems"})


def elicitation(question: Question, can: mcp.ClientCapabilities | None, name: str) -> mcp.ElicitRequest | None:
    """Return the request that puts a question, named for clients of 2025-11-25; None where the client cannot put it.

    A client that names neither mode shows forms.
    """
    able = can.elicitation if can is not None else None
    if able is None:
        return None
    if question.url:
        if able.url is None:
            return None
        page = mcp.ElicitRequestURLParams(message=question.message, url=question.url, elicitation_id=name)
        return mcp.ElicitRequest(params=page)
    if able.form is None and able.url is not None:
        return None
    form = _form(question.schema)
    if form is None:
        return None
    return mcp.ElicitRequest(params=mcp.ElicitRequestFormParams(message=question.message, requested_schema=form))


def answer_of(question: Question, said: Any) -> Answer:
    """Return a client's answer; raises ToolError, naming the place, where it is none to this question."""
    if not isinstance(said, mcp.ElicitResult):
        raise ToolError("The client gave another answer than one to the question.")
    content = dict(said.content or {}) if said.action == "accept" and not question.url else {}
    if said.action == "accept" and question.schema is not None:
        wrong = next(value_problems(question.schema, content), None)
        if wrong is not None:
            raise ToolError(f"The answer does not fit what was asked: {wrong}")
    return Answer(said.action, content)


def _form(schema: dict[str, Any] | None) -> dict[str, Any] | None:
    """Return a schema as a form may have it; None for one that no form has."""
    if schema is None:
        return {"type": "object", "properties": {}}
    fields = schema.get("properties", {})
    if schema.get("type") != "object" or set(schema) - _ROOT or not isinstance(fields, dict):
        return None
    fields = {name: _typed(field) for name, field in fields.items()}
    if not all(isinstance(field, dict) and _simple(field) for field in fields.values()):
        return None
    return {"type": "object", "properties": fields, "required": schema.get("required", [])}


def _typed(field: Any) -> Any:
    """Return a field with its type, which a choice of words may leave out and a form may not."""
    words = field.get("enum") if isinstance(field, dict) and "type" not in field else None
    if not isinstance(words, list) or not all(isinstance(word, str) for word in words):
        return field
    return {"type": "string"} | field


def _simple(field: dict[str, Any]) -> bool:
    """Tell whether a form has a place for a field: one value, or some of several words."""
    if not _NESTED.isdisjoint(field):
        return False
    if field.get("type") != "array":
        return field.get("type") in _SIMPLE
    items = field.get("items")
    if not isinstance(items, dict):
        return False
    return (items.get("type") == "string" and "enum" in items) or "anyOf" in items
