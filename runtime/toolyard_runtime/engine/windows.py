"""The windows of sessions: read from the database, and kept for the session's next run; decides nothing about them."""

from collections import OrderedDict
from collections.abc import Set as AbstractSet

from toolyard_memory.sessions.compaction import along, covered, shown
from toolyard_memory.sessions.store import Sessions
from toolyard_memory.sessions.window import Window
from toolyard_sdk.events import ItemRef
from toolyard_sdk.ports import Database

from toolyard_runtime.run.conversation import Conversation
from toolyard_runtime.run.showing import erased, fragment_of
from toolyard_runtime.store import payloads

MOST_BYTES = 16 * 1024 * 1024
MOST_WINDOWS = 512


class Windows:
    """Hands out conversations; one that is in use is not in the cache, so two runs never share one."""

    def __init__(self, database: Database, sessions: Sessions) -> None:
        self._database = database
        self._sessions = sessions
        self._kept: OrderedDict[tuple[bytes, int], tuple[Conversation, int]] = OrderedDict()
        self._bytes = 0

    async def take(self, session: bytes, head: ItemRef | None, budget: int) -> Conversation:
        """Return the conversation that ends with `head` (None: a new one), for one run to go on with."""
        cached = self._kept.pop((head.run, head.n), None) if head is not None else None
        if cached is not None:
            conversation, size = cached
            self._bytes -= size
            if conversation.window.budget == budget:
                return conversation
        return await self.load(session, head, budget)

    async def load(self, session: bytes, head: ItemRef | None, budget: int, own: bytes = b"") -> Conversation:
        """Read a conversation from the database; reasoning is kept only for the run `own`."""
        if head is None:
            return Conversation(Window(budget))
        chain = await self._sessions.chain(session, head)
        made = along(chain, await self._sessions.compactions(session))
        items = shown(chain, made)
        found = await payloads.load_many(self._database, {(item.ref.run, item.ref.n) for item in items})
        fragments = []
        for item in items:
            payload = found[item.ref.run, item.ref.n]
            if isinstance(payload, payloads.Erased):
                fragments.append(erased(item))
            else:
                fragments.append(fragment_of(item, payload.data, own=item.ref.run == own))
        window = Window(budget)
        window.show(items, fragments, (chain[index].ref.run for index in covered(chain, items)))
        window.pinned = next((one.pinned for one in reversed(made) if one.end is not None), None)
        return Conversation(window)

    def keep(self, conversation: Conversation, head: ItemRef) -> None:
        """Keep a finished run's conversation for the next one; the least recently used go first."""
        size = conversation.window.size
        self._kept[head.run, head.n] = (conversation, size)
        self._bytes += size
        while self._bytes > MOST_BYTES or len(self._kept) > MOST_WINDOWS:
            _, (_, dropped) = self._kept.popitem(last=False)
            self._bytes -= dropped

    def forget(self, runs: AbstractSet[bytes]) -> None:
        """Drop the windows that hold an item of these runs, or sum one up: their content was erased."""
        for key, (conversation, size) in list(self._kept.items()):
            window = conversation.window
            if not runs.isdisjoint(window.sources) or any(item.ref.run in runs for item in window.items):
                del self._kept[key]
                self._bytes -= size
