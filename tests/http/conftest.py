"""One server for all tests of a module; every test makes tenants and keys of its own."""

from collections.abc import Iterator

import pytest

from tests.http.serving import Client, Server, serving


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with serving(tmp_path_factory.mktemp("http")) as started:
        yield started


@pytest.fixture
def tenant(server: Server) -> str:
    return server.tenant()


@pytest.fixture
def user(server: Server, tenant: str) -> Client:
    return server.client(tenant, "user")


@pytest.fixture
def operator(server: Server, tenant: str) -> Client:
    return server.client(tenant, "operator")


@pytest.fixture
def auditor(server: Server, tenant: str) -> Client:
    return server.client(tenant, "auditor")
