"""A set of files is served as a whole; one with a mistake in it never replaces one without."""

import os
from pathlib import Path

import pytest
from toolyard_registry.agents.repository import Loader, load_repository
from toolyard_registry.plugins import load_plugins
from toolyard_registry.toolbox.collecting import Toolbox, open_toolbox

from tests.registry.test_plugins import GOOD
from tests.registry.toolbox.test_collecting import plain


@pytest.fixture
def root(tmp_path: Path) -> Path:
    for folder in ("agents", "prompts", "policies", "tools"):
        (tmp_path / folder).mkdir()
    (tmp_path / "agents/one.toml").write_text('prompt = "plain"\ntools = ["add"]\npolicy = "p"\n')
    (tmp_path / "agents/two.toml").write_text('instructions = "Second."\n')
    (tmp_path / "prompts/plain.md").write_text("First.\n")
    (tmp_path / "policies/p.toml").write_text('[[rule]]\nid = "a"\ndecision = "ask"\n')
    (tmp_path / "tools/sums.py").write_text(GOOD)
    return tmp_path


class Opening:
    """Opens toolboxes and counts them."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.count = 0

    def __call__(self) -> Toolbox:
        self.count += 1
        return open_toolbox(self.root, plugins=load_plugins(points=()))


def loader_of(root: Path) -> Loader:
    return Loader(root, Opening(root))


def test_all_agents_of_the_folder_are_read(root: Path) -> None:
    repository = load_repository(root, Opening(root)())
    assert repository.problems == ()
    assert list(repository.agents) == ["one", "two"]
    assert repository.agents["one"].instructions == "First."
    assert repository.agents["one"].tools[0].spec.name == "add"
    assert repository.agents["one"].policy.rules[0].id == "a"


def test_an_empty_folder_has_no_agents_and_no_problems(tmp_path: Path) -> None:
    repository = load_repository(tmp_path, Opening(tmp_path)())
    assert (repository.agents, repository.problems) == ({}, ())


def test_at_first_what_is_good_is_served_and_the_rest_is_told(root: Path) -> None:
    (root / "agents/one.toml").write_text('prompt = "plan"')
    (root / "agents/bad name.toml").write_text('instructions = "x"')
    (root / "policies/q.toml").write_text("[[rule]]\n")
    current = loader_of(root).current
    assert list(current.agents) == ["two"]
    told = {problem.path: problem.message for problem in current.problems}
    assert "did you mean `plain`?" in told["agents/one.toml"]
    assert "is no file name here" in told["agents/bad name.toml"]
    assert "is missing" in told["policies/q.toml"]


def test_a_broken_policy_or_prompt_is_not_said_to_be_missing_and_nothing_takes_its_place(root: Path) -> None:
    (root / "policies/default.toml").write_text("[[rule]]\n")
    (root / "prompts/plain.md").write_text("+++\n")
    (root / "agents/three.toml").write_text('instructions = "x"\npolicy = "default"\n')
    current = loader_of(root).current
    told = {problem.path: problem.message for problem in current.problems}
    assert "prompts/plain.md could not be read" in told["agents/one.toml"]
    assert "policies/default.toml could not be read" in told["agents/two.toml"], "its default policy is that one"
    assert "policies/default.toml could not be read" in told["agents/three.toml"]
    assert current.agents == {}


def test_a_change_is_seen_and_taken_over(root: Path) -> None:
    loader = loader_of(root)
    assert not loader.changed()
    before = loader.current
    (root / "prompts/plain.md").write_text("Changed, and longer.\n")
    assert loader.changed()
    assert loader.current is before
    assert loader.take(loader.read()) == ()
    assert not loader.changed()
    assert loader.current.agents["one"].instructions == "Changed, and longer."
    assert loader.current.agents["two"] == before.agents["two"]
    assert loader.current.agents["one"].digest != before.agents["one"].digest


def test_a_change_of_the_same_size_is_seen_by_its_time(root: Path) -> None:
    loader = loader_of(root)
    path = root / "prompts/plain.md"
    status = path.stat()
    path.write_text("Fir5t.\n")
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns + 1))
    assert loader.changed()


def test_added_and_removed_files_are_seen(root: Path) -> None:
    loader = loader_of(root)
    (root / "agents/three.toml").write_text('instructions = "Third."\n')
    assert loader.changed()
    loader.take(loader.read())
    (root / "agents/two.toml").unlink()
    assert loader.changed()
    loader.take(loader.read())
    assert list(loader.current.agents) == ["one", "three"]


@pytest.mark.parametrize(
    ("file", "text", "told"),
    [
        ("agents/two.toml", "instructions = \n", {"agents/two.toml"}),
        ("prompts/plain.md", "{{unknown}}", {"prompts/plain.md", "agents/one.toml"}),
        ("policies/p.toml", "[[rule]]\n", {"policies/p.toml", "agents/one.toml"}),
        ("tools/sums.py", "1 / 0\n", {"tools/sums.py", "agents/one.toml"}),
        ("tools/sums.py", GOOD.replace("def add", "def plus").replace("(add)", "(plus)"), {"agents/one.toml"}),
    ],
)
def test_a_bad_set_keeps_the_old_one_says_why_and_is_healed(root: Path, file: str, text: str, told: set[str]) -> None:
    loader = loader_of(root)
    good = loader.current
    was = (root / file).read_text()
    (root / "agents/three.toml").write_text('instructions = "Not yet."\n')
    (root / file).write_text(text)
    problems = loader.take(loader.read())
    assert {problem.path for problem in problems} == told
    assert loader.refused == problems
    assert loader.current is good
    assert not loader.changed(), "the same bad set is not read again and again"
    (root / file).write_text(was)
    assert loader.take(loader.read()) == ()
    assert loader.refused == ()
    assert list(loader.current.agents) == ["one", "three", "two"]


def test_tools_are_collected_again_only_when_a_tools_file_changed(root: Path) -> None:
    opening = Opening(root)
    loader = Loader(root, opening)
    toolbox = loader.current.toolbox
    (root / "prompts/plain.md").write_text("Other words.\n")
    loader.take(loader.read())
    assert (opening.count, loader.current.toolbox is toolbox) == (1, True)
    (root / "tools/sums.py").write_text(GOOD.replace("a + b", "a + b + 1"))
    loader.take(loader.read())
    assert opening.count == 2
    assert plain(loader.current.toolbox, "add", 1, 1) == 3
    assert plain(toolbox, "add", 1, 1) == 2, "a run that began before goes on with the tool it was pinned to"


def test_a_file_that_is_no_text_is_a_problem_and_not_a_crash(root: Path) -> None:
    (root / "agents/two.toml").write_bytes(b"\xff\xfe")
    (root / "prompts/folder.md").mkdir()
    repository = load_repository(root, Opening(root)())
    assert sorted(problem.path for problem in repository.problems) == ["agents/two.toml", "prompts/folder.md"]
