"""`toolyard tool yank --dry-run` where agents remember: what they learnt from a tool is among what it would hit."""

import json
from pathlib import Path

from toolyard_registry.scaffolding.agents import scaffold

from tests.cli.running import toolyard
from tests.cli.serving import serving
from tests.http.test_reach_of_memory import AGENT, HEARD, TOOLS


def test_a_yank_shows_the_facts_that_were_learnt_from_the_tool(tmp_path: Path) -> None:
    repository = tmp_path / "shop"
    scaffold(repository, "shop")
    (repository / "tools" / "village.py").write_text(TOOLS)
    (repository / "agents" / "support.toml").write_text(AGENT.replace(', "add"', ""))
    with serving(repository):
        told = toolyard("chat", "support", "--user", "ada", "-m", HEARD, cwd=repository)
        assert "Remembered as fact_" in told.err + told.out
        version = json.loads(toolyard("tool", "show", "gossip", "--json", cwd=repository).out)["version"]
        shown = toolyard("tool", "yank", f"gossip@{version}", "--dry-run", cwd=repository)
        assert shown.code == 0, shown.err
        assert "  1 fact: fact_" in shown.out
        assert "cats" not in shown.out
