"""Journals of earlier days: every version of Toolyard must read, prove and fold them. Files here are never edited.

A file's first line names its run, the others are heads with their hashes, and payloads. When a new version cannot read
one of them, it needs an upcaster, not another file.
"""

import base64
import json
from pathlib import Path
from typing import Any, get_args

import pytest
from toolyard_memory.sessions.compaction import along, shown
from toolyard_memory.sessions.window import Item
from toolyard_runtime.run import loop
from toolyard_runtime.run.showing import compaction_of
from toolyard_runtime.store.journal import genesis
from toolyard_runtime.store.upcasters import read_head
from toolyard_runtime.telling.why import contents_hold, explain
from toolyard_sdk.canonical import chain, commit
from toolyard_sdk.events import (
    Content,
    ItemRef,
    ModelReplied,
    RunEvent,
    RunFinished,
    RunStarted,
    ToolReturned,
)

COMPACTED = Path(__file__).parent / "golden" / "compacted-run.jsonl"
FILES = sorted((Path(__file__).parent / "golden").glob("*.jsonl"))


def lines(file: Path) -> tuple[str, list[dict[str, Any]], dict[int, bytes]]:
    """Return a file's run, its heads, and its payloads by ordinal."""
    first, *rest = [json.loads(line) for line in file.read_text().splitlines()]
    contents = {line["n"]: base64.b64decode(line["data"]) for line in rest if "n" in line}
    return first["run"], [line for line in rest if "seq" in line], contents


def events(file: Path) -> list[RunEvent]:
    return [read_head(line["head"]) for line in lines(file)[1]]


def test_there_are_golden_journals_and_together_they_know_every_kind_of_the_first_version() -> None:
    assert {"compacted-run.jsonl", "demo-run.jsonl", "every-kind.jsonl"} <= {file.name for file in FILES}
    known = {type(event) for event in events(Path(__file__).parent / "golden" / "every-kind.jsonl")}
    assert len(known) == 23
    assert known <= set(get_args(RunEvent))


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_every_head_can_be_read(file: Path) -> None:
    assert all(event.at >= 0 for event in events(file))


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_every_chain_verifies(file: Path) -> None:
    run, heads, _ = lines(file)
    last = genesis(f"run:{run}")
    for line in heads:
        last = chain(last, line["head"].encode())
        assert last.hex() == line["hash"], f"seq {line['seq']}"


def test_the_demo_run_folds_to_its_answer() -> None:
    past = events(Path(__file__).parent / "golden" / "demo-run.jsonl")
    finished = past[-1]
    assert isinstance(finished, RunFinished)
    state = loop.fold(past)
    assert state.phase == "finished"
    assert (finished.reason, finished.turns, finished.calls) == ("stop", 4, 4)
    assert state.usage == finished.usage
    assert [type(event).__name__ for event in past].count("RunResumed") == 2


def test_the_demo_runs_contents_fit_the_commitments_in_its_heads() -> None:
    _, _, contents = lines(Path(__file__).parent / "golden" / "demo-run.jsonl")
    references: list[Content] = []
    for event in events(Path(__file__).parent / "golden" / "demo-run.jsonl"):
        if isinstance(event, RunStarted):
            references += event.inputs
        elif isinstance(event, ModelReplied):
            references.append(event.message)
        elif isinstance(event, ToolReturned):
            references.append(event.result)
    assert len(references) == 9
    for content in references:
        assert commit(contents[0], contents[content.n]) == content.mac


def test_what_was_done_to_a_window_is_read_as_it_was_done() -> None:
    """The third exchange of a session, with a memory: the first was summarised, the second's result put away."""
    past = events(COMPACTED)
    state = loop.fold(past)
    assert [type(event).__name__ for event in past[:3]] == ["RunStarted", "WindowCompacted", "MemoryRecalled"]
    assert (state.phase, state.usage.total_tokens) == ("finished", 45), "the summary's tokens count"
    one = compaction_of(past[1], run := bytes.fromhex(lines(COMPACTED)[0]), 1)  # type: ignore[arg-type]  # seen above
    former, last = one.end.run, one.until.run  # type: ignore[union-attr]  # both are there
    kinds = ("user", "assistant", "tool", "assistant")
    chain = [
        Item(ItemRef(of, n), kind, 619 if kind == "tool" else 50, position)  # type: ignore[arg-type]  # literals
        for position, (of, n, kind) in enumerate(
            [*((of, n, kind) for of in (former, last) for n, kind in enumerate(kinds, 1)),
             (run, 1, "user")]
        )
    ]  # fmt: skip
    assert [(item.ref.run, item.kind, item.away) for item in shown(chain, along(chain, [one]))] == [
        (former, "user", False),  # it is pinned
        (run, "summary", False),
        (run, "noted", False),
        (last, "user", False),
        (last, "assistant", False),
        (last, "tool", True),
        (last, "assistant", False),
        (run, "user", False),
    ]


def test_the_story_of_a_window_is_told_and_its_contents_fit_the_heads() -> None:
    _, _, contents = lines(COMPACTED)
    assert contents_hold(events(COMPACTED), contents.get)
    assert not contents_hold(events(COMPACTED), {**contents, 2: contents[2] + b" "}.get), "the summary is changed"
    told = explain(events(COMPACTED), contents.get)
    window, recalled = told.lines[1:3]
    assert window.text == (
        "Turn 1: what it is shown was brought from 2,329 to 618 tokens, with room for 208 of what comes to mind: "
        "1 result put away and 3 messages summarised by lab/m"
    )
    assert window.detail is not None
    assert "the kiln is fired on Thursdays" in window.detail["summary"]
    assert window.detail["tokens"] == "estimated"
    assert recalled.text == "Turn 1: 4 messages came to mind"
    assert told.answer == "Yours is 4711, and it is fired on Thursdays."
