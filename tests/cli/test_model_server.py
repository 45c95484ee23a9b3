"""`model check` and `model list` against a model server that answers as it was told."""

from pathlib import Path

from tests.cli.running import toolyard
from tests.cli.scripted import scripted


def test_a_check_of_nothing_says_what_to_do() -> None:
    done = toolyard("model", "check", "--url", "http://127.0.0.1:9/v1", "--seconds", "2")
    assert done.code == 1
    assert "failed  reachable" in done.out
    assert "start the server" in done.out


def test_a_check_prints_what_works_and_what_does_not() -> None:
    with scripted({"GET /v1/models": (200, {"data": [{"id": "qwen3"}]})}) as server:
        done = toolyard("model", "check", "--url", f"{server.url}/v1", "--seconds", "5")
    assert done.code == 1
    assert "ok      reachable" in done.out
    assert "ok      model" in done.out
    assert "failed  tool parser" in done.out


def test_without_an_address_those_of_the_repository_are_checked(tmp_path: Path) -> None:
    done = toolyard("model", "check", cwd=tmp_path)
    assert done.code == 1
    assert "toolyard model check --url" in done.err
    (tmp_path / "toolyard.toml").write_text('[providers.local]\nbase_url = "http://127.0.0.1:9/v1"\n')
    done = toolyard("model", "check", cwd=tmp_path)
    assert done.out.startswith("http://127.0.0.1:9/v1\n")


def test_a_key_is_named_never_written() -> None:
    done = toolyard("model", "check", "--url", "http://127.0.0.1:9/v1", "--key-env", "NO_SUCH_KEY")
    assert done.code == 1
    assert "NO_SUCH_KEY is not set" in done.err
    with scripted({"GET /v1/models": (401, {})}) as server:
        toolyard("model", "check", "--url", f"{server.url}/v1", "--key-env", "SOME_KEY", SOME_KEY="secret")
        assert server.asked[0][3]["Authorization"] == "Bearer secret"


def test_models_are_listed_by_their_ids() -> None:
    with scripted({"GET /v1/models": (200, {"data": [{"id": "support", "owned_by": "toolyard"}]})}) as server:
        done = toolyard("model", "list", "--url", server.url)
    assert done.out.splitlines()[1].split("\t")[0] == "support"
