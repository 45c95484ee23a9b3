"""`toolyard.toml` is refused with a line where it would fail a running server."""

from pathlib import Path

import pytest
from toolyard_runtime.config import read_config
from toolyard_sdk.errors import ConfigError


@pytest.mark.parametrize(
    "line",
    [
        "drain_seconds = 3601",
        "drain_seconds = inf",
        "drain_seconds = nan",
        'public_url = "toolyard.example"',
        'public_url = "ftp://toolyard.example"',
        'public_url = "https://"',
        'public_url = "https://a b"',
        'public_url = "https://a/?x=1"',
        'public_url = "https://a:99999"',
        'public_url = "https://[a"',
        'allowed_hosts = ["a", ""]',
        'allowed_hosts = [" "]',
    ],
)
def test_a_setting_that_could_not_work_is_refused_with_its_line(tmp_path: Path, line: str) -> None:
    (tmp_path / "toolyard.toml").write_text(f"[server]\nport = 0\n{line}\n")
    with pytest.raises(ConfigError) as caught:
        read_config(tmp_path)
    assert (caught.value.path, caught.value.line) == ("toolyard.toml", 3)
    assert line.split(" ", 1)[0] in caught.value.message


def test_what_works_is_taken(tmp_path: Path) -> None:
    text = '[server]\npublic_url = "https://a.example:8443"\nallowed_hosts = ["b.example", "*"]\ndrain_seconds = 3600\n'
    (tmp_path / "toolyard.toml").write_text(text)
    assert read_config(tmp_path).server.public_url == "https://a.example:8443"


@pytest.mark.parametrize(
    "line",
    ['hosts = ["a.example", "https://b.example"]', 'private = ["intranet"]', 'secrets = { key = ["*x.example"] }'],
)
def test_a_grant_that_could_not_be_meant_is_refused_with_its_line(tmp_path: Path, line: str) -> None:
    (tmp_path / "toolyard.toml").write_text(f"[egress.weather]\n\n{line}\n")
    with pytest.raises(ConfigError, match=r"\[egress\.weather\]") as caught:
        read_config(tmp_path)
    assert (caught.value.path, caught.value.line) == ("toolyard.toml", 3)
    assert line.split(" ", 1)[0] in caught.value.message
