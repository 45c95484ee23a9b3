"""The tool of the measured agent."""

from toolyard_sdk import tool


@tool(read_only=True)
async def add(a: int, b: int) -> int:
    """Add two whole numbers."""
    return a + b
