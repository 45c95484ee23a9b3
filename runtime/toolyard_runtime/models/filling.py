"""Fills a tool's arguments from a clause of text by JSON Schema type; sensible values where the text gives none."""

import re
from typing import Any

from toolyard_runtime.models.clause import Clause, role_of

_DEPTH = 6


def fill(schema: dict[str, Any], clause: str, found: str = "") -> dict[str, Any]:
    """Return arguments that fit an object schema; `found` is the text of earlier results, for "save the answer"."""
    return _object(schema, Clause(clause, found), schema, 0)


def evidence(schema: dict[str, Any], clause: str) -> float:
    """Return how well a clause fits a tool's required arguments: above 0 when they are in it, below when they lack."""
    required = schema.get("required")
    properties = schema.get("properties")
    if not isinstance(required, list) or not isinstance(properties, dict):
        return 0.0
    text = Clause(clause)
    total = 0.0
    for name in required:
        resolved = _resolved(properties.get(name), schema)
        role = role_of(str(name), str(resolved.get("format"))) if resolved.get("type") == "string" else ""
        met = _value(str(name), resolved, text, schema, 0, needed=False) is not None
        if role not in ("content", "text", "name"):
            total += 0.7 if met else -1.5
    return total


def _object(schema: dict[str, Any], clause: Clause, root: dict[str, Any], depth: int) -> dict[str, Any]:
    properties = schema.get("properties")
    properties = properties if isinstance(properties, dict) else {}
    required = schema.get("required")
    required = [name for name in required if isinstance(name, str)] if isinstance(required, list) else []
    # Text that can be anything takes what is left, so it comes last; the result keeps the schema's order.
    order = sorted(properties, key=lambda name: (name not in required, _greed(name, properties[name])))
    filled = {}
    for name in order:
        value = _value(name, properties[name], clause, root, depth, needed=name in required)
        if value is not None:
            filled[name] = value
    return {name: filled[name] for name in properties if name in filled}


def _greed(name: str, schema: Any) -> int:
    kind = schema.get("type") if isinstance(schema, dict) else None
    if kind != "string":
        return 0
    return 2 if role_of(name, "") in ("content", "text") else 1


def _value(name: str, schema: Any, clause: Clause, root: dict[str, Any], depth: int, *, needed: bool) -> Any:
    """Return a value for one property, None to leave it out."""
    schema = _resolved(schema, root)
    if depth > _DEPTH:
        return None
    if "const" in schema:
        return schema["const"]
    if isinstance(schema.get("enum"), list) and schema["enum"]:
        return _one_of(schema["enum"], clause, needed=needed, default=schema.get("default"))
    kind = schema.get("type")
    kind = next((one for one in kind if one != "null"), None) if isinstance(kind, list) else kind
    value: Any = None
    if kind in ("integer", "number"):
        value = _number(schema, clause, whole=kind == "integer", needed=needed)
    elif kind == "boolean":
        value = _boolean(name, clause)
    elif kind == "array":
        value = _array(name, schema, clause, root, depth)
    elif kind == "object" or "properties" in schema:
        value = _object(schema, clause, root, depth + 1) if needed else None
    else:
        role = role_of(name, str(schema.get("format")))
        value = clause.string(name, role) or (clause.rest(role) if needed else None)
    if value is None and needed:
        return _default(schema, kind)
    return value


def _resolved(schema: Any, root: dict[str, Any]) -> dict[str, Any]:
    """Follow local references and take the first alternative that is not null."""
    for _ in range(_DEPTH):
        if not isinstance(schema, dict):
            return {}
        reference = schema.get("$ref")
        alternatives = schema.get("anyOf") or schema.get("oneOf")
        if isinstance(reference, str) and reference.startswith("#/$defs/"):
            definitions = root.get("$defs")
            schema = definitions.get(reference[8:]) if isinstance(definitions, dict) else None
        elif isinstance(alternatives, list) and alternatives:
            schema = next((one for one in alternatives if one != {"type": "null"}), {})
        else:
            return schema
    return {}


def _default(schema: dict[str, Any], kind: Any) -> Any:
    if schema.get("default") is not None:
        return schema["default"]
    examples = schema.get("examples")
    if isinstance(examples, list) and examples:
        return examples[0]
    return {"integer": 1, "number": 1, "boolean": False, "array": [], "object": {}}.get(str(kind), "")


def _one_of(options: list[Any], clause: Clause, *, needed: bool, default: Any) -> Any:
    lowered = clause.text.lower()
    for option in options:
        if isinstance(option, str) and re.search(rf"(?<!\w){re.escape(option.lower().replace('_', ' '))}", lowered):
            return option
    return (default if default is not None else options[0]) if needed else None


def _number(schema: dict[str, Any], clause: Clause, *, whole: bool, needed: bool) -> int | float | None:
    for index, text in enumerate(clause.numbers):
        if not whole or float(text).is_integer():
            del clause.numbers[index]
            value = int(float(text)) if whole else float(text)
            low, high = schema.get("minimum"), schema.get("maximum")
            value = max(value, low) if isinstance(low, int | float) else value
            value = min(value, high) if isinstance(high, int | float) else value
            return int(value) if float(value).is_integer() else value
    low = schema.get("minimum")
    return low if needed and isinstance(low, int | float) and schema.get("default") is None else None


def _boolean(name: str, clause: Clause) -> bool | None:
    said = re.search(
        rf"(not |no |without |don't )?(?:\w+ )?{re.escape(name.replace('_', ' '))}", clause.text, re.IGNORECASE
    )
    return said.group(1) is None if said else None


def _array(name: str, schema: dict[str, Any], clause: Clause, root: dict[str, Any], depth: int) -> list[Any] | None:
    items = _resolved(schema.get("items", {}), root)
    found: list[Any] = []
    most = schema.get("maxItems")
    while len(found) < (most if isinstance(most, int) else 100):
        left = clause.left()
        value = _value(name, items, clause, root, depth + 1, needed=False)
        if value is None or clause.left() == left:
            break
        found.append(value)
    return found or None
