"""The readers of the data that the search is tuned on, over made-up samples of each form; the data is not here."""

import json
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tests.registry.search.material.bfcl import CLASSES, SINGLE, bfcl
from tests.registry.search.material.mcp_bench import mcp_bench
from tests.registry.search.material.metatool import metatool
from tests.registry.search.material.nestful import nestful
from tests.registry.search.material.restbench import restbench
from tests.registry.search.material.seal_tools import seal_tools
from tests.registry.search.recall import Listed, Task

GATE = {"type": "dict", "properties": {"gate": {"description": "Which gate."}}}


def write(folder: Path, files: Mapping[str, Any]) -> Path:
    """Write texts as they are and everything else as JSON."""
    for name, held in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(held if isinstance(held, str) else json.dumps(held))
    return folder


def lines(*each: Any) -> str:
    return "".join(json.dumps(one) + "\n" for one in each)


def by_name(tools: list[Listed]) -> dict[str, Listed]:
    return {tool.spec.name: tool for tool in tools}


def test_bfcl_has_turns_and_single_requests_and_such_as_are_put_together(tmp_path: Path) -> None:
    told = "This tool belongs to a park. Tool description: Open a gate."
    files = {f"multi_turn_func_doc/{file}": "" for file in CLASSES.values()}
    files |= {f"{folder}BFCL_v4_{file}": "" for file in SINGLE for folder in ("", "possible_answer/")}
    files["multi_turn_func_doc/math_api"] = lines({"name": "open_gate", "description": told, "parameters": GATE})
    turns = [[{"role": "user", "content": "Open it."}], [{"role": "user", "content": "And again."}]]
    files["BFCL_v4_multi_turn_base"] = lines({"id": "t1", "question": turns})
    files["possible_answer/BFCL_v4_multi_turn_base"] = lines(
        {"id": "t1", "ground_truth": [["park.open_gate(gate='a')"], ["wait()"]]}
    )
    names = [f"birds.count_{number}" for number in range(4)]
    files["BFCL_v4_simple_python"] = lines(
        *(
            {
                "id": name,
                "question": [[{"role": "system", "content": "Be kind."}, {"role": "user", "content": name}]],
                "function": [{"name": name, "description": "Count birds.", "parameters": GATE}],
            }
            for name in names
        )
    )
    files["possible_answer/BFCL_v4_simple_python"] = lines(
        *({"id": name, "ground_truth": [{name: {"gate": ["a"]}}]} for name in names)
    )
    wheel = tmp_path / "sample.whl"
    with zipfile.ZipFile(wheel, "w") as archive:
        for name, text in files.items():
            archive.writestr(f"bfcl_eval/data/{name}.json", text)
    sets = bfcl(wheel)
    tools, tasks = sets["several turns"]
    found = by_name(tools)
    assert found.keys() == {"open_gate", *names}
    assert found["open_gate"].spec.description == "Open a gate."
    assert (found["open_gate"].source, found[names[0]].source) == ("MathAPI", "birds")
    assert tasks == [Task("Open it. And again.", frozenset({"open_gate"}))]
    assert sorted(task.text for task in sets["one function"][1]) == names
    assert all(2 <= len(task.wanted) <= 4 for task in sets["two to four steps"][1])


def test_metatool_has_functions_and_requests_for_those_that_are_known(tmp_path: Path) -> None:
    folder = write(
        tmp_path / "dataset",
        {
            "big_tool_des.json": {"gates": "Opens gates."},
            "plugin_des.json": {"birds": "Counts birds."},
            "data/multi_tool_query_golden.json": [
                {"query": "open and count", "tool": ["gates", "birds"]},
                {"query": "open and paint", "tool": ["gates", "paint"]},
            ],
        },
    ).parent
    tools, tasks = metatool(folder)
    assert {tool.spec.name: tool.spec.description for tool in tools} == {
        "gates": "Opens gates.",
        "birds": "Counts birds.",
    }
    assert tasks == [Task("open and count", frozenset({"gates", "birds"}))]


PYTHON = '''
@server.tool(description="Open a gate.")
async def open_gate(gate: Annotated[str, Field(description="Which gate.")]) -> str:
    """Not this."""

@mcp.tool
def count(tree):
    """Count the birds of a tree."""

def hidden(): ...

Tool(name="paint-fence", description="Paint a fence.", inputSchema={"properties": {"colour": {"description": "New."}}})
'''

JAVASCRIPT = """
server.tool("plant_tree", "Plant a tree.", { kind: z.string().describe("Which tree.") }, plant);
const name = 'water_tree', description = `Water a tree.`;
"""


def test_mcp_bench_has_the_tools_of_sources_and_tasks_that_name_some(tmp_path: Path) -> None:
    asked = {
        "fuzzy_description": "I would like to see the park open",
        "task_description": "Call open_gate for every gate, and count what is there.",
        "dependency_analysis": "plant_tree comes after Park:open_gate; hidden is not used",
    }
    called = asked | {"dependency_analysis": "`count` is first"}
    none = {"fuzzy_description": "wait", "task_description": "wait", "dependency_analysis": ""}
    tasks = {"server_tasks": [{"servers": ["Park"], "tasks": [asked, called, none]}]}
    files: dict[str, Any] = {
        "mcp_servers/commands.json": {"Park": {"cwd": "../park"}, "Wood": {"cwd": "../wood/build"}},
        "mcp_servers/park/pyproject.toml": '[project]\ndescription = "Everything in the park"\n',
        "mcp_servers/park/server.py": PYTHON,
        "mcp_servers/park/draft.py": "def broken(",
        "mcp_servers/park/tests/server.py": PYTHON.replace("open_gate", "never"),
        "mcp_servers/wood/package.json": {"description": "A wood"},
        "mcp_servers/wood/index.ts": JAVASCRIPT,
    }
    files |= {
        f"tasks/mcpbench_tasks_{file}_runner_format.json": {"server_tasks": []}
        for file in ("multi_2server", "multi_3server")
    }
    files["tasks/mcpbench_tasks_single_runner_format.json"] = tasks
    tools, found = mcp_bench(write(tmp_path, files))
    told = {(tool.source, tool.spec.name): tool.spec.description for tool in tools}
    assert told == {
        ("Park", "open_gate"): "Open a gate.",
        ("Park", "count"): "Count the birds of a tree.",
        ("Park", "paint-fence"): "Paint a fence.",
        ("Wood", "plant_tree"): "Plant a tree.",
        ("Wood", "water_tree"): "Water a tree.",
    }
    assert {tool.source: tool.about for tool in tools} == {"Park": "Everything in the park", "Wood": "A wood"}
    parameters = {tool.spec.name: tool.spec.input_schema["properties"] for tool in tools if tool.spec.input_schema}
    assert parameters["open_gate"] == {"gate": {"description": "Which gate."}}
    assert parameters["paint-fence"] == {"colour": {"description": "New."}}
    assert parameters["plant_tree"] == {"kind": {"description": "Which tree."}}
    assert [task.wanted for task in found] == [{"open_gate"}, {"open_gate", "count"}]
    assert {task.text for task in found} == {"I would like to see the park open"}


def test_restbench_has_operations_by_method_and_path(tmp_path: Path) -> None:
    operation = {"summary": "A gate", "description": "Tells of it.", "parameters": [{"$ref": "#/components/day"}]}
    described = {
        "components": {"day": {"name": "day", "description": "Which day."}},
        "paths": {"/gates/{gate}": {"parameters": [{"name": "gate"}], "get": operation, "summary": "no method"}},
    }
    asked = [
        {"query": "is it open", "solution": ["GET /gates/{gate}"]},
        {"query": "paint it", "solution": ["PUT /paint"]},
    ]
    folder = write(
        tmp_path,
        {
            "specs/tmdb_oas.json": described,
            "specs/spotify_oas.json": {"paths": {}},
            "datasets/tmdb.json": asked,
            "datasets/spotify.json": [],
        },
    )
    tools, tasks = restbench(folder)
    (tool,) = tools
    assert (tool.spec.name, tool.spec.description) == ("GET /gates/{gate}", "A gate. Tells of it.")
    assert tool.spec.input_schema["properties"] == {"gate": {"description": ""}, "day": {"description": "Which day."}}
    assert tasks == [Task("is it open", frozenset({"GET /gates/{gate}"}))]


def test_nestful_has_functions_of_hosts_and_what_a_request_calls(tmp_path: Path) -> None:
    files: dict[str, Any] = {}
    for part in ("executable/executable", "non-executable/non-executable-glaive", "non-executable/non-executable-sgd"):
        files[f"data/{part}-spec.json"] = files[f"data/{part}-data.json"] = []
    files["data/executable/executable-spec.json"] = [
        {"name": "gates", "description": "All gates.", "host": "park", "query_parameters": {"day": {"type": "string"}}},
        {"name": "birds.count", "description": "Counts.", "arguments": {"tree": {"description": "Which tree."}}},
    ]
    files["data/executable/executable-data.json"] = [
        {"input": "count them", "output": [{"name": "gates"}, {"name": "birds.count"}, {"name": "var_result"}]},
        {"input": "paint them", "output": [{"name": "paint"}]},
    ]
    tools, tasks = nestful(write(tmp_path, files))
    found = by_name(tools)
    assert {name: tool.source for name, tool in found.items()} == {"gates": "park", "birds.count": "birds"}
    assert found["birds.count"].spec.input_schema["properties"] == {"tree": {"description": "Which tree."}}
    assert tasks == [Task("count them", frozenset({"gates", "birds.count"}))]


def test_seal_tools_has_apis_of_fields_and_requests_for_two_or_more(tmp_path: Path) -> None:
    apis = [
        {"api_name": name, "api_description": "Tells.", "field": "Park/Gates", "parameters": {"day": {"type": "str"}}}
        for name in ("getGate", "getBird")
    ]
    both = {"query": "gates and birds", "calling": [{"api": "getGate"}, {"api": "getBird"}]}
    one = {"query": "gates", "calling": [{"api": "getGate"}]}
    folder = tmp_path / "Seal-Tools_Dataset"
    write(folder, {"tool.jsonl": lines(*apis), "dev.jsonl": lines(both, one), "test_in_domain.jsonl": lines()})
    tools, tasks = seal_tools(tmp_path)
    assert {tool.spec.name: tool.source for tool in tools} == {"getGate": "Park", "getBird": "Park"}
    assert tasks == [Task("gates and birds", frozenset({"getGate", "getBird"}))]
