"""A package goes from its first line to an agent that is locked to it, by the commands that people type."""

import stat
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cli.running import Outcome, toolyard
from tests.cli.serving import serving

QUICK = "\n[environments]\ncheck_published = false\n"


class Bench:
    """A served repository, a tool package beside it, and an author's settings."""

    def __init__(self, folder: Path) -> None:
        self.repository = folder / "desk"
        self.package = folder / "weather"
        self.key = folder / "settings" / "toolyard" / "signing.key"
        self._settings = str(folder / "settings")

    def run(self, *arguments: str, cwd: Path | None = None, stdin: str = "") -> Outcome:
        return toolyard(*arguments, cwd=cwd or self.repository, stdin=stdin, XDG_CONFIG_HOME=self._settings)

    def publish(self, version: str, *more: str) -> Outcome:
        project = self.package / "pyproject.toml"
        lines = project.read_text().splitlines()
        changed = [f'version = "{version}"' if line.startswith("version = ") else line for line in lines]
        project.write_text("\n".join(changed) + "\n")
        return self.run("tool", "publish", "--repo", str(self.repository), *more, cwd=self.package)


@pytest.fixture(scope="module")
def bench(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bench]:
    made = Bench(tmp_path_factory.mktemp("publishing"))
    assert toolyard("new", "desk", cwd=made.repository.parent).code == 0
    assert toolyard("tool", "new", "weather", cwd=made.repository.parent).code == 0
    with (made.repository / "toolyard.toml").open("a") as file:
        file.write(QUICK)
    with serving(made.repository):
        yield made


def test_a_package_is_published_shown_compared_and_withdrawn(bench: Bench) -> None:
    first = bench.publish("0.1.0")
    assert (first.code, first.out.startswith("Published weather@0.1.0  sha256:")) == (0, True), first
    assert "Made a signing key" in first.err
    assert "! nobody has loaded the wheel, its manifest is believed: this server loads no wheel" in first.err
    listed = bench.run("tool", "show", "weather")
    assert "not loaded" in listed.out
    assert "! weather@0.1.0 was published unchecked: this server loads no wheel that is published" in listed.err
    assert stat.S_IMODE(bench.key.stat().st_mode) == 0o600
    again = bench.publish("0.1.0")
    assert again.out.startswith("Already there, the same: weather@0.1.0")
    assert "Made a signing key" not in again.err

    module = bench.package / "weather" / "__init__.py"
    module.write_text(module.read_text().replace("city: str", "town: str").replace("city:", "town:"))
    refused = bench.publish("0.1.1")
    assert refused.code == 1
    assert "Publish it as 0.2.0 or later" in refused.err
    released = bench.publish("0.2.0")
    assert "a major change over the release before" in released.out

    assert "stable=0.2.0" in bench.run("tool", "list").out
    assert "weather@0.1.0" in bench.run("tool", "show", "weather@^0.1").out.splitlines()[0]
    diff = bench.run("tool", "diff", "weather@0.1.0", "0.2.0").out
    assert diff.startswith("0.1.0 -> 0.2.0: major change")
    assert "input_schema.properties.town" in diff
    assert bench.run("tool", "move", "weather@0.1.0", "stable").out == "weather@stable is 0.1.0 (it was 0.2.0).\n"
    assert "is deprecated" in bench.run("tool", "deprecate", "weather@0.2.0", "--reason", "use 0.1").out

    adrift = "! `weather@stable` is 0.1.0, which is withdrawn: agents that name it are not served"
    assert adrift in bench.run("tool", "yank", "weather@0.1.0", "--reason", "old", "--yes").err
    assert adrift in bench.publish("0.1.5", "--channel", "beta", "--force").err
    assert adrift in bench.run("tool", "move", "weather@0.2.0", "beta").err
    assert adrift in bench.run("tool", "show", "weather").err
    assert bench.run("tool", "move", "weather@0.2.0", "stable").err == ""
    bench.run("tool", "restore", "weather@0.1.0")

    shown = bench.run("tool", "yank", "weather@0.2.0", "--dry-run")
    assert shown.out == "Nothing hangs on weather@0.2.0: no agent holds it, and no run has called it.\n"
    assert "Say why" in bench.run("tool", "yank", "weather@0.2.0").err
    gone = bench.run("tool", "yank", "weather@0.2.0", "--reason", "leaks", "--yes")
    assert "Withdrew weather@0.2.0" in gone.out
    assert "leaks" in bench.run("tool", "show", "weather").out
    assert bench.run("tool", "restore", "weather@0.2.0").out == "weather@0.2.0 is active.\n"

    picture = bench.run("tool", "badge", "weather").out
    assert picture.startswith("<svg")
    assert "weather: 0.2.0" in picture
    assert bench.run("tool", "badge", "weather", "--markdown").out.startswith(
        "![weather 0.2.0](data:image/svg+xml;base64,"
    )
    exported = bench.run("tool", "export", "weather", "--namespace", "io.github.acme").out
    assert '"name": "io.github.acme/weather"' in exported
    assert "nothing waits" in bench.run("tool", "waiting").err


def test_a_lock_is_written_checked_and_told_to_be_stale(bench: Bench) -> None:
    missing = bench.run("lock", "--check")
    assert (missing.code, "is not there" in missing.err) == (1, True)
    assert bench.run("lock").out == "Wrote agent.lock.\n"
    assert bench.run("lock").out == "agent.lock is up to date.\n"
    assert bench.run("lock", "--check").code == 0
    prompt = bench.repository / "prompts" / "assistant.md"
    prompt.write_text(prompt.read_text() + "\nBe brief.\n")
    stale = bench.run("lock", "--check")
    assert stale.code == 1
    assert "agent.lock is stale: the prompt assistant has changed; the agent assistant has changed" in stale.err


def test_a_signing_key_that_others_may_read_is_refused(bench: Bench) -> None:
    bench.publish("0.1.0")  # which makes a key where there is none
    bench.key.chmod(0o644)
    try:
        refused = bench.publish("0.9.0")
    finally:
        bench.key.chmod(0o600)
    assert refused.code == 1
    assert "others may read the signing key" in refused.err


def test_a_source_is_added_with_what_is_there_left_as_it_was(bench: Bench, tmp_path: Path) -> None:
    settings = bench.repository / "toolyard.toml"
    before = settings.read_text()
    server = tmp_path / "server.json"
    server.write_text(
        '{"name":"io.github.acme/never","description":"x","version":"1.0.0","packages":[{"registryType":"pypi",'
        '"identifier":"never","transport":{"type":"stdio"},"runtimeHint":"python3"}]}'
    )
    asked = bench.run("tool", "add", "--server-json", str(server))
    assert (asked.code, "It is started by: python3 never" in asked.out) == (1, True), asked
    assert settings.read_text() == before
    assert "'we ird' is no name of a source" in bench.run("tool", "add", "we ird", "--server-json", str(server)).err
    refused = bench.run("tool", "add", "--server-json", str(server), "--yes")
    assert (refused.code, "It offers no tool, so it is not added" in refused.err) == (1, True), refused
    assert settings.read_text() == before
    added = bench.run("tool", "add", "--server-json", str(server), stdin="y\ny\n")
    assert added.code == 0, added
    after = settings.read_text()
    assert after.startswith(before)
    assert '[sources.never]\nkind = "mcp"' in after
    assert "is there already" in bench.run("tool", "add", "--server-json", str(server), "--yes").err
    assert "say one of" in bench.run("tool", "add", "x").err
    taken = bench.run("tool", "add", "clock", "--mcp", "https://clock.example.org/mcp", "--yes")
    assert "a plugin or a tool file is called clock already" in taken.err
    settings.write_text(before)


def test_what_is_no_package_is_told(bench: Bench, tmp_path: Path) -> None:
    refused = bench.run("tool", "publish", str(tmp_path), "--repo", str(bench.repository))
    assert refused.code == 1
    assert "there is no tool package" in refused.err
