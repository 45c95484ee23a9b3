"""One operation as a tool: checks arguments, has the request written, sends it through the caller's way out."""

from functools import cached_property
from typing import Any

import msgspec
from toolyard_sdk.context import ToolContext
from toolyard_sdk.errors import ArgumentsInvalid, EgressRefused, ToolError
from toolyard_sdk.messages import Annotations, ToolResult, ToolSpec

from toolyard_registry.schemas.checking import SchemaInvalid, Validator, compile_schema
from toolyard_registry.sources.openapi.replies import read_reply
from toolyard_registry.sources.openapi.requests import Plan, write_request

_SAFE = frozenset({"GET", "HEAD", "OPTIONS"})
_IDEMPOTENT = _SAFE | {"PUT", "DELETE"}


def claimed_annotations(method: str) -> Annotations:
    """Return what a method claims of its effects (RFC 9110, 9.2): a claim until an operator pins it."""
    safe = method in _SAFE
    return Annotations(read_only=safe, destructive=not safe, idempotent=method in _IDEMPOTENT)


class OperationTool:
    """Implements Tool for one operation of a document."""

    def __init__(self, spec: ToolSpec, plan: Plan, *, place: str, timeout: float, max_bytes: int) -> None:
        self._spec = spec
        self.plan = plan
        self._place = place
        self._timeout = timeout
        self._max_bytes = max_bytes

    @property
    def spec(self) -> ToolSpec:
        """How it presents itself."""
        return self._spec

    @cached_property
    def _validator(self) -> Validator:
        """Compiled at the first call: of thousands of operations few are ever called."""
        schema = self.spec.input_schema
        for weaker in (schema, _shallow(schema)):
            try:
                return compile_schema(weaker)
            except SchemaInvalid:
                continue
        return compile_schema({"type": "object", "required": schema.get("required", [])})

    def check(self, arguments: bytes) -> None:
        """Raise ArgumentsInvalid, naming the field, unless `arguments` fit the input schema and can be sent."""
        self._validator.check(arguments)
        write_request(self.plan, msgspec.json.decode(arguments))

    async def call(self, arguments: bytes, context: ToolContext) -> ToolResult:
        """Send one request; raises ToolError, and TimeoutError or ConnectionError when it may have arrived."""
        decoded = msgspec.json.decode(arguments)
        if not isinstance(decoded, dict):
            raise ArgumentsInvalid("The arguments must be an object.")
        request = write_request(self.plan, decoded, idempotency_key=context.idempotency_key)
        safe = request.method in _SAFE
        try:
            reply = await context.egress.request(
                request.method,
                request.url,
                headers=request.headers,
                body=request.body,
                timeout=self._timeout,
                max_bytes=self._max_bytes,
            )
        except EgressRefused:
            raise
        except ToolError as error:
            if safe:
                raise
            raise ToolError(f"{self._place} was sent, but its answer could not be read: {error}") from error
        names = [one.argument for one in self.plan.parameters if one.place == "query" and not one.automatic]
        return read_reply(reply, self._place, safe=safe, arguments=names)


def _shallow(schema: dict[str, Any]) -> dict[str, Any]:
    """Return a schema whose definitions let everything through: the service itself judges what is inside."""
    return {**schema, "$defs": dict.fromkeys(schema.get("$defs", {}), True)}
