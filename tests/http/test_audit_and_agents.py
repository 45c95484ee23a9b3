"""The audit log and the agents over HTTP."""

import pytest
from toolyard_runtime.store.audit import record_first
from toolyard_sdk.audit import AuditRecord

from tests.http.expecting import refused
from tests.http.serving import Client, Server


def test_the_audit_log_is_read_in_pages_and_no_record_is_lost_or_told_twice(operator: Client, auditor: Client) -> None:
    for number in range(7):
        operator.post("/api/v1/keys", {"name": f"k{number}", "roles": ["user"]})
    whole = auditor.get("/api/v1/audit?limit=100")["data"]
    assert len(whole) > 7
    assert [record["at"] for record in whole] == sorted((record["at"] for record in whole), reverse=True)
    found, after = [], ""
    while True:
        page = auditor.get(f"/api/v1/audit?limit=2{after}")
        found += page["data"]
        if page["next"] is None:
            break
        after = f"&after={page['next']}"
    assert found == whole


def test_records_of_one_moment_are_told_once_each_across_pages(server: Server, tenant: str, auditor: Client) -> None:
    database = server.wiring.engine.services.database

    async def write() -> None:
        tx = database.begin()
        for number in range(5):
            entry = AuditRecord(1, tenant, "test", "test.same", f"thing-{number}")
            record_first(tx, f"{tenant}:same:{number}", entry)
        await database.commit(tx)

    server.call(write())
    objects, after = [], ""
    while True:
        page = auditor.get(f"/api/v1/audit?action=test.same&limit=2{after}")
        objects += [record["object"] for record in page["data"]]
        if page["next"] is None:
            break
        after = f"&after={page['next']}"
    assert objects == [f"thing-{number}" for number in range(5)]


def test_records_are_filtered_by_action(operator: Client, user: Client) -> None:
    records = operator.get("/api/v1/audit?action=key.create")["data"]
    assert {record["action"] for record in records} == {"key.create"}
    assert user.key in [record["object"] for record in records]
    assert operator.get("/api/v1/audit?action=nothing")["data"] == []


@pytest.mark.parametrize("after", ["x", "1", "1-", "-1", "1-x", "1-1000", "9" * 30 + "-1"])
def test_a_place_that_no_page_named_is_refused(auditor: Client, after: str) -> None:
    refused(auditor.ask("GET", f"/api/v1/audit?after={after}"), 400, "after")


def test_only_auditors_and_operators_read_the_audit_log(user: Client) -> None:
    refused(user.ask("GET", "/api/v1/audit"), 403, "Authorization")


def test_agents_are_listed_with_what_they_may_call(user: Client) -> None:
    agents = {agent["name"]: agent for agent in user.get("/api/v1/agents")["data"]}
    assert list(agents) == ["brief", "clerk", "hasty"]
    clerk = agents["clerk"]
    assert clerk["description"] == "Adds, waits, fails and writes notes."
    assert clerk["release"].startswith("sha256:")
    assert {tool["name"]: tool["effect"] for tool in clerk["tools"]} == {
        "add": "read_only",
        "fail": "read_only",
        "measure": "read_only",
        "visit": "read_only",
        "wait": "read_only",
        "write_note": "side_effect",
    }
    assert {tool["source"] for tool in clerk["tools"]} == {"tools/desk.py"}


def test_what_is_wrong_with_the_files_is_told_to_people_of_the_house(
    server: Server, operator: Client, user: Client
) -> None:
    broken = server.root / "agents" / "broken.toml"
    broken.write_text("desciption = 1\n")
    try:
        server.call(server.wiring.agents.reload())
        (problem,) = [one for one in server.house.get("/api/v1/agents")["problems"] if "broken.toml" in one]
        assert "agents/broken.toml:1" in problem
        assert "description" in problem
        assert user.get("/api/v1/agents")["problems"] == []
        assert operator.get("/api/v1/agents")["problems"] == [], "another tenant's people are not of the house"
        assert "clerk" in [agent["name"] for agent in user.get("/api/v1/agents")["data"]]
    finally:
        broken.unlink()
        server.call(server.wiring.agents.reload())
