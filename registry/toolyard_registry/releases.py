"""Immutable releases: what an agent, a tool and a policy are once they have a digest; no files, no database."""

from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta, Struct
from toolyard_sdk.canonical import digest
from toolyard_sdk.events import Decision, Limits
from toolyard_sdk.messages import Annotations, EffectClass, ToolSpec, effect_class


class ToolRelease(Struct, frozen=True):
    """A tool at one version: its pinned definition, where its code comes from, and the digest of both."""

    spec: ToolSpec
    source: str
    version: str
    digest: str

    @property
    def effect(self) -> EffectClass:
        return effect_class(self.spec.annotations)


def tool_release(spec: ToolSpec, source: str, version: str) -> ToolRelease:
    """Pin a definition: `source` is the distribution (or server) it comes from, `version` that source's version."""
    return ToolRelease(spec, source, version, digest([spec, source, version]))


class Rule(Struct, frozen=True, omit_defaults=True, forbid_unknown_fields=True):
    """One line of a policy: the first rule whose conditions all hold decides.

    `tool` is a glob over tool names; `arguments` maps a dotted path to a glob over its value as JSON text (strings
    without quotes); `annotations` and `roles` must match where given.
    """

    id: str
    decision: Decision
    tool: str = "*"
    agent: str = "*"
    arguments: dict[str, str] = {}
    annotations: dict[str, bool] = {}
    roles: tuple[str, ...] = ()
    tenant: str = "*"
    reason: str = ""


class Policy(Struct, frozen=True):
    """Ordered rules and their digest. No rule: a read-only tool is approved, everything else asks."""

    rules: tuple[Rule, ...]
    digest: str


class ModelSettings(Struct, frozen=True, omit_defaults=True, forbid_unknown_fields=True):
    """Sampling an agent was released with; None is the provider's default. The bounds are those of OpenAI's API."""

    temperature: Annotated[float, Meta(ge=0, le=2)] | None = None
    top_p: Annotated[float, Meta(ge=0, le=1)] | None = None
    max_output_tokens: Annotated[int, Meta(ge=1, le=2**31)] | None = None
    seed: Annotated[int, Meta(ge=-(2**63), le=2**63 - 1)] | None = None


class WindowSettings(Struct, frozen=True, omit_defaults=True, forbid_unknown_fields=True):
    """What becomes of a conversation that is too long to be shown: `summaries` says who sums up its older part.

    By default that is done by rule, without a model; `model` asks the agent's own, which costs a call. The first
    `pinned` messages of the user stay as they are.
    """

    summaries: Literal["extractive", "model"] = "extractive"
    pinned: Annotated[int, Meta(ge=0, le=100)] = 0


MemoryTool = Literal["remember", "recall", "correct", "forget"]


class MemorySettings(Struct, frozen=True, omit_defaults=True, forbid_unknown_fields=True):
    """What an agent remembers of its end users: `recall` brings up to `tokens` of it to mind when a run begins.

    `tools` are those it may use by itself. What it puts down is for all agents of the tenant that remember, unless it
    is `private`. `knowledge` are globs over the names of documents it may ground on. With `extract`, its model reads
    messages in background for facts, with at most `extract_tokens` of a tenant's in a day.
    """

    recall: bool = True
    tokens: Annotated[int, Meta(ge=50, le=100_000)] = 1000
    tools: tuple[MemoryTool, ...] = ("remember", "recall", "correct", "forget")
    private: bool = False
    knowledge: tuple[str, ...] = ("*",)
    extract: bool = False
    extract_tokens: Annotated[int, Meta(ge=1, le=2**31)] = 50_000


class AgentRelease(Struct, frozen=True, omit_defaults=True):
    """An agent with everything it needs pinned by digest. `model` is `provider/model`, or "" for the default one.

    `window_tokens` bounds what of the session a model call sees; `tool_seconds` and `tool_output_bytes` bound one call;
    `grace_seconds` is how long a run goes on for a client that left before `on_disconnect` is followed. With more
    `tools` than `tools_per_turn`, `find_tools` among them, a turn is offered a shortlist; `always` is always on it.
    """

    name: str
    description: str
    instructions: str
    model: str
    settings: ModelSettings
    tools: tuple[ToolRelease, ...]
    policy: Policy
    limits: Limits
    window_tokens: int = 24_000
    tool_seconds: float = 30.0
    tool_output_bytes: int = 32_768
    grace_seconds: float = 10.0
    on_disconnect: Literal["continue", "cancel"] = "cancel"
    approval_seconds: float = 86_400.0
    tools_per_turn: int = 40
    always: tuple[str, ...] = ()
    memory: MemorySettings | None = None
    window: WindowSettings | None = None
    digest: str = ""


def seal(release: AgentRelease) -> AgentRelease:
    """Return the release with its digest, computed over everything else in it."""
    return msgspec.structs.replace(release, digest=digest(msgspec.structs.replace(release, digest="")))


class PolicyCall(Struct, frozen=True):
    """What a policy may look at: the call, the pinned annotations and who asks; `own` is a tool of the server's own."""

    tool: str
    agent: str
    tenant: str
    roles: frozenset[str]
    annotations: Annotations
    arguments: dict[str, Any]
    own: bool = False
