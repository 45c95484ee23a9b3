"""Says who may publish which tools and who may see them: grants over names; pure, and knows no key and no catalogue.

Grants only add: there is no grant that takes away, so their order says nothing, and one more never hides a tool. What
no grant names is invisible: whoever asks for it is told what they would be told of a tool that does not exist. A policy
decides about a call that could be made; rights decide whether there is anything to call.
"""

from collections.abc import Collection
from fnmatch import fnmatchcase
from typing import Literal

import msgspec
from msgspec import Struct
from toolyard_sdk.errors import ConfigError

from toolyard_registry.toml.located import decode, line_of

FILE = "rights.toml"
"""Beside toolyard.toml, and read again while the server runs, as policies are: people come and go."""

HOUSE = "default"
"""The tenant of whoever runs the server. Names of keys are unique in no tenant, and tenants name keys as they like."""

Role = Literal["user", "frontend", "author", "operator", "auditor"]
"""What a key may do: `user` calls agents, `frontend` may also name the end user, the others are people of the house."""

_IN_NAMES = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-*?[]!")
"""What a glob over names of tools can be made of: the letters of names, and those of globs."""


class PublishGrant(Struct, frozen=True, omit_defaults=True, forbid_unknown_fields=True):
    """`[[publish]]`: these keys, by name, and whoever has one of these roles, may publish tools of these names."""

    tools: tuple[str, ...]
    keys: tuple[str, ...] = ()
    roles: tuple[Role, ...] = ()
    tenants: tuple[str, ...] = (HOUSE,)


class CallGrant(Struct, frozen=True, omit_defaults=True, forbid_unknown_fields=True):
    """`[[call]]`: callers of these tenants with one of these roles (none: any), through these agents, see these tools.

    `agents` are globs too; a call that comes through no agent has the empty name, which `*` holds.
    """

    tools: tuple[str, ...]
    tenants: tuple[str, ...] = ("*",)
    roles: tuple[Role, ...] = ()
    agents: tuple[str, ...] = ("*",)


class Rights(Struct, frozen=True, omit_defaults=True, forbid_unknown_fields=True):
    """The whole file. What it says nothing of is as without it: authors and operators publish, agents' grants decide.

    An empty list, `call = []`, is not nothing: it grants to nobody.
    """

    publish: tuple[PublishGrant, ...] = (PublishGrant(tools=("*",), roles=("author", "operator")),)
    call: tuple[CallGrant, ...] = (CallGrant(tools=("*",)),)


UNWRITTEN = Rights()
"""What holds in a repository without a file."""

NOBODY = Rights(publish=(), call=())
"""What holds while the file cannot be read: nobody knows whom it means."""


def read_rights(text: str, path: str = FILE) -> Rights:
    """Read a rights file; raises ConfigError for anything in it that could never match as its author meant."""
    rights = decode(text, Rights, path)
    written = msgspec.to_builtins(rights)  # without what was left out: a grant of our own has no line
    for table in ("publish", "call"):
        for index, grant in enumerate(written.get(table, ())):
            _check_globs(text, path, (table, index), grant["tools"])
    for index, publisher in enumerate(rights.publish if "publish" in written else ()):
        if not publisher.keys and not publisher.roles:
            message = "this grant names nobody: say who by `keys` or `roles`, or remove it"
            raise ConfigError(message, path=path, line=line_of(text, "publish", index))
    return rights


def _check_globs(text: str, path: str, grant: tuple[str, int], tools: Collection[str]) -> None:
    if not tools:
        message = f'this grant holds no tool: name some by `tools`, ["*"] for all, or remove it; {_NOBODY[grant[0]]}'
        raise ConfigError(message, path=path, line=line_of(text, *grant, "tools"))
    for place, glob in enumerate(tools):
        if not glob or not _IN_NAMES.issuperset(glob):
            message = (
                f"no tool has a name like {glob[:80]!r}: names are letters, digits, '_' and '-', globs also '*?[]!'"
            )
            raise ConfigError(message, path=path, line=line_of(text, *grant, "tools", place))


_NOBODY = {"publish": "`publish = []` lets nobody publish", "call": "`call = []` hides every tool"}


def may_publish(rights: Rights, publisher: str, roles: Collection[str], name: str, *, tenant: str) -> bool:
    """Tell whether a key of this name, tenant and these roles may publish a tool of this name."""
    return any(
        _one_of(grant.tenants, tenant)
        and (publisher in grant.keys or any(role in roles for role in grant.roles))
        and _one_of(grant.tools, name)
        for grant in rights.publish
    )


def may_see(rights: Rights, tenant: str, roles: Collection[str], name: str, *, agent: str = "") -> bool:
    """Tell whether there is a tool of this name for a caller; through an agent, `agent` is its name."""
    return any(
        _one_of(grant.tenants, tenant)
        and (not grant.roles or any(role in roles for role in grant.roles))
        and _one_of(grant.agents, agent)
        and _one_of(grant.tools, name)
        for grant in rights.call
    )


def grants_in_writing(rights: Rights, name: str) -> bool:
    """Tell whether the file itself, and not its absence, grants somebody a tool of this name through no agent."""
    if rights.call is UNWRITTEN.call:
        return False
    return any(_one_of(grant.agents, "") and _one_of(grant.tools, name) for grant in rights.call)


def _one_of(globs: tuple[str, ...], text: str) -> bool:
    return any(fnmatchcase(text, glob) for glob in globs)
