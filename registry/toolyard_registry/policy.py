"""Decides what may happen to a tool call: rules in order, then defaults; pure, and knows no run and no journal."""

from fnmatch import fnmatchcase
from typing import Any

import msgspec
from msgspec import Struct
from toolyard_sdk.canonical import digest
from toolyard_sdk.errors import ConfigError
from toolyard_sdk.events import Decision
from toolyard_sdk.messages import Annotations

from toolyard_registry.releases import Policy, PolicyCall, Rule
from toolyard_registry.toml.located import decode, did_you_mean, line_of

Ruling = tuple[Decision, str, str]
"""The decision, the id of the rule that made it, and the reason in words."""

YANKED = "release.yanked"
HELD = "release.held"
BUILT_IN = {
    "default.read_only": "the tool is pinned as read-only",
    "default.own": "the server's own tool, which keeps what it replaces",
    "default.ask": "no rule approves this call and the tool may have side effects",
    "doubt.unresolved": "this very call may already have happened",
    "stop.tool": "an operator has stopped this tool",
    "stop.run": "an operator has stopped this agent",
    "grant.revoked": "the agent may no longer call this tool",
    YANKED: "this release of the tool was withdrawn",
    HELD: "where the tool comes from it has changed, and nobody has decided about that yet",
}
"""The rules that no file holds -> their reasons: the defaults here, and what the runtime checks beside a policy."""

_READ_ONLY: Ruling = ("approve", "default.read_only", BUILT_IN["default.read_only"])
_ASK: Ruling = ("ask", "default.ask", BUILT_IN["default.ask"])
_OWN: Ruling = ("approve", "default.own", BUILT_IN["default.own"])
_RESERVED = "default."
_ANNOTATIONS = Annotations.__struct_fields__


class PolicyFile(Struct, frozen=True, forbid_unknown_fields=True):
    """`policies/NAME.toml`: the rules, first match decides."""

    rule: tuple[Rule, ...] = ()


def make_policy(rules: tuple[Rule, ...] = ()) -> Policy:
    """Return the rules with their digest."""
    return Policy(rules, digest(rules))


def read_policy(text: str, path: str) -> Policy:
    """Read a policy file; raises ConfigError for anything in it that could never match as its author meant."""
    rules = decode(text, PolicyFile, path).rule
    seen: set[str] = set()
    for index, rule in enumerate(rules):
        if not rule.id or rule.id.startswith(_RESERVED) or rule.id in BUILT_IN:
            reserved = f"`{_RESERVED}...` and {', '.join(id_ for id_ in BUILT_IN if not id_.startswith(_RESERVED))}"
            message = f"a rule's id cannot be {rule.id!r}: ids are not empty, and {reserved} are the built-in rules'"
            raise ConfigError(message, path=path, line=line_of(text, "rule", index, "id"))
        if rule.id in seen:
            message = f"the id `{rule.id}` is taken by a rule above; a decision names its rule by it"
            raise ConfigError(message, path=path, line=line_of(text, "rule", index, "id"))
        seen.add(rule.id)
        for name in rule.annotations:
            if name not in _ANNOTATIONS:
                message = f"unknown annotation `{name}`{did_you_mean(name, _ANNOTATIONS)}"
                raise ConfigError(message, path=path, line=line_of(text, "rule", index, "annotations", name))
    return make_policy(rules)


def decide(policy: Policy, call: PolicyCall) -> Ruling:
    """Return the ruling of the first rule whose conditions all hold.

    Without one, only what is read-only goes ahead, and what of the server's own tools destroys nothing.
    """
    for rule in policy.rules:
        if _holds(rule, call):
            return rule.decision, rule.id, rule.reason
    if call.annotations.read_only:
        return _READ_ONLY
    return _OWN if call.own and not call.annotations.destructive else _ASK


def reason_of(rule: str, policy: Policy | None) -> str:
    """Return a rule's reason by its id, "" where it gives none or the policy that held it is not known.

    The words are the operator's: they lie in the release and not in the journal, so that erasing a person's runs
    leaves them.
    """
    if rule in BUILT_IN:
        return BUILT_IN[rule]
    return next((one.reason for one in policy.rules if one.id == rule), "") if policy is not None else ""


def _holds(rule: Rule, call: PolicyCall) -> bool:
    return (
        fnmatchcase(call.tool, rule.tool)
        and fnmatchcase(call.agent, rule.agent)
        and fnmatchcase(call.tenant, rule.tenant)
        and (not rule.roles or not call.roles.isdisjoint(rule.roles))
        and all(getattr(call.annotations, name) is wanted for name, wanted in rule.annotations.items())
        and all(_argument_matches(call.arguments, path, glob) for path, glob in rule.arguments.items())
    )


def _argument_matches(arguments: dict[str, Any], path: str, glob: str) -> bool:
    value: Any = arguments
    for key in path.split("."):
        if isinstance(value, dict) and key in value:
            value = value[key]
        elif isinstance(value, list) and key.isascii() and key.isdigit() and int(key) < len(value):
            value = value[int(key)]
        else:
            return False
    text = value if isinstance(value, str) else msgspec.json.encode(value, order="sorted").decode()
    return fnmatchcase(text, glob)
