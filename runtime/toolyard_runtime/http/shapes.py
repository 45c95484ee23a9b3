"""What the routes answer, as records that only describe: the OpenAPI document is made of them, the answers are not.

Objects may have more fields than are named here, and will: a client ignores what it does not know.
"""

from typing import Annotated, Any, Literal

from msgspec import UNSET, Meta, Struct, UnsetType, field
from toolyard_sdk.events import DoubtReason, FinishReason, Outcome

from toolyard_runtime.engine.proving import Proof
from toolyard_runtime.store.approvals import ApprovalStatus
from toolyard_runtime.store.runs import RunStatus

Time = Annotated[int, Meta(description="UTC microseconds")]
Seconds = Annotated[int, Meta(description="UTC seconds")]


class Problem(Struct):
    """A refusal (RFC 9457): `code` is a stable word, `param` the field, `detail` ends with the fix."""

    type: str
    title: str
    status: int
    detail: str
    code: str
    param: str = ""
    instance: str = ""


class ErrorDetail(Struct):
    """What went wrong."""

    message: str
    type: str
    param: str | None
    code: str | None


class OpenAIError(Struct):
    """A refusal in OpenAI's shape."""

    error: ErrorDetail


class ChatChoice(Struct):
    """The answer: `message` has its text and the calls that the client is to execute."""

    index: int
    message: dict[str, Any]
    finish_reason: str


class ChatCompletion(Struct):
    """A chat completion, as OpenAI describes it."""

    id: str
    object: Literal["chat.completion"]
    created: Seconds
    model: str
    choices: list[ChatChoice]
    usage: dict[str, Any]


class ResponseObject(Struct):
    """A response, as OpenAI describes it."""

    id: str
    object: Literal["response"]
    created_at: Seconds
    status: Literal["queued", "in_progress", "completed", "incomplete", "failed", "cancelled"]
    model: str
    output: list[dict[str, Any]]


class ModelObject(Struct):
    """An agent, as OpenAI describes a model."""

    id: str
    object: Literal["model"]
    created: Seconds
    owned_by: str


class ModelList(Struct):
    """The agents that can be asked."""

    object: Literal["list"]
    data: list[ModelObject]


class RunUsage(Struct):
    """Tokens of all turns."""

    input_tokens: int
    output_tokens: int


class ApprovalObject(Struct):
    """A call that waits, or waited, for a person; just decided, also what its run does since."""

    id: str
    run: str
    call: int
    call_id: str
    tool: str
    arguments: Any
    requested_at: Time
    expires_at: Time
    doubt: bool
    binding: str | None
    agent: str
    status: ApprovalStatus
    decided_at: Time | None
    decided_by: str | None
    run_status: RunStatus | UnsetType = UNSET


class RunObject(Struct):
    """A run; shown by itself, also what waits for a person and what it gave."""

    id: str
    session: str
    agent: str
    release: str
    mode: Literal["foreground", "background"]
    status: RunStatus
    reason: FinishReason | str | None
    error: str | None
    started_at: Time
    finished_at: Time | None
    usage: RunUsage
    turns: int
    calls: int
    doubts: int
    segment: int
    approvals: list[ApprovalObject] | UnsetType = UNSET
    outputs: list[dict[str, Any]] | UnsetType = UNSET


class EventObject(Struct):
    """A record of a journal: further fields are the event's own; `head_text` and `hash` are what is stored."""

    seq: int
    event: str
    at: Time
    content: dict[str, Any]
    head_text: str
    hash: str


class WhyLine(Struct):
    """An event in words."""

    seq: int
    at: Time
    kind: str
    text: str
    detail: dict[str, Any] | None


class Why(Struct):
    """A run's story, and whether its journal is as it was written."""

    run: str
    agent: str
    release: str
    question: str
    answer: str | None
    lines: list[WhyLine]
    verified: bool


class DoubtObject(Struct):
    """A call of which nobody knows whether it happened."""

    call: int
    call_id: str
    tool: str
    arguments: Any
    why: DoubtReason
    at: Time
    outcome: Outcome | None


class StopObject(Struct):
    """Something that is stopped."""

    kind: Literal["agent", "tool", "tenant"]
    name: str
    at: Time
    by: str


class MadeKey(Struct):
    """A key with its secret, which is told once."""

    id: str
    secret: str
    name: str
    roles: list[str]
    tenant: str
    expires_at: Time | None


class ErasureDone(Struct):
    """What an erasure did."""

    runs: int
    cancelled_runs: int
    secrets: int
    passages: int
    pseudonym: str
    log_emptied: bool
    index_emptied: bool
    file_rewritten: bool
    backups: list[str]
    proof: Proof | UnsetType = UNSET


class AgentTool(Struct):
    """A tool that an agent may call."""

    name: str
    effect: str
    source: str
    version: str
    release: str


class AgentObject(Struct):
    """An agent that can be asked."""

    name: str
    description: str
    release: str
    model: str | None
    tools: list[AgentTool]


class AgentList(Struct):
    """The agents, and what is wrong with the files."""

    data: list[AgentObject]
    problems: list[str]


class Ready(Struct):
    """Whether runs are taken, and why not; how many open runs cannot go on now."""

    ready: bool
    problems: list[str]
    left_alone: int


class ToolObject(Struct):
    """A tool: of what is published the highest version, else what is installed."""

    name: str
    description: str
    version: str
    state: Literal["draft", "active", "deprecated", "yanked", "quarantined"]
    message: str
    source: str
    release: str
    effect: str
    installed: bool
    channels: dict[str, str]
    flags: list[str]
    warnings: list[str]


class ToolShown(Struct):
    """A tool as it is listed, with the definition that was asked for and all its releases."""

    name: str
    description: str
    version: str
    state: str
    message: str
    source: str
    release: str
    effect: str
    installed: bool
    channels: dict[str, str]
    flags: list[str]
    warnings: list[str]
    definition: dict[str, Any]
    releases: list[dict[str, Any]]


class PublishedTools(Struct):
    """What became of each tool of a wheel."""

    data: list[dict[str, Any]]
    warnings: list[str]


class ToolDiff(Struct):
    """Where two releases differ, and what that asks of a version."""

    from_: dict[str, str] = field(name="from")
    to: dict[str, str]
    differences: list[dict[str, Any]]
    bump: Literal["none", "patch", "minor", "major"]
    changes: list[dict[str, str]]


class ReleaseStateObject(Struct):
    """How a release stands."""

    name: str
    version: str
    state: str
    message: str
    warnings: list[str]


class ReachObject(Struct):
    """What hangs on a release, kind by kind, and which runs are not over."""

    name: str
    version: str
    reached: list[dict[str, Any]]
    open_runs: list[str]
    complete: bool


class ChannelObject(Struct):
    """Where a channel points, and where it did."""

    name: str
    channel: str
    version: str
    before: str
    warnings: list[str]


class WaitingDefinition(Struct):
    """A definition that differs from the admitted one; `kept`: agents go on with that."""

    name: str
    source: str
    standing: Literal["quarantined", "rejected"]
    kept: bool
    admitted: dict[str, str]
    presented: dict[str, str]
    differences: list[dict[str, Any]]
    bump: str
    changes: list[dict[str, str]]


class DecidedDefinition(Struct):
    """What was decided, and what keeps agents from it."""

    name: str
    release: str
    decision: str
    warnings: tuple[str, ...]


class LockText(Struct):
    """What agents resolve to: the text of a file of this name."""

    file: str
    text: str


class RemovedEnvironment(Struct):
    """An environment, by the wheel that it was made of; `made_at` in UTC seconds."""

    wheel: str
    sha256: str
    made_at: int


class PrunedEnvironments(Struct):
    """What was removed, or would be."""

    dry_run: bool
    removed: list[RemovedEnvironment]


class ServerJsonObject(Struct):
    """A server.json of the official MCP registry."""

    name: str
    description: str
    version: str
    packages: list[dict[str, Any]]


class InputObject(Struct):
    """What a tool asks a person: an answer that accepts fits `schema`; `url` is where to go first."""

    id: str
    run: str
    agent: str
    call: int
    tool: str
    message: str | None
    schema: dict[str, Any] | None
    url: str | None
    requested_at: Time
    status: Literal["pending", "accept", "decline", "cancel", "withdrawn"]
    answered_at: Time | None
    answered_by: str | None


class ToolUsage(Struct):
    """How agents use a tool, by release: `own` in the caller's tenant, `everybody` where five tenants stand behind."""

    tool: str
    since: Time
    runs: int
    complete: bool
    own: list[dict[str, Any]]
    everybody: dict[str, Any] | None


class ToolFound(Struct):
    """A tool that fits words; of two the better has the higher score."""

    name: str
    description: str
    source: str
    version: str
    score: float
    installed: bool
    grant: str


class ToolCalled(Struct):
    """What a call of a tool gave: the text a model would read, and the run that the call was."""

    text: str
    structured: Any
    is_error: bool
    duration_us: int
    run: str
