"""The port `Secrets`: every place a secret can lie in gives it to its owner, and to nobody else."""

import os
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path

import pytest
from msgspec import Struct
from toolyard_runtime.clocks import SystemClock
from toolyard_runtime.secrets.directory import DirectoryShelf
from toolyard_runtime.secrets.environment import EnvironmentShelf
from toolyard_runtime.secrets.keyring import KeyRing
from toolyard_runtime.secrets.safe import Safe
from toolyard_runtime.secrets.shelves import MemoryShelf, Shelf, Shelves
from toolyard_runtime.secrets.table import TableShelf
from toolyard_sdk.egress import NO_SECRETS
from toolyard_sdk.ids import uuid7
from toolyard_sdk.ports import Secrets

from tests.conformance.adapters import ADAPTERS

Held = dict[tuple[str, str | None, str], str]
"""What is kept: tenant, owner (None: the tenant itself) and name to value."""

HELD: Held = {
    ("default", None, "weather_key"): "the house's",
    ("acme", None, "weather_key"): "acme's",
    ("acme", None, "only-acme"): "größe \U0001f511",
    ("other", None, "pem"): "-----BEGIN-----\nabc\n-----END-----",
}
OWN: Held = {
    ("acme", "ada", "weather_key"): "ada's",
    ("acme", "ada", "only_ada"): "ada's alone",
    ("other", "ada", "weather_key"): "the other ada's",
    ("acme", "../default", "weather_key"): "a strange name's",
}

Opening = Callable[[Path, Held, pytest.FixtureRequest], AbstractAsyncContextManager[Shelf]]


class Place(Struct, frozen=True):
    """How a shelf is filled and opened, and whether end users can have secrets of their own on it."""

    opening: Opening
    end_users: bool


@asynccontextmanager
async def memory(_folder: Path, held: Held, _request: pytest.FixtureRequest) -> AsyncIterator[Shelf]:
    yield MemoryShelf(held)


@asynccontextmanager
async def environment(_folder: Path, held: Held, _request: pytest.FixtureRequest) -> AsyncIterator[Shelf]:
    variables = {f"{tenant}/{name}": f"{tenant}_{name}" for tenant, _, name in held}
    yield EnvironmentShelf(variables, {f"{tenant}_{name}": value for (tenant, _, name), value in held.items()})


@asynccontextmanager
async def directory(folder: Path, held: Held, _request: pytest.FixtureRequest) -> AsyncIterator[Shelf]:
    root = folder / "secrets"
    root.mkdir(0o700)
    for (tenant, _, name), value in held.items():
        inside = root if tenant == "default" else root / tenant
        inside.mkdir(0o700, exist_ok=True)
        handle = os.open(inside / name, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(handle, "w") as file:
            file.write(value + "\n")
    yield DirectoryShelf(root)


def table(adapter: str) -> Opening:
    @asynccontextmanager
    async def opening(folder: Path, held: Held, request: pytest.FixtureRequest) -> AsyncIterator[Shelf]:
        async with ADAPTERS[adapter](folder, request) as opened:
            keys = KeyRing(folder / "secrets.key", (), os.urandom)
            shelf = TableShelf(opened.database, SystemClock(), uuid7, os.urandom, keys)
            for (tenant, end_user, name), value in held.items():
                await Safe(opened.database, shelf, ()).set(tenant, end_user, name, value, "key_1")
            yield shelf

    return opening


PLACES = {
    "memory": Place(memory, end_users=True),
    "environment": Place(environment, end_users=False),
    "directory": Place(directory, end_users=False),
    **{f"table-{name}": Place(table(name), end_users=True) for name in ("sqlite-file", "postgres")},
}


@pytest.fixture(params=list(PLACES))
def place(request: pytest.FixtureRequest) -> Place:
    return PLACES[request.param]


@pytest.fixture
async def shelf(place: Place, tmp_path: Path, request: pytest.FixtureRequest) -> AsyncIterator[Shelf]:
    async with place.opening(tmp_path, HELD | OWN if place.end_users else HELD, request) as opened:
        yield opened


@pytest.fixture
def secrets(shelf: Shelf) -> Secrets:
    return Shelves(shelf)


async def test_a_tenant_gets_its_own_and_nobody_elses(secrets: Secrets) -> None:
    for (tenant, _, name), value in HELD.items():
        assert await secrets.reveal(tenant, None, name) == value
    assert await secrets.reveal("default", None, "only-acme") is None
    assert await secrets.reveal("nobody", None, "weather_key") is None


async def test_an_end_user_without_one_of_their_own_gets_the_tenants(secrets: Secrets) -> None:
    assert await secrets.reveal("acme", "bob", "weather_key") == "acme's"
    assert await secrets.reveal("default", "ada", "weather_key") == "the house's"


async def test_an_end_users_own_goes_first_and_to_nobody_else(place: Place, secrets: Secrets) -> None:
    expected = {
        ("acme", "ada", "weather_key"): "ada's",
        ("other", "ada", "weather_key"): "the other ada's",
        ("acme", "ada", "only_ada"): "ada's alone",
        ("acme", "../default", "weather_key"): "a strange name's",
    }
    for (tenant, end_user, name), value in expected.items():
        own = value if place.end_users else await secrets.reveal(tenant, None, name)
        assert await secrets.reveal(tenant, end_user, name) == own
    for asker in (None, "bob", "Ada", "ada "):
        assert await secrets.reveal("acme", asker, "only_ada") is None


@pytest.mark.parametrize("nobody", ["", "\0", "a\nb", "x" * 10_000])
async def test_an_end_user_by_no_name_is_nobody(secrets: Secrets, nobody: str) -> None:
    assert await secrets.reveal("acme", nobody, "weather_key") == "acme's"
    assert await secrets.reveal("acme", nobody, "only_ada") is None


@pytest.mark.parametrize("name", ["", ".", "..", "../weather_key", "acme/only-acme", "weather_key\0", "x" * 300, "é"])
async def test_a_name_that_cannot_be_one_is_not_there(secrets: Secrets, name: str) -> None:
    assert await secrets.reveal("default", None, name) is None
    assert await secrets.reveal("default", "ada", name) is None


@pytest.mark.parametrize("tenant", ["", "..", "../secrets", "acme/..", "/", "\0"])
async def test_a_tenant_that_cannot_be_one_has_nothing(secrets: Secrets, tenant: str) -> None:
    assert await secrets.reveal(tenant, None, "weather_key") is None


async def test_a_list_names_what_a_tenant_has_and_no_value(place: Place, shelf: Shelf) -> None:
    listed = await shelf.entries("acme", ("", ""), 100)
    own = [("only_ada", "ada"), ("weather_key", "../default"), ("weather_key", "ada")] if place.end_users else []
    expected = sorted([("only-acme", ""), ("weather_key", ""), *own])
    assert [entry.place for entry in listed] == expected
    assert {entry.kept for entry in listed} == {shelf.kept}
    assert not [value for value in (HELD | OWN).values() if value in str(listed)]
    assert await shelf.entries("nobody", ("", ""), 100) == []


async def test_a_list_goes_on_from_any_place_in_it(shelf: Shelf) -> None:
    whole = await shelf.entries("acme", ("", ""), 100)
    for index, entry in enumerate(whole):
        assert await shelf.entries("acme", entry.place, 2) == whole[index : index + 2]
    assert await shelf.entries("acme", ("zzz", ""), 2) == []


async def test_where_there_are_none_none_are_revealed() -> None:
    secrets: Secrets = NO_SECRETS
    assert await secrets.reveal("acme", "ada", "weather_key") is None
