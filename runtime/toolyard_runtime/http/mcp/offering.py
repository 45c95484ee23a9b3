"""What a caller finds at `/mcp`: tools of the registry, agents as tools, and one that fetches results; knows no MCP."""

from collections.abc import Callable, Mapping

import msgspec
from msgspec import Struct
from toolyard_registry.releases import AgentRelease, ToolRelease
from toolyard_sdk.messages import Annotations, ToolSpec

AGENT_PREFIX = "agent_"
RESULT = "get_run_result"
"""Names a registry's tool may have too; then that tool is the one that is found."""


class Offer(Struct, frozen=True):
    """One name at `/mcp`: a tool of the registry, an agent, or (neither) the tool that fetches results."""

    spec: ToolSpec
    tool: ToolRelease | None = None
    agent: str = ""


class AgentArguments(Struct, frozen=True, forbid_unknown_fields=True):
    """What an agent is asked; `session` goes on from an earlier answer, and is what that answer named so."""

    message: str
    session: str = ""


class ResultArguments(Struct, frozen=True, forbid_unknown_fields=True):
    """Whose result is wanted."""

    run: str


RESULT_SPEC = ToolSpec(
    name=RESULT,
    title="Result of a run",
    description=(
        "Get the result of a call or of an agent's answer that waited for a person's approval. "
        "Use it after the person has decided, with the run that was named then."
    ),
    input_schema={
        "type": "object",
        "properties": {"run": {"type": "string", "description": "The run's id: run_..."}},
        "required": ["run"],
        "additionalProperties": False,
    },
    annotations=Annotations(read_only=True, destructive=False, idempotent=True, open_world=False),
)

ANSWER = {
    "type": "object",
    "properties": {
        "answer": {"type": "string"},
        "session": {"type": "string", "description": "Give it with the next message to go on from here."},
        "run": {"type": "string"},
        "waits": {"type": "boolean", "description": "A person has to approve something first."},
    },
    "required": ["answer", "session", "run", "waits"],
}


class Offering:
    """What one caller finds, as the files say it now; `sees(tool)` says whether a tool of the registry is there."""

    def __init__(
        self,
        agents: Mapping[str, AgentRelease],
        tools: Mapping[str, ToolRelease],
        stopped: frozenset[str],
        sees: Callable[[str], bool],
    ) -> None:
        self._agents = agents
        self._releases = tools
        self._stopped = stopped
        self._sees = sees

    def find(self, name: str) -> Offer | None:
        """Return what has a name; None when it is not there for this caller, whatever the reason.

        A tool of the registry has its name to itself, also while it is stopped: an agent never answers in its place.
        """
        release = self._releases.get(name)
        if release is not None and self._sees(name):
            return None if name in self._stopped else Offer(shown_spec(release), tool=release)
        agent = self._agents.get(name.removeprefix(AGENT_PREFIX)) if name.startswith(AGENT_PREFIX) else None
        if agent is not None:
            return Offer(agent_spec(agent), agent=agent.name)
        return Offer(RESULT_SPEC) if name == RESULT else None

    def page(self, after: str, most: int) -> tuple[tuple[Offer, ...], str]:
        """Return offers by name after `after`, at most `most`, and the name to go on after ("" at the end)."""
        names = {*self._releases, RESULT, *(f"{AGENT_PREFIX}{name}" for name in self._agents)}
        shown: list[Offer] = []
        for name in sorted(name for name in names if name > after):
            if len(shown) == most:
                return tuple(shown), shown[-1].spec.name
            offer = self.find(name)
            if offer is not None:
                shown.append(offer)
        return tuple(shown), ""


def agent_spec(agent: AgentRelease) -> ToolSpec:
    """Return an agent as a tool: its effects are at worst those of its tools, and it remembers what it is told."""
    return ToolSpec(
        name=f"{AGENT_PREFIX}{agent.name}",
        title=agent.name,
        description=agent.description or f"Ask the agent {agent.name}.",
        input_schema={
            "type": "object",
            "properties": {
                "message": {"type": "string", "description": "What to tell the agent."},
                "session": {"type": "string", "description": "The `session` of its last answer, to go on from there."},
            },
            "required": ["message"],
            "additionalProperties": False,
        },
        output_schema=ANSWER,
        annotations=Annotations(
            read_only=all(tool.spec.annotations.read_only for tool in agent.tools),
            destructive=any(tool.spec.annotations.destructive for tool in agent.tools),
        ),
    )


def shown_spec(release: ToolRelease) -> ToolSpec:
    """Return a tool as it is shown: of one from outside this process only text is kept, and no structure promised."""
    outside = ":" in release.source
    return msgspec.structs.replace(release.spec, output_schema=None) if outside else release.spec
