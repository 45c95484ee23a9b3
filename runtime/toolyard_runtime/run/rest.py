"""`read_result`, the server's own tool: a result that was cut or put away, piece by piece; found through its run."""

from collections.abc import Awaitable, Callable
from typing import Annotated

import msgspec
from msgspec import Meta, Struct
from toolyard_registry.names import READ_RESULT
from toolyard_registry.toolbox.rest import SPEC
from toolyard_sdk.context import ToolContext
from toolyard_sdk.errors import ArgumentsInvalid, ToolError
from toolyard_sdk.messages import ToolResult, ToolSpec

KEPT = 4 * 1024 * 1024
"""Bytes of a result that are kept at most."""

_NOTE = 200
"""Bytes that the note at the end of a piece may take."""

Kept = Callable[[str], Awaitable[bytes | None]]
"""Returns the whole of what a call of this session gave, by the call's id; None where there is no such thing."""


class _Arguments(Struct, frozen=True, forbid_unknown_fields=True):
    call: Annotated[str, Meta(max_length=100)]
    offset: Annotated[int, Meta(ge=0)] = 0


class ReadResult:
    """Implements the Tool port; `within` ties it to a session and to the size of a piece in bytes."""

    spec: ToolSpec = SPEC

    def __init__(self, kept: Kept | None = None, most: int = 32_768) -> None:
        self._kept = kept
        self._most = most

    def within(self, kept: Kept, most: int) -> "ReadResult":
        """Return one that reads in a session."""
        return ReadResult(kept, most)

    def check(self, arguments: bytes) -> None:
        """Raise ArgumentsInvalid unless there is a call, and at most an offset beside it."""
        _read(arguments)

    async def call(self, arguments: bytes, context: ToolContext) -> ToolResult:
        """Return the next piece; raises ToolError where nothing is kept, or nothing is left."""
        del context
        asked = _read(arguments)
        whole = await self._kept(asked.call) if self._kept is not None else None
        if whole is None:
            raise ToolError(
                f"Nothing of {asked.call} is kept: no call of this conversation gave a result by that name."
            )
        if asked.offset >= len(whole):
            raise ToolError(f"The result of {asked.call} ends at byte {len(whole)}.")
        piece = whole[asked.offset : asked.offset + max(self._most - _NOTE, 1)].decode(errors="ignore")
        end = asked.offset + len(piece.encode())
        note = "the end of it" if end >= len(whole) else how_to_go_on(asked.call, end)
        return ToolResult(f"{piece}\n[bytes {asked.offset} to {end} of {len(whole)}; {note}]")


def how_to_go_on(call: str, offset: int) -> str:
    """Return in words how to read on from a byte of a call's result."""
    return f'{READ_RESULT}(call="{call}", offset={offset}) gives more'


def _read(arguments: bytes) -> _Arguments:
    try:
        return msgspec.json.decode(arguments, type=_Arguments)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise ArgumentsInvalid(f"{error}. {READ_RESULT} takes `call` (string) and `offset` (integer).") from error
