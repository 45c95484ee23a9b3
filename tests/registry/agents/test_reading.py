"""An agent's file becomes a release with everything pinned, or a mistake with its line."""

from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from toolyard_registry.agents.reading import AgentLimits, read_agent
from toolyard_registry.policy import make_policy
from toolyard_registry.prompts import read_prompt
from toolyard_registry.releases import AgentRelease, Rule, WindowSettings, seal, tool_release
from toolyard_sdk import Annotations, ConfigError, ToolSpec
from toolyard_sdk.events import Limits


def release_of(name: str, **annotations: bool) -> Any:
    return tool_release(
        ToolSpec(name, f"Do {name}.", {"type": "object"}, annotations=Annotations(**annotations)), "d", "1"
    )


TOOLS = {
    "files_write": release_of("files_write"),
    "files_read": release_of("files_read", read_only=True, destructive=False, idempotent=True),
    "calculate": release_of("calculate", read_only=True, destructive=False, idempotent=True),
}
PROMPTS = {
    "support": read_prompt(
        "+++\n[variables.company]\n[model_settings]\ntemperature = 0.5\nseed = 1\n+++\nWork for {{company}}.",
        "support",
        "prompts/support.md",
    )
}
POLICIES = {"strict": make_policy((Rule("no", "reject"),))}


def read(text: str, **there: Any) -> AgentRelease:
    given = {"tools": TOOLS, "prompts": PROMPTS, "policies": POLICIES, **there}
    return read_agent(text, "helper", "agents/helper.toml", **given)


def error_of(text: str) -> ConfigError:
    with pytest.raises(ConfigError) as caught:
        read(text)
    return caught.value


def test_the_shortest_agent_has_instructions_and_no_tools() -> None:
    agent = read('instructions = "Help."')
    assert (agent.name, agent.instructions, agent.tools, agent.model) == ("helper", "Help.", (), "")
    assert agent.policy == make_policy()
    assert agent.limits == Limits()
    assert agent == seal(agent)


def test_defaults_of_the_file_are_those_of_the_release() -> None:
    bare = AgentRelease(
        "", "", "", "", msgspec.structs.replace(read('instructions = "x"').settings), (), make_policy(), Limits()
    )
    told = msgspec.structs.asdict(AgentLimits())
    for name in Limits.__struct_fields__:
        assert told.pop(name) == getattr(bare.limits, name)
    for name, value in told.items():
        assert value == getattr(bare, name)


def test_everything_a_file_can_say_ends_up_in_the_release() -> None:
    agent = read("""
description = "Answers."
model = "local/org/model"
prompt = "support"
tools = ["files_*", "calculate", "files_read"]
policy = "strict"
on_disconnect = "continue"
[variables]
company = "ACME"
[limits]
turns = 2
seconds = 5
tool_seconds = 1.5
window_tokens = 100
approval_seconds = 60
[model_settings]
seed = 7
[tool.files_write]
description = "Write a file."
idempotent = true
""")
    assert agent.instructions == "Work for ACME."
    assert (agent.settings.temperature, agent.settings.seed) == (0.5, 7)
    assert [tool.spec.name for tool in agent.tools] == ["calculate", "files_read", "files_write"]
    assert agent.tools[2].effect == "idempotent"
    assert agent.tools[2].spec.description == "Write a file."
    assert agent.tools[2].digest != TOOLS["files_write"].digest
    assert agent.tools[0] == TOOLS["calculate"]
    assert agent.policy == POLICIES["strict"]
    assert (agent.limits.turns, agent.limits.seconds, agent.limits.repeats) == (2, 5.0, 3)
    assert (agent.tool_seconds, agent.window_tokens, agent.approval_seconds) == (1.5, 100, 60.0)
    assert (agent.model, agent.description, agent.on_disconnect) == ("local/org/model", "Answers.", "continue")


def test_the_default_policy_is_taken_where_there_is_one() -> None:
    policy = make_policy((Rule("all", "ask"),))
    assert read('instructions = "x"', policies={"default": policy}).policy == policy


def test_a_tool_pinned_as_not_read_only_is_trusted_with_nothing_else() -> None:
    agent = read('instructions = "x"\ntools = ["calculate"]\n[tool.calculate]\nread_only = false')
    assert agent.tools[0].spec.annotations == Annotations()
    agent = read('instructions = "x"\ntools = ["files_write"]\n[tool.files_write]\nread_only = true')
    assert agent.tools[0].spec.annotations == Annotations(read_only=True, destructive=False, idempotent=True)


@pytest.mark.parametrize("grant", ["mail_read", "mail_*"])
def test_a_grant_of_what_is_held_back_says_why_it_is(grant: str) -> None:
    with pytest.raises(ConfigError, match=r"mail_read has changed: see `toolyard tool waiting`"):
        read(
            f'instructions = "x"\ntools = ["{grant}"]',
            held={"mail_read": "mail_read has changed: see `toolyard tool waiting`"},
        )


@pytest.mark.parametrize(
    ("text", "line", "message"),
    [
        ('instrutions = "x"', 1, "unknown key `instrutions`; did you mean `instructions`?"),
        ('description = ""', 1, 'an agent needs instructions: write `instructions = "..."`, or `prompt = "NAME"`'),
        ('\ninstructions = " "', 2, 'an agent needs instructions: write `instructions = "..."`, or `prompt = "NAME"`'),
        (
            'instructions = "x"\nprompt = "support"',
            2,
            "`instructions` and `prompt` are two ways to say the same; keep one",
        ),
        ('instructions = "x"\nmodel = "qwen"', 2, '"qwen" is no model: write "provider/model", as in "local/qwen3-8b"'),
        (
            'instructions = "x"\ntools = [\n  "calculate",\n  "calulate",\n]',
            4,
            "`calulate` is no tool; did you mean `calculate`?",
        ),
        (
            'instructions = "x"\ntools = ["mail_*"]',
            2,
            "`mail_*` matches no tool; there is `calculate`, `files_read`, `files_write`",
        ),
        (
            'instructions = "x"\ntools = ["calculate"]\n[tool.files_read]\nread_only = true',
            3,
            "[tool.files_read] is about a tool that `tools` does not grant; there is `calculate`",
        ),
        ('\nprompt = "suport"', 2, "there is no prompts/suport.md; did you mean `support`?"),
        (
            'prompt = "support"\n[variables]\ncompany = "x"\ncomapny = "y"',
            4,
            "the prompt `support` has no variable `comapny`; did you mean `company`?",
        ),
        (
            'prompt = "support"\n[variables]\ncompany = 5',
            3,
            "the variable `company` of prompt `support` must be of type string",
        ),
        (
            'instructions = "x"\n[variables]\na = 1',
            2,
            "`variables` fill a prompt's places, and there is no `prompt` here",
        ),
        ('instructions = "x"\npolicy = "stict"', 2, "there is no policies/stict.toml; did you mean `strict`?"),
        ('instructions = "x"\n[limits]\nturns = 0', 3, "`limits.turns`: expected `int` >= 1"),
        (
            'instructions = "x"\non_disconnect = "stop"',
            2,
            '`on_disconnect` cannot be "stop"; there is `cancel`, `continue`',
        ),
    ],
)
def test_a_mistake_is_told_with_its_line_and_the_nearest_right_thing(text: str, line: int, message: str) -> None:
    error = error_of(text)
    assert (error.path, error.line, error.message) == ("agents/helper.toml", line, message)


def test_a_missing_variable_is_told_where_the_prompt_wants_it() -> None:
    error = error_of('prompt = "support"')
    assert (error.path, error.line) == ("prompts/support.md", 7)


@given(st.text("ab", min_size=1), st.integers(1, 3), st.text("ab", min_size=1), st.integers(1, 3))
def test_two_agents_have_one_digest_only_when_they_are_equal(one: str, turns: int, two: str, others: int) -> None:
    first = read(f'instructions = "{one}"\n[limits]\nturns = {turns}')
    second = read(f'instructions = "{two}"\n[limits]\nturns = {others}')
    assert (first.digest == second.digest) == ((one, turns) == (two, others)) == (first == second)


@pytest.mark.parametrize(
    ("table", "key", "most"),
    [
        ("limits", "seconds", 30 * 86_400),
        ("limits", "tool_seconds", 86_400),
        ("limits", "grace_seconds", 86_400),
        ("limits", "approval_seconds", 3650 * 86_400),
        ("limits", "turns", 2**31),
        ("limits", "tokens", 2**31),
        ("limits", "window_tokens", 2**31),
        ("model_settings", "temperature", 2),
        ("model_settings", "top_p", 1),
        ("model_settings", "max_output_tokens", 2**31),
    ],
)
def test_a_number_that_nothing_could_keep_to_is_refused_with_its_line(table: str, key: str, most: int) -> None:
    head = f'instructions = "x"\n\n[{table}]\n{key} = '
    read(head + str(most))
    for value in ("inf", "-inf", "nan", str(most + 1), "1" + "0" * 400, "9" * 5000):
        error = error_of(head + value)
        assert (error.path, error.line) == ("agents/helper.toml", 4)
        assert f"`{table}.{key}`" in error.message or "too long" in error.message


MANY = {name: release_of(name) for name in ("a", "b", "c", "d")}


def many(text: str, **there: Any) -> AgentRelease:
    return read(f'instructions = "x"\ntools = ["*"]\n{text}', tools=MANY, **there)


def test_an_agent_with_more_tools_than_a_turn_may_hold_is_granted_the_finder() -> None:
    release = many("[limits]\ntools_per_turn = 3")
    assert [tool.spec.name for tool in release.tools] == ["a", "b", "c", "d", "find_tools"]
    assert release.tools[-1].effect == "read_only"
    assert release.tools_per_turn == 3


def test_an_agent_whose_tools_fit_into_a_turn_is_not_granted_the_finder_and_is_what_it_was() -> None:
    release = many("[limits]\ntools_per_turn = 4")
    assert [tool.spec.name for tool in release.tools] == ["a", "b", "c", "d"]
    assert many("").digest == many("[limits]\ntools_per_turn = 40").digest


def test_what_is_always_offered_is_named_or_matched_among_what_is_granted() -> None:
    assert many('always = ["d", "[ab]", "a"]').always == ("a", "b", "d")


@pytest.mark.parametrize(
    ("text", "line", "message"),
    [
        (
            'always = ["a", "e"]',
            3,
            "`e` is always offered, and `tools` does not grant it; there is `a`, `b`, `c`, `d`",
        ),
        (
            'always = ["[abc]"]\n[limits]\ntools_per_turn = 3',
            3,
            "3 tools are always offered, which leaves no place for others: raise `tools_per_turn`",
        ),
        ("[limits]\ntools_per_turn = 1", 4, "`limits.tools_per_turn`: expected `int` >= 2"),
    ],
)
def test_what_cannot_be_always_offered_is_told_with_its_line(text: str, line: int, message: str) -> None:
    with pytest.raises(ConfigError) as caught:
        many(text)
    assert (caught.value.line, caught.value.message) == (line, message)


def test_a_granted_tool_cannot_have_the_finders_name_where_the_finder_is_needed() -> None:
    tools = {**MANY, "find_tools": release_of("find_tools")}
    text = 'instructions = "x"\ntools = ["*"]\n[limits]\ntools_per_turn = 3'
    with pytest.raises(ConfigError, match="the server adds its own `find_tools`") as caught:
        read(text, tools=tools)
    assert caught.value.line == 2
    assert len(read(text.replace("3", "5"), tools=tools).tools) == 5


def test_who_sums_up_a_long_conversation_is_part_of_the_release_and_nothing_else_of_it() -> None:
    plain = 'instructions = "Help."'
    asked = read(f'{plain}\n[window]\nsummaries = "model"\npinned = 2\n')
    assert asked.window == WindowSettings("model", 2)
    assert read(plain).window is None
    assert msgspec.structs.replace(asked, window=None, digest="") == msgspec.structs.replace(read(plain), digest="")


@pytest.mark.parametrize("line", ['summaries = "both"', "pinned = -1", "pinned = 101", "keep = 1"])
def test_what_a_window_cannot_be_told_is_refused_with_its_line(line: str) -> None:
    assert error_of(f'instructions = "Help."\n[window]\n{line}\n').line == 3
