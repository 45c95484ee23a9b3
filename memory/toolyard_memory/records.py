"""What long-term memory is made of, as its parts hand it to each other; holds no text index, vector or table."""

import hashlib
from typing import Literal

from msgspec import Struct

PassageKind = Literal["message", "fact", "chunk", "summary"]

Trust = Literal["user", "agent", "tool", "page", "operator"]
"""Whose word it is: the end user's, the agent's own, a tool's result, a page or document, an operator's. What is
`tool` or `page` stays labelled as untrusted wherever it is shown."""

UNTRUSTED: frozenset[Trust] = frozenset({"tool", "page"})

EvidenceKind = Literal["message", "fact", "document", "stated"]


class Owner(Struct, frozen=True):
    """Whose memory it is: one end user of one tenant, or the tenant's documents (`end_user` "")."""

    tenant: str
    end_user: str

    @property
    def scope(self) -> str:
        """A token that stands for the owner in the full-text index: 33 letters and digits."""
        whose = f"{len(self.tenant)}:{self.tenant}{self.end_user}".encode()
        return "s" + hashlib.blake2b(whose, digest_size=16).hexdigest()


def documents_of(tenant: str) -> Owner:
    """Return the owner of a tenant's documents."""
    return Owner(tenant, "")


class Reader(Struct, frozen=True):
    """Who recalls: an agent on behalf of an end user. Everything that is read is read as one."""

    owner: Owner
    agent: str
    """The agent's name; "" reads what any agent may, as the end user's own interface does."""

    grounded: bool = True
    """Whether the tenant's documents may come to mind at all, and not only what is the end user's own."""


class Passage(Struct, frozen=True):
    """A text that can come to mind; `key` is its row in the full-text index, 0 before it has one.

    `at` is when it was said, or became known, in UTC microseconds. `position` orders the passages of a session or
    document. A message's `source` and `n` are the run and the ordinal of its payload; a piece's `source` its document.
    """

    id: bytes
    owner: Owner
    kind: PassageKind
    text: str
    at: int
    agent: str = ""
    speaker: str = ""
    trust: Trust = "user"
    session: bytes | None = None
    position: int = 0
    source: bytes | None = None
    n: int = 0
    key: int = 0


class Evidence(Struct, frozen=True):
    """What a fact rests on. A message is (run, ordinal) and a span of its text in characters, [0, 0) for all of it.

    Of a fact `source` is its id, of a document the piece's passage id; what is `stated` has `words` and no source.
    """

    kind: EvidenceKind
    source: bytes | None = None
    item: int = 0
    start: int = 0
    stop: int = 0
    words: str = ""
    extractor: str = ""
    prompt: str = ""


class NewFact(Struct, frozen=True):
    """A fact to be put down. Without `valid_from` it holds from the moment it is recorded.

    With an `attribute`, it takes the place of the subject's current fact with the same attribute; without one it
    contradicts nothing.
    """

    text: str
    evidence: tuple[Evidence, ...]
    subject: str = "user"
    attribute: str = ""
    valid_from: int | None = None
    valid_to: int | None = None
    trust: Trust = "user"
    writer: str = ""
    release: str = ""
    run: bytes | None = None
    agent: str = ""


class Fact(Struct, frozen=True):
    """A fact as it is kept: `valid_from`..`valid_to` in the world, `recorded_at`..`retired_at` in this memory."""

    id: bytes
    owner: Owner
    text: str
    subject: str
    attribute: str
    valid_from: int
    valid_to: int | None
    recorded_at: int
    retired_at: int | None
    superseded_by: bytes | None
    trust: Trust
    writer: str
    release: str
    run: bytes | None
    agent: str
    evidence: tuple[Evidence, ...] = ()


class Written(Struct, frozen=True):
    """What writing a fact did: the fact, and the ids of those it took the place of."""

    fact: Fact
    superseded: tuple[bytes, ...] = ()
    known: bool = False
    """Whether it was there already, so that nothing was written."""


class Forgotten(Struct, frozen=True):
    """What forgetting took away: facts with all derived from them, and the passages of messages they rested on."""

    facts: tuple[bytes, ...]
    passages: tuple[bytes, ...]


class AsOf(Struct, frozen=True):
    """A moment to look from: what held at `valid`, as it was believed at `recorded`; None is now."""

    valid: int | None = None
    recorded: int | None = None


class MemoryRefused(Exception):
    """A request to memory that cannot be fulfilled: the `field` at fault, and in words what to do instead."""

    def __init__(self, field: str, message: str) -> None:
        super().__init__(f"{field}: {message}")
        self.field = field
        self.message = message


class NoSuchMemory(Exception):
    """There is no such fact, document or passage for whoever asks: also when it is somebody else's."""
