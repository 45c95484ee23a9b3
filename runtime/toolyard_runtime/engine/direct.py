"""The built-in agent through which callers call tools themselves; pure: it makes releases and knows no toolbox.

A direct call is a run of this agent with one tool. The rules of `policies/default.toml` decide about it, where that
file exists; a rule that is meant for direct calls only says `agent = "direct:call"`.
"""

from collections.abc import Iterable

from toolyard_registry.policy import make_policy
from toolyard_registry.releases import AgentRelease, ModelSettings, Policy, ToolRelease, seal
from toolyard_sdk.events import Limits

from toolyard_runtime.models.direct import NAME

AGENT = "direct:call"
"""Its name, which no file can have."""

MODEL = f"{NAME}/{NAME}"
POLICY = "default"

LIMITS = Limits(turns=2, calls_per_turn=1, model_attempts=1)
WINDOW_TOKENS = 1 << 24
"""The arguments of a call are its only message: they are never cut for a model that is none."""

TOOL_SECONDS = 60.0
TOOL_OUTPUT_BYTES = 1 << 18


def direct_release(tools: Iterable[ToolRelease], policy: Policy | None) -> AgentRelease:
    """Return the release that may call these tools; without a policy, whatever is not read-only asks."""
    return seal(
        AgentRelease(
            name=AGENT,
            description="One call of a tool, made by its caller.",
            instructions="",
            model=MODEL,
            settings=ModelSettings(),
            tools=tuple(tools),
            policy=policy or make_policy(),
            limits=LIMITS,
            window_tokens=WINDOW_TOKENS,
            tool_seconds=TOOL_SECONDS,
            tool_output_bytes=TOOL_OUTPUT_BYTES,
            grace_seconds=0.0,
        )
    )
