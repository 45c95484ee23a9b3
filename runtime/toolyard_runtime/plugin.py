"""What this distribution contributes through the hooks: its tables."""

from collections.abc import Callable
from typing import Any

from toolyard_sdk.hooks import hookimpl


@hookimpl
def register_tables(register: Callable[[Any], None]) -> None:
    """Contribute the runtime's tables."""
    from toolyard_runtime.store.tables import METADATA  # noqa: PLC0415 - tables load SQLAlchemy; a listing need not

    register(METADATA)
