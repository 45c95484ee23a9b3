"""What came to mind is told in words and by ids, with every part of its score; and what went wrong is told, too."""

from toolyard_runtime.telling.remembering import recalled, written
from toolyard_sdk import events as e


def one(id_: str, provenance: str = "", *, used: bool = True, **scores: float) -> e.Recalled:
    return e.Recalled(id_, provenance, scores, used=used)


def test_what_came_to_mind_is_counted_by_kind_and_listed_with_its_scores() -> None:
    memories = (
        one("fact_1", "fact", total=0.75, words=0.5, graph=0.25),
        one("msg_2", "message 1 of run_3", total=0.5),
        one("msg_4", "message 2 of run_3", total=0.25, used=False),
    )
    text, detail = recalled(e.MemoryRecalled(1, 1, memories), "What is remembered")
    assert text == "Turn 1: 1 fact and 1 message came to mind, 1 more had no room"
    assert detail["memories"] == [
        "fact_1 0.75: words 0.5, graph 0.25",
        "msg_2 (message 1 of run_3) 0.50",
        "msg_4 (message 2 of run_3) 0.25; had no room",
    ]
    assert detail["shown"] == "What is remembered"


def test_several_of_a_kind_have_a_plural() -> None:
    memories = tuple(one(id_) for id_ in ("chunk_1", "chunk_2", "sum_1", "sum_2", "msg_1"))
    text, _ = recalled(e.MemoryRecalled(1, 2, memories), "")
    assert text == "Turn 2: 2 pieces of documents, 2 summaries and 1 message came to mind"


def test_nothing_that_came_to_mind_and_memory_that_failed_are_not_the_same() -> None:
    assert recalled(e.MemoryRecalled(1, 1, ()), "")[0] == "Turn 1: Nothing came to mind"
    failed, _ = recalled(e.MemoryRecalled(1, 1, (), degraded="failed"), "")
    assert "could not be searched" in failed
    vectors, _ = recalled(e.MemoryRecalled(1, 1, (one("fact_1"),), degraded="vectors"), "")
    assert vectors == "Turn 1: 1 fact came to mind (searched by words, without all vectors)"


def test_what_was_put_down_is_named() -> None:
    text, detail = written(e.MemoryWritten(1, added=("fact_2",), superseded=("fact_1",)))
    assert text == "Facts: 1 added, 1 replaced"
    assert detail == {"added": ["fact_2"], "replaced": ["fact_1"], "forgotten": []}
