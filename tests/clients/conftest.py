"""One server for all client tests, and the clients that talk to it."""

import os
import shutil
from collections.abc import Iterator

import pytest
from openai import OpenAI

from tests.clients.serving import Running, server

MUST_HAVE_NODE = "TOOLYARD_TESTS_NEED_NODE"


@pytest.fixture(scope="session")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    with server(tmp_path_factory.mktemp("clients")) as started:
        yield started


@pytest.fixture(scope="session")
def client(running: Running) -> Iterator[OpenAI]:
    with OpenAI(base_url=running.base_url, api_key=running.key, max_retries=0, timeout=30) as made:
        yield made


@pytest.fixture(scope="session")
def node() -> str:
    found = shutil.which("node")
    if found is None or shutil.which("npm") is None:
        if os.environ.get(MUST_HAVE_NODE):
            pytest.fail(f"{MUST_HAVE_NODE} is set and there is no node and npm on PATH")
        pytest.skip("not run: there is no node and npm on PATH")
    return found
