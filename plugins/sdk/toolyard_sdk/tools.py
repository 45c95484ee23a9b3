"""`@tool`: a typed Python function becomes a tool; its signature and docstring become JSON Schema through msgspec."""

import asyncio
import functools
import inspect
import re
import types
import typing
from collections.abc import Callable
from typing import Annotated, Any, get_type_hints, overload

import msgspec

from toolyard_sdk.context import ToolContext
from toolyard_sdk.docstrings import read_docstring
from toolyard_sdk.errors import ArgumentsInvalid
from toolyard_sdk.messages import Annotations, ToolResult, ToolSpec

_NAME = re.compile(r"[a-zA-Z0-9_-]{1,64}\Z")
_TEXT = frozenset({str, type(None)})


class FunctionTool:
    """A tool made of a Python function; an async one runs on the event loop, any other in a worker thread."""

    def __init__(
        self, function: Callable[..., Any], spec: ToolSpec, arguments: type[msgspec.Struct], context: str
    ) -> None:
        self.function = function
        self.spec = spec
        self._decode = msgspec.json.Decoder(arguments).decode
        self._fields = arguments.__struct_fields__
        self._context = context
        self._is_async = inspect.iscoroutinefunction(function)
        functools.update_wrapper(self, function, updated=())  # the function's own attributes must not hide ours

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Call the function as plain Python: a decorated function stays one."""
        return self.function(*args, **kwargs)

    def check(self, arguments: bytes) -> None:
        """Raise ArgumentsInvalid, naming the field, unless `arguments` fit the input schema."""
        self._arguments(arguments)

    def _arguments(self, arguments: bytes) -> dict[str, Any]:
        try:
            decoded = self._decode(arguments)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            raise ArgumentsInvalid(f"{error}. The arguments of {self.spec.name} are: {self._usage()}.") from error
        return {name: getattr(decoded, name) for name in self._fields}

    def _usage(self) -> str:
        """Say in words which arguments there are: `expression (string), places (integer, optional)`."""
        required = self.spec.input_schema.get("required", ())
        properties = self.spec.input_schema["properties"]
        words = [(name, _type_words(properties[name]), name in required) for name in self._fields]
        told = [f"{name} ({kind})" if needed else f"{name} ({kind}, optional)" for name, kind, needed in words]
        return ", ".join(told) or "none"

    async def call(self, arguments: bytes, context: ToolContext) -> ToolResult:
        """Execute one call with JSON arguments; raises ToolError or whatever the function raises."""
        keywords = self._arguments(arguments)
        if self._context:
            keywords[self._context] = context
        if self._is_async:
            return result_of(await self.function(**keywords))
        value = await asyncio.to_thread(_called, self.function, keywords)
        if inspect.isawaitable(value):  # an object whose __call__ is async looks synchronous from outside
            value = await value
        return result_of(value)


def _called(function: Callable[..., Any], keywords: dict[str, Any]) -> Any:
    """Call a function in a worker thread; a StopIteration would never reach whoever awaits it."""
    try:
        return function(**keywords)
    except StopIteration as error:
        raise RuntimeError(f"StopIteration: {error}") from error


def result_of(value: Any) -> ToolResult:
    """Turn what a function returned into a result: text stays text, anything else is JSON, kept as structure too.

    A lone surrogate in text (say, of a file name that is not UTF-8) becomes its escape: nothing after this could
    store it.
    """
    if isinstance(value, ToolResult):
        if value.text.isascii() or _encodable(value.text):
            return value
        return msgspec.structs.replace(value, text=_escaped(value.text))
    if isinstance(value, str):
        return ToolResult(value if value.isascii() or _encodable(value) else _escaped(value))
    if value is None:
        return ToolResult("done")
    encoded = msgspec.json.encode(value)
    return ToolResult(encoded.decode(), structured=msgspec.json.decode(encoded))


def _encodable(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _escaped(text: str) -> str:
    return text.encode("utf-8", "backslashreplace").decode()


def _type_words(schema: dict[str, Any]) -> str:
    """Return a property's type in few words, for an error message."""
    if "enum" in schema:
        return " or ".join(msgspec.json.encode(value).decode() for value in schema["enum"])
    if "anyOf" in schema:
        return " or ".join(_type_words(option) for option in schema["anyOf"])
    if "$ref" in schema:
        return "object"
    kind = schema.get("type", "any JSON")
    return kind if isinstance(kind, str) else " or ".join(kind)


@overload
def tool(function: Callable[..., Any], /) -> FunctionTool: ...


@overload
def tool(
    *,
    name: str | None = None,
    title: str | None = None,
    description: str | None = None,
    read_only: bool = False,
    destructive: bool = True,
    idempotent: bool = False,
    open_world: bool = True,
) -> Callable[[Callable[..., Any]], FunctionTool]: ...


def tool(
    function: Callable[..., Any] | None = None,
    /,
    *,
    name: str | None = None,
    title: str | None = None,
    description: str | None = None,
    read_only: bool = False,
    destructive: bool = True,
    idempotent: bool = False,
    open_world: bool = True,
) -> FunctionTool | Callable[[Callable[..., Any]], FunctionTool]:
    """Make a tool of a typed function; raises TypeError at decoration when the signature cannot be a schema.

    The description is the docstring before its first section; `Args:` (or the NumPy and reST forms of it) describes
    the parameters, and naming one that does not exist is an error. Annotations default to MCP's: destructive, not
    idempotent, open world. A `read_only` tool is never destructive.
    """
    hints = Annotations(
        read_only=read_only,
        destructive=destructive and not read_only,
        idempotent=idempotent or read_only,
        open_world=open_world,
    )

    def decorate(function: Callable[..., Any]) -> FunctionTool:
        tool_name = name or function.__name__
        if not _NAME.match(tool_name):
            raise TypeError(f"{tool_name!r} is no tool name: use 1 to 64 letters, digits, '_' or '-'")
        if inspect.isgeneratorfunction(function) or inspect.isasyncgenfunction(function):
            raise TypeError(f"{tool_name} yields: return one value, and report progress through the ToolContext")
        doc = read_docstring(inspect.getdoc(function) or "")
        arguments, context = _arguments_type(function, tool_name, doc.arguments)
        spec = ToolSpec(
            name=tool_name,
            title=title,
            description=description or doc.text,
            input_schema=_schema(arguments),
            output_schema=_output_schema(function),
            annotations=hints,
        )
        if not spec.description:
            raise TypeError(f"{tool_name} needs a docstring: it is all the model knows about the tool")
        return FunctionTool(function, spec, arguments, context)

    return decorate if function is None else decorate(function)


def _arguments_type(
    function: Callable[..., Any], tool_name: str, told: dict[str, str]
) -> tuple[type[msgspec.Struct], str]:
    """Return the Struct of the function's arguments, and the name of the parameter that takes the context."""
    try:
        hints = get_type_hints(_routine(function), include_extras=True)
    except NameError as error:
        raise TypeError(f"{tool_name}: {error}: types in the signature must be defined at module level") from error
    fields: list[tuple[str, Any, Any]] = []
    context = ""
    for parameter in inspect.signature(function).parameters.values():
        if parameter.kind in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD, parameter.POSITIONAL_ONLY):
            raise TypeError(f"{tool_name}: parameter {parameter.name!r} must be a named parameter")
        if parameter.name not in hints:
            raise TypeError(f"{tool_name}: parameter {parameter.name!r} needs a type: it becomes the schema")
        hint = hints[parameter.name]
        if hint is ToolContext:
            context = parameter.name
            continue
        if parameter.name in told:
            hint = Annotated[hint, msgspec.Meta(description=told[parameter.name])]
        fields.append((parameter.name, hint, _default(parameter)))
    unknown = told.keys() - {name for name, *_ in fields} - {context}
    if unknown:
        raise TypeError(f"{tool_name}: the docstring describes {sorted(unknown)}, which the signature does not have")
    try:
        made = msgspec.defstruct(
            tool_name + "_arguments", fields, kw_only=True, frozen=True, forbid_unknown_fields=True
        )
        msgspec.json.Decoder(made)
        _schema(made)
    except TypeError as error:
        raise TypeError(f"{tool_name}: {error}") from error
    return made, context


def _routine(function: Callable[..., Any]) -> Callable[..., Any]:
    """Return what carries the annotations: the function itself, or the `__call__` of an object."""
    return function if inspect.isroutine(function) else function.__call__  # type: ignore[operator]  # what is no routine and is callable has one


def _default(parameter: inspect.Parameter) -> Any:
    """Return the field's default: none for a required parameter, a fresh copy for each call of a mutable one."""
    if parameter.default is parameter.empty:
        return msgspec.NODEFAULT
    if isinstance(parameter.default, list | dict | set):
        return msgspec.field(default_factory=functools.partial(type(parameter.default), parameter.default))
    return parameter.default


def _schema(type_: Any) -> dict[str, Any]:
    """Return a self-contained JSON Schema 2020-12 of a type: its own object inline, the rest under `$defs`."""
    (schema,), components = msgspec.json.schema_components((type_,), ref_template="#/$defs/{name}")
    reference = schema.get("$ref")
    if reference and not _mentions(components, reference):
        schema = {key: value for key, value in components.pop(reference.rsplit("/", 1)[1]).items() if key != "title"}
    return {**schema, "$defs": components} if components else schema


def _mentions(schema: Any, reference: str) -> bool:
    """Whether a schema refers to `reference`: a type that contains itself cannot be written inline."""
    if isinstance(schema, dict):
        return schema.get("$ref") == reference or any(_mentions(part, reference) for part in schema.values())
    return isinstance(schema, list) and any(_mentions(part, reference) for part in schema)


def _output_schema(function: Callable[..., Any]) -> dict[str, Any] | None:
    """Return the schema of what the function returns; None for text, for results made by hand and for untyped ones."""
    hint = get_type_hints(_routine(function)).get("return", Any)
    options = set(typing.get_args(hint)) if typing.get_origin(hint) in (typing.Union, types.UnionType) else {hint}
    if Any in options or ToolResult in options or options <= _TEXT:
        return None
    try:
        return _schema(hint)
    except TypeError:
        return None
