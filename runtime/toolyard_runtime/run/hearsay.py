"""Whose word a run has in view, and so how far what it puts down may be trusted; stores nothing.

What the person said is told from what others did; `toolyard_memory.facts.own_words` judges the words themselves.
"""

from collections.abc import Iterator

from msgspec import Struct
from toolyard_memory.facts.own_words import brought
from toolyard_memory.records import Trust
from toolyard_memory.retrieval.assembly import UNTRUSTED_BEGINS
from toolyard_memory.sessions.window import STAND_INS, Item
from toolyard_registry.names import FIND_TOOLS, READ_RESULT
from toolyard_registry.toolbox.remembering import RECALL
from toolyard_sdk.events import ItemRef
from toolyard_sdk.messages import Message, TextPart

from toolyard_runtime.models.encoder import call_answered, decode_message, words_of
from toolyard_runtime.run.runlog import RunLog

MARK = UNTRUSTED_BEGINS.partition("\n")[0]
"""Stands in a text that was recalled exactly when something in it is not to be trusted: no passage can write it."""

MOST_TOLD = 100
"""Messages that are looked through for what is put down."""

OURS = frozenset({FIND_TOOLS, READ_RESULT})
"""Tools of the server's own that say nothing new: what the second gives back counts where it came from."""


class Told(Struct, frozen=True):
    """A message with the role of the user that is in view, and what others had said in view of whoever sent it."""

    ref: ItemRef
    position: int
    text: str
    others: tuple[str, ...]


def heard_from(log: RunLog) -> Trust:
    """Return the least trusted word that a run has in view: `page`, `tool`, or nobody's but the person's: `user`.

    A page may also stand in what the person sent. What a tool gave that reaches outside, or a tool of the client's,
    counts for as long as it is in view, also when an earlier run of the session called it: a page can ask for something
    to be remembered when the person speaks next. A summary may tell of any of it.
    """
    if log.recalled is not None and MARK in log.words(log.recalled.text):
        return "page"
    if any(len(texts) > 1 or brought(" ".join(texts)) for _, _, texts in _sent(log)):
        return "page"
    outside = {tool.digest for tool in log.agent.release.tools if tool.spec.annotations.open_world}
    heard: Trust = "user" if outside.isdisjoint(log.called_releases) else "tool"
    inside = _inside(log)
    for _, name, gave in _given(log):
        if name == RECALL and name in inside:
            if MARK.encode() in gave:
                return "page"
        elif name not in inside:
            heard = "tool"
    summed_up = any(item.kind == "summary" for item in log.conversation.window.items)
    started = log.state.started
    reaches = bool(outside) or (started is not None and started.client_tools is not None)
    return "tool" if summed_up and reaches else heard


def told_in(log: RunLog) -> tuple[Told, ...]:
    """Return the newest messages in view that the person may have typed, the newest first.

    Of one with several texts nobody knows which they typed: clients put what is attached beside their words. `others`
    is what is not trusted, and what the agent answered with it in view: it may have had the person repeat it.
    """
    inside, results = _inside(log), {item.ref: (name, gave) for item, name, gave in _given(log)}
    sent = {ref: texts for ref, _, texts in _sent(log)}
    others = [log.words(log.recalled.text).partition(MARK)[2]] if log.recalled is not None else []
    others = [other for other in others if other]
    told: list[Told] = []
    for item, fragment in zip(log.conversation.window.items, log.conversation.window.fragments, strict=True):
        if item.kind == "user":
            texts = sent[item.ref]
            told += [Told(item.ref, item.position, texts[0], tuple(others))] if len(texts) == 1 else []
            others += texts if len(texts) > 1 or brought(" ".join(texts)) else []
        elif item.kind == "tool":
            name, gave = results[item.ref]
            text = words_of(decode_message(gave))
            text = text.partition(MARK)[2] if name in inside else text
            others += [text] if text else []
        elif others or item.kind in STAND_INS:
            others.append(words_of(decode_message(fragment)))
    return tuple(told[: -MOST_TOLD - 1 : -1])


def _inside(log: RunLog) -> frozenset[str]:
    """Return the names of the tools that do not reach outside."""
    tools = log.agent.release.tools
    return OURS | {tool.spec.name for tool in tools if not tool.spec.annotations.open_world}


def _sent(log: RunLog) -> Iterator[tuple[ItemRef, int, list[str]]]:
    """Give the user's messages that are in view, with their texts."""
    window = log.conversation.window
    for item, fragment in zip(window.items, window.fragments, strict=True):
        if item.kind == "user":  # what came to mind is shown before the words of the run's own
            own = log.contents.get(item.ref.n, fragment) if item.ref.run == log.identity.run else fragment
            yield item.ref, item.position, texts_of(decode_message(own))


def texts_of(message: Message) -> list[str]:
    """Return the texts of a message, without the space around them; pictures have none."""
    content = message.content
    texts = [part.text for part in content if isinstance(part, TextPart)] if isinstance(content, tuple) else [content]
    return [text.strip() for text in texts if text and text.strip()]


def _given(log: RunLog) -> Iterator[tuple[Item, str, bytes]]:
    """Give the results that are in view: the item, the name of the tool, what the model is shown."""
    window = log.conversation.window
    names: dict[str, str] = {}
    for item, fragment in zip(window.items, window.fragments, strict=True):
        if item.kind == "assistant" and b'"tool_calls":[' in fragment:
            names |= {call.id: call.name for call in decode_message(fragment).tool_calls}
        elif item.kind == "tool":
            gave = log.contents.get(item.ref.n, fragment) if item.ref.run == log.identity.run else fragment
            yield item, names.get(call_answered(fragment), ""), gave


__all__ = ["MARK", "Told", "heard_from", "texts_of", "told_in"]
