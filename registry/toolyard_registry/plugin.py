"""What this distribution contributes through the hooks: its tables and its kinds of tool sources."""

from collections.abc import Callable
from typing import Any

from toolyard_sdk.hooks import hookimpl


@hookimpl
def register_tables(register: Callable[[Any], None]) -> None:
    """Contribute the catalogue's tables."""
    from toolyard_registry.catalogue.tables import METADATA  # noqa: PLC0415 - tables load sqlmodel; loading plugins need not

    register(METADATA)


@hookimpl(specname="register_sources")
def register_mcp(register: Callable[[str, Callable[..., Any]], None]) -> None:
    """Contribute MCP servers as sources of tools."""
    from toolyard_registry.sources.mcp.factory import mcp_source  # noqa: PLC0415 - as above

    register("mcp", mcp_source)


@hookimpl(specname="register_sources")
def register_openapi(register: Callable[[str, Callable[..., Any]], None]) -> None:
    """Contribute REST APIs that an OpenAPI document describes as sources of tools."""
    from toolyard_registry.sources.openapi.source import open_source  # noqa: PLC0415 - as above

    register("openapi", open_source)
