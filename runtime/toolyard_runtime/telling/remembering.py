"""What came to mind of a run and what it put down, in words, by ids that `toolyard memory show` takes; pure."""

from collections.abc import Iterable
from typing import Any, Final

from toolyard_sdk import events as e

NOUNS: Final = {"fact_": "fact", "msg_": "message", "chunk_": "piece of a document", "sum_": "summary"}
PLURALS: Final = {"piece of a document": "pieces of documents", "summary": "summaries"}
DEGRADED: Final = {
    "failed": "memory could not be searched in time, and the run went on without; the server's log says why",
    "vectors": "searched by words, without all vectors",
}


def recalled(event: e.MemoryRecalled, shown: str) -> tuple[str, dict[str, Any]]:
    """Tell what came to mind, best first, with every part of its score; `shown` is the text the model was given."""
    used = [memory for memory in event.recalled if memory.used]
    left = len(event.recalled) - len(used)
    what = f"{_and(_counted(used))} came to mind" if used else "Nothing came to mind"
    text = f"Turn {event.turn}: {what}" + (f", {left} more had no room" if left else "")
    if event.degraded:
        text += f" ({DEGRADED.get(event.degraded, event.degraded)})"
    size = f"about {event.tokens:,} tokens, of {event.room:,} there was room for" if event.tokens else ""
    return text, {"memories": [_memory(memory) for memory in event.recalled], "shown": shown, "size": size}


def written(event: e.MemoryWritten) -> tuple[str, dict[str, Any]]:
    """Tell which facts a call has changed."""
    changes = {"added": event.added, "replaced": event.superseded, "forgotten": event.forgotten}
    done = [f"{len(ids)} {how}" for how, ids in changes.items() if ids]
    return f"Facts: {', '.join(done) or 'nothing changed'}", {how: list(ids) for how, ids in changes.items()}


def _memory(memory: e.Recalled) -> str:
    parts = ", ".join(f"{name} {score:g}" for name, score in memory.scores.items() if name != "total")
    where = "" if memory.provenance in NOUNS.values() else f" ({memory.provenance})"
    score = f" {memory.scores['total']:.2f}" if "total" in memory.scores else ""
    return f"{memory.id}{where}{score}{f': {parts}' if parts else ''}{'' if memory.used else '; had no room'}"


def _counted(memories: Iterable[e.Recalled]) -> list[str]:
    """Return how many there are of each kind, in the order of the first of each."""
    counts: dict[str, int] = {}
    for memory in memories:
        noun = next((noun for prefix, noun in NOUNS.items() if memory.id.startswith(prefix)), "memory")
        counts[noun] = counts.get(noun, 0) + 1
    return [f"{count} {noun if count == 1 else PLURALS.get(noun, f'{noun}s')}" for noun, count in counts.items()]


def _and(words: list[str]) -> str:
    return f"{', '.join(words[:-1])} and {words[-1]}" if len(words) > 1 else words[0]
