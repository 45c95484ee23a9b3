"""An MCP server as the port ToolSource: reached, listed, listed again when it changes, reached anew when it dies."""

import asyncio
import contextlib
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from toolyard_sdk.context import ToolContext
from toolyard_sdk.egress import CLOSED, Egress
from toolyard_sdk.errors import ToolError
from toolyard_sdk.messages import ToolResult
from toolyard_sdk.ports import Clock, Secrets, Supply

from toolyard_registry.schemas.checking import SchemaInvalid
from toolyard_registry.sources.mcp.beside import NOTHING, Beside
from toolyard_registry.sources.mcp.calling import ConsentNeeded, SessionOver
from toolyard_registry.sources.mcp.connection import Connection, Unreachable, reason
from toolyard_registry.sources.mcp.consent import AuthorizationNeeded
from toolyard_registry.sources.mcp.listing import Listed, list_tools
from toolyard_registry.sources.mcp.pool import Pool
from toolyard_registry.sources.mcp.reaching import Reach
from toolyard_registry.sources.mcp.settings import McpSettings
from toolyard_registry.sources.mcp.tokens import HOUSE, RememberedTokens, TokenStore
from toolyard_registry.sources.mcp.tool import McpTool

START_SECONDS = 60.0
"""How long a server may take to introduce itself, and then to list its tools: `npx` may have to load it first."""

FIRST_DELAY = 1.0
LONGEST_DELAY = 60.0
STEADY_SECONDS = 60.0
"""A server that has lasted this long is begun with again from the first delay."""

SHORTEST_TTL = 10.0
"""A list that is said to hold for less is not read more often than this."""

_PAUSE = 1.0
"""Seconds between two readings of the list, however often it is said to have changed."""

_ATTEMPTS = 3
"""How often a call is begun: the server may have forgotten the session, and the caller may have to consent."""

_SLICE = 50
"""Tools made at one go."""


class McpSource:
    """See `ToolSource`. `jitter` returns numbers in 0..1."""

    def __init__(
        self,
        name: str,
        settings: McpSettings,
        *,
        secrets: Secrets,
        egress: Egress = CLOSED,
        tokens: TokenStore | None = None,
        clock: Clock,
        jitter: Callable[[], float],
        start_seconds: float = START_SECONDS,
        beside: Beside = NOTHING,
    ) -> None:
        self._beside = beside
        self.origin = f"mcp:{name}"
        self.supply = Supply()
        self._name = name
        self._settings = settings
        self._prefix = f"{name}_" if settings.prefix is None else settings.prefix
        self._clock = clock
        self._jitter = jitter
        self._start_seconds = start_seconds
        self._changed: Callable[[], None] = lambda: None
        self._stale = asyncio.Event()
        self._tried = asyncio.Event()
        self._now = asyncio.Event()
        self._reach = Reach(
            name,
            settings,
            secrets,
            egress,
            tokens or RememberedTokens(),
            clock,
            listed=self._stale.set,
            given=self._now.set,
        )
        self._pool = Pool(self._reach, start_seconds)
        self._life: asyncio.Task[None] | None = None
        self._house: Connection | None = None
        self._tools: dict[str, McpTool] = {}

    async def open(self, changed: Callable[[], None]) -> None:
        """Connect; return when the tools are known, or the first attempt has failed and others will follow."""
        self._changed = changed
        self._life = asyncio.create_task(self._live())
        await self._tried.wait()

    async def close(self) -> None:
        """End every connection and process."""
        if self._life is not None:
            self._life.cancel()
            await asyncio.wait((self._life,))
        self._tried.set()  # nobody waits for what will not come
        await self._pool.close()
        await self._reach.close()

    async def returned(self, parameters: Mapping[str, str]) -> str | None:
        """Take what a person came back with from a consent: the query of the callback's address.

        Returns "" when all is well, else in words what went wrong; None when it is not this source's.
        """
        return await self._reach.returned(parameters)

    async def call(self, tool: McpTool, arguments: bytes, context: ToolContext) -> ToolResult:
        """Call a tool for whoever `context` names; see `Call.make` for what is raised."""
        for _ in range(_ATTEMPTS):
            connection = await self._connection(context)
            if connection is None:
                continue
            try:
                return await connection.call(
                    tool.name, arguments, context, tool.output, self._settings.timeout, self._beside
                )
            except SessionOver:
                connection.forgotten = True
                self._tried.clear()
                connection.end()
            except ConnectionRefusedError as error:
                connection.end(str(error))
                raise
            except ConsentNeeded as error:
                if not await self._asked(context):
                    raise ToolError(f"{self._name}: {error}. An operator has to see to it.") from error
        link = self._reach.link((context.tenant, context.end_user))
        if link:
            raise AuthorizationNeeded(self._name, link)
        raise ConnectionRefusedError(f"the MCP server {self._name} ends every session at once")

    async def _asked(self, context: ToolContext) -> bool:
        """Ask the caller for their consent where that is what is missing; return whether to call again.

        Raises AuthorizationNeeded where they do not give it, or cannot be asked.
        """
        link = self._reach.link((context.tenant, context.end_user))
        if not link:
            return False
        answer = await context.ask(f"{self._name} needs your permission. Allow it at this address:", None, link)
        if answer.action != "accept":
            raise AuthorizationNeeded(self._name, link)
        return True

    async def _connection(self, context: ToolContext) -> Connection | None:
        """Return an open connection for a caller, None after a consent; raises ConnectionRefusedError."""
        caller = (context.tenant, context.end_user)
        if self._reach.personal and caller != HOUSE:
            try:
                return await self._pool.connection(caller)
            except Unreachable as error:
                if await self._asked(context):
                    return None
                raise ConnectionRefusedError(f"the MCP server {self._name} cannot be reached: {error}") from error
        if self._house is None or self._house.ended.is_set():
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(self._settings.timeout):
                    await self._tried.wait()  # it is being reached just now
        if self._house is None or self._house.ended.is_set():
            if await self._asked(context):
                return None
            raise ConnectionRefusedError(f"the MCP server {self._name} is not there: {self._problem()}")
        return self._house

    def _problem(self) -> str:
        return self.supply.problems[0] if self.supply.problems else "it has just ended"

    async def _live(self) -> None:
        """Reach the server again and again, until cancelled."""
        attempt = 0
        while True:
            began = self._clock.now()
            problem = await self._lived()
            steady = self._clock.now() - began >= STEADY_SECONDS * 1_000_000
            attempt = 1 if steady else attempt + 1
            if not problem and attempt == 1:
                continue
            words = problem or "it has forgotten its session again and again"
            self._offer(self.supply.tools, (words,), self.supply.about)
            self._tried.set()
            await self._rest(delay(attempt, self._jitter()))
            self._tried.clear()

    async def _rest(self, seconds: float) -> None:
        """Wait before the next attempt, or until a consent makes it worth while."""
        waits: list[asyncio.Task[Any]] = [
            asyncio.create_task(self._clock.sleep(seconds)),
            asyncio.create_task(self._now.wait()),
        ]
        try:
            await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for wait in waits:
                wait.cancel()
        self._now.clear()

    async def _lived(self) -> str:
        """Serve one connection from its beginning to its end, and say why it ended; "" where it begins anew at once."""
        connection = None
        try:
            connection = await self._reach.open(HOUSE, self._start_seconds)
            await self._serve(connection)
            return "" if connection.forgotten else connection.why()
        except Unreachable as error:
            return str(error)
        except Exception as error:  # noqa: BLE001 - whatever a stranger's server makes of the SDK, the source lives on
            return reason(error)
        finally:
            self._house = None
            if connection is not None:
                await connection.close()

    async def _serve(self, connection: Connection) -> None:
        """Offer what the server lists, for as long as the connection lasts."""
        holds = await self._list(connection)
        self._house = connection
        self._tried.set()
        watching = asyncio.create_task(self._watch(connection))
        try:
            while not await self._over(connection, holds):
                self._stale.clear()
                holds = await self._list(connection)
                await self._clock.sleep(_PAUSE)
        finally:
            watching.cancel()

    async def _over(self, connection: Connection, holds: float) -> bool:
        """Wait until the list should be read again; return whether the connection has ended instead."""
        waits: list[asyncio.Task[Any]] = [
            asyncio.create_task(connection.ended.wait()),
            asyncio.create_task(self._stale.wait()),
        ]
        if holds:
            waits.append(asyncio.create_task(self._clock.sleep(max(holds, SHORTEST_TTL))))
        try:
            await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for wait in waits:
                wait.cancel()
        return connection.ended.is_set()

    async def _watch(self, connection: Connection) -> None:
        """Have the server say when its tools change; when it stops saying so, ask again later."""
        attempt = 0
        while connection.tells_changes and not connection.ended.is_set():
            await connection.watch()
            attempt += 1
            await self._clock.sleep(delay(attempt, self._jitter()))
            self._stale.set()

    async def _list(self, connection: Connection) -> float:
        """Read the list and offer it; return for how many seconds it holds."""
        try:
            async with asyncio.timeout(self._start_seconds):
                listing = await list_tools(connection.session, self._settings, self._prefix)
        except TimeoutError as error:
            raise Unreachable(f"it has not listed its tools within {self._start_seconds:g} seconds") from error
        problems = list(listing.problems)
        tools: dict[str, McpTool] = {}
        for listed in listing.tools:
            if (tool := self._made(listed, problems)) is not None:
                tools[listed.spec.name] = tool
            if len(tools) % _SLICE == 0:
                await asyncio.sleep(0)  # others have their turn while thousands of schemas are compiled
        self._tools = tools
        self._offer(tuple(tools.values()), problems, connection.about)
        return listing.ttl

    def _made(self, listed: Listed, problems: list[str]) -> McpTool | None:
        """Return the tool, the one from before where nothing about it has changed."""
        known = self._tools.get(listed.spec.name)
        if known is not None and known.name == listed.name and known.spec == listed.spec:
            return known
        try:
            return McpTool(listed.name, listed.spec, self.call)
        except SchemaInvalid as error:
            problems.append(f"the tool {listed.name[:80]!r} is left out: {error}")
            return None

    def _offer(self, tools: Sequence[Any], problems: Sequence[str], about: str) -> None:
        """Make this the supply, and say so when it is another."""
        supply = Supply(tuple(tools), problems=tuple(problems), about=about)
        if supply != self.supply:
            self.supply = supply
            self._changed()


def delay(attempt: int, jitter: float) -> float:
    """Return the seconds before the next attempt: doubled each time, and between half and the whole of that."""
    return min(LONGEST_DELAY, FIRST_DELAY * 2.0 ** min(attempt - 1, 30)) * (0.5 + jitter / 2)
