"""A tool author at work: a package is made, called, shown as a model sees it, and held to what agents rely on."""

import json
import subprocess
import sys
from pathlib import Path
from textwrap import dedent

import pytest

from tests.cli.running import as_process, environment, toolyard
from tests.cli.scripted import scripted


@pytest.fixture
def weather(tmp_path: Path) -> Path:
    """Return the folder of a new package."""
    done = toolyard("tool", "new", "weather", cwd=tmp_path)
    assert done.code == 0, done.err
    return tmp_path / "weather"


def rewritten(package: Path, old: str, new: str) -> None:
    """Edit the package's module as its author would."""
    module = package / package.name / "__init__.py"
    text = module.read_text()
    assert old in text
    module.write_text(text.replace(old, new))


def lone(folder: Path, body: str) -> str:
    """Write a file with one tool and return its name."""
    (folder / "lone.py").write_text("from toolyard_sdk import ToolContext, ToolError, tool\n\n\n" + dedent(body))
    return "lone.py"


def test_a_new_package_has_what_it_needs_and_passes_its_own_tests(weather: Path) -> None:
    files = sorted(str(path.relative_to(weather)) for path in weather.rglob("*") if path.is_file())
    assert files == [
        ".gitignore",
        "README.md",
        "pyproject.toml",
        "tests/test_weather.py",
        "weather/__init__.py",
        "weather/py.typed",
    ]
    command = [sys.executable, "-m", "pytest", "-p", "no:asyncio", "-p", "no:cacheprovider", "-W", "error"]
    done = subprocess.run(
        command, cwd=weather, env=environment(), capture_output=True, text=True, check=False, timeout=60
    )
    assert done.returncode == 0, done.stdout
    assert " passed" in done.stdout


def test_nothing_is_written_over_a_folder_that_is_there(weather: Path) -> None:
    (weather / "README.md").write_text("mine")
    done = toolyard("tool", "new", "weather", cwd=weather.parent)
    assert (done.code, (weather / "README.md").read_text()) == (1, "mine")
    assert "already there" in done.err


@pytest.mark.parametrize("name", ["json", "class", "Weather", "2go", "a b", "", "toolyard-x", "a__b", "x" * 65, "é"])
def test_a_name_that_cannot_be_one_is_refused_and_nothing_is_written(name: str, tmp_path: Path) -> None:
    done = toolyard("tool", "new", name, cwd=tmp_path)
    assert done.code == 1
    assert done.err.startswith("toolyard: ")
    assert list(tmp_path.iterdir()) == []


def test_a_name_with_a_dash_is_a_module_with_an_underscore(tmp_path: Path) -> None:
    assert toolyard("tool", "new", "tide-table", cwd=tmp_path).code == 0
    done = toolyard("tool", "call", "tide_table", '{"city": "Lima"}', cwd=tmp_path / "tide-table")
    assert (done.code, json.loads(done.out)["city"]) == (0, "Lima")


def test_a_call_prints_the_result_alone_and_says_beside_it_how_long_it_took(weather: Path) -> None:
    done = toolyard("tool", "call", "weather", '{"city": "Oslo"}', cwd=weather / "tests")
    assert (done.code, done.out) == (0, '{"city":"Oslo","temperature":7,"unit":"celsius"}\n')
    assert done.err.startswith("returned after ")
    assert done.err.endswith(" ms\n")


def test_a_call_as_json_holds_the_structure_for_programs(weather: Path) -> None:
    done = toolyard("tool", "call", "weather", "-", "--json", cwd=weather, stdin='{"city": "Oslo"}')
    shown = json.loads(done.out)
    assert shown["structured"] == {"city": "Oslo", "temperature": 7, "unit": "celsius"}
    assert (shown["is_error"], shown["duration_us"] > 0) == (False, True)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ('{"city": "Atlantis"}', "the cities are Bergen"),
        ('{"town": "Oslo"}', "unknown field `town`"),
        ('{"city": 7}', "at `$.city`"),
        ("{}", "missing required field `city`"),
        ("{city", "invalid JSON"),
        ("[1]", "invalid JSON"),
    ],
)
def test_an_error_is_shown_as_a_model_reads_it_and_ends_with_1(weather: Path, arguments: str, words: str) -> None:
    done = toolyard("tool", "call", "weather", arguments, cwd=weather)
    assert done.code == 1
    assert words in done.out
    assert done.err.startswith("an error after ")


def test_an_exception_and_a_call_without_an_end_are_results_too(tmp_path: Path) -> None:
    lone(
        tmp_path,
        '''
        import asyncio


        @tool(read_only=True)
        async def stall(seconds: float) -> str:
            """Wait for some seconds, unless they are none."""
            await asyncio.sleep(seconds)
            return f"{1 / seconds}"
        ''',
    )
    failed = toolyard("tool", "call", "stall", '{"seconds": 0}', "--from", "lone.py", cwd=tmp_path)
    assert (failed.code, failed.out) == (1, "stall failed: ZeroDivisionError: float division by zero\n")
    late = toolyard("tool", "call", "stall", '{"seconds": 9}', "--from", "lone.py", "--seconds", "0.1", cwd=tmp_path)
    assert (late.code, late.out) == (1, "stall did not return within 0.1 seconds and was given up.\n")


def test_a_tool_that_is_not_there_is_told_with_the_nearest(weather: Path) -> None:
    done = toolyard("tool", "call", "wether", cwd=weather)
    assert (done.code, done.err) == (1, "toolyard: there is no tool wether here; did you mean `weather`?\n")


def test_a_mistake_in_the_package_is_told_with_file_and_line(weather: Path) -> None:
    rewritten(weather, "celsius = MEAN", "celsius == = MEAN")
    done = toolyard("tool", "call", "weather", "{}", cwd=weather)
    assert done.code == 1
    assert "! weather/__init__.py:33: SyntaxError: invalid syntax" in done.err


def test_every_call_reads_the_files_as_they_are(weather: Path) -> None:
    for degrees in (8, 9, 10):
        rewritten(weather, f'"Oslo": {degrees - 1}', f'"Oslo": {degrees}')
        assert f":{degrees}," in toolyard("tool", "call", "weather", '{"city": "Oslo"}', cwd=weather).out


def test_the_tools_of_a_repository_and_of_plugins_can_be_called_too(tmp_path: Path) -> None:
    assert toolyard("new", "shop", cwd=tmp_path).code == 0
    done = toolyard("tool", "call", "reading_time", '{"text": "a b", "words_per_minute": 4}', cwd=tmp_path / "shop")
    assert (done.code, done.out) == (0, "0.5\n")
    assert toolyard("tool", "call", "calculate", '{"expression": "6 * 7"}', cwd=tmp_path).code == 0
    assert toolyard("tool", "call", "reading_time", "{}", "--from", str(tmp_path), cwd=tmp_path).code == 1


def test_a_tool_reaches_only_the_hosts_it_is_allowed(tmp_path: Path) -> None:
    lone(
        tmp_path,
        '''
        @tool(read_only=True)
        async def status(url: str, context: ToolContext) -> int:
            """Tell the HTTP status of a page."""
            return (await context.egress.request("GET", url)).status
        ''',
    )
    with scripted({"GET /": (200, {})}) as server:
        call = ("tool", "call", "status", json.dumps({"url": server.url + "/"}), "--from", "lone.py")
        refused = toolyard(*call, cwd=tmp_path)
        assert refused.code == 1
        assert "was not sent" in refused.out
        assert server.asked == []
        allowed = toolyard(*call, "--allow", server.url.removeprefix("http://"), cwd=tmp_path)
        assert (allowed.code, allowed.out) == (0, "200\n"), allowed
    assert toolyard(*call, "--allow", "http://x/y", cwd=tmp_path).code == 1


def test_a_tool_is_shown_as_it_is_sent_with_a_guess_of_its_cost_that_says_so(weather: Path) -> None:
    done = toolyard("tool", "test", cwd=weather)
    assert done.code == 0, done.out
    sent = json.loads(done.out[done.out.index("{") : done.out.rindex("}") + 1])
    assert list(sent["function"]) == ["name", "description", "parameters"]
    assert list(sent["function"]["parameters"]["properties"]) == ["city", "unit"]
    guess = -(-len(json.dumps(sent, separators=(",", ":"))) // 4)
    assert f"About {guess} tokens in every request that offers it (a guess by length" in done.out
    assert "It conforms" in done.out


VAGUE = '''
@tool
def thing(a: int, b: int, c: int, d: int, e: int, f: int, g: int, h: int, i: int) -> str:
    """Process the data and return the result."""
    return "done"
'''


def test_what_agents_will_stumble_over_is_told_and_ends_with_1(tmp_path: Path) -> None:
    done = toolyard("tool", "test", lone(tmp_path, VAGUE), cwd=tmp_path)
    assert done.code == 1
    assert "error: parameter 'a' has no description" in done.out
    assert "advice: the description is vague" in done.out
    assert "advice: 9 parameters" in done.out
    assert "9 to repair, 2 to consider." in done.out


def test_a_tool_with_side_effects_is_called_only_with_an_example(tmp_path: Path) -> None:
    lone(
        tmp_path,
        '''
        @tool
        def note(text: str) -> None:
            """Write a line of text into the diary.

            Args:
                text: The line.
            """
            with open("diary", "a") as file:
                file.write(text)
            raise RuntimeError("the ink is dry")
        ''',
    )
    assert toolyard("tool", "test", "lone.py", cwd=tmp_path).code == 0
    assert not (tmp_path / "diary").exists()
    done = toolyard("tool", "test", "lone.py", "--example", "note", '{"text": "x"}', cwd=tmp_path)
    assert done.code == 1
    assert "the ink is dry" in done.out
    (tmp_path / "diary").unlink()
    example = ("--example", "note", '{"text": "x"}')
    assert toolyard("tool", "test", "lone.py", *example, "--no-call", cwd=tmp_path).code == 0
    assert not (tmp_path / "diary").exists()
    assert toolyard("tool", "test", "lone.py", "--example", "note", "[1]", cwd=tmp_path).code == 2


def test_a_definition_that_differs_from_process_to_process_is_found(tmp_path: Path) -> None:
    lone(
        tmp_path,
        """
        @tool(read_only=True, description=f"Choose one of the colours {set('abcdefgh')}, of which there are eight.")
        def choose() -> str:
            return "red"
        """,
    )
    done = toolyard("tool", "test", "lone.py", cwd=tmp_path)
    assert done.code == 1
    assert "differs from process to process" in done.out


def counting(per_tool: int) -> object:
    return lambda body: {"count": 10 + per_tool * len(body.get("tools", ()))}


def test_a_model_server_counts_the_tokens_that_a_request_grows_by(weather: Path) -> None:
    models = {"GET /v1/models": (200, {"data": [{"id": "qwen"}]})}
    with scripted({**models, "POST /tokenize": (200, counting(77))}) as vllm:
        done = toolyard("tool", "test", "--model-url", f"{vllm.url}/v1", cwd=weather)
        assert vllm.bodies("POST /tokenize")[1]["tools"][0]["function"]["name"] == "weather"
    assert "77 tokens in a request that offers it alone, counted by qwen." in done.out


def test_a_llama_server_counts_them_by_its_template(weather: Path) -> None:
    answers = {
        "GET /v1/models": (200, {"data": [{"id": "llama"}]}),
        "POST /apply-template": (200, lambda body: {"prompt": "hello" + " tool" * len(body.get("tools", ()))}),
        "POST /tokenize": (200, lambda body: {"tokens": list(body.get("content", ""))}),
    }
    with scripted(answers) as server:
        done = toolyard("tool", "test", "--model-url", server.url, cwd=weather)
    assert "5 tokens in a request that offers it alone, counted by llama." in done.out


def test_where_nobody_counts_the_guess_says_why(weather: Path) -> None:
    with scripted({"GET /v1/models": (200, {"data": [{"id": "m"}]})}) as server:
        done = toolyard("tool", "test", "--model-url", server.url, cwd=weather)
    assert done.code == 0
    assert "a guess by length: the model server does not count tokens" in done.out
    assert toolyard("tool", "test", "--model-url", "http://127.0.0.1:1/v1", cwd=weather).code == 1


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("find_tools", "'find_tools' means something to the server itself"),
        ("read-result", "'read_result' means something to the server itself"),
        ("off", "'off' means something to the server itself"),
        ("1st", "a letter first"),
    ],
)
def test_a_package_that_could_not_be_published_is_not_made(tmp_path: Path, name: str, words: str) -> None:
    done = toolyard("tool", "new", name, cwd=tmp_path)
    assert (done.code, words in done.err) == (1, True), done
    assert list(tmp_path.iterdir()) == []


def test_a_place_without_tools_of_its_own_is_told(tmp_path: Path) -> None:
    done = toolyard("tool", "test", cwd=tmp_path)
    assert done.code == 1
    assert "There is no tool of your own in installed plugins" in done.err
    assert "calculate" in toolyard("tool", "test", "--tool", "calculate", cwd=tmp_path).out


def test_dev_outside_a_package_says_how_to_make_one(tmp_path: Path) -> None:
    done = as_process("tool", "dev", cwd=tmp_path)
    assert done.code == 1
    assert "toolyard tool new" in done.err
