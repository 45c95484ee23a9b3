"""Has agents' own models read what people said, in background, for facts; each message once, within a token budget.

Nothing here belongs to a run: what is found says itself which message it rests on, who read it, and by which prompt.
"""

import hashlib
import logging
from collections.abc import Callable, Sequence
from typing import Annotated

import msgspec
from msgspec import Meta, Struct
from toolyard_memory.facts.extractions import Extractions, Outcome
from toolyard_memory.memory import Memory
from toolyard_memory.moments import read_moment, show_moment
from toolyard_memory.records import Evidence, MemoryRefused, NewFact, Passage, Reader
from toolyard_registry.releases import AgentRelease, MemorySettings
from toolyard_sdk.canonical import digest
from toolyard_sdk.errors import ConfigError, ModelError
from toolyard_sdk.messages import Message, ToolSpec
from toolyard_sdk.ports import RawCall, Turn

from toolyard_runtime.models.calls import normalise_arguments
from toolyard_runtime.models.encoder import decode_message, encode_tools, whole_request, words_of
from toolyard_runtime.run.binding import ModelRoute
from toolyard_runtime.run.recalling import PIECE
from toolyard_runtime.run.segments import Sampling
from toolyard_runtime.store import payloads
from toolyard_runtime.store.runs import Runs

PATIENCE = 60.0
"""Seconds that one message may take a model."""

DAY = 86_400_000_000

AT_ONCE = 20
"""Messages that are looked at before others may go on."""

BEFORE = 500
"""Characters of what was said just before, which a short answer may need to be understood."""

LONGEST = 32_000
"""Characters of a message that are read."""

PROMPT = """\
You read one message of a conversation and note what is worth knowing about the person in later conversations: what \
they are, like, own, plan, have decided, and who belongs to them. Call note_facts once, with nothing in it when there \
is nothing of that kind. Each fact is one statement in the third person that can be understood by itself, and `quote` \
is the part of the message it rests on, word for word. Note only what the message itself says. Note no passwords, keys \
or card numbers, and nothing that is about the conversation only."""

NOTE = ToolSpec(
    name="note_facts",
    description="Note what the message says about the person.",
    input_schema={
        "type": "object",
        "properties": {
            "facts": {
                "type": "array",
                "maxItems": 20,
                "items": {
                    "type": "object",
                    "properties": {
                        "text": {"type": "string", "description": "The statement: The user is allergic to nuts."},
                        "quote": {"type": "string", "description": "The words of the message it rests on."},
                        "about": {"type": "string", "description": "Whom or what it is about; the person is `user`."},
                        "attribute": {
                            "type": "string",
                            "description": "What can only have one value at a time, as in home town; else empty.",
                        },
                        "since": {"type": "string", "description": "Since which date, as 2026-05-03; else empty."},
                    },
                    "required": ["text", "quote", "about", "attribute", "since"],
                    "additionalProperties": False,
                },
            }
        },
        "required": ["facts"],
        "additionalProperties": False,
    },
)

PROMPT_DIGEST = digest([PROMPT, NOTE])
EXTRACTOR = f"model:{hashlib.sha256(PROMPT_DIGEST.encode()).hexdigest()[:12]}"
"""Its name: another prompt is another extractor, and reads again."""


class _Found(Struct, frozen=True):
    text: Annotated[str, Meta(min_length=1, max_length=2000)]
    quote: Annotated[str, Meta(min_length=1, max_length=8000)]
    about: Annotated[str, Meta(max_length=200)] = "user"
    attribute: Annotated[str, Meta(max_length=100)] = ""
    since: Annotated[str, Meta(max_length=40)] = ""


class _Noted(Struct, frozen=True):
    facts: Annotated[tuple[_Found, ...], Meta(max_length=50)] = ()


class Extracting:
    """Reads on when asked to. `release(agent)` is what the files say now, `route(model)` where its model is."""

    def __init__(
        self,
        memory: Memory,
        runs: Runs,
        release: Callable[[str], AgentRelease | None],
        route: Callable[[str], ModelRoute],
    ) -> None:
        self._memory = memory
        self._runs = runs
        self._release = release
        self._route = route
        self._ledger = Extractions(memory.database)
        self._after: dict[str, int] = {}
        self._log = logging.getLogger("toolyard.memory")

    async def read_on(self, tenant: str) -> int:
        """Read the oldest messages of a tenant that nobody has read, and return how many were looked at.

        A model that does not answer, or a budget that is used up, ends it; what is left is read another time.
        """
        looked, read = 0, set[tuple[bytes | None, int]]()
        for passage in await self._ledger.unread(tenant, EXTRACTOR, self._after.get(tenant, 0), AT_ONCE):
            message = passage.source, passage.n
            settings, release = await self._wanted(passage) if message not in read else (None, None)
            if settings is not None and release is not None:
                if not await self._read(passage, settings, release):
                    break
                read.add(message)  # a long one is several passages, and was read whole
            self._after[tenant] = passage.key
            looked += 1
        return looked

    async def _wanted(self, passage: Passage) -> tuple[MemorySettings | None, AgentRelease | None]:
        """Return the settings of the agent that heard a message, where it is to be read."""
        if passage.speaker != "user" or passage.source is None:
            return None, None
        row = await self._runs.find(passage.owner.tenant, passage.source)
        release = self._release(row.agent) if row is not None else None
        wanted = release is not None and release.memory is not None and release.memory.extract
        return (release.memory, release) if wanted and release is not None else (None, None)

    async def _read(self, passage: Passage, settings: MemorySettings, release: AgentRelease) -> bool:
        """Have one message read; False where it has to be tried again later."""
        now = self._memory.clock.now()
        if await self._ledger.spent(passage.owner.tenant, now - DAY) >= settings.extract_tokens:
            return False
        text = await self._said(passage)
        try:
            turn = await self._ask(passage, text, release)
        except ConfigError as error:
            self._log.warning("nobody reads messages for %s: %s", release.name, error)
            return False
        except ModelError as error:
            if error.fault not in ("bad_answer", "too_long", "bad_request"):
                self._log.warning("messages for %s are read later: %s", release.name, error)
                return False
            turn = Turn()
        noted = _noted(turn.calls)
        await self._keep(passage, text, settings, release, noted, turn)
        return True

    async def _said(self, passage: Passage) -> str:
        """Return the message that a passage is, or is a piece of: its beginning, of a very long one."""
        text = passage.text
        if len(text) >= PIECE // 2 and passage.source is not None:
            kept = (await payloads.load(self._memory.database, passage.source, [passage.n]))[passage.n]
            text = words_of(decode_message(kept.data)).strip() if isinstance(kept, payloads.Payload) else text
        return text[:LONGEST]

    async def _ask(self, passage: Passage, text: str, release: AgentRelease) -> Turn:
        route = self._route(release.model)
        before = await self._said_before(passage, release)
        said = f"Message of {show_moment(passage.at)}:\n{text}"
        messages = (
            Message("system", PROMPT),
            Message("user", f"Said just before, only to understand it:\n{before}\n\n{said}" if before else said),
        )
        body = whole_request(
            messages,
            model=route.model,
            sampling=Sampling(temperature=0.0),
            profile=route.profile,
            tenant=passage.owner.tenant,
            tools=encode_tools((NOTE,), route.profile.strict),
        )
        return await route.port.reply(body, timeout=PATIENCE)

    async def _said_before(self, passage: Passage, release: AgentRelease) -> str:
        if passage.session is None or not passage.position:
            return ""
        reader = Reader(passage.owner, release.name)
        earlier = await self._memory.passages.of_session(reader, passage.session, [passage.position - 1])
        return earlier[-1].text[-BEFORE:] if earlier else ""

    async def _keep(
        self,
        passage: Passage,
        text: str,
        settings: MemorySettings,
        release: AgentRelease,
        noted: Sequence[_Found] | None,
        turn: Turn,
    ) -> None:
        """Put down what was found and that the message was read, in one transaction."""
        memory, now = self._memory, self._memory.clock.now()
        tx = memory.database.begin()
        kept = 0
        for found in noted or ():
            start = text.find(found.quote)
            if start < 0 or passage.source is None:  # what the message does not say is the model's own
                continue
            evidence = Evidence(
                "message",
                passage.source,
                passage.n,
                start,
                start + len(found.quote),
                extractor=EXTRACTOR,
                prompt=PROMPT_DIGEST,
            )
            new = NewFact(
                found.text,
                (evidence,),
                subject=found.about or "user",
                attribute=found.attribute,
                valid_from=read_moment(found.since) if found.since else None,
                trust=passage.trust,
                writer=f"extractor:{EXTRACTOR}",
                release=release.digest,
                run=passage.source,
                agent=passage.agent or (release.name if settings.private else ""),
            )
            try:
                written = await memory.put_down(tx, passage.owner, new, now)
            except MemoryRefused as error:
                self._log.info("a fact found in a message was not kept: %s", error)
                continue
            kept += not written.known
        outcome: Outcome = "read" if noted is not None else "failed"
        self._ledger.add(
            tx,
            passage.owner,
            (passage.source or b"", passage.n),
            EXTRACTOR,
            at=now,
            tokens=turn.usage.total_tokens or len(text) // 4,
            facts=kept,
            outcome=outcome,
        )
        await memory.database.commit(tx)
        memory.stir()


def _noted(calls: Sequence[RawCall]) -> Sequence[_Found] | None:
    """Return what a model's calls note; None where they cannot be read. A model that calls nothing notes nothing."""
    found: list[_Found] = []
    for call in calls:
        arguments = normalise_arguments(call.arguments)
        if call.name != NOTE.name or isinstance(arguments, str):
            return None
        try:
            found += msgspec.json.decode(arguments, type=_Noted).facts
        except (msgspec.DecodeError, UnicodeDecodeError):
            return None
    return found
