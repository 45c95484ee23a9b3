"""Vectors beside words in the search over tools: has tools embedded once, in background, and requests in time.

Nobody waits for a tool's vector, and nobody for a request's longer than PATIENCE: what is not there in time is searched
by words alone. What vectors say, and what that counts, is decided in `toolyard_registry.search`.
"""

import asyncio
import hashlib
import logging
from collections.abc import Iterable, Mapping, Sequence
from itertools import islice
from typing import Final, Literal

from toolyard_registry.search.documents import Document
from toolyard_registry.search.meaning import Meaning, Near, parts_of, share_of, text_of
from toolyard_sdk.errors import EmbedderError
from toolyard_sdk.ports import Embedder

from toolyard_runtime.meters import Meters

PATIENCE: Final = 0.3
"""Seconds that a search waits for what vectors say."""

UNHURRIED: Final = 5.0
"""Seconds that publishing waits for the vectors of tools, and then for those of requests."""

FIRST_REST: Final = 1.0
LONGEST_REST: Final = 30.0
"""Seconds for which an embedder that does not answer is left alone: twice as long each time."""

KEPT: Final = 20_000
"""Tools whose vectors are kept, the longest unused ones making room; of a set of more, the others have none."""

BATCH: Final = 32

Outcome = Literal["used", "learning", "late", "failed", "resting"]
"""What became of a search by vectors. `learning`: those of the tools are not there yet; `resting`: just before, the
embedder did not answer."""


class Meanings:
    """The vectors of tools by their texts, all of one embedder; `close` it."""

    def __init__(
        self,
        embedder: Embedder,
        meters: Meters,
        share: float | None = None,
        *,
        patience: float = PATIENCE,
        rest: float = FIRST_REST,
    ) -> None:
        """Take what embeds, and what its vectors count beside words at 1 (None: what fits the embedder)."""
        self._embedder = embedder
        self._meters = meters
        self._share = share_of(embedder.id) if share is None else share
        self._patience = patience
        self._first_rest = rest
        self._vectors: dict[bytes, bytes] = {}
        self._wanted: dict[bytes, str] = {}
        self._learning: asyncio.Task[None] | None = None
        self._failures = 0
        self._resting_until = 0.0
        self._log = logging.getLogger("toolyard.search")

    def learn(self, documents: Iterable[Document]) -> None:
        """Have tools embedded in background, those that are not."""
        self._learn_texts({_key(text): text for text in map(text_of, documents)})

    async def learned(self) -> None:
        """Wait until nothing is being embedded in background."""
        while self._learning is not None:
            await asyncio.wait([self._learning])

    def sense(self, documents: Mapping[str, Document]) -> "Sense":
        """Return what these tools mean, by the names that they have here."""
        return Sense(self, {name: text_of(documents[name]) for name in sorted(documents)[:KEPT]})

    def meaning(self, texts: Mapping[str, str]) -> Meaning | None:
        """Return what tools mean whose texts these are, by name; None, and have them learnt, when one is missing."""
        keys = {name: _key(text) for name, text in texts.items()}
        missing = {key: texts[name] for name, key in keys.items() if key not in self._vectors}
        if missing:
            # What is there already is wanted as well: those that make room are others.
            self._vectors |= {key: self._vectors.pop(key) for key in keys.values() if key in self._vectors}
            self._learn_texts(missing)
            return None
        return Meaning({name: self._vectors[key] for name, key in keys.items() if self._vectors[key]})

    async def near(
        self, meaning: Meaning, texts: Sequence[str], *, steps: bool = True, patience: float | None = None
    ) -> tuple[Near, ...]:
        """Return what of `meaning` is near each text, by its `steps` too; nothing when that is not known in time."""
        loop = asyncio.get_running_loop()
        if loop.time() < self._resting_until:
            self._count("resting")
            return ()
        seconds = self._patience if patience is None else patience
        parts = [parts_of(text) if steps else (text,) for text in texts]
        try:
            async with asyncio.timeout(seconds):
                vectors = iter(await self._embedder.embed([part for of_text in parts for part in of_text], query=True))
                requests = [[next(vectors) for _ in of_text] for of_text in parts]
                found = await asyncio.to_thread(_all_near, meaning, requests)
        except TimeoutError:
            self._failed("late", f"it took longer than {seconds:g} seconds")
            return ()
        except Exception as error:  # noqa: BLE001 - whatever is wrong with an embedder, words are searched
            self._failed("failed", str(error) or type(error).__name__)
            return ()
        self._failures = 0
        self._count("used")
        return tuple(Near(scores, self._share) for scores in found)

    async def among(self, documents: Mapping[str, Document], texts: Sequence[str]) -> dict[str, Near]:
        """Return for each text what is near it among these tools, by name, waiting UNHURRIED for what is not there."""
        try:
            async with asyncio.timeout(UNHURRIED):
                of_tools = {name: text_of(each) for name, each in documents.items()}
                while (meaning := self.meaning(of_tools)) is None:
                    await self.learned()
        except TimeoutError:
            self.too_early()
            return {}
        found = await self.near(meaning, texts, steps=False, patience=UNHURRIED)
        return dict(zip(texts, found, strict=False))

    def too_early(self) -> None:
        """Count a search for which the vectors of its tools were not there yet."""
        self._count("learning")

    async def close(self) -> None:
        """Stop learning and let go of the embedder."""
        if self._learning is not None:
            self._learning.cancel()
            await asyncio.wait([self._learning])
        await self._embedder.close()

    def _learn_texts(self, texts: Mapping[bytes, str]) -> None:
        self._wanted |= {key: text for key, text in texts.items() if key not in self._vectors}
        if self._wanted and self._learning is None:
            self._learning = asyncio.get_running_loop().create_task(self._learn())

    async def _learn(self) -> None:
        """Embed what is wanted, batch by batch; what fails is tried again after a rest."""
        size = BATCH
        try:
            while self._wanted:
                batch = dict(islice(self._wanted.items(), size))
                try:
                    made = await self._made(batch)
                except Exception as error:  # noqa: BLE001 - as above
                    if not (isinstance(error, EmbedderError) and error.refused):
                        self._failed("failed", str(error) or type(error).__name__)
                        await asyncio.sleep(self._resting_until - asyncio.get_running_loop().time())
                        continue
                    if len(batch) > 1:  # one of them is refused: which?
                        size = 1
                        continue
                    made, size = dict.fromkeys(batch, b""), BATCH
                self._keep(made)
                await asyncio.sleep(0)
        finally:
            self._learning = None

    async def _made(self, batch: Mapping[bytes, str]) -> dict[bytes, bytes]:
        """Return the vectors of texts; raises EmbedderError, and what else goes wrong."""
        made = dict(zip(batch, await self._embedder.embed(list(batch.values())), strict=True))
        known = next(filter(None, self._vectors.values()), next(iter(made.values())))
        sizes = {len(vector) for vector in (known, *made.values())}
        if len(sizes) > 1:
            raise EmbedderError(f"its vectors have {' and '.join(str(size // 4) for size in sorted(sizes))} dimensions")
        return made

    def _keep(self, made: Mapping[bytes, bytes]) -> None:
        self._vectors |= made
        for key in made:
            self._wanted.pop(key, None)
        while len(self._vectors) > KEPT:
            del self._vectors[next(iter(self._vectors))]

    def _failed(self, outcome: Outcome, why: str) -> None:
        """Let the embedder rest; said once until it has answered again."""
        if not self._failures:
            self._log.warning("tools are found by words alone while %s does not answer: %s", self._embedder.id, why)
        rest = min(self._first_rest * 2**self._failures, LONGEST_REST)
        self._failures = min(self._failures + 1, 16)
        self._resting_until = asyncio.get_running_loop().time() + rest
        self._count(outcome)

    def _count(self, outcome: Outcome) -> None:
        self._meters.count(self._meters.vector_searches, outcome)


class Sense:
    """What the tools of one index mean; they are learnt when it is first asked."""

    def __init__(self, meanings: Meanings, texts: Mapping[str, str]) -> None:
        self._meanings = meanings
        self._texts = texts
        self._meaning: Meaning | None = None

    async def near(self, texts: Sequence[str]) -> tuple[Near, ...]:
        """Return which tools are near each text; nothing where that is not known in time."""
        if self._meaning is None:
            self._meaning = self._meanings.meaning(self._texts)
        if self._meaning is None:
            self._meanings.too_early()
            return ()
        return await self._meanings.near(self._meaning, texts)


def _all_near(meaning: Meaning, requests: Sequence[Sequence[bytes]]) -> list[dict[str, float]]:
    return [meaning.near(parts) for parts in requests]


def _key(text: str) -> bytes:
    return hashlib.blake2b(text.encode(errors="replace"), digest_size=16).digest()
