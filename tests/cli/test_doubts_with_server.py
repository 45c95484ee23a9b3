"""A call in doubt, made for real: the server dies while a tool with side effects runs; a person finds out and says."""

import json
import sys
import time
from pathlib import Path

from toolyard_registry.scaffolding.agents import scaffold
from toolyard_runtime.cli.conversation import run_of
from toolyard_runtime.demo.process import ServerProcess

from tests.cli.running import Terminal, toolyard

TOOL = '''"""A tool that says when it has begun, and never comes back by itself."""

import time
from pathlib import Path

from toolyard_sdk import tool


@tool
def wire_money(cents: int) -> str:
    """Wire money to somebody."""
    (Path(__file__).parent.parent / "begun").touch()
    time.sleep(20)
    return "wired"
'''
POLICY = '[[rule]]\nid = "trusted"\ntool = "wire_money"\ndecision = "approve"\n'


def test_a_call_that_the_server_died_in_is_in_doubt_until_a_person_says_what_became_of_it(tmp_path: Path) -> None:
    shop = tmp_path / "shop"
    scaffold(shop, "shop")
    (shop / "tools" / "bank.py").write_text(TOOL)
    (shop / "policies" / "default.toml").write_text(POLICY)
    (shop / "agents" / "assistant.toml").write_text('instructions = "Wire money."\ntools = ["wire_money"]\n')
    server = ServerProcess(Path(sys.executable), shop, tmp_path / "server.log")
    try:
        connection = server.start()
        body = {"model": "assistant", "input": "Wire money: 1900 cents", "background": True}
        run = run_of(connection.post("/v1/responses", body)["id"])
        deadline = time.monotonic() + 60
        while not (shop / "begun").exists():
            assert time.monotonic() < deadline
            time.sleep(0.02)
        server.kill()
        server.start()
        while json.loads(toolyard("runs", "show", run, "--json", cwd=shop).out)["status"] == "running":
            assert time.monotonic() < deadline
        listed = toolyard("doubt", "list", run, cwd=shop).out
        assert "wire_money(cents=1900)" in listed
        assert "crashed" in listed
        assert run in toolyard("doubt", "list", cwd=shop).out
        assert "doubt" in toolyard("runs", "show", run, cwd=shop).out
        with Terminal("doubt", "resolve", run, cwd=shop) as terminal:
            terminal.until(r"wire_money\(cents=1900\), in doubt because: crashed")
            terminal.until("What did you find")
            terminal.type("happened")
            assert terminal.end() == 0
        assert "happened" in toolyard("doubt", "list", run, cwd=shop).out
        again = toolyard("doubt", "resolve", run, "--outcome", "did_not", cwd=shop)
        assert again.code == 1
        assert "it did happen" in toolyard("why", run, cwd=shop).out
    finally:
        server.stop()
