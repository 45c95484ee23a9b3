"""What goes when facts are forgotten; pure planning over what the store has read, so that the rule stands in one place.

- A fact goes with every version that says the same words of the same subject and attribute, believed or not: what was
  left of it when another took its place, and what it took the place of. Versions in other words stay the history they
  are; none of them is believed again because a later one was forgotten.
- A fact that was derived from a forgotten one goes too, by however many steps, unless it has words of its own: a
  statement, a document, or a message that no forgotten fact rests on. Then it stays, without the lost evidence.
- The messages that forgotten facts rest on come to nobody's mind any more. Other facts that rest on them stay.
"""

from collections.abc import Iterable, Mapping

from toolyard_memory.records import Evidence


def messages_of(evidence: Iterable[Evidence]) -> set[tuple[bytes, int]]:
    """Return the messages among the evidence, by run and ordinal."""
    return {(one.source, one.item) for one in evidence if one.kind == "message" and one.source is not None}


def stands(evidence: Iterable[Evidence], lost: set[tuple[bytes, int]]) -> bool:
    """Tell whether a fact that was derived from a forgotten one has words of its own; `lost` are messages that go."""
    for one in evidence:
        if one.kind in ("stated", "document"):
            return True
        if one.kind == "message" and (one.source, one.item) not in lost:
            return True
    return False


def fallen(
    derived: Mapping[bytes, tuple[Evidence, ...]], gone: set[bytes], lost: set[tuple[bytes, int]]
) -> tuple[bytes, ...]:
    """Return those of the derived facts that go as well: they rest on what is gone, and on no words of their own."""
    return tuple(fact for fact, evidence in derived.items() if fact not in gone and not stands(evidence, lost))
