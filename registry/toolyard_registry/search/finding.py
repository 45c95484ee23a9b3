"""`find_tools`: how the server's own tool for finding more tools presents itself; what calls it is the runtime's."""

from toolyard_sdk.messages import Annotations, ToolSpec

from toolyard_registry.names import FIND_TOOLS, OWN_SOURCE
from toolyard_registry.releases import ToolRelease, tool_release

SPEC = ToolSpec(
    name=FIND_TOOLS,
    description=(
        "Look for more tools: you are shown only some of those you may call. Say what you want to do in a few words; "
        "what this finds you can call from your next turn on."
    ),
    input_schema={
        "type": "object",
        "properties": {
            "query": {
                "type": "string",
                "description": "What the tool should do, for example: convert a currency",
                "minLength": 1,
                "maxLength": 1000,
            }
        },
        "required": ["query"],
        "additionalProperties": False,
    },
    annotations=Annotations(read_only=True, destructive=False, idempotent=True, open_world=False),
)


def finder_release() -> ToolRelease:
    """Return the release of `find_tools`, which an agent with more tools than a turn may hold is granted."""
    return tool_release(SPEC, OWN_SOURCE, "1")
