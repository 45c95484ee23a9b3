"""What a yank would hit where agents remember: facts that came of a tool's results, for operators, in ids alone."""

from collections.abc import Iterator
from typing import Any

import pytest

from tests.http.serving import Client, Server, serving

TOOLS = '''
"""A tool that reaches outside."""

from toolyard_sdk import tool


@tool(read_only=True)
def gossip(about: str) -> str:
    """Ask the village about somebody."""
    return f"They say that {about} keeps eleven cats."
'''

AGENT = """
instructions = "You remember."
tools = ["gossip", "add"]

[memory]
"""

HEARD = """
call gossip {"about": "Ada"}
then
call remember {"text": "Keeps eleven cats"}
"""
TOLD = 'call remember {"text": "Likes tea"}'
RECKONED = """
call add {"a": 1, "b": 2}
then
call remember {"text": "Can add"}
"""


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    files = {"tools/village.py": TOOLS, "agents/friend.toml": AGENT}
    with serving(tmp_path_factory.mktemp("reach"), files=files) as started:
        yield started


def facts(client: Client, tool: str = "gossip") -> dict[str, Any]:
    """Return what the reach of a tool says of facts."""
    reach = client.get(f"/api/v1/tools/{tool}/reach")
    assert reach["complete"]
    found = {each["kind"]: each for each in reach["reached"]}
    return dict(found.get("fact", {"count": 0, "names": []}))


def test_facts_that_came_of_a_tools_results_are_counted_and_named_by_id(server: Server) -> None:
    tenant = server.tenant()
    app = server.client(tenant, "frontend", "user").speaking_for("ada")
    operator, author = server.client(tenant, "operator"), server.client(tenant, "author")
    for script in (HEARD, TOLD, RECKONED):
        app.finished(app.start(script, agent="friend"))
    known = {each["text"]: each["id"] for each in app.get("/api/v1/memory/facts")["data"]}
    assert facts(operator) == {"kind": "fact", "count": 1, "names": [known["Keeps eleven cats"]]}
    assert "cats" not in str(operator.get("/api/v1/tools/gossip/reach"))
    assert facts(operator, "add")["names"] == [known["Can add"]]
    assert facts(author)["count"] == 0, "an author is told nothing of anybody's memory"
    stranger = server.client(server.tenant(), "operator")
    assert facts(stranger)["count"] == 0

    app.ask("DELETE", f"/api/v1/memory/facts/{known['Keeps eleven cats']}")
    assert facts(operator)["count"] == 0
