"""Stands in for a tool that is held back: it takes what it was admitted with, and calls nothing; decides nothing."""

from toolyard_sdk.context import ToolContext
from toolyard_sdk.errors import ToolError
from toolyard_sdk.messages import ToolResult, ToolSpec

from toolyard_registry.schemas.checking import Validator, compile_schema


class HeldTool:
    """Implements `Tool` by a definition that was admitted, while what serves it presents another one."""

    def __init__(self, spec: ToolSpec) -> None:
        self.spec = spec
        self._validator: Validator | None = None

    def check(self, arguments: bytes) -> None:
        """Raise ArgumentsInvalid unless they fit the admitted definition: the model is told of no other one."""
        if self._validator is None:
            self._validator = compile_schema(self.spec.input_schema)
        self._validator.check(arguments)

    async def call(self, _arguments: bytes, _context: ToolContext) -> ToolResult:
        """Raise ToolError: nothing was sent."""
        raise ToolError(f"{self.spec.name} has changed where it comes from, and nobody has decided about that yet.")
