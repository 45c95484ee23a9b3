"""The table of an MCP source is read, or refused with the key that is wrong and what to write instead."""

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from toolyard_registry.plugins import load_plugins
from toolyard_registry.sources.mcp.settings import read_settings
from toolyard_sdk.errors import ConfigError


def refusal(table: dict[str, Any], root: Path) -> str:
    with pytest.raises(ConfigError) as caught:
        read_settings("it", table, root)
    return str(caught.value)


def test_a_command_is_a_list_or_shell_words_and_its_folder_is_below_the_repository(tmp_path: Path) -> None:
    (tmp_path / "sub").mkdir()
    settings = read_settings("it", {"command": "serve --name 'two words'", "cwd": "sub"}, tmp_path)
    assert settings.arguments == ("serve", "--name", "two words")
    assert settings.cwd == str(tmp_path / "sub")
    assert read_settings("it", {"command": ["serve"]}, tmp_path).cwd == str(tmp_path)


@pytest.mark.parametrize(
    ("table", "words"),
    [
        ({}, "write either `command` (a server to start) or `url`"),
        ({"command": "a", "url": "http://a"}, "write either `command`"),
        ({"command": "a 'b"}, "`command` is no shell words"),
        ({"comand": "a"}, "comand"),
        ({"command": 5}, "$.command"),
        ({"command": ["a", "b\0"]}, "holds a zero byte"),
        ({"command": "a", "headers": {"x": "y"}}, "`headers` has no effect together with `command`"),
        ({"url": "http://a", "env": {"x": "y"}}, "`env` has no effect together with `url`"),
        ({"command": "a", "env": {"a b": "c"}}, "`env` cannot set 'a b'"),
        ({"command": "a", "cwd": "nowhere"}, "`cwd` is no folder"),
        ({"url": "ftp://a"}, "`url` is no http(s) address"),
        ({"url": "http://"}, "`url` is no http(s) address"),
        ({"url": "http://a b"}, "`url` is no http(s) address"),
        ({"url": "http://[::1"}, "`url` is no http(s) address"),
        ({"url": "http://me:secret@a"}, "credentials belong into `headers`"),
        ({"url": "http://a", "headers": {"a b": "c"}}, "`headers` cannot set 'a b'"),
        ({"url": "http://a", "headers": {"a": "b\r\nc"}}, "`headers` cannot set 'a'"),
        ({"url": "http://a", "headers": {"Host": "b"}}, "it is set by the protocol"),
        ({"url": "http://a", "timeout": 0}, "$.timeout"),
        ({"url": "http://a", "max_bytes": 1}, "$.max_bytes"),
        ({"url": "http://a", "oauth": {}}, "callback"),
        ({"url": "http://a", "oauth": {"callback": "b"}}, "`oauth.callback` is no http(s) address"),
        ({"url": "http://a", "oauth": {"callback": "http://b", "client_metadata": "http://c/d"}}, "no https address"),
        (
            {"url": "http://a", "oauth": {"callback": "http://b"}, "headers": {"Authorization": "c"}},
            "`headers` cannot set Authorization",
        ),
    ],
)
def test_a_table_that_cannot_be_used_names_its_key(table: dict[str, Any], words: str, tmp_path: Path) -> None:
    told = refusal(table, tmp_path)
    assert told.startswith("toolyard.toml: [sources.it]: ")
    assert words in told


def test_the_kind_is_there_and_making_a_source_loads_no_sdk(tmp_path: Path) -> None:
    code = f"""
import subprocess
import sys
from pathlib import Path
from toolyard_registry.plugins import load_plugins
kinds = {{}}
load_plugins().hooks.hook.register_sources(register=kinds.__setitem__)
table = {{"command": "serve"}}
source = kinds["mcp"](name="it", settings=table, root=Path({str(tmp_path)!r}), egress=None, secrets=None)
assert source.origin == "mcp:it" and source.supply.tools == ()
print(sorted(name for name in ("mcp", "pydantic_core", "httpx2", "jsonschema_rs") if name in sys.modules))
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout.strip() == "[]"
    assert load_plugins().problems == ()
