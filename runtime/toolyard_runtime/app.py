"""Composes the server: the one place where adapters are chosen and everything is wired; listens to nothing."""

import contextlib
import functools
import os
import random
from collections.abc import AsyncIterator, Mapping
from pathlib import Path

import msgspec
from litestar import Litestar, Router
from litestar.config.cors import CORSConfig
from litestar.datastructures import State
from litestar.openapi import OpenAPIConfig
from msgspec import Struct
from toolyard_memory.erasure.subjects import Subjects
from toolyard_memory.sessions.store import Sessions
from toolyard_registry.agents.repository import Loader
from toolyard_registry.environments.building import Index
from toolyard_registry.environments.running import Limits
from toolyard_registry.plugins import Plugins, load_plugins
from toolyard_registry.publishing.publishing import no_check
from toolyard_registry.rights import HOUSE
from toolyard_registry.toolbox.collecting import open_toolbox
from toolyard_registry.toolbox.local_packages import plugin_names
from toolyard_registry.toolbox.owners import owners_in
from toolyard_sdk.errors import ConfigError
from toolyard_sdk.http import open_egress
from toolyard_sdk.ids import uuid7

from toolyard_runtime.clocks import SystemClock
from toolyard_runtime.config import Config, check_kinds
from toolyard_runtime.contributions import Contributions
from toolyard_runtime.engine.agents import Agents
from toolyard_runtime.engine.approving import Approving
from toolyard_runtime.engine.cleaning import Cleaning
from toolyard_runtime.engine.desk import Desk
from toolyard_runtime.engine.embedding import Embedders, meanings
from toolyard_runtime.engine.engine import Engine
from toolyard_runtime.engine.erasing import erasing_with
from toolyard_runtime.engine.ledger import Ledger
from toolyard_runtime.engine.long_term import LongTerm, long_term_memory
from toolyard_runtime.engine.memory_rounds import MemoryRounds, memory_rounds
from toolyard_runtime.engine.others import other_releases
from toolyard_runtime.engine.proving import Proving
from toolyard_runtime.engine.registry import open_registry
from toolyard_runtime.engine.returning import Returning
from toolyard_runtime.engine.routing import Routes
from toolyard_runtime.engine.sources import Sources
from toolyard_runtime.engine.tool_search import ToolSearch
from toolyard_runtime.engine.upkeep import Upkeep
from toolyard_runtime.engine.waiting_links import waiting_links
from toolyard_runtime.engine.ways_out import WaysOut, with_sources
from toolyard_runtime.http import openai_routes, probes
from toolyard_runtime.http.access import ANYBODY, Guard
from toolyard_runtime.http.api import API_ROUTES, Admin
from toolyard_runtime.http.description import Description
from toolyard_runtime.http.mcp import mount
from toolyard_runtime.http.mcp.mount import mounted
from toolyard_runtime.http.openai_routes import Front
from toolyard_runtime.http.refusals import HANDLERS
from toolyard_runtime.identity import ROLES
from toolyard_runtime.meters import Meters
from toolyard_runtime.run.segments import Segment
from toolyard_runtime.run.services import Services
from toolyard_runtime.run.stops import Stops
from toolyard_runtime.run.successes import Successes
from toolyard_runtime.run.ways_back import WaysBack
from toolyard_runtime.secrets.opening import open_secrets
from toolyard_runtime.secrets.tokens import SourceSecrets
from toolyard_runtime.serving import LOCAL_KEY, NoModel, ServeOptions, ServerAddress
from toolyard_runtime.store.approvals import Approvals
from toolyard_runtime.store.erasure import Eraser
from toolyard_runtime.store.journal import SqlJournal
from toolyard_runtime.store.keys import Keys
from toolyard_runtime.store.opening import located, open_database
from toolyard_runtime.store.runs import Runs
from toolyard_runtime.store.schema import PACKAGES
from toolyard_runtime.store.tenants import Tenants
from toolyard_runtime.usage.replay import Replaying
from toolyard_runtime.usage.requests import recent_requests
from toolyard_runtime.usage.worked import lately_worked
from toolyard_runtime.wire.chat.answer import closing_text, visible_text

BOOTSTRAP_KEY = "TOOLYARD_BOOTSTRAP_KEY"
"""An environment variable that provisions the first key of a server that is set up by a machine."""

BOOTSTRAP_LENGTH = 24
"""Characters that a provisioned key has at least: it opens everything, and nothing slows a guess down."""

CORS_READ = ("x-toolyard-run", "x-toolyard-session", "x-toolyard-warning", "retry-after")
"""Headers of an answer that pages of other origins may read."""

VERSION = "0.1.0"

OWN_ROUTES = (*openai_routes.ROUTES, *API_ROUTES, *probes.ROUTES, *mount.ROUTES)


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
    plugins, added = _contributed(options, config)
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
    async with contextlib.AsyncExitStack() as opened:
        database = await open_database(located(config.store.url, options.repository, options.state_dir))
        opened.push_async_callback(database.close)
        clock = SystemClock()
        stops = Stops()
        await stops.load(database)
        keys = Keys(database, clock, uuid7, os.urandom)
        tenants = Tenants(database, clock, keys)
        safe = open_secrets(
            config.secrets, options.repository, options.state_dir, environment, database, clock, uuid7, os.urandom
        )
        await added.take_tables(database)
        added.take_routes(OWN_ROUTES)
        added.take_sources()
        plugins = msgspec.structs.replace(plugins, problems=(*plugins.problems, *added.problems))
        outside = open_egress()
        opened.push_async_callback(outside.close)
        ways_out = WaysOut(outside, with_sources(config.egress, config.sources), safe.shelves)
        sources = Sources(
            config.sources,
            added.sources,
            root=options.repository,
            egress=lambda name: ways_out.of(name, HOUSE, None).egress,
            secrets=SourceSecrets(safe),
        )
        opened.push_async_callback(sources.close)
        await sources.open()
        registry = await open_registry(database, clock, options.repository, options.state_dir)
        loader = Loader(
            options.repository,
            lambda: open_toolbox(
                options.repository, settings=config.plugin_settings, plugins=plugins, packages=options.packages
            ),
            sources.supplied,
            options.packages,
            shelf=registry.shelf,
            pins=registry.pins,
        )
        await registry.sighted(loader.current)
        others = await opened.enter_async_context(
            other_releases(
                registry,
                options.state_dir,
                options.repository,
                _index(config, options.repository),
                environment,
                config.plugin_settings,
                clock,
                Limits(config.environments.idle_seconds, config.environments.most_running),
            )
        )
        embedders = Embedders(routes, options.repository, clock)
        long_term = await opened.enter_async_context(
            long_term_memory(
                LongTerm(
                    config.memory,
                    database,
                    clock,
                    uuid7,
                    os.urandom,
                    embedders=embedders,
                    state_dir=options.state_dir,
                ),
                loader.current.agents.values(),
            )
        )
        meters = Meters()
        sense = await opened.enter_async_context(meanings(config.search, loader.current.toolbox, embedders, meters))
        agents = Agents(
            loader,
            routes,
            registry.catalogue,
            database,
            config.plugin_settings,
            registry,
            others,
            long_term.mind,
            sense,
        )
        registry.judge_by(
            installed=lambda: agents.repository.toolbox.releases,
            owners=lambda: owners_in(agents.repository.toolbox, config.sources),
            replay=Replaying(database, clock),
            check=others.definitions if config.environments.check_published else no_check,
            requests=functools.partial(recent_requests, database),
            meanings=sense,
        )

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
            meters=meters,
            current_release=agents.granted,
            keep_release=registry.catalogue.put_agent,
            visible_text=visible,
            yanks=registry.yanks,
            way_out=ways_out.of,
            is_held=agents.is_held,
            sights=registry.sights,
            ways_back=WaysBack(functools.partial(waiting_links, database)),
            successes=Successes(functools.partial(lately_worked, database)),
            mind=long_term.mind,
        )
        engine = Engine(services, agents, max_runs=config.server.max_runs, record_first=config.store.record_first)
        approving = Approving(engine)
        front = Front(Desk(engine, approving), engine, public_url)
        erasing = await opened.enter_async_context(
            erasing_with(
                engine,
                Eraser(database, clock, os.urandom, (*PACKAGES, *added.tables)),
                Subjects(database, uuid7, os.urandom),
                Cleaning(database, long_term),
                Ledger(options.state_dir, database),
            )
        )
        admin = Admin(
            engine,
            approving,
            keys,
            tenants,
            erasing,
            agents,
            services,
            safe,
            registry,
            sources,
            others,
            long_term,
            erasing.cleaning,
            Proving(database, erasing.eraser, erasing.subjects, long_term, options.state_dir),
            database.copies,
            ToolSearch(sense),
        )
        app = Litestar(
            [*OWN_ROUTES, *added.routes],
            middleware=[Guard(keys, hosts).before],
            exception_handlers=HANDLERS,
            state=State(
                {
                    "front": front,
                    "admin": admin,
                    "database": database,
                    "mcp": await opened.enter_async_context(
                        mounted(
                            front,
                            registry.rights,
                            version=VERSION,
                            max_body_bytes=config.server.max_body_bytes,
                        )
                    ),
                }
            ),
            request_max_body_size=config.server.max_body_bytes,
            cors_config=_cors(config),
            openapi_config=OpenAPIConfig(
                "Toolyard",
                VERSION,
                openapi_router=Router("/api/openapi", route_handlers=[], opt=ANYBODY),
                render_plugins=[Description("/openapi.json")],
            ),
            logging_config=None,
        )
        await opened.enter_async_context(
            memory_rounds(
                MemoryRounds(long_term, agents, routes, services.runs, tenants, clock, erasing, meters),
                Returning(database, clock, erasing.ledger, erasing, long_term),
            )
        )
        upkeep = Upkeep(engine)
        opened.push_async_callback(routes.close)
        await upkeep.recover()
        opened.push_async_callback(upkeep.close, config.server.drain_seconds)
        yield Wiring(app, engine, keys, tenants, agents, routes)


def _contributed(options: ServeOptions, config: Config) -> tuple[Plugins, Contributions]:
    """Return the plugins and what they add, their kinds of models taken; raises ConfigError for a kind nobody has."""
    plugins = load_plugins(config.plugins_off, replaced=plugin_names(options.packages))
    added = Contributions(plugins)
    added.take_models()
    check_kinds(options.repository, config, added.models)
    return plugins, added


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


def _index(config: Config, repository: Path) -> Index:
    """Return where what other releases need comes from."""
    table = config.environments
    return Index(tuple(str(repository / folder) for folder in table.find_links), table.index_url, table.offline)


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
    if await wiring.tenants.find(HOUSE) is None:
        tx = database.begin()
        wiring.tenants.create(tx, HOUSE, "server")
        await database.commit(tx)
    if provisioned and await wiring.keys.verify(provisioned) is None:
        tx = database.begin()
        wiring.keys.create(tx, HOUSE, "bootstrap", ROLES, actor="server", secret=provisioned)
        await database.commit(tx)
    if provisioned:
        return provisioned, False
    with contextlib.suppress(OSError, msgspec.MsgspecError):
        known = msgspec.json.decode((options.state_dir / "server.json").read_bytes(), type=ServerAddress).key
        if await wiring.keys.verify(known) is not None:
            return known, False
    tx = database.begin()
    made = wiring.keys.create(tx, HOUSE, LOCAL_KEY, ROLES, actor="server")
    await database.commit(tx)
    return made.secret, True
