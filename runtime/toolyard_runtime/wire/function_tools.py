"""A client's function tools, as both `/v1` routes take them; knows no server-side tool."""

from typing import Annotated, Any

import msgspec
from msgspec import Meta
from toolyard_sdk.messages import ToolSpec

from toolyard_runtime.wire.errors import RequestRefused

MOST_TOOLS = 128

ToolName = Annotated[str, Meta(pattern=r"^[a-zA-Z0-9_-]{1,64}\Z")]
Metadata = Annotated[
    dict[Annotated[str, Meta(max_length=64)], Annotated[str, Meta(max_length=512)]], Meta(max_length=16)
]
LONGEST_END_USER = 256
EndUser = Annotated[str, Meta(min_length=1, max_length=LONGEST_END_USER)]

METADATA_FIX = "send at most 16 pairs of strings, keys up to 64 and values up to 512 characters"
END_USER_FIX = f"send 1 to {LONGEST_END_USER} characters"
TOOL_NAME_FIX = "use 1 to 64 letters, digits, '_' or '-'"

_NO_PARAMETERS: dict[str, Any] = {"type": "object", "properties": {}}


def client_tool(name: str, description: str | None, parameters: dict[str, Any] | None, where: str) -> ToolSpec:
    """Return the spec of one function tool; `where` is the path of its definition. Raises RequestRefused."""
    if parameters and parameters.get("type", "object") != "object":
        raise RequestRefused(
            f'{where}.parameters: the schema of arguments has to be of type "object".', param=f"{where}.parameters"
        )
    return ToolSpec(name, description or "", parameters or _NO_PARAMETERS)


def check_tools(tools: tuple[ToolSpec, ...]) -> tuple[ToolSpec, ...]:
    """Return the tools; raises RequestRefused when there are too many or a name comes twice."""
    if len(tools) > MOST_TOOLS:
        raise RequestRefused(f"tools: {len(tools)} tools are too many; send at most {MOST_TOOLS}.", param="tools")
    seen: set[str] = set()
    for index, tool in enumerate(tools):
        if tool.name in seen:
            raise RequestRefused(
                f"tools[{index}]: the name {tool.name} comes twice; give every tool its own.", param=f"tools[{index}]"
            )
        seen.add(tool.name)
    return tools


def field_names(*structs: type[msgspec.Struct]) -> frozenset[str]:
    """Return every field and tag field that the structs know, for hints."""
    names = {field.encode_name for struct in structs for field in msgspec.structs.fields(struct)}
    tags = {struct.__struct_config__.tag_field for struct in structs}
    return frozenset(names | {tag for tag in tags if tag})
