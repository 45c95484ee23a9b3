"""`agent.lock`: what every agent, prompt and policy of a repository was resolved to; text in and out, no files."""

from collections.abc import Iterable

import msgspec
from msgspec import Struct
from toolyard_sdk.errors import ConfigError

from toolyard_registry.agents.grants import LockedTool
from toolyard_registry.prompts import Prompt
from toolyard_registry.published.shelf import Shelf
from toolyard_registry.releases import AgentRelease, Policy, ToolRelease
from toolyard_registry.toml.located import decode

FILE = "agent.lock"
FORMAT = 1

_HEADER = """# What the agents of this repository were resolved to: `toolyard lock` writes this file.
# Change the agents' files instead.
"""


class LockedAgent(Struct, frozen=True, omit_defaults=True):
    """An agent's release, its policy's digest, and its tools by name."""

    digest: str
    policy: str = ""
    tools: dict[str, LockedTool] = {}


class Lock(Struct, frozen=True, omit_defaults=True):
    """The whole file."""

    version: int
    agents: dict[str, LockedAgent] = {}
    prompts: dict[str, str] = {}
    policies: dict[str, str] = {}


def read_lock(text: str, path: str = FILE) -> Lock:
    """Read a lock; raises ConfigError, also for one that a later version has written."""
    lock = decode(text, Lock, path)
    if lock.version != FORMAT:
        message = (
            f"it is of format {lock.version}, this version of Toolyard reads {FORMAT}: `toolyard lock` writes it anew"
        )
        raise ConfigError(message, path=path)
    return lock


def make_lock(
    agents: Iterable[AgentRelease],
    prompts: Iterable[Prompt],
    policies: dict[str, Policy],
    installed: dict[str, ToolRelease],
    shelf: Shelf,
) -> Lock:
    """Return what agents were resolved to; `installed` and `shelf` know their tools without the agents' own pins."""
    return Lock(
        FORMAT,
        {
            agent.name: LockedAgent(
                agent.digest,
                agent.policy.digest,
                {tool.spec.name: _locked(tool, installed, shelf) for tool in agent.tools if tool.source != "toolyard"},
            )
            for agent in agents
        },
        {prompt.name: prompt.digest for prompt in prompts},
        {name: policy.digest for name, policy in policies.items()},
    )


def _locked(tool: ToolRelease, installed: dict[str, ToolRelease], shelf: Shelf) -> LockedTool:
    name = tool.spec.name
    for entry in shelf.entries(name):
        if entry.text == tool.version and shelf.release(entry).source == tool.source:
            return LockedTool(tool.version, tool.source, entry.digest, f"sha256:{entry.wheel}" if entry.wheel else "")
    here = installed.get(name)
    own = here is not None and (here.source, here.version) == (tool.source, tool.version)
    return LockedTool(tool.version, tool.source, here.digest if here is not None and own else tool.digest)


def written(lock: Lock) -> str:
    """Return a lock as TOML, sorted, so that equal locks are equal files."""
    lines = [_HEADER, f"version = {lock.version}"]
    for title, digests in (("prompts", lock.prompts), ("policies", lock.policies)):
        if digests:
            lines += ["", f"[{title}]"]
            lines += [f"{name} = {_text(digest)}" for name, digest in sorted(digests.items())]
    for name, agent in sorted(lock.agents.items()):
        lines += ["", f"[agents.{name}]", f"digest = {_text(agent.digest)}", f"policy = {_text(agent.policy)}"]
        for tool_name, tool in sorted(agent.tools.items()):
            lines += ["", f"[agents.{name}.tools.{tool_name}]"]
            lines += [f"{key} = {_text(value)}" for key, value in msgspec.structs.asdict(tool).items() if value]
    return "\n".join(lines) + "\n"


def stale(lock: Lock, now: Lock) -> tuple[str, ...]:
    """Return in words where a lock is not what the files say now."""
    found = []
    for title, before, after in (("prompt", lock.prompts, now.prompts), ("policy", lock.policies, now.policies)):
        found += _apart(title, before, after)
    agents = {name: agent.digest for name, agent in lock.agents.items()}
    found += _apart("agent", agents, {name: agent.digest for name, agent in now.agents.items()})
    return tuple(found)


def _apart(title: str, before: dict[str, str], after: dict[str, str]) -> list[str]:
    words = []
    for name in sorted(before.keys() | after.keys()):
        if name not in after:
            words.append(f"the {title} {name} is gone")
        elif name not in before:
            words.append(f"the {title} {name} is not in it")
        elif before[name] != after[name]:
            words.append(f"the {title} {name} has changed")
    return words


def _text(value: str) -> str:
    return msgspec.json.encode(value).decode()
