"""Whatever is wrong with a TOML file is told with its file, its line and what to write instead."""

from pathlib import Path
from typing import Annotated, Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import Meta, Struct
from toolyard_registry.toml.located import decode, line_of, load
from toolyard_sdk.errors import ConfigError


class Provider(Struct, frozen=True, forbid_unknown_fields=True):
    base_url: str
    profile: Literal["vllm", "openai"] = "vllm"
    retries: Annotated[int, Meta(ge=1)] = 4


class Server(Struct, frozen=True, forbid_unknown_fields=True):
    host: str = "127.0.0.1"
    port: int = 8700


class Config(Struct, frozen=True, forbid_unknown_fields=True):
    server: Server = Server()
    providers: dict[str, Provider] = {}
    mirrors: tuple[Provider, ...] = ()
    backup: Provider | None = None
    tools: list[str] = []
    pair: tuple[int, str] = (0, "")


def error_of(text: str) -> ConfigError:
    with pytest.raises(ConfigError) as caught:
        decode(text, Config, "toolyard.toml")
    return caught.value


@pytest.mark.parametrize(
    ("text", "line", "message"),
    [
        ("[server]\n\nprot = 1\n", 3, "unknown key `prot` in [server]; did you mean `port`?"),
        ("sever = {}\n", 1, "unknown key `sever`; did you mean `server`?"),
        ("[server]\nport = 1\nporter = 2", 3, "unknown key `porter` in [server]; there is `host`"),
        ('\n[providers.local]\nprofile = "vllm"', 2, "the key `base_url` is missing in [providers.local]"),
        ('[server]\nport = "80"\n', 2, "`server.port`: expected `int`, got `str`"),
        ('[providers."my gpu"]\nbase_url = 1\n', 2, '`providers."my gpu".base_url`: expected `str`, got `int`'),
        (
            '[providers.a]\nbase_url = ""\nprofile = "vlm"',
            3,
            '`providers.a.profile` cannot be "vlm"; did you mean `vllm`?',
        ),
        ('[providers.a]\nbase_url = ""\nretries = 0', 3, "`providers.a.retries`: expected `int` >= 1"),
        (
            '[[mirrors]]\nbase_url = ""\n[[mirrors]]\nbase_uri = ""\n',
            3,
            "the key `base_url` is missing in [mirrors[1]]",
        ),
        ('backup = { base_url = "", retry = 1 }', 1, "unknown key `retry` in [backup]; did you mean `retries`?"),
        ('tools = [\n  "a",\n  7,\n]', 3, "`tools[1]`: expected `str`, got `int`"),
        ("server = 1", 1, "`server`: expected `object`, got `int`"),
        ("pair = [1]", 1, "`pair`: expected `array` of length 2, got 1"),
        ('pair = ["x", 1]', 1, "`pair[0]`: expected `int`, got `str`"),
    ],
)
def test_a_mistake_names_its_line_and_the_cure(text: str, line: int, message: str) -> None:
    error = error_of(text)
    assert (error.path, error.line, error.message) == ("toolyard.toml", line, message)
    assert str(error) == f"toolyard.toml:{line}: {message}"


def test_of_several_mistakes_the_first_in_the_file_is_told() -> None:
    error = error_of('[server]\nport = 1\nhots = "x"\n[providers.a]\nbase_url = 5\n')
    assert error.line == 3


@pytest.mark.parametrize(
    ("text", "line", "word"),
    [
        ("a = 1\nb = \n", 2, "value"),
        ("a = 1\na = 2\n", 2, "overwrite"),
        ('a = """\nopen\n\n', 2, "the file ends here"),
        ("[server\n", 1, "expected"),
        ("[server", 1, "expected"),
    ],
)
def test_a_syntax_error_names_its_line(text: str, line: int, word: str) -> None:
    error = error_of(text)
    assert error.line == line
    assert error.message.startswith("not valid TOML: ")
    assert word in error.message.lower()
    assert "(at " not in error.message


def test_front_matter_counts_lines_from_where_it_stands() -> None:
    with pytest.raises(ConfigError) as caught:
        decode("\nhots = 1", Server, "x", first_line=10)
    assert caught.value.line == 11
    with pytest.raises(ConfigError) as caught:
        decode("\nhost == 1", Server, "x", first_line=10)
    assert caught.value.line == 11


def test_a_good_file_is_read(tmp_path: Path) -> None:
    (tmp_path / "good.toml").write_bytes(b"\xef\xbb\xbf[server]\r\nport = 1\r\n")
    assert load(tmp_path / "good.toml", Config).server.port == 1


def test_a_file_that_is_missing_a_folder_or_no_text_is_told_by_its_path(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"none\.toml: there is no such file"):
        load(tmp_path / "none.toml", Config)
    with pytest.raises(ConfigError, match="cannot be read"):
        load(tmp_path, Config)
    (tmp_path / "latin.toml").write_bytes(b"a = 1\nb = '\xe9'\n")
    with pytest.raises(ConfigError, match=r"^latin:2: this is not UTF-8"):
        load(tmp_path / "latin.toml", Config, shown="latin")


def test_a_key_that_is_left_out_is_looked_for_at_its_table() -> None:
    text = "\n[limits]\nturns = 1\n"
    assert line_of(text, "limits", "seconds") == 2
    assert line_of(text, "nothing") == 1


def misfit(text: str) -> ConfigError | None:
    """Return what is wrong with a text; any other exception is a failure."""
    try:
        decode(text, Config)
    except ConfigError as error:
        return error
    return None


@given(st.text(max_size=60))
def test_no_text_raises_anything_but_a_config_error_with_a_line(text: str) -> None:
    error = misfit(text)
    assert error is None or 1 <= error.line <= text.count("\n") + 1


@given(
    st.recursive(
        st.integers(0, 9) | st.text("ab", max_size=2) | st.booleans(),
        lambda inner: (
            st.lists(inner, max_size=2)
            | st.dictionaries(st.sampled_from(["server", "port", "base_url", "tools", "x"]), inner, max_size=3)
        ),
        max_leaves=6,
    ),
    st.sampled_from(["server", "providers", "mirrors", "backup", "tools", "pair", "other"]),
)
def test_every_misfit_is_placed(value: object, key: str) -> None:
    def toml(value: object) -> str:
        if isinstance(value, bool):
            return str(value).lower()
        if isinstance(value, dict):
            return "{" + ", ".join(f"{key} = {toml(child)}" for key, child in value.items()) + "}"
        if isinstance(value, list):
            return "[" + ", ".join(map(toml, value)) + "]"
        return repr(value)

    error = misfit(f"\n{key} = {toml(value)}\n")
    assert error is None or (error.line == 2 and error.message and "$" not in error.message)
