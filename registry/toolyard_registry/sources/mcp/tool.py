"""One tool of an MCP server as the port Tool: its spec, the check of its arguments, and the call through its source."""

from collections.abc import Awaitable, Callable

from toolyard_sdk.context import ToolContext
from toolyard_sdk.messages import ToolResult, ToolSpec

from toolyard_registry.schemas.checking import Validator, compile_schema

Caller = Callable[["McpTool", bytes, ToolContext], Awaitable[ToolResult]]


class McpTool:
    """A tool; `name` is the server's own name for it, `output` checks what it returns."""

    def __init__(self, name: str, spec: ToolSpec, caller: Caller) -> None:
        """Compile the tool's schemas; raises SchemaInvalid for its input schema."""
        self.name = name
        self.spec = spec
        self.output = None if spec.output_schema is None else compile_schema(spec.output_schema)
        self._validator: Validator = compile_schema(spec.input_schema)
        self._caller = caller

    def check(self, arguments: bytes) -> None:
        """Raise ArgumentsInvalid, naming the field, unless `arguments` fit the input schema."""
        self._validator.check(arguments)

    async def call(self, arguments: bytes, context: ToolContext) -> ToolResult:
        """Call it on its server, which looks at the arguments itself; raises what `calling.Call.make` raises."""
        return await self._caller(self, arguments, context)
