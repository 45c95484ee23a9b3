"""`/mcp` in the application: access as for every other route, then the SDK's transport, which is loaded when asked for.

Almost everything is stateless, so any node could answer it; what is not, `sessions` says.
"""

import asyncio
import contextlib
import functools
from collections.abc import AsyncIterator, Callable
from typing import TYPE_CHECKING, Any

from litestar import Litestar, asgi
from litestar.connection import ASGIConnection
from litestar.types import Receive, Scope, Send
from toolyard_registry.rights import Rights, may_see

from toolyard_runtime.http.access import CALLER, end_user_of, only
from toolyard_runtime.http.mcp.answering import Answering
from toolyard_runtime.http.mcp.offering import Offering
from toolyard_runtime.http.openai_routes import Front
from toolyard_runtime.identity import Caller
from toolyard_runtime.wire.errors import RequestRefused

if TYPE_CHECKING:  # the SDK takes a second to load, and nobody may ever ask for it
    from toolyard_runtime.http.mcp.sessions import Sessions

PATH = "/mcp"
ACCESS = only("user", "frontend", "author", "operator")
CLOSE_SECONDS = 5.0


class Mount:
    """The endpoint. `rights()` says who sees which tool, and may read a file for it; sizes are bytes."""

    def __init__(self, front: Front, rights: Callable[[], Rights], *, version: str, max_body_bytes: int) -> None:
        self._engine = front.engine
        self._answering = Answering(front.engine, front.desk, front.public_url)
        self._rights = rights
        self._version = version
        self._max_body_bytes = max_body_bytes
        self._starting = asyncio.Lock()
        self._sessions: Sessions | None = None
        self._over = asyncio.Event()
        self._serving: asyncio.Task[None] | None = None

    async def handle(self, scope: Any, receive: Any, send: Any) -> None:
        """Answer one request, whoever sends it: access was checked before; raises RequestRefused."""
        sessions = self._sessions or await self._start()
        # White space around a header's value is none of it (RFC 9110, section 5.5), and httptools leaves it there.
        headers = [(name, value.strip(b" \t")) for name, value in scope["headers"]]
        caller: Caller = scope[CALLER]
        end_user = end_user_of(ASGIConnection(scope), caller)
        await sessions.handle({**scope, "headers": headers}, receive, send, (caller.tenant, caller.key, end_user))

    async def close(self) -> None:
        """End what requests are still served."""
        self._over.set()
        if self._serving is not None:
            await asyncio.wait((self._serving,), timeout=CLOSE_SECONDS)

    async def _start(self) -> "Sessions":
        """Load the SDK and start its transport; raises RequestRefused where it is not installed."""
        async with self._starting:
            if self._sessions is None:
                ready: asyncio.Future[Sessions] = asyncio.get_running_loop().create_future()
                self._serving = asyncio.create_task(self._serve(ready))
                self._sessions = await ready
            return self._sessions

    async def _serve(self, ready: "asyncio.Future[Sessions]") -> None:
        """Keep the transport open in a task of its own: it has to be closed where it was opened."""
        try:
            from toolyard_runtime.http.mcp.server import mcp_server  # noqa: PLC0415 - see above
            from toolyard_runtime.http.mcp.sessions import sessions  # noqa: PLC0415 - see above
        except ModuleNotFoundError as error:
            words = f"{PATH} needs the package {error.name}: pip install 'toolyard[sources]' where the server runs."
            ready.set_exception(RequestRefused(words, code="not_installed", status=501))
            return
        server = mcp_server(self._answering, self._offers_of, end_user_of, self._schema, self._version)
        async with sessions(server, max_body_bytes=self._max_body_bytes) as opened:
            ready.set_result(opened)
            await self._over.wait()

    async def _offers_of(self, caller: Caller) -> Offering:
        rights = await asyncio.to_thread(self._rights)
        sees = functools.partial(may_see, rights, caller.tenant, caller.roles)
        agents = self._engine.agents
        return Offering(
            agents.repository.agents, agents.tools(), self._engine.services.stops.tools(caller.tenant), sees
        )

    def _schema(self, tool: str) -> Any:
        found = self._engine.agents.tools().get(tool)
        return found.spec.input_schema if found is not None else None


@contextlib.asynccontextmanager
async def mounted(
    front: Front, rights: Callable[[], Rights], *, version: str, max_body_bytes: int
) -> AsyncIterator[Mount]:
    """Give the mount for an application's state, where the route below finds it as `mcp`."""
    mount = Mount(front, rights, version=version, max_body_bytes=max_body_bytes)
    try:
        yield mount
    finally:
        await mount.close()


@asgi(PATH, opt=ACCESS, copy_scope=True)
async def mcp(scope: Scope, receive: Receive, send: Send) -> None:
    """Answer an MCP client."""
    mount: Mount = Litestar.from_scope(scope).state["mcp"]
    await mount.handle(scope, receive, send)


ROUTES = (mcp,)
