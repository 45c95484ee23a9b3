"""Keeps one client of the SDK open in a task of its own, tells when it ends, and lends its session to calls."""

import asyncio
import contextlib
from collections.abc import Callable
from importlib.metadata import version
from typing import Protocol

from mcp.client import Client, ClientRequestContext, ClientSession, IncomingMessage, Transport
from mcp.client.subscriptions import SubscriptionLost
from mcp.shared.exceptions import MCPError
from mcp_types import (
    ElicitRequestParams,
    ElicitResult,
    ErrorData,
    Implementation,
    ToolListChangedNotification,
)
from mcp_types.version import MODERN_PROTOCOL_VERSIONS
from pydantic import ValidationError
from toolyard_sdk.context import ToolContext
from toolyard_sdk.messages import ToolResult

from toolyard_registry.schemas.checking import Validator
from toolyard_registry.sources.mcp.asking import DECLINED
from toolyard_registry.sources.mcp.beside import NOTHING, Beside
from toolyard_registry.sources.mcp.calling import Call, first_fault
from toolyard_registry.sources.mcp.faults import Faults
from toolyard_registry.sources.mcp.unsaid import Unsaid

ABOUT = 4_000
"""Characters that are kept of what a server says of itself."""

_CLOSING = 4.0
"""Seconds for ending a connection in good order."""


class Unreachable(Exception):
    """A connection that could not be opened, or a list that could not be had: why, in words."""


class Way(Transport, Protocol):
    """A transport that can say, once it has ended, what it has noticed."""

    def last_words(self) -> str:
        """Say how the server ended and what it said; "" where there is nothing to say."""
        ...


MakeTransport = Callable[[Callable[[], None]], Way]
"""Makes the way to a server; it is given what to call when that has ended."""


class Connection:
    """One client. `ended` is set once it is of no more use; `listed` is called when the tools may be others.

    `tells_changes`: whether the server has to be asked to tell that (2026-07-28), and says it can; see `watch`.
    `forgotten`: whether the server has dropped the session, which is no fault.
    """

    def __init__(self, make: MakeTransport, faults: Faults, listed: Callable[[], None], unsaid: Unsaid) -> None:
        self._transport = make(self.end)
        self._client = Client(
            self._transport,
            cache=None,
            client_info=Implementation(name="toolyard", version=version("toolyard-registry")),
            elicitation_callback=self._elicit,
            message_handler=self._take,
        )
        self._faults = faults
        self._listed = listed
        self._unsaid = unsaid
        self._calls: set[Call] = set()
        self._alone = asyncio.Lock()
        self._one_at_a_time = False
        self._stop = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self.ended = asyncio.Event()
        self.tells_changes = False
        self.forgotten = False
        self._why = ""

    @property
    def session(self) -> ClientSession:
        return self._client.session

    @property
    def protocol(self) -> str:
        return self._client.protocol_version

    @property
    def about(self) -> str:
        """What the server says of itself: its title, its description, its instructions."""
        info = self._client.server_info
        said = (info.title, info.description) if info is not None else ()
        return self._unsaid.text(" ".join(words for words in (*said, self._client.instructions) if words))[:ABOUT]

    async def open(self, seconds: float) -> None:
        """Connect and agree on a protocol version; raises Unreachable."""
        ready: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._task = asyncio.create_task(self._keep(ready))
        try:
            await asyncio.wait((ready, self._task), timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
            if ready.done() and not self.ended.is_set():
                return
            if not self._task.done():
                self._why = f"it has not introduced itself within {seconds:g} seconds"
        except asyncio.CancelledError:
            await self._give_up()
            raise
        await self._give_up()
        raise Unreachable(self.why())

    async def _give_up(self) -> None:
        """End a connection that has never been open."""
        if self._task is not None:
            self._task.cancel()
        await self.close()

    def why(self) -> str:
        """Say why it has ended."""
        words = ": ".join(part for part in (self._why, self._transport.last_words()) if part)
        return self._unsaid.text(words) or "it has ended"

    def end(self, why: str = "") -> None:
        """Say that the connection is of no more use: its way to the server has ended."""
        self._why = self._why or why
        self._stop.set()
        self.ended.set()

    async def close(self) -> None:
        """End it; calls under way end too."""
        self.end()
        if self._task is None:
            return
        done, _ = await asyncio.wait((self._task,), timeout=_CLOSING)
        if not done:
            self._task.cancel()
            await asyncio.wait((self._task,), timeout=_CLOSING)

    async def call(
        self,
        tool: str,
        arguments: bytes,
        context: ToolContext,
        output: Validator | None,
        seconds: float,
        beside: Beside = NOTHING,
    ) -> ToolResult:
        """Call a tool; see `Call.make`."""
        async with self._alone if self._one_at_a_time else contextlib.nullcontext():
            call = Call(self._unsaid.context(context), seconds, beside)
            self._calls.add(call)
            try:
                return self._unsaid.result(await call.make(self.session, tool, arguments, self._faults, output))
            except Exception as error:
                self._unsaid.error(error)
                raise
            finally:
                self._calls.discard(call)

    async def watch(self) -> None:
        """Listen for changes of the tools as long as the server tells them (2026-07-28); returns when it does not."""
        try:
            async with self._client.listen(tools_list_changed=True) as changes:
                async for _ in changes:
                    self._listed()
        except (MCPError, SubscriptionLost, TimeoutError):
            return

    async def _keep(self, ready: asyncio.Future[None]) -> None:
        try:
            async with self._client:
                tools = self._client.server_capabilities.tools
                modern = self._client.protocol_version in MODERN_PROTOCOL_VERSIONS
                self.tells_changes = modern and tools is not None and bool(tools.list_changed)
                ready.set_result(None)
                await self._stop.wait()
        except Exception as error:  # noqa: BLE001 - whatever a stranger's server makes of the SDK is the connection's end
            self._why = reason(error)
        finally:
            self.ended.set()

    async def _elicit(
        self,
        context: ClientRequestContext,  # noqa: ARG002 - it does not say for whom the server asks
        params: ElicitRequestParams,
    ) -> ElicitResult | ErrorData:
        """Put a question to the person of the call it belongs to (2025-11-25).

        The protocol does not say which call that is. With several under way nobody is asked, for it could be the
        wrong person; from then on calls of this server are made one after the other.
        """
        if len(self._calls) == 1:
            return await next(iter(self._calls)).elicited(params)
        self._one_at_a_time = True
        return DECLINED

    async def _take(self, message: IncomingMessage) -> None:
        if isinstance(message, ToolListChangedNotification):
            self._listed()


def reason(error: BaseException) -> str:
    """Say in a line why a connection ended: of a group of exceptions the first."""
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    if isinstance(error, ValidationError):
        return f"what it answers does not conform to the protocol: {first_fault(error)}"
    words = " ".join(str(error).split())[:500]
    return words if isinstance(error, MCPError | RuntimeError) and words else f"{type(error).__name__}: {words}"
