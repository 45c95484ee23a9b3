"""What plugins add to a server: routes with their roles, tables, kinds of models; and what is left out of it."""

import contextlib
import json
import sqlite3
from pathlib import Path

import pytest
from toolyard_registry.plugins import load_plugins
from toolyard_registry.releases import ToolRelease
from toolyard_runtime.config import read_config
from toolyard_runtime.engine.routing import Routes
from toolyard_runtime.store.schema import PACKAGES
from toolyard_sdk import ConfigError

from tests.http.expecting import refused
from tests.http.serving import Client, eventually, serving
from tests.registry.conftest import Install, install

__all__ = ["install"]

VISITS = """
from typing import Any
from litestar import Request, get, post
from litestar.params import FromPath
from sqlalchemy import Column, Integer, MetaData, Table, Text, insert, select
from toolyard_sdk import hookimpl

METADATA = MetaData()
VISIT = Table(
    "acme_visit", METADATA, Column("id", Integer, primary_key=True), Column("who", Text, nullable=False, index=True)
)
ADD = insert(VISIT)
ALL = select(VISIT.c.who).order_by(VISIT.c.id)

@post("/acme/visits/{number:int}", opt={"access": {"user"}}, status_code=201)
async def visit(request: Request[Any, Any, Any], number: FromPath[int]) -> dict[str, Any]:
    database = request.app.state["database"]
    tx = database.begin()
    tx.write(ADD, (number, request.scope["toolyard.caller"].key))
    await database.commit(tx)
    return {"visits": [who for (who,) in await database.read(ALL)]}

@get("/acme/hello", opt={"access": "open"})
async def hello() -> str:
    return "hello"

@hookimpl
def register_routes(register):
    register(visit)
    register(hello)

@hookimpl
def register_tables(register):
    register(METADATA)
"""

ROUTE = """
from litestar import get
from toolyard_sdk import hookimpl

@get({path!r}{opt})
async def handler() -> str:
    return "mine"

@hookimpl
def register_routes(register):
    register({offered})
"""

TABLE = """
from sqlalchemy import Column, ForeignKey, Integer, MetaData, Table
from toolyard_sdk import hookimpl

METADATA = MetaData()
Table({name!r}, METADATA, Column("id", Integer, {more}primary_key=True))

@hookimpl
def register_tables(register):
    register({offered})
"""

NOTES = """
from sqlalchemy import Column, Integer, MetaData, Table, Text
from toolyard_sdk import hookimpl

METADATA = MetaData()
Table(
    "acme_note",
    METADATA,
    Column("id", Integer, primary_key=True),
    Column("tenant", Text, nullable=False),
    Column("end_user", Text),
)

@hookimpl
def register_tables(register):
    register(METADATA)
"""

MODEL = """
from toolyard_sdk import hookimpl
from toolyard_sdk.ports import Turn

class Parrot:
    def __init__(self, base_url, api_key):
        if not api_key:
            raise ValueError("a parrot needs a key")
        self.words = base_url

    async def reply(self, body, *, timeout, on_delta=None, request_id=""):
        return Turn(text=self.words, finish="stop")

    async def close(self):
        pass

@hookimpl
def register_models(register):
    register("parrot", Parrot)
"""


def route(path: str, opt: str = ', opt={"access": "open"}', offered: str = "handler") -> str:
    return ROUTE.format(path=path, opt=opt, offered=offered)


def table(name: str, more: str = "", offered: str = "METADATA") -> str:
    return TABLE.format(name=name, more=more, offered=offered)


LEFT_OUT = {
    "silent": (route("/silent", ""), "does not say who may call it"),
    "nobody": (route("/nobody", ', opt={"access": set()}'), "does not say who may call it"),
    "admins": (route("/admins", ', opt={"access": {"admin"}}'), "does not say who may call it"),
    "openai": (route("/v1/files"), "holds OpenAI's routes only"),
    "healthz": (route("/healthz"), "cannot be served"),
    "no-handler": (route("/none", offered="42"), "42 is no route handler"),
    "twice": (route("/acme/hello"), "cannot be served"),
    "arity": (route("/arity", offered="handler, handler"), "register takes 1 argument, not 2"),
    "runs": (table("run"), "the table run is one of Toolyard itself already"),
    "visits-too": (table("acme_visit"), "the table acme_visit is one of the plugin aaa already"),
    "lost": (table("acme_lost", 'ForeignKey("nowhere.id"), '), "its tables cannot be created"),
    "no-tables": (table("acme_none", offered="7"), "7 is no MetaData"),
}


def test_a_plugin_adds_routes_and_tables(install: Install, tmp_path: Path) -> None:
    install("aaa", VISITS)
    for name, (source, _) in LEFT_OUT.items():
        install(name, source)
    with serving(tmp_path) as server:
        anybody = Client(server.port, "")
        assert anybody.ask("GET", "/acme/hello").body == b"hello"
        tenant = server.tenant()
        user, auditor = server.client(tenant, "user"), server.client(tenant, "auditor")
        refused(anybody.ask("POST", "/acme/visits/1"), 401, "Authorization")
        refused(auditor.ask("POST", "/acme/visits/1"), 403, "Authorization")
        assert user.ask("POST", "/acme/visits/1").body == {"visits": [user.key]}
        described = anybody.get("/api/openapi/openapi.json")["paths"]
        assert {"/acme/hello", "/acme/visits/{number}", "/v1/models"} <= set(described)
        problems = "\n".join(server.wiring.agents.problems)
        for name, (_, words) in LEFT_OUT.items():
            assert any(f"plugin {name} " in line and words in line for line in problems.splitlines()), problems
        assert "plugin aaa (" not in problems
        for path in ("/silent", "/nobody", "/admins", "/v1/files", "/none", "/arity"):
            assert anybody.ask("GET", path).status == 404
        assert anybody.ask("GET", "/healthz").body == b"ok"
    with contextlib.closing(sqlite3.connect(tmp_path / "state" / "toolyard.db")) as database:
        names = {name for (name,) in database.execute("SELECT name FROM sqlite_master")}
    assert {"acme_visit", "ix_acme_visit_who"} <= names
    assert not {"acme_lost", "acme_none"} & names


def test_what_a_plugin_has_stored_is_there_at_the_next_start(install: Install, tmp_path: Path) -> None:
    install("aaa", VISITS)
    for number in (1, 2):
        with serving(tmp_path / str(number), state=tmp_path / "state") as server:
            answered = server.client("default", "user").ask("POST", f"/acme/visits/{number}")
            assert len(answered.body["visits"]) == number, "what the former server wrote is there"


def test_the_tables_of_our_own_packages_are_those_the_migrations_make() -> None:
    found: list[object] = []
    load_plugins().hooks.hook.register_tables(register=found.append)
    assert {id(one) for one in found} == {id(package) for package in PACKAGES}


def test_a_provider_can_be_of_a_kind_that_a_plugin_registers(install: Install, tmp_path: Path) -> None:
    install("birds", MODEL)
    settings = '[providers.bird]\nbase_url = "Polly"\nkind = "parrot"\ndefault_model = "grey"\napi_key_env = "SEED"\n'
    with serving(tmp_path, settings, environment={"SEED": "corn"}) as server:
        user = server.client(server.tenant(), "user")
        asked = {"model": "clerk", "messages": [{"role": "user", "content": "hello"}]}
        answered = user.post("/v1/chat/completions", asked)
        assert answered["choices"][0]["message"]["content"] == "Polly"
    routes = Routes(read_config(server.root), {}, rehearsal=False, kinds={"parrot": json.loads})
    with pytest.raises(ConfigError, match=r"\[providers.bird\] kind parrot: TypeError"):
        routes.route("bird/grey")


@pytest.mark.parametrize(("kind", "hint"), [("parot", "did you mean `parrot`?"), ("thin", "there is `parrot`")])
def test_a_kind_that_nobody_registers_is_refused_with_its_line(
    install: Install, tmp_path: Path, kind: str, hint: str
) -> None:
    install("birds", MODEL)
    settings = f'[providers.bird]\nbase_url = "Polly"\nkind = "{kind}"\n'
    with pytest.raises(ConfigError) as caught, serving(tmp_path, settings):
        pass
    assert hint in caught.value.message
    line = (tmp_path / "repository" / "toolyard.toml").read_text().splitlines()[caught.value.line - 1]
    assert line == f'kind = "{kind}"'


def test_an_erasure_reaches_the_end_users_that_a_plugins_tables_name(install: Install, tmp_path: Path) -> None:
    install("notes", NOTES)
    with serving(tmp_path) as server:
        tenant = server.tenant()
        with contextlib.closing(sqlite3.connect(tmp_path / "state" / "toolyard.db")) as connection:
            rows = [(1, tenant, "ada"), (2, tenant, "bob"), (3, "default", "ada")]
            connection.executemany("INSERT INTO acme_note VALUES (?, ?, ?)", rows)
            connection.commit()
            erased = server.client(tenant, "operator").post("/api/v1/erasures", {"subject": "ada"})
            left = connection.execute("SELECT end_user FROM acme_note ORDER BY id").fetchall()
    assert left == [(erased["pseudonym"],), ("bob",), ("ada",)]


SOURCE = """
import asyncio
from toolyard_sdk import hookimpl, tool
from toolyard_sdk.ports import Supply

class Orchard:
    origin = "orchard:one"

    def __init__(self, name, settings, root, egress, secrets):
        if settings.get("fruit") == "stone":
            raise ValueError("a stone is no fruit")
        self.fruit = settings["fruit"]
        self.flag = root / "ripe"
        self.supply = Supply(problems=("nothing is ripe yet",))
        self.task = None

    async def open(self, changed):
        self.task = asyncio.create_task(self.wait(changed))

    async def wait(self, changed):
        while not self.flag.exists():
            await asyncio.sleep(0.02)

        @tool(name="orchard_pick", read_only=True)
        def pick(many: int) -> str:
            '''Pick fruit.'''
            return f"{many} {self.fruit}"

        self.supply = Supply((pick, pick), "1")
        changed()

    async def close(self):
        self.task.cancel()
        (self.flag.parent / "closed").touch()

@hookimpl
def register_sources(register):
    register("orchard", Orchard)
"""

ORCHARD = """
[sources.orchard]
kind = "orchard"
fruit = "pears"

[sources.quarry]
kind = "orchard"
fruit = "stone"

[sources.lost]
kind = "orchards"
"""


def test_a_source_that_answers_late_gives_its_tools_to_agents_that_wait_for_them(
    install: Install, tmp_path: Path
) -> None:
    install("aaa", SOURCE)
    root = tmp_path / "repository"
    with serving(tmp_path, ORCHARD) as server:
        agents = server.wiring.agents
        (root / "agents" / "gardener.toml").write_text('instructions = "Garden."\ntools = ["orchard_*"]\n')

        def granted() -> tuple[ToolRelease, ...] | None:
            release = agents.release("gardener")
            return release.tools if release is not None else None

        told = "\n".join(agents.problems)
        assert "source orchard: nothing is ripe yet" in told
        assert "source quarry: ValueError: a stone is no fruit" in told
        assert "source lost: there is no kind of source 'orchards'; did you mean `orchard`?" in told
        eventually(lambda: granted() == ())
        (root / "ripe").touch()
        eventually(lambda: bool(granted()))
        (released,) = granted() or ()
        assert (released.source, released.spec.name) == ("orchard:one", "orchard_pick")
        assert not released.spec.annotations.read_only, "what a source says of itself is a claim"
        assert "the tool orchard_pick is already there, from orchard:one" in "\n".join(agents.problems)
    assert (root / "closed").exists()
