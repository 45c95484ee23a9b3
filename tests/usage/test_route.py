"""What an author is told over HTTP, from runs that happened; never an argument, never what few others did."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.cli.running import toolyard
from tests.http.serving import Client, Server, serving

FIT = 'call add {"a": 1, "b": 2}'
WRONG = 'call add {"a": "secretword", "b": 2}'
STRANGE = 'call add {"a": 1, "b": 2, "secretname": 3}'


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with serving(tmp_path_factory.mktemp("usage")) as started:
        yield started


def author_after(server: Server, *scripts: str) -> Client:
    """Return the author of a new tenant in which these runs have happened."""
    tenant = server.tenant()
    user = server.client(tenant, "user")
    for run in [user.start(script) for script in scripts]:
        user.finished(run)
    return server.client(tenant, "author")


def usage(client: Client, name: str = "add") -> Any:
    return client.get(f"/api/v1/tools/{name}/usage")


def test_an_author_is_told_what_happened_by_field_and_no_argument(server: Server) -> None:
    author = author_after(server, FIT, WRONG, STRANGE, 'call fail {"why": "x"}')
    answered = usage(author)
    (release,) = answered["own"]
    assert (answered["runs"], answered["complete"]) == (4, True)
    assert (release["chosen"], release["calls"], release["ran"]) == (3, 3, 1)
    assert release["argument_errors"] == [{"field": "?", "calls": 1}, {"field": "a", "calls": 1}]
    assert release["lost_to"] == [{"tool": "fail", "turns": 1}]
    assert (release["errors"], release["in_doubt"]) == (0, 0)
    assert release["not_run"] == {"check": 2}
    assert release["source"] == "tools/desk.py"
    assert release["tokens"] == release["definition_tokens"] * release["offered"] > 0
    assert 0 < release["latency_us"]["p50"] <= release["latency_us"]["p99"]
    assert "secret" not in json.dumps(answered)
    (failing,) = usage(author, "fail")["own"]
    assert (failing["errors"], failing["error_rate"], failing["lost_to"]) == (1, 1.0, [{"tool": "add", "turns": 3}])


def test_numbers_of_others_are_told_only_where_five_tenants_stand_behind_them(tmp_path: Path) -> None:
    failing = 'call fail {"why": "x"}'
    with serving(tmp_path) as server:
        authors = [author_after(server, FIT) for _ in range(4)]
        assert usage(authors[0], "fail")["everybody"] is None
        authors += [author_after(server, failing) for _ in range(4)]
        assert [shown["calls"] for shown in usage(authors[0], "fail")["everybody"]["releases"]] == [None]
        authors.append(author_after(server, failing, failing))
        answered = usage(authors[-1], "fail")
    assert [release["calls"] for release in answered["own"]] == [2]
    (everybody,) = answered["everybody"]["releases"]
    assert (everybody["calls"], everybody["errors"], everybody["error_rate"]) == (6, 6, 1.0)
    assert everybody["in_doubt"] is None  # nobody has a call in doubt, which is not told either
    assert everybody["lost_to"] == []  # four tenants called the other tool


def test_a_tool_that_is_not_there_is_not_told_of_and_a_user_is_refused(server: Server) -> None:
    author = author_after(server)
    assert author.ask("GET", "/api/v1/tools/ad/usage").status == 404
    assert author.ask("GET", "/api/v1/tools/add/usage?days=0").status == 400
    assert author.ask("GET", "/api/v1/tools/add/usage?release=x").status == 400
    assert usage(author)["own"] == []
    assert server.client(server.tenant(), "user").ask("GET", "/api/v1/tools/add/usage").status == 403


def test_the_command_prints_it_for_a_person(server: Server) -> None:
    author = author_after(server, FIT, WRONG)
    way = ("--url", f"http://127.0.0.1:{server.port}", "--key", author.secret)
    done = toolyard("tool", "usage", "add", *way)
    assert done.code == 0, done.err
    assert "2 runs of the last 30 days" in done.out
    assert "argument errors" in done.out
    assert "a (1)" in done.out
    assert json.loads(toolyard("tool", "usage", "add", "--json", *way).out)["tool"] == "add"
    assert "No agent was offered it" not in done.out
    assert toolyard("tool", "usage", "nothing", *way).code == 1
