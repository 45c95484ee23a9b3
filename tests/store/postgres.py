"""The PostgreSQL of a test session, or why there is none: no server is installed, or no driver."""

import os
import shutil
import signal
import tempfile
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:  # without the driver there is nothing to import
    from tests.store.cluster import Cluster

MUST_HAVE = "TOOLYARD_TESTS_NEED_POSTGRES"


def programs() -> Path | None:
    """Return the folder of the newest server's programs; None where there is none."""
    found = shutil.which("initdb")
    if found is not None:
        return Path(found).parent
    debian = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=lambda path: int(path.parts[-3]))
    return debian[-1].parent if debian else None


@pytest.fixture(scope="session")
def cluster() -> Iterator["Cluster"]:
    """Give the server of this session; where there can be none, what needs it is not run, and says so."""
    found = programs()
    missing = "PostgreSQL server" if found is None else "psycopg" if find_spec("psycopg") is None else ""
    if missing or found is None:
        if os.environ.get(MUST_HAVE):
            pytest.fail(f"{MUST_HAVE} is set and there is no {missing} installed")
        pytest.skip(f"not run: there is no {missing} installed")
    from tests.store.cluster import Cluster  # noqa: PLC0415 - only with the driver

    folder = Path(tempfile.mkdtemp(prefix="toolyard-pg-"))
    made: Cluster | None = None
    try:
        made = Cluster(folder, found)
        yield made
    finally:
        if made is not None:
            made.stop(signal.SIGQUIT)
        shutil.rmtree(folder, ignore_errors=True)
