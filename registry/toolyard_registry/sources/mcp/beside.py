"""What goes with a call in `_meta` and comes with its answer: for a plugin of ours; a stranger hears nothing."""

from collections.abc import Mapping
from contextlib import AbstractContextManager, nullcontext
from typing import Any, Protocol

from toolyard_sdk.context import ToolContext


class Beside(Protocol):
    """What is said beside the calls of one server."""

    def going(self, context: ToolContext) -> AbstractContextManager[dict[str, Any]]:
        """Give what goes with a call, for as long as it is made."""
        ...

    def coming(self, meta: Mapping[str, Any]) -> None:
        """Take what came with an answer; raises what the tool has raised where nobody knows what it did."""
        ...


class Nothing:
    """Implements Beside for a stranger's server: it learns nothing of who asks."""

    def going(self, context: ToolContext) -> AbstractContextManager[dict[str, Any]]:
        """Give nothing."""
        del context
        return nullcontext({})

    def coming(self, meta: Mapping[str, Any]) -> None:
        """Take nothing."""


NOTHING = Nothing()
