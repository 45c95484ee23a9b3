"""Schemas, changed schemas and values that fit them, drawn by hypothesis: what comparing schemas is held to."""

from typing import Any

from hypothesis import strategies as st

Schema = dict[str, Any] | bool

NAMES = ("a", "b", "c")
TEXTS = ("", "a", "ab", "x1", "0")
SCALARS: st.SearchStrategy[Any] = st.one_of(
    st.none(), st.booleans(), st.integers(-4, 9), st.sampled_from([0.5, 1.0, 2.5]), st.sampled_from(TEXTS)
)
VALUES: st.SearchStrategy[Any] = st.recursive(
    SCALARS,
    lambda inner: st.one_of(
        st.lists(inner, max_size=3), st.dictionaries(st.sampled_from((*NAMES, "x1", "z")), inner, max_size=3)
    ),
    max_leaves=6,
)
_BOUND = st.integers(-2, 6)
_COUNT = st.integers(0, 3)
_TYPE = st.sampled_from(("null", "boolean", "integer", "number", "string", "array", "object"))


def _optional(**parts: st.SearchStrategy[Any]) -> st.SearchStrategy[dict[str, Any]]:
    return st.fixed_dictionaries({}, optional={name.rstrip("_"): part for name, part in parts.items()})


def _leaf() -> st.SearchStrategy[Schema]:
    return st.one_of(
        st.booleans(),
        st.builds(lambda kind: {"type": kind}, _TYPE),
        st.builds(lambda kinds: {"type": kinds}, st.lists(_TYPE, min_size=1, max_size=3, unique=True)),
        st.builds(lambda values: {"enum": values}, st.lists(VALUES, min_size=1, max_size=3)),
        st.builds(lambda value: {"const": value}, VALUES),
        _optional(
            type=st.sampled_from(("integer", "number")),
            minimum=_BOUND,
            maximum=_BOUND,
            exclusiveMinimum=_BOUND,
            exclusiveMaximum=_BOUND,
            multipleOf=st.sampled_from((1, 2, 4, 0.5)),
        ),
        _optional(
            type=st.just("string"),
            minLength=_COUNT,
            maxLength=_COUNT,
            pattern=st.sampled_from(("^a", "1$")),
            format=st.sampled_from(("date", "uri")),
        ),
        st.just({"$ref": "#/$defs/one"}),
        st.just({"$ref": "#/$defs/two"}),
    )


def _around(inner: st.SearchStrategy[Schema]) -> st.SearchStrategy[Schema]:
    options = st.lists(inner, min_size=1, max_size=3)
    return st.one_of(
        _optional(
            type=st.just("object"),
            properties=st.dictionaries(st.sampled_from(NAMES), inner, max_size=3),
            required=st.lists(st.sampled_from(NAMES), max_size=2, unique=True),
            additionalProperties=inner,
            patternProperties=st.dictionaries(st.sampled_from(("^x", "^a")), inner, max_size=1),
            propertyNames=st.just({"maxLength": 1}),
            minProperties=_COUNT,
            maxProperties=_COUNT,
            dependentRequired=st.just({"a": ["b"]}),
        ),
        _optional(
            type=st.just("array"),
            items=inner,
            prefixItems=options,
            minItems=_COUNT,
            maxItems=_COUNT,
            uniqueItems=st.booleans(),
            contains=inner,
        ),
        st.builds(lambda parts: {"anyOf": parts}, options),
        st.builds(lambda parts: {"oneOf": parts}, options),
        st.builds(lambda parts: {"allOf": parts}, options),
        st.builds(lambda part: {"not": part}, inner),
        st.builds(lambda one, two, three: {"if": one, "then": two, "else": three}, inner, inner, inner),
        st.builds(lambda one, two: {**_dict(one), **_dict(two)}, inner, inner),
    )


def _dict(schema: Schema) -> dict[str, Any]:
    return schema if isinstance(schema, dict) else {}


PARTS: st.SearchStrategy[Schema] = st.recursive(_leaf(), _around, max_leaves=8)


@st.composite
def whole(draw: st.DrawFn) -> dict[str, Any]:
    """Draw a schema with two definitions, which may refer to each other and to themselves below a member."""
    root = dict(_dict(draw(PARTS)))
    root["$defs"] = {"one": draw(_below()), "two": draw(_below())}
    return root


@st.composite
def _below(draw: st.DrawFn) -> Schema:
    part = draw(PARTS)
    return part if "$ref" not in str(part) else {"type": "object", "properties": {"a": part}}


@st.composite
def changed(draw: st.DrawFn, schema: Any) -> Any:  # noqa: PLR0911 - one return for each kind of change
    """Draw a schema like another one: something in it left out, put in, or put elsewhere."""
    if isinstance(schema, list):
        if not schema or draw(st.integers(0, 3)) == 0:
            return schema
        index = draw(st.integers(0, len(schema) - 1))
        return [*schema[:index], draw(changed(schema[index])), *schema[index + 1 :]]
    if not isinstance(schema, dict):
        return schema if draw(st.booleans()) else draw(PARTS)
    match draw(st.integers(0, 5)):
        case 0 if schema:
            gone = draw(st.sampled_from(sorted(set(schema) - {"$defs"}) or [""]))
            return {key: value for key, value in schema.items() if key != gone}
        case 1:
            more = _dict(draw(_leaf()))
            return {**schema, **more}
        case 2:
            return {"anyOf": [{k: v for k, v in schema.items() if k != "$defs"}, draw(PARTS)]} | _defs(schema)
        case 3 if "type" in schema and isinstance(schema["type"], str):
            return {**schema, "type": [schema["type"], draw(_TYPE)] if draw(st.booleans()) else draw(_TYPE)}
        case _:
            keys = sorted(key for key, value in schema.items() if isinstance(value, dict | list))
            if not keys:
                return schema
            key = draw(st.sampled_from(keys))
            if key in ("enum", "required", "const", "type"):
                return schema
            return {**schema, key: draw(changed(schema[key]))}


def _defs(schema: dict[str, Any]) -> dict[str, Any]:
    return {"$defs": schema["$defs"]} if "$defs" in schema else {}


@st.composite
def fitting(draw: st.DrawFn, schema: Any, root: Any, depth: int = 0) -> Any:  # noqa: PLR0911 - one for each keyword
    """Draw a value that has a good chance to fit a schema; the schema's validator has the last word."""
    if not isinstance(schema, dict) or depth > 4 or draw(st.integers(0, 9)) == 0:
        return draw(VALUES)
    if "const" in schema:
        return schema["const"]
    if schema.get("enum"):
        return draw(st.sampled_from(schema["enum"]))
    if "$ref" in schema:
        target = root.get("$defs", {}).get(str(schema["$ref"]).rsplit("/", 1)[-1], True)
        return draw(fitting(target, root, depth + 1))
    for word in ("anyOf", "oneOf", "allOf"):
        if schema.get(word):
            return draw(fitting(draw(st.sampled_from(schema[word])), root, depth + 1))
    kinds = schema.get("type", ["object"] if "properties" in schema else [])
    kind = draw(st.sampled_from(kinds if isinstance(kinds, list) else [kinds])) if kinds else ""
    if kind == "object":
        names = set(schema.get("required", ())) | draw(st.sets(st.sampled_from((*NAMES, "x1"))))
        parts = schema.get("properties", {})
        other = schema.get("additionalProperties", True)
        return {name: draw(fitting(parts.get(name, other), root, depth + 1)) for name in sorted(names)}
    if kind == "array":
        first = schema.get("prefixItems", [])
        size = draw(st.integers(schema.get("minItems", 0), 3)) if schema.get("minItems", 0) <= 3 else 0
        every = [first[index] if index < len(first) else schema.get("items", True) for index in range(size)]
        return [draw(fitting(part, root, depth + 1)) for part in every]
    simple = {
        "null": st.none(),
        "boolean": st.booleans(),
        "integer": st.integers(-3, 8),
        "number": st.sampled_from([0, 1, 2.5, 4.0, 0.5]),
        "string": st.sampled_from(TEXTS),
    }
    return draw(simple.get(kind, VALUES))
