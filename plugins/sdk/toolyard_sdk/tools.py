"""`@tool`: a typed Python function becomes a tool; its signature and docstring become JSON Schema through msgspec."""

import asyncio
import functools
import inspect
import re
import typing
from collections.abc import Callable
from typing import Annotated, Any, get_type_hints, overload

import msgspec

from toolyard_sdk.context import ToolContext
from toolyard_sdk.errors import ArgumentsInvalid
from toolyard_sdk.messages import Annotations, ToolResult, ToolSpec

_NAME = re.compile(r"[a-zA-Z0-9_-]{1,64}\Z")
_SECTION = re.compile(r"^(Args|Arguments|Parameters|Returns|Raises|Yields|Examples?|Notes?):\s*$")
_ARGUMENT = re.compile(r"^\s+\*{0,2}(\w+)\s*(?:\([^)]*\))?:\s*(.*)$")
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
        functools.update_wrapper(self, function)

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Call the function as plain Python: a decorated function stays one."""
        return self.function(*args, **kwargs)

    def check(self, arguments: bytes) -> None:
        """Raise ArgumentsInvalid, naming the field, unless `arguments` fit the input schema."""
        self._arguments(arguments)

    def _arguments(self, arguments: bytes) -> dict[str, Any]:
        try:
            decoded = self._decode(arguments)
        except (msgspec.DecodeError, RecursionError) as error:
            raise ArgumentsInvalid(f"{error}. The arguments of {self.spec.name} are: {self._usage()}.") from error
        return {name: getattr(decoded, name) for name in self._fields}

    def _usage(self) -> str:
        required = self.spec.input_schema.get("required", ())
        names = [name if name in required else f"{name} (optional)" for name in self._fields]
        return ", ".join(names) or "none"

    async def call(self, arguments: bytes, context: ToolContext) -> ToolResult:
        """Execute one call with JSON arguments; raises ToolError or whatever the function raises."""
        keywords = self._arguments(arguments)
        if self._context:
            keywords[self._context] = context
        if self._is_async:
            return result_of(await self.function(**keywords))
        return result_of(await asyncio.to_thread(self.function, **keywords))


def result_of(value: Any) -> ToolResult:
    """Turn what a function returned into a result: text stays text, anything else is JSON, kept as structure too."""
    if isinstance(value, ToolResult):
        return value
    if isinstance(value, str):
        return ToolResult(value)
    if value is None:
        return ToolResult("done")
    encoded = msgspec.json.encode(value)
    return ToolResult(encoded.decode(), structured=msgspec.to_builtins(value))


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

    The description is the docstring's first paragraphs; its `Args:` section describes the parameters. Annotations
    default to MCP's: destructive, not idempotent, open world. A `read_only` tool is never destructive.
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
        text, told = _read_docstring(inspect.getdoc(function) or "")
        arguments, context = _arguments_type(function, tool_name, told)
        spec = ToolSpec(
            name=tool_name,
            title=title,
            description=description or text,
            input_schema=_schema(arguments),
            output_schema=_output_schema(function),
            annotations=hints,
        )
        if not spec.description:
            raise TypeError(f"{tool_name} needs a docstring: it is all the model knows about the tool")
        return FunctionTool(function, spec, arguments, context)

    return decorate if function is None else decorate(function)


def _read_docstring(docstring: str) -> tuple[str, dict[str, str]]:
    """Split a docstring into the text before the first section and the described arguments."""
    text: list[str] = []
    told: dict[str, str] = {}
    section, current = "", ""
    for line in docstring.splitlines():
        header = _SECTION.match(line)
        if header:
            section = header.group(1)
        elif not section:
            text.append(line)
        elif section in ("Args", "Arguments", "Parameters"):
            argument = _ARGUMENT.match(line)
            if argument:
                current = argument.group(1)
                told[current] = argument.group(2).strip()
            elif current and line.strip():
                told[current] += " " + line.strip()
    return "\n".join(text).strip(), told


def _arguments_type(
    function: Callable[..., Any], tool_name: str, told: dict[str, str]
) -> tuple[type[msgspec.Struct], str]:
    """Return the Struct of the function's arguments, and the name of the parameter that takes the context."""
    hints = get_type_hints(function, include_extras=True)
    fields: list[tuple[str, Any] | tuple[str, Any, Any]] = []
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
        if parameter.default is parameter.empty:
            fields.append((parameter.name, hint))
        elif isinstance(parameter.default, list | dict | set):
            fields.append(
                (parameter.name, hint, msgspec.field(default_factory=functools.partial(type(parameter.default), parameter.default)))
            )
        else:
            fields.append((parameter.name, hint, parameter.default))
    try:
        made = msgspec.defstruct(tool_name + "_arguments", fields, kw_only=True, frozen=True, forbid_unknown_fields=True)
        msgspec.json.Decoder(made)
    except TypeError as error:
        raise TypeError(f"{tool_name}: {error}") from error
    return made, context


def _schema(type_: Any) -> dict[str, Any]:
    """Return a self-contained JSON Schema 2020-12 of a type: its own object inline, the rest under `$defs`."""
    (schema,), components = msgspec.json.schema_components((type_,), ref_template="#/$defs/{name}")
    reference = schema.get("$ref")
    if reference:
        inline = dict(components.pop(reference.rsplit("/", 1)[1]))
        inline.pop("title", None)
        schema = inline
    return {**schema, "$defs": components} if components else schema


def _output_schema(function: Callable[..., Any]) -> dict[str, Any] | None:
    """Return the schema of what the function returns; None for text, for results made by hand and for untyped ones."""
    hint = get_type_hints(function).get("return", Any)
    if hint is Any or hint is ToolResult or set(typing.get_args(hint) or (hint,)) <= _TEXT:
        return None
    try:
        return _schema(hint)
    except TypeError:
        return None
