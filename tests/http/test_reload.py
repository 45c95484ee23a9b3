"""Files that change under a running server, and what a tool's context knows."""

from typing import Any

from tests.http.serving import Client, Server, eventually

TOOL = '''"""A tool that shows its context."""

from toolyard_sdk import ToolContext, tool


@tool(read_only=True)
def about(context: ToolContext) -> dict[str, str]:
    """Say what the settings hold and report progress."""
    context.progress(1, 2, "half way")
    return {key: str(value) for key, value in context.settings.items()} | {"tenant": context.tenant}
'''


def agents(operator: Client) -> dict[str, Any]:
    return {agent["name"]: agent for agent in operator.get("/api/v1/agents")["data"]}


def test_an_agent_follows_its_file_and_a_broken_set_keeps_the_one_before(server: Server, operator: Client) -> None:
    file = server.root / "agents" / "late.toml"
    file.write_text('description = "one"\ninstructions = "Wait."\n')
    first = eventually(lambda: agents(operator).get("late"))
    assert first["description"] == "one"

    file.write_text('descripton = "broken"\ninstructions = "Wait."\n')
    (problem,) = eventually(lambda: [p for p in server.house.get("/api/v1/agents")["problems"] if "late.toml" in p])
    assert problem.startswith("agents/late.toml:1: ")
    assert "did you mean `description`?" in problem
    assert agents(operator)["late"] == first

    file.write_text('description = "two words"\ninstructions = "Wait."\n')
    eventually(lambda: agents(operator)["late"]["description"] == "two words")
    assert agents(operator)["late"]["release"] != first["release"]
    assert not [p for p in server.house.get("/api/v1/agents")["problems"] if "late.toml" in p]


def test_a_new_tool_file_is_offered_and_its_context_holds_its_plugins_settings(
    server: Server, operator: Client
) -> None:
    (server.root / "tools" / "about.py").write_text(TOOL)
    (server.root / "agents" / "curious.toml").write_text('instructions = "Ask."\ntools = ["about"]\n')
    eventually(lambda: "curious" in agents(operator))
    run = operator.finished(operator.start("call about {}", "curious"))
    (call,) = [output for output in run["outputs"] if output["type"] == "call"]
    assert call["status"] == "completed", call
    assert '"colour":"red"' in call["output"]
