"""A conversation in bytes: the same live and read back, hashed as it is sent, changed at its end or by a compaction."""

import hashlib

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st
from toolyard_memory.records import Owner, Passage
from toolyard_memory.retrieval.asking import Roots
from toolyard_memory.retrieval.assembly import assemble
from toolyard_memory.sessions.compaction import Compaction, plan, shown
from toolyard_memory.sessions.summaries import FRAME
from toolyard_memory.sessions.window import Item, Window, estimate_tokens
from toolyard_runtime.models.encoder import call_answered, encode_message, without_reasoning
from toolyard_runtime.run.conversation import Conversation
from toolyard_runtime.run.showing import fragment_of, readable
from toolyard_runtime.run.transcript import call_id
from toolyard_sdk.events import ItemRef
from toolyard_sdk.messages import Message, ToolCall

from tests.memory.sessions.conversations import sessions

PREFIX = b'{"model":"m","messages":[{"role":"system","content":"You work here."}'
BUDGETS = st.integers(400, 12_000)


def written(steps: list[list[Item]]) -> list[list[tuple[Item, bytes]]]:
    """Return each step's items with messages of about their sizes: calls, results that answer them, reasoning."""
    made: list[list[tuple[Item, bytes]]] = []
    for step in steps:
        tools = [item.ref.n for item in step if item.kind == "tool"]
        row = []
        for item in step:
            words, run = "word " * item.tokens, item.ref.run
            match item.kind:
                case "user":
                    message = Message("user", words)
                case "tool":
                    message = Message("tool", words, tool_call_id=call_id(run, item.ref.n))
                case _:
                    calls = tuple(ToolCall(call_id(run, n), "look", "{}") for n in tools)
                    message = Message("assistant", words, tool_calls=calls, reasoning="because")
            fragment = encode_message(message)
            row.append((msgspec.structs.replace(item, tokens=estimate_tokens(fragment)), fragment))
        made.append(row)
    return made


class Memories(msgspec.Struct):
    """Passages of `words` come to mind whenever a run begins, `wanted` tokens of them; `texts` are those, by item."""

    wanted: int = 0
    words: str = ""
    texts: dict[ItemRef, str] = {}

    def come_to_mind(self, window: Window, asked: ItemRef) -> str:
        """Return as many as have room in a window."""
        owner = Owner("tenant", "alice")
        passages = [Passage(bytes([n]), owner, "message", f"{n}. {self.words}", 0, speaker="user") for n in range(40)]
        text = assemble(passages, max(window.room_left(self.wanted), 1), {}, Roots(())).text
        self.texts[asked] = text
        return text


MEMORIES = st.builds(Memories, st.just(0) | st.integers(50, 4_000), st.text(max_size=400) | st.just('"\\' * 40))


def fold(
    steps: list[list[tuple[Item, bytes]]], budget: int, memories: Memories | None = None
) -> tuple[Conversation, list[Compaction], dict[ItemRef, bytes], list[bytes]]:
    """Live through a session: returns its conversation, what was done to it, all payloads and every request."""
    memories = memories or Memories()
    conversation = Conversation(Window(budget))
    made: list[Compaction] = []
    payloads: dict[ItemRef, bytes] = {}
    sent: list[bytes] = []
    for step in steps:
        window = conversation.window
        begins = not window.items or window.items[-1].ref.run != step[0][0].ref.run
        if window.items and begins:
            conversation.settle(window.items[-1].ref.run)
        room = window.room_for(memories.wanted) if memories.wanted and begins else 0
        for item, fragment in step:
            window.add(item, fragment)
            payloads[item.ref] = fragment
        if window.tokens + room > window.limit:
            pairs = zip(window.items, window.fragments, strict=True)
            back = {i.ref for i, f in pairs if i.kind == "tool" and readable(i, call_answered(f))}
            planned = plan(window.items, budget, back, 1, room)
            if planned is not None:
                newest = window.items[-1].ref
                n = 10_000 + len(made) if planned.end is not None else None
                one = Compaction(
                    newest.run, len(made), 0, newest, None, planned.end, -1, planned.pinned, planned.above,
                    planned.until, n,
                )  # fmt: skip
                summary = encode_message(Message("user", f"{FRAME}{len(made)}"))
                if n is not None:
                    payloads[ItemRef(newest.run, n)] = summary
                made.append(conversation.compact(one, summary))
        if room:
            asked, before = step[-1][0].ref, window.tokens
            text = memories.come_to_mind(window, asked)
            if text:
                conversation.recall(asked, text)
                assert before < window.tokens <= min(before + room, budget), "it counts, and keeps to its room"
        assert window.tokens == sum(map(estimate_tokens, window.fragments)), "what is shown is what is counted"
        body, digest = conversation.request(PREFIX)
        assert digest == hashlib.sha256(body).digest()
        sent.append(body)
    return conversation, made, payloads, sent


@given(sessions(), BUDGETS, MEMORIES)
@settings(max_examples=60, deadline=None)
def test_one_read_back_sends_the_bytes_that_the_live_one_sends(
    steps: list[list[Item]], budget: int, memories: Memories
) -> None:
    history = written(steps)
    conversation, made, payloads, _ = fold(history, budget, memories)
    own = history[-1][0][0].ref.run
    items = shown([item for step in history for item, _ in step], made)
    fragments = [fragment_of(item, payloads[item.ref], own=item.ref.run == own) for item in items]
    read = Conversation(Window(budget))
    read.window.show(items, fragments)
    for asked, text in memories.texts.items():
        if asked.run == own and text:
            read.recall(asked, text)
    assert read.request(PREFIX) == conversation.request(PREFIX)
    assert read.said == conversation.said == fragments
    assert read.window.tokens == conversation.window.tokens
    assert read.window.start == conversation.window.start


@given(sessions(), BUDGETS, MEMORIES)
@settings(max_examples=60, deadline=None)
def test_within_a_run_a_request_begins_with_the_one_before_unless_the_window_was_compacted(
    steps: list[list[Item]], budget: int, memories: Memories
) -> None:
    history = written(steps)
    _, made, _, sent = fold(history, budget, memories)
    moved = {one.after for one in made}
    for index in range(1, len(sent)):
        same_run = history[index][0][0].ref.run == history[index - 1][0][0].ref.run
        if same_run and history[index][-1][0].ref not in moved:
            assert sent[index].startswith(sent[index - 1][:-2])


@given(sessions(), BUDGETS, MEMORIES)
@settings(max_examples=60, deadline=None)
def test_after_a_run_nothing_is_left_of_what_came_to_mind(
    steps: list[list[Item]], budget: int, memories: Memories
) -> None:
    history = written(steps)
    conversation, _, payloads, _ = fold(history, budget, memories)
    conversation.settle(history[-1][0][0].ref.run)
    window = conversation.window
    for item, fragment in zip(window.items, window.fragments, strict=True):
        if item.kind == "user":
            assert fragment == payloads[item.ref]
    assert window.tokens == sum(map(estimate_tokens, window.fragments))


@given(sessions(), BUDGETS)
@settings(max_examples=60, deadline=None)
def test_what_comes_to_mind_stands_after_all_that_earlier_runs_sent(steps: list[list[Item]], budget: int) -> None:
    history = written(steps)
    conversation, _, _, _ = fold(history, budget)
    own = history[-1][0][0].ref.run
    asked = [item for item in conversation.window.items if item.kind == "user"][-1]
    plain, _ = conversation.request(PREFIX)
    conversation.recall(asked.ref, "What came to mind")
    recalled, digest = conversation.request(PREFIX)
    index = [item.ref for item in conversation.window.items].index(asked.ref)
    stable = b",".join([PREFIX, *conversation.window.fragments[:index]])
    assert plain.startswith(stable)
    assert recalled.startswith(stable)
    assert recalled[len(stable) :].count(b"What came to mind") == 1
    assert digest == hashlib.sha256(recalled).digest()
    conversation.settle(own)
    forgotten, _ = conversation.request(PREFIX)
    assert b"What came to mind" not in forgotten
    assert conversation.window.fragments == [without_reasoning(part) for part in conversation.window.fragments]
