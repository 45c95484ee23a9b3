"""Keys and tenants over HTTP: who makes them for whom, and that a revoked one opens nothing."""

import time

import pytest

from tests.http.expecting import note, refused, unknown
from tests.http.serving import Client, Server


def test_a_secret_is_told_once_and_opens_what_its_roles_allow(operator: Client, tenant: str, server: Server) -> None:
    made = operator.post("/api/v1/keys", {"name": "shop", "roles": ["frontend", "user"]})
    assert made["secret"].startswith("ty_")
    assert (made["tenant"], made["name"], made["expires_at"]) == (tenant, "shop", None)
    listed = {key["id"]: key for key in operator.get("/api/v1/keys")["data"]}
    assert made["id"] in listed
    assert made["secret"] not in str(listed)
    assert sorted(listed[made["id"]]["roles"]) == ["frontend", "user"]
    client = Client(server.port, made["secret"])
    assert client.ask("GET", "/v1/models").status == 200
    refused(client.ask("GET", "/api/v1/keys"), 403, "Authorization")


def test_a_revoked_key_is_refused_at_once(operator: Client, user: Client) -> None:
    assert user.ask("GET", "/v1/models").status == 200
    assert operator.ask("DELETE", f"/api/v1/keys/{user.key}").status == 204
    refused(user.ask("GET", "/api/v1/runs"), 401, "Authorization")
    refused(operator.ask("DELETE", f"/api/v1/keys/{user.key}"), 404, "key")
    (record,) = operator.get("/api/v1/audit?action=key.revoke")["data"]
    assert (record["actor"], record["object"]) == (operator.key, user.key)


def test_nobody_revokes_the_key_they_are_using(operator: Client) -> None:
    assert "another" in refused(operator.ask("DELETE", f"/api/v1/keys/{operator.key}"), 409, "key")
    assert operator.ask("GET", "/api/v1/keys").status == 200


def test_an_expired_key_is_refused(operator: Client, server: Server) -> None:
    soon = int((time.time() + 0.3) * 1_000_000)
    made = operator.post("/api/v1/keys", {"name": "brief", "roles": ["user"], "expires_at": soon})
    client, deadline = Client(server.port, made["secret"]), time.monotonic() + 10
    assert client.ask("GET", "/v1/models").status == 200
    while client.ask("GET", "/v1/models").status == 200:
        assert time.monotonic() < deadline
    refused(client.ask("GET", "/api/v1/runs"), 401, "Authorization")


def test_keys_are_listed_newest_first_in_pages(operator: Client) -> None:
    made = [operator.post("/api/v1/keys", {"name": f"k{n}", "roles": ["user"]})["id"] for n in range(3)]
    first = operator.get("/api/v1/keys?limit=2")
    assert [key["id"] for key in first["data"]] == made[:0:-1]
    rest = operator.get(f"/api/v1/keys?limit=2&after={first['next']}")
    assert [key["id"] for key in rest["data"]] == [made[0], operator.key]


@pytest.mark.parametrize(
    ("change", "param", "says"),
    [
        ({"roles": []}, "roles", "operator"),
        ({"roles": ["king"]}, "roles[0]", "operator"),
        ({"name": " "}, "name", "characters"),
        ({"name": "x" * 101}, "name", "100"),
        ({"expires_at": 1}, "expires_at", "microseconds"),
        ({"expires_at": 1 << 62}, "expires_at", "microseconds"),
        ({"tennant": "x"}, "tennant", "did you mean tenant?"),
    ],
)
def test_a_key_that_cannot_be_made_names_the_field(
    operator: Client, change: dict[str, object], param: str, says: str
) -> None:
    body = {"name": "ok", "roles": ["user"], **change}
    answered = operator.ask("POST", "/api/v1/keys", body)
    assert says in refused(answered, 400, answered.body["param"])
    assert answered.body["param"].startswith(param.partition("[")[0])


def test_an_operator_of_the_server_makes_lists_and_revokes_keys_of_any_tenant(server: Server, tenant: str) -> None:
    client = server.client(tenant, "operator")
    listed = server.house.get(f"/api/v1/keys?tenant={tenant}")["data"]
    assert [key["id"] for key in listed] == [client.key]
    assert client.key not in str(server.house.get("/api/v1/keys"))
    assert server.house.ask("DELETE", f"/api/v1/keys/{client.key}").status == 204
    refused(client.ask("GET", "/api/v1/keys"), 401, "Authorization")
    refused(server.house.ask("DELETE", f"/api/v1/keys/{unknown('key_')}"), 404, "key")


def test_a_key_for_a_tenant_that_is_not_there_is_refused(server: Server) -> None:
    refused(
        server.house.ask("POST", "/api/v1/keys", {"name": "x", "roles": ["user"], "tenant": "nobody"}), 404, "tenant"
    )


def test_operators_of_the_server_make_tenants_and_nobody_else_does(server: Server, operator: Client) -> None:
    made = server.house.post("/api/v1/tenants", {"id": "acme"})
    assert (made["id"], made["revoked_at"]) == ("acme", None)
    assert "acme" in [one["id"] for one in server.house.get("/api/v1/tenants?limit=100")["data"]]
    assert "default" in refused(operator.ask("POST", "/api/v1/tenants", {"id": "mine"}), 403, "Authorization")
    assert "taken" in refused(server.house.ask("POST", "/api/v1/tenants", {"id": "acme"}), 409, "id")


@pytest.mark.parametrize("name", ["", "Acme", "a b", "-a", "a" * 64, "ä", "../x"])
def test_a_tenant_needs_a_name_that_is_one(server: Server, name: str) -> None:
    assert "a-z" in refused(server.house.ask("POST", "/api/v1/tenants", {"id": name}), 400, "id")


def test_an_operator_of_a_tenant_sees_only_it(operator: Client, tenant: str) -> None:
    assert [one["id"] for one in operator.get("/api/v1/tenants")["data"]] == [tenant]


def test_a_revoked_tenant_is_shut_out_at_once(server: Server, tenant: str, user: Client) -> None:
    assert user.ask("GET", "/v1/models").status == 200
    assert server.house.ask("DELETE", f"/api/v1/tenants/{tenant}").status == 204
    refused(user.ask("GET", "/api/v1/runs"), 401, "Authorization")
    refused(server.house.ask("DELETE", f"/api/v1/tenants/{tenant}"), 404, "tenant")
    refused(server.house.ask("POST", "/api/v1/keys", {"name": "x", "roles": ["user"], "tenant": tenant}), 404, "tenant")


def test_the_runs_of_a_revoked_tenant_end_live_and_waiting_ones(server: Server, tenant: str, user: Client) -> None:
    other = server.house.start(note())
    parked, live = user.start(note()), user.start('call wait {"name": "gate-revoked"}')
    user.waiting(parked)
    user.until(live, lambda shown: shown["calls"])
    assert server.house.ask("DELETE", f"/api/v1/tenants/{tenant}").status == 204
    runs, deadline = server.wiring.engine.services.runs, time.monotonic() + 10
    while server.call(runs.open_of(tenant)):
        assert time.monotonic() < deadline
    for run in (parked, live):
        row = server.call(runs.find(tenant, bytes.fromhex(run.removeprefix("run_"))))
        assert (row.status, row.reason) == ("finished", "cancelled")
    server.house.waiting(other)


def test_the_tenant_of_the_house_cannot_be_revoked(server: Server) -> None:
    refused(server.house.ask("DELETE", "/api/v1/tenants/default"), 409, "tenant")


def test_tenants_are_listed_by_name_in_pages(server: Server) -> None:
    for name in ("page-a", "page-b"):
        server.house.post("/api/v1/tenants", {"id": name})
    page = server.house.get("/api/v1/tenants?after=page&limit=1")
    assert ([one["id"] for one in page["data"]], page["next"]) == (["page-a"], "page-a")
    page = server.house.get("/api/v1/tenants?after=page-a&limit=1")
    assert [one["id"] for one in page["data"]] == ["page-b"]
