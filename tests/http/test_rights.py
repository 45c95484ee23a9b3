"""Rights over tools, over HTTP: what no grant names is not there for a caller, also when that changes in mid-run."""

from pathlib import Path

from tests.http.expecting import ADD, refused
from tests.http.serving import Client, Server, serving

SOME = """
[[call]]
tools = ["*"]
roles = ["operator"]

[[call]]
tools = ["wait", "write_note"]
agents = ["clerk"]
"""


def test_what_no_grant_names_is_offered_to_nobody_but_those_it_names(tmp_path: Path) -> None:
    with serving(tmp_path) as server:
        _grant(server, SOME)
        tenant = server.tenant()
        user, operator = server.client(tenant, "user"), server.client(tenant, "user", "operator")
        run = user.start(ADD)
        user.finished(run)
        events = user.get(f"/api/v1/runs/{run}/events")["data"]
        offered = next(event for event in events if event["event"] == "ToolsOffered")
        left_out = {one["name"]: one.get("left_out", "") for one in offered["candidates"]}
        assert left_out["add"] == "not_granted"
        assert left_out["wait"] == ""
        assert "unknown_tool" in str(events), "a tool that is not there is like one that never was"
        run = operator.start(ADD)
        operator.finished(run)
        assert "unknown_tool" not in str(operator.get(f"/api/v1/runs/{run}/events"))


def test_a_right_that_is_taken_back_ends_before_the_next_call(tmp_path: Path) -> None:
    with serving(tmp_path) as server:
        user = server.client(server.tenant(), "user")
        run = user.start('call write_note {"name": "n", "text": "t"}')
        approval = user.waiting(run)
        _grant(server, "call = []\n")
        user.post(f"/api/v1/approvals/{approval['id']}", {"decision": "approve"})
        user.finished(run)
        assert "grant.revoked" in str(user.get(f"/api/v1/runs/{run}/events"))
        assert not (tmp_path / "repository" / "notes").exists()


def test_a_mistake_in_the_file_is_told_to_people_of_the_house_as_long_as_it_is_there(tmp_path: Path) -> None:
    def told(client: Client) -> list[str]:
        return [problem for problem in client.get("/api/v1/agents")["problems"] if "rights.toml" in problem]

    with serving(tmp_path) as server:
        assert told(server.house) == []
        _grant(server, "[[call]]\ntools = []\n")
        (words,) = told(server.house)
        assert words.startswith("rights.toml:2: this grant holds no tool")
        assert words.endswith("until it is corrected nobody publishes or calls anything")
        assert told(server.client(server.tenant(), "operator")) == []
        _grant(server, SOME)
        assert told(server.house) == []


def test_what_no_grant_names_is_in_no_list_and_like_a_tool_that_never_was(tmp_path: Path) -> None:
    with serving(tmp_path) as server:
        _grant(server, SOME)
        author = server.client(server.tenant(), "author")
        assert author.get("/api/v1/tools")["data"] == []
        for path in ("add", "add/diff", "add/usage", "add/reach"):
            hidden = author.ask("GET", f"/api/v1/tools/{path}")
            never = author.ask("GET", f"/api/v1/tools/{path.replace('add', 'never')}")
            assert (hidden.status, hidden.body["code"]) == (never.status, never.body["code"]) == (404, "tool_not_found")
        agents = {agent["name"]: agent["tools"] for agent in author.get("/api/v1/agents")["data"]}
        assert {tool["name"] for tool in agents["clerk"]} == {"wait", "write_note"}


def test_the_audit_log_of_another_tenant_names_no_tool_that_it_does_not_see(tmp_path: Path) -> None:
    with serving(tmp_path) as server:
        _grant(server, SOME)
        tenant = server.tenant()
        user, auditor = server.client(tenant, "user"), server.client(tenant, "auditor")
        user.finished(user.start("hello"))
        objects = {record["object"] for record in auditor.get("/api/v1/audit?limit=100")["data"]}
        assert "agent:clerk@draft" in objects
        assert not any(each.startswith("tool:") for each in objects)


def test_who_watches_over_the_server_looks_at_every_tool(tmp_path: Path) -> None:
    with serving(tmp_path) as server:
        _grant(server, "call = []\n")
        auditor = server.client("default", "auditor")
        assert "add" in {tool["name"] for tool in auditor.get("/api/v1/tools?limit=100")["data"]}
        assert "add" in {tool["name"] for agent in auditor.get("/api/v1/agents")["data"] for tool in agent["tools"]}


def _grant(server: Server, rights: str) -> None:
    """Write the rights, and wait until they can be no other ones."""
    (server.root / "rights.toml").write_text(rights)
    server.wiring.engine.services.sights._read_at = None


def test_what_the_house_s_agents_resolve_to_is_read_with_its_own_keys(tmp_path: Path) -> None:
    with serving(tmp_path) as server:
        stranger = server.client(server.tenant(), "operator", "author", "auditor")
        refused(stranger.ask("GET", "/api/v1/lock"), 403, "Authorization")
        assert "[agents" in server.house.get("/api/v1/lock")["text"]


def test_a_call_through_no_agent_needs_a_grant_that_names_none(tmp_path: Path) -> None:
    with serving(tmp_path) as server:
        _grant(server, '[[call]]\ntools = ["add"]\nagents = [""]\n')
        author = server.client(server.tenant(), "author")
        called = author.post("/api/v1/tools/add/call", {"arguments": {"a": 1, "b": 2}})
        assert (called["text"], called["is_error"]) == ("3", False)
        refused(author.ask("POST", "/api/v1/tools/wait/call", {"arguments": {"name": "x"}}), 404, "name")
