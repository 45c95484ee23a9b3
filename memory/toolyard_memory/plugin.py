"""What this distribution contributes through the hooks: its tables."""

from collections.abc import Callable
from typing import Any

from toolyard_sdk.hooks import hookimpl


@hookimpl
def register_tables(register: Callable[[Any], None]) -> None:
    """Contribute the tables of short-term memory."""
    from toolyard_memory.tables import METADATA  # noqa: PLC0415 - tables load SQLAlchemy; a listing of plugins need not

    register(METADATA)
