"""A policy decides by its first rule that holds; without one, only what is read-only goes ahead."""

import timeit
from fnmatch import fnmatchcase
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from toolyard_registry.policy import decide, make_policy, read_policy, reason_of
from toolyard_registry.releases import PolicyCall, Rule
from toolyard_sdk import Annotations, ConfigError

READS = Annotations(read_only=True, destructive=False, idempotent=True)


def call(tool: str = "write_file", *, reads: bool = False, tenant: str = "t", **arguments: Any) -> PolicyCall:
    return PolicyCall(tool, "support", tenant, frozenset({"user"}), READS if reads else Annotations(), arguments)


def ruling(rule: Rule, asked: PolicyCall) -> bool:
    """Tell whether the rule decided."""
    return decide(make_policy((rule,)), asked)[1] == rule.id


def test_without_rules_what_is_read_only_is_approved_and_all_else_asks() -> None:
    assert decide(make_policy(), call(reads=True))[:2] == ("approve", "default.read_only")
    assert decide(make_policy(), call())[:2] == ("ask", "default.ask")


def test_the_first_rule_that_holds_decides_with_its_reason() -> None:
    policy = make_policy(
        (
            Rule("no", "reject", tool="read_*", reason="never"),
            Rule("secret", "reject", arguments={"path": "*.env"}, reason="secrets"),
            Rule("drafts", "approve", tool="write_*", arguments={"path": "drafts/*"}),
            Rule("all", "ask"),
        )
    )
    assert decide(policy, call(path="drafts/a.md")) == ("approve", "drafts", "")
    assert decide(policy, call(path="drafts/.env")) == ("reject", "secret", "secrets")
    assert decide(policy, call("delete", reads=True))[:2] == ("ask", "all")


def test_a_rules_reason_is_found_by_its_id() -> None:
    policy = make_policy((Rule("a", "reject", reason="never"), Rule("b", "ask")))
    assert reason_of("a", policy) == "never"
    assert (reason_of("b", policy), reason_of("c", policy), reason_of("a", None)) == ("", "", "")
    for asked in (call(), call(reads=True)):
        _, rule, reason = decide(make_policy(), asked)
        assert reason_of(rule, None) == reason != ""
    assert reason_of("stop.tool", policy) == "an operator has stopped this tool"


@pytest.mark.parametrize(
    ("arguments", "path", "glob", "holds"),
    [
        ({"path": "a/b"}, "path", "a/*", True),
        ({"path": "A/b"}, "path", "a/*", False),
        ({"path": "a\nb"}, "path", "a*", True),
        ({}, "path", "*", False),
        ({"path": None}, "path", "null", True),
        ({"n": 5}, "n", "5", True),
        ({"n": 5.5}, "n", "5.?", True),
        ({"on": True}, "on", "true", True),
        ({"to": {"b": 1, "a": [2]}}, "to", '{"a":[[]2],"b":1}', True),
        ({"to": {"country": "NL"}}, "to.country", "NL", True),
        ({"to": {"country": "NL"}}, "to.city", "*", False),
        ({"to": ["x", "y"]}, "to.1", "y", True),
        ({"to": ["x", "y"]}, "to.2", "*", False),
        ({"to": ["x", "y"]}, "to.-1", "*", False),
        ({"to": "x"}, "to.0", "*", False),
        ({"to.city": "x"}, "to.city", "*", False),
    ],
)
def test_an_argument_is_found_by_dotted_path_and_matched_as_text(
    arguments: dict[str, Any], path: str, glob: str, holds: bool
) -> None:
    assert ruling(Rule("r", "reject", arguments={path: glob}), call(**arguments)) is holds


def test_every_condition_must_hold() -> None:
    rule = Rule(
        "r",
        "approve",
        tool="w*",
        agent="sup*",
        tenant="t",
        roles=("user", "operator"),
        annotations={"destructive": True},
    )
    assert ruling(rule, call())
    assert not ruling(rule, call("read"))
    assert not ruling(rule, call(tenant="u"))
    assert not ruling(rule, call(reads=True))
    assert not ruling(Rule("r", "approve", roles=("operator",)), call())
    assert not ruling(Rule("r", "approve", agent="sales"), call())


globs = st.text("ab*?[]!.", max_size=5)
names = st.text("ab.", max_size=4)
rules = st.builds(
    Rule,
    id=st.uuids().map(str),
    decision=st.sampled_from(["approve", "ask", "reject"]),
    tool=globs,
    tenant=st.sampled_from(["*", "t", "u"]),
    arguments=st.dictionaries(st.sampled_from(["x", "y"]), globs, max_size=2),
    annotations=st.dictionaries(st.sampled_from(["read_only", "open_world"]), st.booleans(), max_size=2),
)


@given(st.lists(rules, max_size=4), names, st.booleans(), st.dictionaries(st.sampled_from(["x", "y"]), names))
def test_the_decision_is_that_of_the_first_rule_all_of_whose_conditions_hold(
    found: list[Rule], tool: str, reads: bool, arguments: dict[str, str]
) -> None:
    asked = call(tool, reads=reads, **arguments)

    def holds(rule: Rule) -> bool:
        told = {"read_only": reads, "open_world": True}
        return (
            fnmatchcase(tool, rule.tool)
            and rule.tenant in ("*", "t")
            and all(key in arguments and fnmatchcase(arguments[key], glob) for key, glob in rule.arguments.items())
            and all(told[name] == wanted for name, wanted in rule.annotations.items())
        )

    first = next((rule for rule in found if holds(rule)), None)
    decision, rule_id, _ = decide(make_policy(tuple(found)), asked)
    if first is None:
        assert (decision, rule_id) == (("approve", "default.read_only") if reads else ("ask", "default.ask"))
    else:
        assert (decision, rule_id) == (first.decision, first.id)


@given(st.lists(rules, max_size=3), st.lists(rules, max_size=3))
def test_two_policies_have_one_digest_only_when_they_are_equal(one: list[Rule], two: list[Rule]) -> None:
    assert (make_policy(tuple(one)).digest == make_policy(tuple(two)).digest) == (one == two)


def test_a_policy_file_is_read_in_its_order() -> None:
    text = '[[rule]]\nid = "a"\ndecision = "ask"\n'
    text += '[[rule]]\nid = "b"\ndecision = "reject"\n[rule.arguments]\n"to.city" = "x"\n'
    policy = read_policy(text, "policies/default.toml")
    assert policy == make_policy((Rule("a", "ask"), Rule("b", "reject", arguments={"to.city": "x"})))


@pytest.mark.parametrize(
    ("text", "line", "word"),
    [
        ('[[rule]]\nid = "a"\ndecision = "deny"\n', 3, '`rule[0].decision` cannot be "deny"; there is `approve`'),
        ('[[rule]]\nid = "a"\n', 1, "the key `decision` is missing in [rule[0]]"),
        ('[[rules]]\nid = "a"\n', 1, "did you mean `rule`?"),
        ('[[rule]]\nid = "a"\ndecision = "ask"\n[[rule]]\nid = "a"\ndecision = "ask"\n', 5, "is taken by a rule above"),
        ('[[rule]]\ndecision = "ask"\nid = "default.ask"\n', 3, "built-in"),
        ('[[rule]]\ndecision = "ask"\nid = "stop.tool"\n', 3, "built-in"),
        ('[[rule]]\ndecision = "ask"\nid = ""\n', 3, "not empty"),
        (
            '[[rule]]\nid = "a"\ndecision = "ask"\n[rule.annotations]\nreadonly = true\n',
            5,
            "unknown annotation `readonly`; did you mean `read_only`?",
        ),
    ],
)
def test_a_broken_rule_is_told_with_its_line(text: str, line: int, word: str) -> None:
    with pytest.raises(ConfigError) as caught:
        read_policy(text, "policies/p.toml")
    assert word in caught.value.message
    assert (caught.value.path, caught.value.line) == ("policies/p.toml", line)


def test_a_policy_without_rules_costs_less_than_a_microsecond() -> None:
    policy, asked = make_policy(), call()
    best = min(timeit.repeat(lambda: decide(policy, asked), number=2_000, repeat=20))
    assert best / 2_000 < 1e-6
