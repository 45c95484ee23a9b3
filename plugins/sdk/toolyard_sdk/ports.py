"""The Protocols through which packages meet; each has its adapters elsewhere and one conformance suite in tests."""

from collections.abc import Callable, Iterable, Sequence
from typing import Any, Literal, Protocol

from msgspec import Struct

from toolyard_sdk.context import ToolContext
from toolyard_sdk.events import RunEvent
from toolyard_sdk.messages import ToolResult, ToolSpec, Usage

Durability = Literal["normal", "full"]
"""`normal` survives the death of the process, `full` also the loss of power."""


class Clock(Protocol):
    """Time, so that nothing reads it by itself."""

    def now(self) -> int:
        """Return UTC microseconds."""
        ...

    async def sleep(self, seconds: float) -> None:
        """Return after `seconds`."""
        ...


class Transaction(Protocol):
    """One atomic unit of writes, collected and made durable together; stores add to it and never commit it.

    `statement` is a SQLAlchemy Core statement made once at import; a row gives its bind parameters in the order of
    the statement's own parameters (`insert(table)`: the table's columns; else as they appear in the SQL), or in the
    order the statement pins with `.execution_options(row=("status", "id"))`. Within a transaction, rows are applied
    statement by statement, in the order of each statement's first use. With `expect`, the commit is refused
    (`Conflict`) unless exactly that many rows were changed.
    """

    def write(self, statement: Any, row: tuple[Any, ...], *, expect: int | None = None) -> None:
        """Add one row's write."""
        ...


class Database(Protocol):
    """Where transactions go and rows come from."""

    @property
    def dialect(self) -> Literal["sqlite", "postgresql"]:
        """Whose SQL it speaks, for the few statements that have no common form."""
        ...

    def begin(self) -> Transaction:
        """Return an empty transaction."""
        ...

    async def commit(self, tx: Transaction, durability: Durability = "normal") -> None:
        """Make all writes of `tx` durable, or none; raises Conflict."""
        ...

    async def read(self, statement: Any, parameters: dict[str, Any] | None = None) -> Sequence[tuple[Any, ...]]:
        """Return the rows of a SQLAlchemy Core select over what has been committed: for reads by key."""
        ...

    async def scan(self, statement: Any, parameters: dict[str, Any] | None = None) -> Sequence[tuple[Any, ...]]:
        """Return the rows of a select that may look at many, without holding up the event loop."""
        ...


class Tail(Struct, frozen=True):
    """Where a run's journal ends: the next number, the owner's epoch, and the hash of the last event."""

    run: bytes
    seq: int
    epoch: int
    hash: bytes


class Journal(Protocol):
    """The append-only log of runs."""

    def append(self, tx: Transaction, tail: Tail, events: Iterable[RunEvent]) -> Tail:
        """Add events after `tail` and return the new one; the commit is refused when another owner has moved on."""
        ...

    async def load(self, run: bytes) -> tuple[RunEvent, ...]:
        """Return the run's events in order; raises UnknownEvent when one cannot be read by this version."""
        ...

    async def resume(self, run: bytes) -> tuple[tuple[RunEvent, ...], Tail]:
        """Return the run's events and the tail to append after; raises UnknownEvent."""
        ...


class RawCall(Struct, frozen=True):
    """A call as a model wrote it: nothing about it has been checked."""

    name: str
    arguments: str


class Turn(Struct, frozen=True):
    """A whole answer of a model. `malformed` names tool markup that leaked into the text, which is then not shown."""

    text: str = ""
    reasoning: str = ""
    calls: tuple[RawCall, ...] = ()
    finish: str = ""
    usage: Usage = Usage()
    model: str = ""
    fingerprint: str = ""
    malformed: str = ""
    margin: float | None = None


class Delta(Struct, frozen=True):
    """A piece of a turn on its way: text for the user, or reasoning."""

    text: str = ""
    reasoning: str = ""


class Model(Protocol):
    """A model behind an OpenAI-compatible Chat Completions route (or something that acts like one)."""

    async def reply(
        self,
        body: bytes,
        *,
        timeout: float,  # noqa: ASYNC109 - the deadline is a value of the run, not of the caller's task
        on_delta: Callable[[Delta], None] | None = None,
        request_id: str = "",
    ) -> Turn:
        """Send one encoded request and return the whole turn; raises ModelError. With `on_delta`, the body streams."""
        ...

    async def close(self) -> None:
        """Let go of connections."""
        ...


class Embedder(Protocol):
    """What turns texts into vectors that are close where their meanings are."""

    @property
    def id(self) -> str:
        """What vectors of it are comparable with: the kind, the model and its revision, never an address."""
        ...

    async def embed(self, texts: Sequence[str], *, query: bool = False) -> list[bytes]:
        """Return one vector for each text, in order: unit length, little-endian float32, all of one dimension.

        `query` says that the texts are questions, where a model tells them from what they are to find. Raises
        EmbedderError.
        """
        ...

    async def close(self) -> None:
        """Let go of connections and models."""
        ...


class Tool(Protocol):
    """Something callable by name with JSON arguments, wherever it runs."""

    @property
    def spec(self) -> ToolSpec:
        """How it presents itself."""
        ...

    def check(self, arguments: bytes) -> None:
        """Raise ArgumentsInvalid, naming the field, unless the JSON object fits the input schema."""
        ...

    async def call(self, arguments: bytes, context: ToolContext) -> ToolResult:
        """Execute one call; raises ToolError, CallInDoubt, or anything (which becomes an error result)."""
        ...


class Secrets(Protocol):
    """Where secrets are kept; what it returns goes into requests on their way out and nowhere else."""

    async def reveal(self, tenant: str, end_user: str | None, name: str) -> str | None:
        """Return a secret's value: the end user's own, else the tenant's; None when there is none."""
        ...


class Supply(Struct, frozen=True):
    """What a source offers now: tools, the version they are of, and in words what is wrong with it or its tools.

    `about` is what it says of itself: its tools are found by it, and nobody is shown it.
    """

    tools: tuple[Tool, ...] = ()
    version: str = ""
    problems: tuple[str, ...] = ()
    about: str = ""


class ToolSource(Protocol):
    """Something outside this process that offers tools: an MCP server, a REST API described by OpenAPI.

    A source that cannot be reached offers what it last offered, or nothing, and says so in `supply.problems`; its
    tools then fail by themselves. It never takes the server down.
    """

    @property
    def origin(self) -> str:
        """Where its tools come from, as a release says it: `mcp:NAME`, `openapi:NAME`."""
        ...

    @property
    def supply(self) -> Supply:
        """What it offers now."""
        ...

    async def open(self, changed: Callable[[], None]) -> None:
        """Begin; return when `supply` is known or cannot be known yet. `changed` is called whenever it is another."""
        ...

    async def close(self) -> None:
        """End every connection and process of it."""
        ...
