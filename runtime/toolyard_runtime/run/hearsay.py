"""Whose word a run has in view, and so how far what it puts down may be trusted; stores nothing and judges no text."""

from collections.abc import Iterator

from toolyard_memory.records import Trust
from toolyard_memory.retrieval.assembly import UNTRUSTED_BEGINS
from toolyard_registry.names import FIND_TOOLS, READ_RESULT
from toolyard_registry.toolbox.remembering import RECALL

from toolyard_runtime.models.encoder import call_answered, decode_message
from toolyard_runtime.run.runlog import RunLog

MARK = UNTRUSTED_BEGINS.partition("\n")[0]
"""Stands in a text that was recalled exactly when something in it is not to be trusted: no passage can write it."""

OURS = frozenset({FIND_TOOLS, READ_RESULT})
"""Tools of the server's own that say nothing new: what the second gives back counts where it came from."""


def heard_from(log: RunLog) -> Trust:
    """Return the least trusted word that a run has in view: `page`, `tool`, or nobody's but the person's: `user`.

    What a tool gave that reaches outside, or a tool of the client's, counts for as long as it is in view, also when an
    earlier run of the session called it: a page can ask for something to be remembered when the person speaks next. A
    summary may tell of any of it.
    """
    if log.recalled is not None and MARK in log.words(log.recalled.text):
        return "page"
    outside = {tool.digest for tool in log.agent.release.tools if tool.spec.annotations.open_world}
    inside = {tool.spec.name for tool in log.agent.release.tools if tool.digest not in outside} | OURS
    heard: Trust = "user" if outside.isdisjoint(log.called_releases) else "tool"
    for name, gave in _given(log):
        if name == RECALL and name in inside:
            if MARK.encode() in gave:
                return "page"
        elif name not in inside:
            heard = "tool"
    summed_up = any(item.kind == "summary" for item in log.conversation.window.items)
    started = log.state.started
    reaches = bool(outside) or (started is not None and started.client_tools is not None)
    return "tool" if summed_up and reaches else heard


def _given(log: RunLog) -> Iterator[tuple[str, bytes]]:
    """Give the results that are in view: by the name of the tool, what the model is shown."""
    window = log.conversation.window
    names: dict[str, str] = {}
    for item, fragment in zip(window.items, window.fragments, strict=True):
        if item.kind == "assistant" and b'"tool_calls":[' in fragment:
            names |= {call.id: call.name for call in decode_message(fragment).tool_calls}
        elif item.kind == "tool":
            gave = log.contents.get(item.ref.n, fragment) if item.ref.run == log.identity.run else fragment
            yield names.get(call_answered(fragment), ""), gave


__all__ = ["MARK", "heard_from"]
