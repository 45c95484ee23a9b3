"""Reading web pages, for agents; the operator allows the hosts, and what a page says is labelled as a stranger's."""

from collections.abc import Callable, Mapping
from typing import Any

import msgspec
from toolyard_sdk import ConfigError, FunctionTool, hookimpl

from toolyard_fetch.fetching import Settings, fetch_tool

__all__ = ["Settings", "fetch_tool", "register_tools"]


@hookimpl
def register_tools(register: Callable[[FunctionTool], None], settings: Mapping[str, Any]) -> None:
    """Offer the tool; raises ConfigError for settings that cannot be used."""
    try:
        read = msgspec.convert(dict(settings), Settings)
    except msgspec.ValidationError as error:
        known = ", ".join(Settings.__struct_fields__)
        raise ConfigError(f"[plugins.fetch]: {error}. The settings are {known}.") from error
    register(fetch_tool(read))
