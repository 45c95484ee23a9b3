"""The windows of sessions: read from the database, and kept for the session's next run; decides nothing about them."""

from collections import OrderedDict
from collections.abc import Set as AbstractSet

from toolyard_memory.sessions.store import Sessions
from toolyard_memory.sessions.window import Window
from toolyard_sdk.events import ItemRef
from toolyard_sdk.messages import Message
from toolyard_sdk.ports import Database

from toolyard_runtime.models.encoder import encode_message, without_reasoning
from toolyard_runtime.run.conversation import Conversation
from toolyard_runtime.run.transcript import ERASED, call_id
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
        window = Window(budget, await self._sessions.chain(session, head))
        refs = [(item.ref.run, item.ref.n) for item in window.items]
        found = await payloads.load_many(self._database, refs)
        for index, ref in enumerate(refs):
            payload = found[ref]
            if isinstance(payload, payloads.Erased):
                window.fragments[index] = _erased(window.items[index].kind, ref)
            else:
                window.fragments[index] = payload.data if ref[0] == own else without_reasoning(payload.data)
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
        """Drop the windows that hold an item of these runs: their content was erased."""
        for key, (conversation, size) in list(self._kept.items()):
            if any(item.ref.run in runs for item in conversation.window.items):
                del self._kept[key]
                self._bytes -= size


def _erased(kind: str, ref: tuple[bytes, int]) -> bytes:
    """Return what stands in the window in place of erased content."""
    match kind:
        case "assistant":
            return encode_message(Message("assistant", ERASED))
        case "tool":
            return encode_message(Message("tool", ERASED, tool_call_id=call_id(*ref)))
        case _:
            return encode_message(Message("user", ERASED))
