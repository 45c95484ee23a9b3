"""`toolyard secret`: with a server and without one; a value is read and never shown."""

import json
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from toolyard_runtime.demo.repository import write_repository

from tests.cli.running import Terminal, toolyard
from tests.cli.scripted import scripted
from tests.cli.serving import serving

VALUE = "sk-never-to-be-shown"


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the repository of a server that has run, and does not any more."""
    repository = tmp_path_factory.mktemp("shop")
    write_repository(repository)
    with serving(repository):
        done = toolyard("secret", "set", "weather_key", cwd=repository, stdin=VALUE + "\n")
        assert done.code == 0, done.err
        assert done.out.startswith("Set weather_key.")
        assert VALUE not in done.out + done.err
    return repository


def listed(shop: Path, *more: str, **env: str) -> list[tuple[str, str | None, str]]:
    done = toolyard("secret", "list", "--json", *more, cwd=shop, **env)
    assert done.code == 0, done.err
    assert VALUE not in done.out
    return [(each["name"], each["end_user"], each["kept"]) for each in json.loads(done.out)["data"]]


def test_a_secret_is_set_listed_rotated_and_removed_without_a_server(shop: Path) -> None:
    assert toolyard("secret", "set", "token", "--user", "ada", cwd=shop, stdin=VALUE).out.startswith(
        "Set token of ada."
    )
    assert listed(shop) == [("token", "ada", "table"), ("weather_key", None, "table")]
    rotated = toolyard("secret", "rotate", "token", "--user", "ada", cwd=shop, stdin="another")
    assert rotated.out == "Rotated token of ada.\n"
    (row,) = [line for line in toolyard("secret", "list", cwd=shop).out.splitlines() if line.startswith("token")]
    name, end_user, kept, set_at, rotated_at, by = row.split("\t")
    assert (name, end_user, kept, by) == ("token", "ada", "table", "command line")
    assert set_at
    assert rotated_at
    assert toolyard("secret", "remove", "token", "--user", "ada", cwd=shop).code == 0
    again = toolyard("secret", "remove", "token", "--user", "ada", cwd=shop)
    assert (again.code, "There is no secret token in the database" in again.err) == (1, True)
    assert listed(shop) == [("weather_key", None, "table")]


def test_rotating_what_is_not_there_makes_nothing(shop: Path) -> None:
    done = toolyard("secret", "rotate", "wether_key", cwd=shop, stdin=VALUE)
    assert done.code == 1
    assert "There is no secret wether_key" in done.err
    assert listed(shop) == [("weather_key", None, "table")]


def test_a_new_key_seals_what_is_there(shop: Path) -> None:
    before = (shop / ".toolyard" / "secrets.key").read_text()
    done = toolyard("secret", "rekey", cwd=shop)
    assert done.code == 0, done.err
    assert done.out.startswith("Sealed 1 secret anew; the key is ")
    assert (shop / ".toolyard" / "secrets.key").read_text() != before
    with closing(sqlite3.connect(shop / ".toolyard" / "toolyard.db")) as database:
        assert database.execute("SELECT sealed_with FROM secret").fetchall() == [(done.out.split()[-1].rstrip("."),)]
    told = json.loads(toolyard("secret", "rekey", "--json", cwd=shop).out)
    assert (told["secrets"], told["lost"]) == (1, 0)


def test_a_key_in_the_environment_is_used_and_a_wrong_one_is_not_quoted(shop: Path) -> None:
    wrong = toolyard("secret", "list", cwd=shop, TOOLYARD_SECRETS_KEY="password1")
    assert wrong.code == 1
    assert "64 hexadecimal digits" in wrong.err
    assert "password1" not in wrong.err
    given = toolyard("secret", "rekey", cwd=shop, TOOLYARD_SECRETS_KEY="ab" * 32)
    assert given.code == 0, given.err
    alone = toolyard("secret", "rekey", cwd=shop)
    assert alone.out.splitlines()[1].startswith("! No key opens 1 of them any more")
    back = toolyard("secret", "rekey", cwd=shop, TOOLYARD_SECRETS_KEY=f"{'cd' * 32},{'ab' * 32}")
    assert back.out.startswith("Sealed 1 secret anew")
    locked = toolyard("secret", "set", "other", cwd=shop, stdin=VALUE)
    assert (locked.code, "restore the key file" in locked.err) == (1, True)
    assert toolyard("secret", "remove", "weather_key", cwd=shop).code == 0
    assert toolyard("secret", "set", "weather_key", cwd=shop, stdin=VALUE).code == 0


def test_secrets_of_a_tenant_that_is_not_there_are_refused(shop: Path) -> None:
    done = toolyard("secret", "set", "k", "--tenant", "nobody", cwd=shop, stdin=VALUE)
    assert done.code == 1
    assert "There is no tenant nobody." in done.err


@pytest.mark.parametrize(
    ("name", "stdin", "words"),
    [
        ("k", "", "Standard input is empty"),
        ("k", "\n", "Standard input is empty"),
        ("k", "x" * 65_537, "a secret has at most 65536"),
        ("a b", VALUE, "is no secret's name"),
    ],
)
def test_what_cannot_be_kept_is_refused_without_being_shown(shop: Path, name: str, stdin: str, words: str) -> None:
    done = toolyard("secret", "set", name, cwd=shop, stdin=stdin)
    assert done.code == 1
    assert words in done.err
    assert VALUE not in done.err
    assert "xxx" not in done.err


def test_a_person_types_a_value_twice_and_never_sees_it(shop: Path) -> None:
    with Terminal("secret", "set", "typed", cwd=shop) as terminal:
        terminal.until("Value of typed: ")
        terminal.type(VALUE)
        terminal.until("Repeat for confirmation: ")
        terminal.type(VALUE)
        terminal.until("Set typed.")
        assert terminal.end() == 0
    assert VALUE not in terminal.seen
    assert toolyard("secret", "remove", "typed", cwd=shop).code == 0


def test_variables_and_files_are_listed_with_where_they_lie(shop: Path, tmp_path: Path) -> None:
    settings = shop / "toolyard.toml"
    before = settings.read_text()
    folder = tmp_path / "kept"
    folder.mkdir(0o700)
    settings.write_text(f'{before}\n[secrets]\ndirectory = "{folder}"\nenvironment = {{ map_key = "MAP_KEY" }}\n')
    try:
        assert listed(shop, MAP_KEY=VALUE)[0] == ("map_key", None, "environment")
        folder.chmod(0o755)
        done = toolyard("secret", "list", cwd=shop)
        assert done.code == 1
        assert "toolyard.toml" in done.err
        assert "chmod 700" in done.err
    finally:
        settings.write_text(before)


def test_a_server_is_asked_by_its_routes() -> None:
    entry = {"name": "k", "kept": "table", "end_user": "a/b", "id": "sec_1", "set_at": 1, "rotated_at": None}
    answers = {
        "PUT /api/v1/secrets/k": (201, entry),
        "DELETE /api/v1/secrets/k": (204, b""),
        "POST /api/v1/secret-keys": (201, {"key": "k1", "secrets": 2, "lost": 0}),
    }
    with scripted(answers) as server:
        for arguments in (("set", "k"), ("rotate", "k"), ("remove", "k")):
            named = ("--user", "a/b", "--tenant", "acme", "--url", server.url)
            assert toolyard("secret", *arguments, *named, stdin="v").code == 0
        assert toolyard("secret", "rekey", "--url", server.url).out.startswith("Sealed 2 secrets anew")
        asked = [(method, path, body) for method, path, body, _ in server.asked]
    query = "?end_user=a%2Fb&tenant=acme"
    assert asked == [
        ("PUT", f"/api/v1/secrets/k{query}", {"value": "v", "only_rotate": False}),
        ("PUT", f"/api/v1/secrets/k{query}", {"value": "v", "only_rotate": True}),
        ("DELETE", f"/api/v1/secrets/k{query}", None),
        ("POST", "/api/v1/secret-keys", None),
    ]
