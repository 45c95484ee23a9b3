"""Has agents' own models read what people said, in background, for facts; each message once, within a token budget.

Nothing here belongs to a run: what is found says itself which message it rests on, who read it, and by which prompt.

A message that no answer can be had for is tried a few times, at growing intervals, and then left alone; meanwhile
others go on. How often it was tried and when it is tried next stands in the ledger, so that a restart neither forgets
it nor begins anew. A model that is away is no message's fault: it is left in peace for a while, which only this process
knows of, and no message loses a try. A try that a restart cuts short does not count.
"""

import logging
from collections.abc import Callable, Sequence

from msgspec import Struct
from msgspec.structs import replace
from toolyard_memory.facts.extractions import Extractions, Outcome, Unread
from toolyard_memory.facts.own_words import brought
from toolyard_memory.memory import Memory
from toolyard_memory.moments import read_moment
from toolyard_memory.records import UNTRUSTED, Evidence, MemoryRefused, NewFact, Passage, Reader, Trust
from toolyard_memory.standing import Said
from toolyard_registry.releases import AgentRelease, MemorySettings
from toolyard_sdk.errors import ConfigError, ModelError
from toolyard_sdk.ports import Transaction, Turn

from toolyard_runtime.engine.noting import EXTRACTOR, NOTE, PROMPT_DIGEST, Found, asked_about, noted
from toolyard_runtime.meters import Meters
from toolyard_runtime.models.encoder import decode_message, encode_tools, whole_request, words_of
from toolyard_runtime.run.binding import ModelRoute
from toolyard_runtime.run.hearsay import texts_of
from toolyard_runtime.run.segments import Sampling
from toolyard_runtime.store import payloads
from toolyard_runtime.store.runs import Runs

PATIENCE = 60.0
"""Seconds that one message may take a model."""

SECOND = 1_000_000
DAY = 86_400 * SECOND

WAITS = (60.0, 600.0, 3_600.0, 21_600.0)
"""Seconds before a message is tried once more, after each try that failed; after one more it is left alone. A model
that answers nobody for some hours costs no message its reading."""

RESTS = (15.0, 600.0)
"""Seconds for which a model that is away is left in peace: at first, and at most. Each time it is twice as long."""

BUDGET_REST = 600.0
"""Seconds after which is looked again whether a day's tokens are enough."""

AWAY = frozenset({"connect", "rate_limited", "overloaded", "unauthorized", "not_found", "cancelled"})
"""Faults that are no message's: the model, or the way to it, is not there."""

HOPELESS = frozenset({"too_long"})
"""Faults that another try would meet again."""

AT_ONCE = 20
"""Messages that are looked at before others may go on."""

BEFORE = 500
"""Characters of what was said just before, which a short answer may need to be understood."""

LONGEST = 32_000
"""Characters of a message that are read."""


class _Peace(Struct, frozen=True):
    """How long a model is left in peace, in UTC microseconds, and how many calls have failed in a row."""

    until: int = 0
    failed: int = 0


class _Message(Struct, frozen=True):
    """A message as it is read: its beginning, of a very long one; `typed` if it is one text and whole."""

    text: str
    typed: bool


class Extracting:
    """Reads on when asked to. `release(agent)` is what the files say now, `route(model)` where its model is."""

    def __init__(
        self,
        memory: Memory,
        runs: Runs,
        release: Callable[[str], AgentRelease | None],
        route: Callable[[str], ModelRoute],
        meters: Meters,
    ) -> None:
        self._memory = memory
        self._runs = runs
        self._release = release
        self._route = route
        self._meters = meters
        self._ledger = Extractions(memory.database)
        self._after: dict[str, int] = {}
        self._peace: dict[str, _Peace] = {}
        self._log = logging.getLogger("toolyard.memory")

    def look_again(self) -> None:
        """Look again at what was passed over because no agent wanted it read: one does now."""
        self._after.clear()

    async def read_on(self, tenant: str) -> int:
        """Look at the messages of a tenant that are to be tried again, then at the oldest that nobody has read.

        Returns how many were looked at. One that cannot be read now waits in the ledger, and holds up no other.
        """
        seen = set[tuple[bytes | None, int]]()
        due = await self._ledger.due(tenant, EXTRACTOR, self._memory.clock.now(), AT_ONCE)
        for one in due:
            await self._look_at(one)
        fresh = await self._ledger.unread(tenant, EXTRACTOR, self._after.get(tenant, 0), AT_ONCE - len(due))
        for passage in fresh if len(due) < AT_ONCE else ():
            message = passage.source, passage.n
            if message not in seen:  # a long one is several passages, and is read whole
                seen.add(message)
                await self._look_at(Unread(passage))
            self._after[tenant] = passage.key
        return len(due) + len(fresh if len(due) < AT_ONCE else ())

    async def _look_at(self, one: Unread) -> None:
        """Have a message read, or note when it is tried again."""
        settings, release = await self._wanted(one.passage)
        now = self._memory.clock.now()
        if settings is None or release is None:
            if one.tries:
                await self._wait(one, now + DAY, "unwanted")
            return
        peace = self._peace.get(release.model, _Peace())
        if peace.until > now:
            await self._wait(one, peace.until, "model_away")
        elif await self._ledger.spent(one.passage.owner.tenant, now - DAY) >= settings.extract_tokens:
            await self._wait(one, now + int(BUDGET_REST * SECOND), "budget")
        else:
            await self._read(one, settings, release)

    async def _wanted(self, passage: Passage) -> tuple[MemorySettings | None, AgentRelease | None]:
        """Return the settings of the agent that heard a message, where it is to be read."""
        row = await self._runs.find(passage.owner.tenant, passage.source) if passage.source is not None else None
        release = self._release(row.agent) if row is not None else None
        wanted = release is not None and release.memory is not None and release.memory.extract
        return (release.memory, release) if wanted and release is not None else (None, None)

    async def _read(self, one: Unread, settings: MemorySettings, release: AgentRelease) -> None:
        """Have a message read; what goes wrong is noted."""
        spent = one.tokens
        try:
            message = await self._said(one.passage)
            before = await self._said_before(one.passage, release)
            turn = await self._ask(one.passage, message.text, before.text[-BEFORE:] if before else "", release)
            spent += turn.usage.total_tokens or len(message.text) // 4
            found = noted(turn.calls)
            if found is None:
                await self._failed(replace(one, tokens=spent), release, "unreadable", "its answer is no notes")
                return
            agent = release.name if settings.private else ""
            await self._keep(replace(one, tokens=spent), message, before, agent, release, found)
        except ConfigError as error:
            await self._away(one, release, "no_model", str(error))
        except ModelError as error:
            if error.fault in AWAY:
                await self._away(one, release, error.fault, str(error), error.retry_after or 0.0)
            else:
                await self._failed(one, release, error.fault, str(error))
        except Exception as error:  # noqa: BLE001 - whatever it is that this message does, the next one is read
            self._log.debug("a message could not be read for facts", exc_info=True)
            await self._failed(replace(one, tokens=spent), release, "error", type(error).__name__)
        else:
            self._peace.pop(release.model, None)

    async def _away(self, one: Unread, release: AgentRelease, reason: str, why: str, after: float = 0.0) -> None:
        """Leave a model in peace for a while; the message has lost no try."""
        until = self._strike(release.model, 1, after)
        if self._peace[release.model].failed == 1:
            self._log.warning("messages for %s are read later: %s", release.name, why)
        await self._wait(one, until, reason)
        self._meters.count(self._meters.messages_read, "again")

    async def _failed(self, one: Unread, release: AgentRelease, reason: str, why: str) -> None:
        """Note a try that has failed; after the last one the message is left alone."""
        now, tries = self._memory.clock.now(), one.tries + 1
        if reason not in HOPELESS:
            self._strike(release.model, 2)  # the second in a row: it may be the model
        one = replace(one, tries=tries)
        last = tries > len(WAITS) or reason in HOPELESS
        self._meters.count(self._meters.messages_read, "failed" if last else "again")
        if not last:
            await self._wait(one, now + int(WAITS[tries - 1] * SECOND), reason)
            return
        await self._note(one, "failed", reason=reason)
        run, n = (one.passage.source or b"").hex(), one.passage.n
        self._log.warning("message %d of run_%s is left alone after %d tries: %s (%s)", n, run, tries, reason, why)

    def _strike(self, model: str, most: int, least: float = 0.0) -> int:
        """Count a call that has failed; from the `most`th in a row leave the model in peace. Return until when."""
        failed, (first, longest) = self._peace.get(model, _Peace()).failed + 1, RESTS
        seconds = max(least, min(first * 2 ** min(failed - most, 16), longest)) if failed >= most else 0.0
        until = self._memory.clock.now() + int(seconds * SECOND)
        self._peace[model] = _Peace(until, failed)
        return until

    async def _wait(self, one: Unread, until: int, reason: str) -> None:
        await self._note(one, "waiting", until, reason)

    async def _note(self, one: Unread, outcome: Outcome, again_at: int = 0, reason: str = "") -> None:
        """Write down how far it is with a message."""
        tx = self._memory.database.begin()
        self._enter(tx, one, outcome, again_at=again_at, reason=reason)
        await self._memory.database.commit(tx)

    def _enter(
        self, tx: Transaction, one: Unread, outcome: Outcome, *, facts: int = 0, again_at: int = 0, reason: str = ""
    ) -> None:
        passage = one.passage
        self._ledger.add(
            tx,
            passage.owner,
            (passage.source or b"", passage.n),
            EXTRACTOR,
            at=self._memory.clock.now(),
            tokens=one.tokens,
            facts=facts,
            outcome=outcome,
            tries=one.tries,
            again_at=again_at,
            reason=reason,
        )

    async def _said(self, passage: Passage) -> _Message:
        """Return the message that a passage is, or is a piece of."""
        source = passage.source or b""
        kept = (await payloads.load(self._memory.database, source, [passage.n])).get(passage.n)
        if not isinstance(kept, payloads.Payload):
            return _Message(passage.text, typed=True)
        message = decode_message(kept.data)
        text = words_of(message).strip()
        return _Message(text[:LONGEST], typed=len(texts_of(message)) == 1 and len(text) <= LONGEST)

    async def _said_before(self, passage: Passage, release: AgentRelease) -> Passage | None:
        if passage.session is None or not passage.position:
            return None
        reader = Reader(passage.owner, release.name)
        earlier = await self._memory.passages.of_session(reader, passage.session, [passage.position - 1])
        return earlier[-1] if earlier else None

    async def _ask(self, passage: Passage, text: str, before: str, release: AgentRelease) -> Turn:
        route = self._route(release.model)
        body = whole_request(
            asked_about(text, passage.at, before),
            model=route.model,
            sampling=Sampling(temperature=0.0),
            profile=route.profile,
            tenant=passage.owner.tenant,
            tools=encode_tools((NOTE,), route.profile.strict),
        )
        return await route.port.reply(body, timeout=PATIENCE)

    async def _keep(
        self,
        one: Unread,
        message: _Message,
        before: Passage | None,
        agent: str,
        release: AgentRelease,
        found: Sequence[Found],
    ) -> None:
        """Put down what was found and that the message was read, in one transaction."""
        memory, passage, now = self._memory, one.passage, self._memory.clock.now()
        tx = memory.database.begin()
        kept = 0
        for each in found:
            start = message.text.find(each.quote)
            if start < 0 or passage.source is None:  # what the message does not say is the model's own
                continue
            evidence = Evidence("message", passage.source, passage.n, start, start + len(each.quote))
            new = NewFact(
                each.text,
                (replace(evidence, extractor=EXTRACTOR, prompt=PROMPT_DIGEST),),
                subject=each.about or "user",
                attribute=each.attribute,
                valid_from=read_moment(each.since) if each.since else None,
                trust=_worth(message, before),
                writer=f"extractor:{EXTRACTOR}",
                release=release.digest,
                run=passage.source,
                agent=passage.agent or agent,
            )
            try:
                written = await self._put_down(tx, passage, new, message, now)
            except MemoryRefused as error:
                self._log.info("a fact found in a message was not kept: %s", error)
                continue
            kept += written
        self._enter(tx, replace(one, tries=one.tries + 1), "read", facts=kept)
        await memory.database.commit(tx)
        memory.stir()
        self._meters.count(self._meters.messages_read, "read")

    async def _put_down(self, tx: Transaction, passage: Passage, new: NewFact, message: _Message, now: int) -> bool:
        """Put one fact down, and tell whether it is new; raises MemoryRefused."""
        memory = self._memory
        if message.typed:
            said = Said(passage.source or b"", passage.n, passage.at, message.text)
            own = await memory.own_word(passage.owner, new, (said,), now)
            if own is not None:
                own = replace(own, extractor=EXTRACTOR, prompt=PROMPT_DIGEST)
                new = replace(new, trust=passage.trust, evidence=(own,))
        timely = await memory.as_said(passage.owner, new, passage.at)
        return timely is not None and not (await memory.put_down(tx, passage.owner, timely, now)).known


def _worth(message: _Message, before: Passage | None) -> Trust:
    """Return how far what a model makes of a message is trusted: no more than anything that it was shown."""
    if not message.typed or brought(message.text):
        return "page"
    return before.trust if before is not None and before.trust in UNTRUSTED else "agent"
