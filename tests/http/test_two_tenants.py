"""Two tenants on one server: every route there is, asked by one about what belongs to the other.

The routes are taken from the running application, so a new one fails here until somebody has said what it hides.
"""

from collections.abc import Callable, Iterator
from functools import partial
from typing import Any, NamedTuple

import pytest
from litestar.routes import ASGIRoute, HTTPRoute

from tests.http.expecting import ADD, HANG, note, refused, unknown
from tests.http.serving import Answered, Client, Server, eventually
from tests.registry.wheels import body_of, spec, submission

EVERY_ROLE = ("user", "frontend", "author", "operator", "auditor")


class World(NamedTuple):
    """What tenant A has, and the keys of both: B's has every role there is."""

    a: Client
    b: Client
    names: dict[str, str]
    unknown: dict[str, str]


RIGHTS = '[[publish]]\ntools = ["*"]\nroles = ["author", "operator"]\ntenants = ["*"]\n'


@pytest.fixture(scope="module")
def world(server: Server) -> World:
    (server.root / "rights.toml").write_text(RIGHTS)
    tenant, other = server.tenant(), server.tenant()
    a, b = server.client(tenant, *EVERY_ROLE), server.client(other, *EVERY_ROLE)
    doubtful = a.start(HANG, "hasty", x_toolyard_end_user="ada")
    a.post(f"/api/v1/approvals/{a.waiting(doubtful)['id']}", {"decision": "approve"}, x_toolyard_end_user="ada")
    assert a.finished(doubtful)["doubts"] == 1
    waiting = a.start(note("of-a"))
    approval = a.waiting(waiting)["id"]
    asking_run = a.start('call measure {"what": "a hat"}')
    question = a.until(asking_run, lambda shown: shown["status"] == "parked" and shown["inputs"])["inputs"][0]["id"]
    a.post("/api/v1/stops", {"kind": "tool", "name": "fail"})
    assert a.ask("PUT", "/api/v1/secrets/weather_key", {"value": "of-a-alone"}).status == 201
    assert a.ask("PUT", "/api/v1/secrets/weather_key?end_user=ada", {"value": "of-ada-alone"}).status == 201
    assert a.ask("PUT", "/api/v1/knowledge/house-of-a/rules.md", b"Refunds take 14 days.").status == 201
    said = {"text": "Ada keeps a quokka in Whitby.", "about": "Ada", "because": "she said so", "end_user": "ada"}
    fact = a.post("/api/v1/memory/facts", said)["fact"]["id"]
    a.post("/api/v1/tools", body_of(submission("0.1.0", spec("of_a", "Is of A alone."))))
    names = {
        "tool": "of_a",
        "run": doubtful,
        "waiting": waiting,
        "approval": approval,
        "question": question,
        "call": "1",
        "kind": "tool",
        "name": "fail",
        "key": a.key,
        "secret": "weather_key",
        "document": "house-of-a/rules.md",
        "fact": fact,
        "tenant": tenant,
        "response": "resp_" + doubtful.removeprefix("run_") + "_0",
    }
    missing = {
        "tool": "of_nobody",
        "run": unknown("run_"),
        "waiting": unknown("run_"),
        "approval": unknown("appr_"),
        "question": unknown("input_") + "_1",
        "call": "1",
        "kind": "tool",
        "name": "nothing",
        "key": unknown("key_"),
        "secret": "no_key",
        "document": "house-of-a/none.md",
        "fact": unknown("fact_"),
        "tenant": "nobody",
        "response": unknown("resp_") + "_0",
    }
    return World(a, b, names, missing)


Ask = Callable[[Client, dict[str, str]], Answered]
"""Asks a route about something, by the ids in the dictionary."""


def asking(method: str, path: str, **body: Any) -> Ask:
    """Return the request of a route; a value of the body like `@key` stands for the id of that noun."""

    def ask(client: Client, names: dict[str, str]) -> Answered:
        filled = {name: names[value[1:]] if str(value)[0] == "@" else value for name, value in body.items()}
        return client.ask(method, path.format(**names), filled or None)

    return ask


def response_after(client: Client, names: dict[str, str]) -> Answered:
    body = {"model": "clerk", "input": "hi", "previous_response_id": names["response"]}
    return client.ask("POST", "/v1/responses", body)


def response_approving(client: Client, names: dict[str, str]) -> Answered:
    answer = {
        "type": "mcp_approval_response",
        "approval_request_id": "mcpr_" + names["approval"].removeprefix("appr_"),
        "approve": True,
    }
    return client.ask("POST", "/v1/responses", {"model": "clerk", "input": [answer]})


def forgetting(client: Client, names: dict[str, str]) -> Answered:
    return client.ask("POST", "/api/v1/memory/forget", {"facts": [names["fact"]], "end_user": "ada"})


HIDDEN: dict[tuple[str, str], tuple[Ask, ...]] = {
    ("GET", "/api/v1/runs/{run:str}"): (asking("GET", "/api/v1/runs/{run}"), asking("GET", "/api/v1/runs/{waiting}")),
    ("GET", "/api/v1/runs/{run:str}/events"): (asking("GET", "/api/v1/runs/{run}/events"),),
    ("GET", "/api/v1/runs/{run:str}/why"): (asking("GET", "/api/v1/runs/{run}/why"),),
    ("GET", "/api/v1/runs/{run:str}/doubts"): (asking("GET", "/api/v1/runs/{run}/doubts"),),
    ("POST", "/api/v1/runs/{run:str}/doubts/{call:str}"): (
        asking("POST", "/api/v1/runs/{run}/doubts/{call}", outcome="happened"),
    ),
    ("POST", "/api/v1/runs/{run:str}/cancel"): (
        asking("POST", "/api/v1/runs/{waiting}/cancel", reason="operator"),
        asking("POST", "/api/v1/runs/{run}/cancel"),
    ),
    ("GET", "/api/v1/tools/{tool:str}"): (
        asking("GET", "/api/v1/tools/{tool}"),
        asking("GET", "/api/v1/tools/{tool}@^0.1"),
    ),
    ("GET", "/api/v1/tools/{tool:str}/diff"): (asking("GET", "/api/v1/tools/{tool}/diff?to=0.1.0"),),
    ("GET", "/api/v1/tools/{tool:str}/reach"): (asking("GET", "/api/v1/tools/{tool}/reach"),),
    ("GET", "/api/v1/tools/{tool:str}/server.json"): (
        asking("GET", "/api/v1/tools/{tool}/server.json?namespace=io.x"),
    ),
    ("POST", "/api/v1/tools/{tool:str}/state"): (
        asking("POST", "/api/v1/tools/{tool}/state", version="0.1.0", state="deprecated"),
    ),
    ("POST", "/api/v1/tools/{tool:str}/channels/{channel:str}"): (
        asking("POST", "/api/v1/tools/{tool}/channels/stable", version="0.1.0"),
    ),
    ("POST", "/api/v1/quarantine/{tool:str}"): (
        asking("POST", "/api/v1/quarantine/{tool}", release="sha256:0", decision="admit"),
    ),
    ("GET", "/api/v1/approvals/{approval:str}"): (asking("GET", "/api/v1/approvals/{approval}"),),
    ("POST", "/api/v1/approvals/{approval:str}"): (asking("POST", "/api/v1/approvals/{approval}", decision="approve"),),
    ("GET", "/api/v1/inputs/{question:str}"): (asking("GET", "/api/v1/inputs/{question}"),),
    ("POST", "/api/v1/inputs/{question:str}"): (asking("POST", "/api/v1/inputs/{question}", action="decline"),),
    ("DELETE", "/api/v1/stops/{kind:str}/{name:str}"): (
        asking("DELETE", "/api/v1/stops/{kind}/{name}"),
        asking("DELETE", "/api/v1/stops/tenant/{tenant}"),
    ),
    ("DELETE", "/api/v1/keys/{key:str}"): (asking("DELETE", "/api/v1/keys/{key}"),),
    ("DELETE", "/api/v1/tenants/{tenant:str}"): (asking("DELETE", "/api/v1/tenants/{tenant}"),),
    ("POST", "/api/v1/keys"): (asking("POST", "/api/v1/keys", name="spy", roles=["operator"], tenant="@tenant"),),
    ("GET", "/api/v1/keys"): (asking("GET", "/api/v1/keys?tenant={tenant}"),),
    ("POST", "/api/v1/stops"): (asking("POST", "/api/v1/stops", kind="tenant", name="@tenant"),),
    ("GET", "/api/v1/secrets"): (asking("GET", "/api/v1/secrets?tenant={tenant}"),),
    ("PUT", "/api/v1/secrets/{name:str}"): (
        asking("PUT", "/api/v1/secrets/{secret}?tenant={tenant}", value="x"),
        asking("PUT", "/api/v1/secrets/{secret}", value="x", only_rotate=True),
        asking("PUT", "/api/v1/secrets/{secret}?end_user=ada", value="x", only_rotate=True),
    ),
    ("DELETE", "/api/v1/secrets/{name:str}"): (
        asking("DELETE", "/api/v1/secrets/{secret}"),
        asking("DELETE", "/api/v1/secrets/{secret}?end_user=ada"),
        asking("DELETE", "/api/v1/secrets/{secret}?tenant={tenant}"),
    ),
    ("GET", "/api/v1/knowledge/{name:path}"): (
        asking("GET", "/api/v1/knowledge/{document}"),
        asking("GET", "/api/v1/knowledge/{document}?version=1"),
    ),
    ("DELETE", "/api/v1/knowledge/{name:path}"): (
        asking("DELETE", "/api/v1/knowledge/{document}"),
        asking("DELETE", "/api/v1/knowledge/{document}?erase=true"),
    ),
    ("GET", "/api/v1/memory/facts/{fact:str}"): (asking("GET", "/api/v1/memory/facts/{fact}?end_user=ada"),),
    ("GET", "/api/v1/memory/passages/{passage:str}"): (asking("GET", "/api/v1/memory/passages/{fact}?end_user=ada"),),
    ("DELETE", "/api/v1/memory/facts/{fact:str}"): (asking("DELETE", "/api/v1/memory/facts/{fact}?end_user=ada"),),
    ("POST", "/api/v1/memory/facts/{fact:str}/correct"): (
        asking("POST", "/api/v1/memory/facts/{fact}/correct", text="Is mine.", because="spite", end_user="ada"),
    ),
    ("GET", "/api/v1/memory/timeline"): (asking("GET", "/api/v1/memory/timeline?fact={fact}&end_user=ada"),),
    ("POST", "/api/v1/memory/forget"): (forgetting,),
    ("POST", "/api/v1/memory/verify-erasure"): (
        asking("POST", "/api/v1/memory/verify-erasure", subject="ada", tenant="@tenant"),
    ),
    ("POST", "/api/v1/erasures"): (asking("POST", "/api/v1/erasures", subject="ada", tenant="@tenant"),),
    ("GET", "/v1/responses/{name:str}"): (
        asking("GET", "/v1/responses/{response}"),
        asking("GET", "/v1/responses/{response}?stream=true"),
    ),
    ("POST", "/v1/responses/{name:str}/cancel"): (asking("POST", "/v1/responses/{response}/cancel"),),
    ("POST", "/v1/responses"): (response_after, response_approving),
}
"""Routes that are asked about something by name: B gets what anybody gets about something that does not exist."""

LISTS: dict[tuple[str, str], tuple[str, ...]] = {
    ("GET", "/api/v1/runs"): ("/api/v1/runs", "/api/v1/runs?status=parked", "/api/v1/runs?after={waiting}"),
    ("GET", "/api/v1/approvals"): ("/api/v1/approvals", "/api/v1/approvals?after={approval}"),
    ("GET", "/api/v1/stops"): ("/api/v1/stops",),
    ("GET", "/api/v1/keys"): ("/api/v1/keys", "/api/v1/keys?after={key}"),
    ("GET", "/api/v1/secrets"): ("/api/v1/secrets", "/api/v1/secrets?after=a/table/"),
    ("GET", "/api/v1/tenants"): ("/api/v1/tenants",),
    ("GET", "/api/v1/knowledge"): ("/api/v1/knowledge", "/api/v1/knowledge?after=a"),
    ("GET", "/api/v1/knowledge-search"): ("/api/v1/knowledge-search?words=refunds",),
    ("GET", "/api/v1/memory/facts"): (
        "/api/v1/memory/facts?end_user=ada",
        "/api/v1/memory/facts?end_user=ada&about=Ada",
    ),
    ("GET", "/api/v1/memory/search"): ("/api/v1/memory/search?end_user=ada&words=quokka%20Whitby",),
    ("GET", "/api/v1/memory/graph"): (
        "/api/v1/memory/graph?end_user=ada&about=quokka",
        "/api/v1/memory/graph?end_user=ada&about=Ada&hops=4",
    ),
    ("GET", "/api/v1/memory/export"): ("/api/v1/memory/export?end_user=ada",),
    ("GET", "/api/v1/audit"): ("/api/v1/audit", "/api/v1/audit?action=stop.add"),
}
"""Routes that list: nothing in what B gets names anything of A's."""

OWN: dict[tuple[str, str], str] = {
    ("POST", "/v1/chat/completions"): "continues only the caller's own conversations; see the test below",
    ("POST", "/api/v1/secret-keys"): "changes nothing of a tenant, and is refused to every operator but the house's",
    ("POST", "/api/v1/tenants"): "makes something new, and is refused to every operator but the house's",
    ("GET", "/v1/models"): "the agents are the server's, not a tenant's",
    ("GET", "/v1/models/{name:str}"): "the agents are the server's, not a tenant's",
    ("GET", "/api/v1/agents"): "the agents are the server's, not a tenant's",
    ("GET", "/api/v1/tools"): "lists what the caller's own tenant has published; see the test below",
    ("POST", "/api/v1/tools"): "publishes in the caller's own tenant",
    ("PUT", "/api/v1/knowledge/{name:path}"): "adds to the documents of the caller's own tenant",
    ("POST", "/api/v1/memory/facts"): "puts a fact down in the caller's own tenant; see the test below",
    ("POST", "/api/v1/memory/consolidate"): "goes through the facts of the caller's own tenant; see the test below",
    ("POST", "/api/v1/memory/rebuild"): "builds the index of the caller's own tenant",
    ("GET", "/api/v1/memory/stats"): "counts the caller's own tenant; see the test below",
    ("GET", "/api/v1/quarantine"): "the sources are the server's: the house alone sees what they present",
    ("POST", "/api/v1/environments/prune"): "is refused to every operator but the house's",
    ("GET", "/api/v1/lock"): "what the server's agents resolve to, for the tenant of the house alone",
    ("GET", "/api/v1/tools/search"): "the tools are the server's, and what the caller's own tenant has published",
    ("POST", "/api/v1/tools/{name:str}/call"): "makes a run of the caller's own",
    ("GET", "/api/v1/tools/{name:str}/usage"): "names no tenant; see the test below",
    ("POST", "/mcp"): "runs are the caller's own; tests/http/mcp asks for those of others",
    ("GET", "/api/v1/consents"): "knows nobody: what comes back is found by a state that cannot be guessed",
    ("GET", "/healthz"): "tells nothing",
    ("GET", "/readyz"): "tells nothing of a tenant",
    ("GET", "/metrics"): "the process's numbers, for the tenant of the house; see the test below",
    ("GET", "/api/openapi"): "the shape of the routes",
    ("GET", "/api/openapi/openapi.json"): "the shape of the routes",
    ("GET", "/api/openapi/{path:str}"): "the shape of the routes",
}
"""Routes that can say nothing of a tenant, and why."""


def routes_of(server: Server) -> Iterator[tuple[str, str]]:
    for route in server.wiring.app.routes:
        if isinstance(route, ASGIRoute):  # it takes any method; what is asked of it is sent by POST
            yield "POST", route.path
            continue
        assert isinstance(route, HTTPRoute), f"{route.path}: say here what another tenant gets of it"
        for method in route.methods - {"OPTIONS", "HEAD"}:
            yield method, route.path


def test_every_route_is_walked(server: Server) -> None:
    assert set(routes_of(server)) == HIDDEN.keys() | LISTS.keys() | OWN.keys()


def told(answered: Answered, names: dict[str, str]) -> str:
    """Return an answer without the ids that were asked for."""
    text = str(answered.body)
    for name in sorted(names.values(), key=len, reverse=True):
        if len(name) > 1:
            text = text.replace(name.removeprefix("appr_"), "").replace(name.removeprefix("run_"), "").replace(name, "")
    return text


def state_of(world: World) -> list[Any]:
    """Return what A sees of all it has, once what follows A's writes in the background has caught up."""
    stats = partial(world.a.get, "/api/v1/memory/stats")
    eventually(lambda: stats()["vectors"]["waiting"] == 0, stats)
    paths = (
        "tools/of_a",
        "runs",
        "approvals",
        "stops",
        "keys",
        "secrets",
        "knowledge/{document}",
        "memory/facts/{fact}?end_user=ada",
        "memory/stats",
        "audit",
        "runs/{run}",
        "runs/{waiting}",
        "runs/{run}/doubts",
    )
    return [world.a.get(f"/api/v1/{path.format(**world.names)}") for path in paths]


@pytest.mark.parametrize("route", HIDDEN, ids=" ".join)
def test_what_another_tenant_has_is_answered_like_what_does_not_exist(world: World, route: tuple[str, str]) -> None:
    before = state_of(world)
    for ask in HIDDEN[route]:
        foreign, missing = ask(world.b, world.names), ask(world.b, world.unknown)
        assert foreign.status == missing.status == 404, (foreign, missing)
        assert told(foreign, world.names) == told(missing, world.unknown)
        assert foreign.headers.keys() == missing.headers.keys()
    assert state_of(world) == before


@pytest.mark.parametrize("route", HIDDEN, ids=" ".join)
def test_the_same_requests_find_it_for_whoever_has_it(world: World, route: tuple[str, str]) -> None:
    """Without this, a request that is wrong in itself would pass for one that hides."""
    reading = [ask for ask in HIDDEN[route] if route[0] == "GET"]
    for ask in reading:
        assert ask(world.a, world.names).status == 200


@pytest.mark.parametrize("route", LISTS, ids=" ".join)
def test_lists_hold_nothing_of_another_tenant(world: World, route: tuple[str, str]) -> None:
    secret = [
        world.names[name] for name in ("run", "waiting", "approval", "key", "secret", "document", "fact", "tenant")
    ]
    for path in LISTS[route]:
        answered = world.b.ask("GET", path.format(**world.names))
        assert answered.status == 200
        assert not [name for name in secret if name in str(answered.body)]
    found = str(world.a.get(LISTS[route][0]))
    assert any(name in found for name in secret)


def test_what_another_tenant_did_with_a_tool_is_not_counted(world: World) -> None:
    path = "/api/v1/tools/hang/usage"
    assert [release["in_doubt"] for release in world.a.get(path)["own"]] == [1]
    assert world.b.get(path)["own"] == []
    for release in (world.b.get(path)["everybody"] or {"releases": []})["releases"]:
        assert release["in_doubt"] is None


def test_published_tools_are_listed_to_their_own_tenant_alone(world: World) -> None:
    assert "of_a" in str(world.a.get("/api/v1/tools?limit=100"))
    assert "of_a" not in str(world.b.get("/api/v1/tools?limit=100"))
    assert "of_a" in str(world.a.get("/api/v1/tools/search?q=weather%20city"))
    assert "of_a" not in str(world.b.get("/api/v1/tools/search?q=weather%20city"))


def test_erasing_a_namesake_erases_nothing_of_another_tenant(world: World) -> None:
    before = state_of(world)
    assert world.b.post("/api/v1/erasures", {"subject": "ada"})["runs"] == 0
    assert state_of(world) == before


def test_a_namesakes_memory_is_neither_counted_nor_tidied_nor_used_as_evidence(world: World) -> None:
    before = state_of(world)
    assert world.b.get("/api/v1/memory/stats")["facts_believed"] == 0
    assert world.b.post("/api/v1/memory/consolidate", {"end_user": "ada", "apply": True})["data"] == []
    told_of = [
        world.b.ask(
            "POST",
            "/api/v1/memory/facts",
            {"text": "Said so.", "end_user": "ada", "message": {"run": names["run"], "item": 1}},
        )
        for names in (world.names, world.unknown)
    ]
    assert [one.status for one in told_of] == [400, 400]
    assert told(told_of[0], world.names) == told(told_of[1], world.unknown)
    assert world.b.get("/api/v1/memory/search?end_user=ada&words=quokka")["data"] == []
    assert state_of(world) == before


def test_a_conversation_told_again_by_another_tenant_is_a_new_one(world: World) -> None:
    def said(client: Client, *more: dict[str, str]) -> Answered:
        messages = [{"role": "user", "content": ADD}, *more]
        return client.ask("POST", "/v1/chat/completions", {"model": "clerk", "messages": messages})

    first = said(world.a)
    words = first.body["choices"][0]["message"]["content"]
    more = {"role": "assistant", "content": words}, {"role": "user", "content": "and now?"}
    same, other = said(world.a, *more), said(world.b, *more)
    session = first.headers["x-toolyard-session"]
    assert same.headers["x-toolyard-session"] == session
    assert other.headers["x-toolyard-session"] != session


def test_metrics_are_read_by_the_house_alone_and_name_no_tenant(server: Server, world: World) -> None:
    words = refused(world.b.ask("GET", "/metrics"), 403, "Authorization")
    assert words == "Metrics are of the whole server: they are read with a key of the tenant default."
    for role in ("operator", "auditor"):
        text = str(server.client("default", role).ask("GET", "/metrics").body)
        assert "toolyard_runs" in text
        assert world.names["tenant"] not in text
    refused(server.client("default", "user").ask("GET", "/metrics"), 403, "Authorization")


def test_a_stop_of_one_tenant_stops_nothing_of_another(world: World) -> None:
    script = 'call fail {"why": "as asked"}'
    run = world.b.finished(world.b.start(script))
    assert run["outputs"][0]["error"] == "as asked"
    stopped = world.a.finished(world.a.start(script))
    assert "no tool named" in stopped["outputs"][0]["error"]


def test_without_a_key_there_is_nothing_but_probes_and_the_shape_of_the_routes(server: Server, world: World) -> None:
    stranger = Client(server.port, "")
    for method, path in sorted(set(routes_of(server))):
        filled = path.replace(":str", "")
        for name, value in (*world.names.items(), ("name", "clerk")):
            filled = filled.replace("{" + name + "}", value)
        answered = stranger.ask(method, filled, {} if method in ("POST", "PUT") else None)
        opened = path in ("/healthz", "/readyz", "/api/v1/consents") or path.startswith("/api/openapi")
        assert (answered.status == 401) is not opened, (method, path, answered)
