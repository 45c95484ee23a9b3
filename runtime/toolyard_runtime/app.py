"""Composes the server: the one place where adapters are chosen, the environment is read and everything is wired."""

import asyncio
import contextlib
import gc
import logging
import os
import random
import socket
import sys
import threading
import time
from collections.abc import AsyncIterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import FrameType
from urllib.parse import urlsplit

import msgspec
import uvicorn
import uvloop
from litestar import Litestar, Router
from litestar.config.cors import CORSConfig
from litestar.datastructures import State
from litestar.openapi import OpenAPIConfig
from msgspec import Struct
from toolyard_memory.sessions import Sessions
from toolyard_memory.tables import METADATA as MEMORY_TABLES
from toolyard_registry.catalogue import Catalogue
from toolyard_registry.plugins import load_plugins
from toolyard_registry.repository import Loader
from toolyard_registry.toolbox import open_toolbox
from toolyard_sdk.audit import AuditRecord
from toolyard_sdk.errors import ConfigError
from toolyard_sdk.ids import uuid7
from toolyard_sdk.ports import Transaction

from toolyard_runtime.clocks import SystemClock
from toolyard_runtime.config import Config, check_kinds, read_config
from toolyard_runtime.contributions import Contributions
from toolyard_runtime.engine.agents import Agents
from toolyard_runtime.engine.approving import Approving
from toolyard_runtime.engine.desk import Desk
from toolyard_runtime.engine.engine import Engine
from toolyard_runtime.engine.routing import Routes
from toolyard_runtime.engine.upkeep import Upkeep
from toolyard_runtime.http import openai_routes, probes
from toolyard_runtime.http.access import ANYBODY, Guard
from toolyard_runtime.http.api import API_ROUTES, Admin
from toolyard_runtime.http.description import Description
from toolyard_runtime.http.openai_routes import Front
from toolyard_runtime.http.refusals import HANDLERS
from toolyard_runtime.identity import ROLES
from toolyard_runtime.logs import set_up
from toolyard_runtime.meters import Meters
from toolyard_runtime.run.segments import Segment
from toolyard_runtime.run.services import Services
from toolyard_runtime.run.stops import Stops
from toolyard_runtime.serving import NoModel, ServeOptions, ServerAddress
from toolyard_runtime.store import audit
from toolyard_runtime.store.approvals import Approvals
from toolyard_runtime.store.erasure import Eraser
from toolyard_runtime.store.journal import SqlJournal
from toolyard_runtime.store.keys import Keys
from toolyard_runtime.store.opening import open_database
from toolyard_runtime.store.runs import Runs
from toolyard_runtime.store.schema import copies_beside
from toolyard_runtime.store.tables import METADATA as RUNTIME_TABLES
from toolyard_runtime.store.tenants import Tenants
from toolyard_runtime.wire.chat.answer import closing_text, visible_text

DEFAULT_TENANT = "default"
LOCAL_KEY = "local"
BOOTSTRAP_KEY = "TOOLYARD_BOOTSTRAP_KEY"
"""An environment variable that provisions the first key of a server that is set up by a machine."""

BOOTSTRAP_LENGTH = 24
"""Characters that a provisioned key has at least: it opens everything, and nothing slows a guess down."""

CORS_READ = ("x-toolyard-run", "x-toolyard-session", "x-toolyard-warning", "retry-after")
"""Headers of an answer that pages of other origins may read."""

TOOL_THREADS = 64
TOOL_THREAD = "toolyard-tool"
LAST_SECONDS = 1.0
"""How long a stopping server waits for tools that were told to stop."""

GARBAGE_THRESHOLDS = (10_000, 20, 20)
"""A run makes few cycles and many short-lived objects: looking for cycles less often costs nothing in memory."""

OWN_ROUTES = (*openai_routes.ROUTES, *API_ROUTES, *probes.ROUTES)
LOOPBACK = frozenset({"127.0.0.1", "localhost", "[::1]"})


class Wiring(Struct, frozen=True):
    """A composed server, open and ready to be served."""

    app: Litestar
    engine: Engine
    keys: Keys
    tenants: Tenants
    agents: Agents
    routes: Routes


@contextlib.asynccontextmanager
async def composed(
    options: ServeOptions, config: Config, environment: Mapping[str, str], public_url: str, hosts: frozenset[str]
) -> AsyncIterator[Wiring]:
    """Open the stores, wire everything, take up what a former process left, and close it all again."""
    plugins = load_plugins(config.plugins_off)
    added = Contributions(plugins)
    added.take_models()
    check_kinds(options.repository, config, added.models)
    routes = Routes(
        config,
        environment,
        model_url=options.model_url,
        model=options.model,
        rehearsal=options.rehearsal,
        kinds=added.models,
    )
    if not routes.configured:
        raise NoModel
    routes.notes += await routes.discover()
    options.state_dir.mkdir(parents=True, exist_ok=True, mode=0o700)
    database = await open_database(_store_url(options, config))
    try:
        clock = SystemClock()
        stops = Stops()
        await stops.load(database)
        keys = Keys(database, clock, uuid7, os.urandom)
        tenants = Tenants(database, clock, keys)
        added.take_tables(database.connection)
        added.take_routes(OWN_ROUTES)
        plugins = msgspec.structs.replace(plugins, problems=(*plugins.problems, *added.problems))
        loader = Loader(
            options.repository,
            lambda: open_toolbox(options.repository, settings=config.plugin_settings, plugins=plugins),
        )

        async def record(tx: Transaction, entry: AuditRecord) -> None:
            await audit.record(database, tx, f"channel:{entry.tenant}:{entry.object}", entry)

        catalogue = Catalogue(database, clock, record)
        agents = Agents(loader, routes, catalogue, database, config.plugin_settings)

        def visible(segment: Segment) -> str:
            return visible_text(segment.outputs, segment.run, public_url) or closing_text(segment)

        services = Services(
            database=database,
            journal=SqlJournal(database),
            runs=Runs(database),
            approvals=Approvals(database),
            sessions=Sessions(database),
            clock=clock,
            new_id=uuid7,
            entropy=os.urandom,
            jitter=random.SystemRandom(),
            stops=stops,
            meters=Meters(),
            current_release=agents.release,
            keep_release=catalogue.put_agent,
            visible_text=visible,
        )
        engine = Engine(services, agents, max_runs=config.server.max_runs)
        approving = Approving(engine)
        front = Front(Desk(engine, approving), engine, public_url)
        eraser = Eraser(database, clock, os.urandom, (RUNTIME_TABLES, MEMORY_TABLES, *added.tables))

        def copies() -> tuple[str, ...]:
            return copies_beside(database.path) if database.path is not None else ()

        admin = Admin(engine, approving, keys, tenants, eraser, agents, services, database.scrub, copies)
        app = Litestar(
            [*OWN_ROUTES, *added.routes],
            guards=[Guard(keys, hosts)],
            exception_handlers=HANDLERS,
            state=State({"front": front, "admin": admin, "database": database}),
            request_max_body_size=config.server.max_body_bytes,
            cors_config=_cors(config),
            openapi_config=OpenAPIConfig(
                "Toolyard",
                "0.1.0",
                openapi_router=Router("/api/openapi", route_handlers=[], opt=ANYBODY),
                render_plugins=[Description("/openapi.json")],
            ),
            logging_config=None,
        )
        upkeep = Upkeep(engine)
        await upkeep.recover()
        try:
            yield Wiring(app, engine, keys, tenants, agents, routes)
        finally:
            await upkeep.close(config.server.drain_seconds)
            await routes.close()
    finally:
        await database.close()


def _cors(config: Config) -> CORSConfig | None:
    """Return what pages of the named origins may do; None: nothing.

    They may send any header: what is trusted is the key, never that a header came along, and OpenAI's client sends
    `x-stainless-*` headers of which every version has others.
    """
    if not config.server.cors_origins:
        return None
    return CORSConfig(
        allow_origins=list(config.server.cors_origins),
        allow_methods=["GET", "POST", "DELETE"],
        allow_headers=["*"],
        expose_headers=list(CORS_READ),
    )


def _store_url(options: ServeOptions, config: Config) -> str:
    if config.store.url:
        scheme, _, rest = config.store.url.partition(":///")
        path = Path(rest)
        return f"{scheme}:///{path if path.is_absolute() else options.repository / path}"
    return f"sqlite:///{options.state_dir / 'toolyard.db'}"


async def first_key(wiring: Wiring, options: ServeOptions, environment: Mapping[str, str]) -> tuple[str, bool]:
    """Return the key that commands on this machine use, and whether it was made just now.

    A key is made at the first start, also on loopback; a later start finds it in the file beside the database.
    Raises ConfigError for a provisioned key that could be guessed.
    """
    provisioned = environment.get(BOOTSTRAP_KEY, "")
    if provisioned and len(provisioned) < BOOTSTRAP_LENGTH:
        raise ConfigError(
            f"{BOOTSTRAP_KEY} has {len(provisioned)} characters, which somebody could guess: it needs at least "
            f"{BOOTSTRAP_LENGTH}. `openssl rand -hex 32` prints one"
        )
    database = wiring.engine.services.database
    if await wiring.tenants.find(DEFAULT_TENANT) is None:
        tx = database.begin()
        wiring.tenants.create(tx, DEFAULT_TENANT, "server")
        await database.commit(tx)
    if provisioned and await wiring.keys.verify(provisioned) is None:
        tx = database.begin()
        wiring.keys.create(tx, DEFAULT_TENANT, "bootstrap", ROLES, actor="server", secret=provisioned)
        await database.commit(tx)
    if provisioned:
        return provisioned, False
    with contextlib.suppress(OSError, msgspec.MsgspecError):
        known = msgspec.json.decode((options.state_dir / "server.json").read_bytes(), type=ServerAddress).key
        if await wiring.keys.verify(known) is not None:
            return known, False
    tx = database.begin()
    made = wiring.keys.create(tx, DEFAULT_TENANT, LOCAL_KEY, ROLES, actor="server")
    await database.commit(tx)
    return made.secret, True


def _write_address(state_dir: Path, address: ServerAddress) -> None:
    path = state_dir / "server.json"
    fresh = state_dir / "server.json.new"
    handle = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(handle, "wb") as file:
        file.write(msgspec.json.encode(address))
    fresh.replace(path)


def serve(options: ServeOptions) -> None:
    """Serve a repository until SIGTERM or SIGINT; raises NoModel, ConfigError and StorageError."""
    set_up(options.log_level)
    os.chdir(options.repository)  # what tools and settings name by a relative path lies in the repository
    config = read_config(options.repository)
    uvloop.run(_serve(options, config, dict(os.environ)))


async def _serve(options: ServeOptions, config: Config, environment: Mapping[str, str]) -> None:
    threads = ThreadPoolExecutor(TOOL_THREADS, thread_name_prefix=TOOL_THREAD)
    asyncio.get_running_loop().set_default_executor(threads)
    host = options.host or config.server.host
    port = config.server.port if options.port is None else options.port
    settings = uvicorn.Config(
        "toolyard",
        host=host,
        port=port,
        loop="uvloop",
        http="httptools",
        ws="none",
        lifespan="off",
        access_log=False,
        log_config=None,
        server_header=False,
        proxy_headers=False,
        timeout_graceful_shutdown=max(1, int(config.server.drain_seconds)),
        backlog=1024,
    )
    listening = _listen(host, port)
    port = listening.getsockname()[1]
    shown = f"[{host}]" if ":" in host else "127.0.0.1" if host in ("0.0.0.0", "::") else host  # noqa: S104 - shown, not bound
    url = f"http://{shown}:{port}"
    public_url = (config.server.public_url or url).rstrip("/")
    async with composed(options, config, environment, public_url, _hosts(host, config, public_url)) as wiring:
        key, fresh = await first_key(wiring, options, environment)
        _write_address(options.state_dir, ServerAddress(url, key, os.getpid()))
        _greet(wiring, url, key if fresh else "")
        _settle_garbage()
        settings.app = wiring.app
        server = _Server(settings)
        try:
            await server.serve(sockets=[listening])
        finally:
            wiring.engine.hurried = server.force_exit
    await _leave_behind(threads)


class _Server(uvicorn.Server):
    """A server whose second signal does not wait, whichever it is."""

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        if self.should_exit:
            self.force_exit = True
        super().handle_exit(sig, frame)


async def _leave_behind(threads: ThreadPoolExecutor) -> None:
    """End the process, everything of which is closed by now, also when tools that will not stop are still at work."""
    threads.shutdown(wait=False, cancel_futures=True)
    others = asyncio.all_tasks() - {asyncio.current_task()}
    for task in others:
        task.cancel()
    if others:
        await asyncio.wait(others, timeout=LAST_SECONDS)
    deadline = time.monotonic() + LAST_SECONDS
    while any(thread.name.startswith(TOOL_THREAD) for thread in threading.enumerate()):
        if time.monotonic() > deadline:
            break
        await asyncio.sleep(0.01)
    else:
        if all(task.done() for task in others):
            return
    logging.getLogger("toolyard").warning("tools that would not stop are left behind")
    logging.shutdown()
    sys.stdout.flush()
    os._exit(0)


def _listen(host: str, port: int) -> socket.socket:
    """Return a bound socket; raises ConfigError when the address cannot be had."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listening = socket.socket(family=family)
    try:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind((host, port))
    except OSError as error:
        listening.close()
        raise ConfigError(
            f"cannot listen on {host}:{port}: {error.strerror}. Choose another with --port (0 takes any free one) or "
            "[server] port."
        ) from error
    listening.set_inheritable(True)
    return listening


def _settle_garbage() -> None:
    """Take what was made at start, which lives as long as the process, out of the garbage collector's rounds."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(*GARBAGE_THRESHOLDS)


def _hosts(host: str, config: Config, public_url: str) -> frozenset[str]:
    """Return the host names this server answers to; none named means any, which only an operator can ask for."""
    if "*" in config.server.allowed_hosts:
        return frozenset()
    named = {host, urlsplit(public_url).hostname or "", *config.server.allowed_hosts}
    return LOOPBACK | {name.lower() for name in named if name}


def _greet(wiring: Wiring, url: str, key: str) -> None:
    agents = ", ".join(wiring.agents.names()) or "none: put one into agents/"
    print(f"Toolyard serves {url}/v1  (agents: {agents})")  # noqa: T201 - what the person at the terminal waits for
    if wiring.routes.rehearsal:
        print("The model is the rehearsal model: it picks tools by words and understands nothing.")  # noqa: T201 - for the person at the terminal
    if key:
        print(f"API key, shown once: {key}")  # noqa: T201 - for the person at the terminal
    for problem in (*wiring.routes.notes, *wiring.agents.problems):
        print(f"! {problem}")  # noqa: T201 - for the person at the terminal
    print(end="", flush=True)  # noqa: T201
