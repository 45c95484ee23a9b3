"""Commands on a server whose database is PostgreSQL: with the server, without it, and the doctor's look at both."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from toolyard_runtime.demo.repository import write_repository

from tests.cli.running import toolyard
from tests.cli.serving import serving
from tests.cli.test_doctor import configure, line
from tests.store.cluster import LOCKED, USER, Cluster
from tests.store.postgres import cluster

__all__ = ["cluster"]


@pytest.fixture(scope="module")
def url(cluster: Cluster) -> Iterator[str]:
    with cluster.database("template1") as made:
        yield made


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory, url: str) -> Path:
    """Return the repository of a server that has run on PostgreSQL, and does not any more."""
    repository = tmp_path_factory.mktemp("shop")
    write_repository(repository)
    configure(repository, f'[store]\nurl = "{url}"\n')
    fresh = line(toolyard("doctor", cwd=repository), "Database")
    assert fresh.startswith("ok")
    assert " on PostgreSQL 1" in fresh
    with serving(repository):
        assert toolyard("secret", "set", "weather_key", cwd=repository, stdin="a-value\n").code == 0
        used = line(toolyard("doctor", cwd=repository), "Database")
        assert "in use by toolyard " in used
    assert not (repository / ".toolyard/toolyard.db").exists()
    return repository


def test_keys_and_tenants_are_made_without_a_server(shop: Path) -> None:
    assert toolyard("tenant", "create", "acme", cwd=shop).code == 0
    made = toolyard("key", "create", "frontend", "--tenant", "acme", "--role", "frontend", "--json", cwd=shop)
    assert made.code == 0, made.err
    again = toolyard("tenant", "create", "acme", cwd=shop)
    assert (again.code, "already there" in again.err) == (1, True)
    listed = toolyard("key", "list", "--tenant", "acme", "--json", cwd=shop)
    assert [key["name"] for key in json.loads(listed.out)["data"]] == ["frontend"]


def test_secrets_are_listed_and_sealed_anew_without_a_server(shop: Path) -> None:
    listed = json.loads(toolyard("secret", "list", "--json", cwd=shop).out)["data"]
    assert [secret["name"] for secret in listed] == ["weather_key"]
    assert toolyard("secret", "rekey", cwd=shop).out.startswith("Sealed 1 secret anew")


def test_the_doctor_says_what_the_server_will_find(shop: Path) -> None:
    found = line(toolyard("doctor", cwd=shop), "Database")
    assert found.startswith("ok")
    assert "in use" not in found


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ((f"//{USER}@", f"//{LOCKED}:wrong@"), "the password is wrong"),
        (("/test_", "/no_test_"), "there is no such database"),
        (("?host=", "?colour="), "cannot read the [store] url"),
    ],
)
def test_the_doctor_and_the_server_say_why_a_database_cannot_be_opened(
    shop: Path, tmp_path: Path, url: str, change: tuple[str, str], words: str
) -> None:
    write_repository(tmp_path)
    configure(tmp_path, f'[store]\nurl = "{url.replace(*change)}"\n')
    done = toolyard("doctor", cwd=tmp_path)
    assert done.code == 1
    assert words in line(done, "Database")
    served = toolyard("serve", "--rehearsal", "--port", "0", cwd=tmp_path)
    assert served.code == 1
    assert words in served.err
    assert "Traceback" not in served.err
    assert ":wrong" not in done.out + served.err
