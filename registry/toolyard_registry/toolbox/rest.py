"""`read_result`: how the server's own tool for results not shown whole presents itself; the runtime calls it."""

from toolyard_sdk.messages import Annotations, ToolSpec

from toolyard_registry.names import OWN_SOURCE, READ_RESULT
from toolyard_registry.releases import ToolRelease, tool_release

SPEC = ToolSpec(
    name=READ_RESULT,
    description=(
        "Give back a result that is not shown whole: one that was cut, or one that was put away. The end of a cut "
        "result, or what stands in a result's place, says with which arguments."
    ),
    input_schema={
        "type": "object",
        "properties": {
            "call": {"type": "string", "description": "The call that gave the result."},
            "offset": {"type": "integer", "description": "From which byte on.", "minimum": 0, "default": 0},
        },
        "required": ["call"],
        "additionalProperties": False,
    },
    annotations=Annotations(read_only=True, destructive=False, idempotent=True, open_world=False),
)

_STRANGERS = ("mcp:", "openapi:")


def reader_release() -> ToolRelease:
    """Return the release of `read_result`, which an agent with tools of strangers' servers is granted."""
    return tool_release(SPEC, OWN_SOURCE, "1")


def needs_reader(granted: tuple[ToolRelease, ...]) -> bool:
    """Tell whether an agent has tools whose authors know nothing of its bounds."""
    return any(tool.source.startswith(_STRANGERS) for tool in granted)
