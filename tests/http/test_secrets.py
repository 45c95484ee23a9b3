"""Secrets over HTTP: values go in and never out; changes are on record, without a value and without a person."""

from pathlib import Path

import pytest

from tests.http.expecting import refused
from tests.http.serving import Client, Server, serving

VALUE = "sk-never-to-be-seen"


def put(client: Client, name: str, value: str = VALUE, query: str = "", **more: object) -> int:
    return client.ask("PUT", f"/api/v1/secrets/{name}{query}", {"value": value, **more}).status


def revealed(server: Server, tenant: str, end_user: str | None, name: str) -> str | None:
    admin = server.wiring.app.state["admin"]
    value: str | None = server.call(admin.safe.shelves.reveal(tenant, end_user, name))
    return value


def test_a_value_goes_in_and_never_out(server: Server, operator: Client, tenant: str) -> None:
    made = operator.ask("PUT", "/api/v1/secrets/weather_key", {"value": VALUE})
    assert made.status == 201
    assert (made.body["name"], made.body["kept"], made.body["end_user"]) == ("weather_key", "table", None)
    assert (made.body["set_by"], made.body["rotated_at"]) == (operator.key, None)
    assert revealed(server, tenant, "ada", "weather_key") == VALUE
    everything = [made.body, *(operator.get(f"/api/v1/{path}") for path in ("secrets", "audit?limit=100"))]
    assert VALUE not in str(everything)
    state = server.root.parent / "state"
    assert not [path for path in state.iterdir() if VALUE.encode() in path.read_bytes()]
    assert (state / "secrets.key").stat().st_mode & 0o777 == 0o600


def test_a_second_value_takes_the_place_of_the_first(server: Server, operator: Client, tenant: str) -> None:
    first = operator.ask("PUT", "/api/v1/secrets/k", {"value": "old"}).body
    second = operator.ask("PUT", "/api/v1/secrets/k", {"value": "new"})
    assert (second.status, second.body["id"], second.body["set_at"]) == (200, first["id"], first["set_at"])
    assert second.body["rotated_at"] >= first["set_at"]
    assert revealed(server, tenant, None, "k") == "new"
    assert [one["id"] for one in operator.get("/api/v1/secrets")["data"]] == [first["id"]]


def test_only_rotate_makes_nothing(operator: Client) -> None:
    refused(operator.ask("PUT", "/api/v1/secrets/absent", {"value": "x", "only_rotate": True}), 404, "secret")
    assert operator.get("/api/v1/secrets")["data"] == []
    assert put(operator, "absent") == 201
    assert put(operator, "absent", "y", only_rotate=True) == 200


def test_an_end_users_own_goes_before_the_tenants(server: Server, operator: Client, tenant: str) -> None:
    assert put(operator, "token", "the-tenants") == 201
    assert put(operator, "token", "adas", "?end_user=ada") == 201
    assert revealed(server, tenant, "ada", "token") == "adas"
    assert revealed(server, tenant, "bob", "token") == "the-tenants"
    assert revealed(server, tenant, None, "token") == "the-tenants"
    assert operator.ask("DELETE", "/api/v1/secrets/token?end_user=ada").status == 204
    assert revealed(server, tenant, "ada", "token") == "the-tenants"


def test_a_removed_secret_is_gone(server: Server, operator: Client, tenant: str) -> None:
    assert put(operator, "k") == 201
    assert operator.ask("DELETE", "/api/v1/secrets/k").status == 204
    refused(operator.ask("DELETE", "/api/v1/secrets/k"), 404, "secret")
    assert revealed(server, tenant, None, "k") is None


def test_what_was_changed_is_on_record_without_value_and_without_person(operator: Client, auditor: Client) -> None:
    assert put(operator, "token", query="?end_user=ada-lovelace") == 201
    assert put(operator, "token", "another", "?end_user=ada-lovelace") == 200
    assert operator.ask("DELETE", "/api/v1/secrets/token?end_user=ada-lovelace").status == 204
    records = [one for one in auditor.get("/api/v1/audit")["data"] if one["action"].startswith("secret.")]
    assert [one["action"] for one in records] == ["secret.remove", "secret.rotate", "secret.set"]
    assert {one["actor"] for one in records} == {operator.key}
    assert {one["object"] for one in records} == {records[0]["object"]}
    assert records[0]["object"].startswith("sec_")
    assert all(one["detail"] == {"name": "token", "of": "end_user"} for one in records)
    assert not [word for word in (VALUE, "another", "ada-lovelace") if word in str(records)]


def test_secrets_are_listed_by_name_in_pages(operator: Client) -> None:
    for name in ("b", "a", "c"):
        assert put(operator, name) == 201
    assert put(operator, "b", query="?end_user=x/y") == 201
    first = operator.get("/api/v1/secrets?limit=3")
    assert [(one["name"], one["end_user"]) for one in first["data"]] == [("a", None), ("b", None), ("b", "x/y")]
    rest = operator.get(f"/api/v1/secrets?limit=3&after={first['next']}")
    assert [one["name"] for one in rest["data"]] == ["c"]
    assert rest["next"] is None


def test_a_new_key_opens_what_the_old_one_sealed(server: Server, operator: Client, tenant: str) -> None:
    assert put(operator, "k") == 201
    keys = server.root.parent / "state" / "secrets.key"
    before = keys.read_text().split()
    done = server.house.post("/api/v1/secret-keys", None)
    assert done["secrets"] >= 1
    assert done["lost"] == 0
    after = keys.read_text().split()
    assert len(after) == 1
    assert after[0] not in before
    assert revealed(server, tenant, None, "k") == VALUE
    (record,) = server.house.get("/api/v1/audit?action=secret.rekey&limit=1")["data"]
    assert record["object"] == done["key"]


def test_the_key_is_changed_by_the_house_alone(operator: Client) -> None:
    refused(operator.ask("POST", "/api/v1/secret-keys"), 403, "Authorization")


@pytest.mark.parametrize(
    ("path", "body", "param"),
    [
        ("k", {"value": ""}, "value"),
        ("k", {"value": "x" * 65_537}, "value"),
        ("k", {"value": 5}, "value"),
        ("k", {}, "value"),
        ("k", {"valeu": "x"}, "valeu"),
        ("k", {"value": "x", "only_rotate": "yes"}, "only_rotate"),
        ("k?end_user=", {"value": "x"}, "end_user"),
        ("k?user=ada", {"value": "x"}, "user"),
        ("k" * 65, {"value": "x"}, "name"),
        ("a.b", {"value": "x"}, "name"),
        ("%C3%A4", {"value": "x"}, "name"),
    ],
)
def test_what_cannot_be_kept_is_refused_with_the_field(
    operator: Client, path: str, body: dict[str, object], param: str
) -> None:
    words = refused(operator.ask("PUT", f"/api/v1/secrets/{path}", body), 400, param)
    assert "xxx" not in words


def test_a_place_in_the_list_that_no_page_has_named_is_refused(operator: Client) -> None:
    refused(operator.ask("GET", "/api/v1/secrets?after=k"), 400, "after")


@pytest.mark.parametrize("role", ["user", "frontend", "author", "auditor"])
def test_secrets_are_the_operators(server: Server, tenant: str, role: str) -> None:
    client = server.client(tenant, role)
    for method, path in (("GET", "secrets"), ("PUT", "secrets/k"), ("DELETE", "secrets/k"), ("POST", "secret-keys")):
        refused(
            client.ask(method, f"/api/v1/{path}", {"value": "x"} if method == "PUT" else None), 403, "Authorization"
        )


def test_files_and_variables_are_listed_with_where_they_lie(tmp_path: Path) -> None:
    folder = tmp_path / "kept"
    folder.mkdir(mode=0o700)
    (folder / "weather_key").write_text("from-file\n")
    (folder / "weather_key").chmod(0o600)
    settings = f'[secrets]\ndirectory = "{folder}"\nenvironment = {{ map_key = "MAP_KEY", weather_key = "WEATHER" }}\n'
    with serving(tmp_path / "server", settings, environment={"MAP_KEY": "from-env", "WEATHER": "later"}) as server:
        listed = [(one["name"], one["kept"]) for one in server.house.get("/api/v1/secrets")["data"]]
        assert listed == [("map_key", "environment"), ("weather_key", "directory"), ("weather_key", "environment")]
        assert revealed(server, "default", None, "weather_key") == "from-file"
        assert put(server.house, "weather_key", "from-table") == 201
        assert revealed(server, "default", None, "weather_key") == "from-table"
        assert revealed(server, "default", "ada", "map_key") == "from-env"
        assert revealed(server, "acme", None, "map_key") is None


def test_a_damaged_key_file_is_told_as_a_fault_of_the_server(tmp_path: Path) -> None:
    with serving(tmp_path / "server") as server:
        (tmp_path / "server" / "state" / "secrets.key").write_text("zz\n")
        (tmp_path / "server" / "state" / "secrets.key").chmod(0o600)
        answered = server.house.ask("PUT", "/api/v1/secrets/k", {"value": VALUE})
        assert (answered.status, answered.body["code"]) == (503, "unavailable")
        assert "secrets.key" not in str(answered.body)
