"""Compaction: whole exchanges, what must stay stays, and a window read back is the one that lived."""

from hypothesis import given
from hypothesis import strategies as st
from toolyard_memory.sessions.compaction import (
    LARGE,
    Compaction,
    along,
    covered,
    plan,
    shown,
    step_tokens,
    summary_tokens,
)
from toolyard_memory.sessions.window import JOINT, STAND_INS, Item, Kind, Window, estimate_tokens, fullness
from toolyard_sdk.events import ItemRef

from tests.memory.sessions.conversations import Life, lived, sessions

RUN = b"r" * 16
BUDGETS = st.integers(100, 12_000)
PINNED = st.integers(0, 2)


def seen(items: list[Item]) -> list[tuple[ItemRef, str, bool]]:
    """Return what of a list of items a model could tell apart."""
    return [(item.ref, item.kind, item.away) for item in items]


def last_exchange(items: list[Item]) -> list[Item]:
    """Return the user's messages that began the last exchange."""
    index = max(index for index, item in enumerate(items) if item.kind == "user")
    first = index
    while first and items[first - 1].kind == "user":
        first -= 1
    return items[first : index + 1]


def turns(items: list[Item]) -> list[list[Item]]:
    """Return the turns of a history: each message of the assistant with all its results."""
    found: list[list[Item]] = []
    for item in items:
        if item.kind == "assistant":
            found.append([item])
        elif item.kind == "tool":
            found[-1].append(item)
    return found


@given(sessions(), BUDGETS, PINNED, st.booleans())
def test_a_window_read_back_is_the_one_that_lived_and_nothing_is_changed(
    steps: list[list[Item]], budget: int, pinned: int, reader: bool
) -> None:
    for life, _ in lived(steps, budget, pinned, reader=reader):
        history = list(life.history)
        made = along(life.history, reversed(life.made))
        assert made == life.made
        assert seen(shown(life.history, made)) == seen(life.entries)
        assert life.history == history


@given(sessions(), BUDGETS, PINNED, st.booleans())
def test_turns_are_shown_with_all_their_results_or_not_at_all(
    steps: list[list[Item]], budget: int, pinned: int, reader: bool
) -> None:
    for life, _ in lived(steps, budget, pinned, reader=reader):
        refs = [item.ref for item in life.entries if item.kind not in STAND_INS]
        for turn in turns(life.history):
            there = [item.ref for item in turn if item.ref in refs]
            assert there in ([], [item.ref for item in turn])
            if there:
                begin = refs.index(there[0])
                assert refs[begin : begin + len(there)] == there, "one after the other"
        positions = [item.position for item in life.entries if item.kind not in STAND_INS]
        assert positions == sorted(positions)


@given(sessions(), BUDGETS, PINNED, st.booleans())
def test_what_must_stay_stays(steps: list[list[Item]], budget: int, pinned: int, reader: bool) -> None:
    for life, _ in lived(steps, budget, pinned, reader=reader):
        there = {item.ref for item in life.entries if not item.away}
        users = [item.ref for item in life.history if item.kind == "user"]
        assert there.issuperset(users[:pinned])
        assert there.issuperset(item.ref for item in last_exchange(life.history))
        newest = [item.ref for item in life.history if item.position > last_exchange(life.history)[-1].position]
        if newest:
            assert there.issuperset(item.ref for item in turns(life.history)[-1]), "the model has not seen it yet"


@given(sessions(), BUDGETS, PINNED, st.booleans())
def test_between_compactions_a_window_only_grows(
    steps: list[list[Item]], budget: int, pinned: int, reader: bool
) -> None:
    before: list[Item] = []
    for life, moved in lived(steps, budget, pinned, reader=reader):
        if not moved:
            assert life.entries[: len(before)] == before
        before = life.entries


@given(sessions(), BUDGETS, PINNED, st.booleans())
def test_one_happens_only_above_four_fifths_and_wins_something(
    steps: list[list[Item]], budget: int, pinned: int, reader: bool
) -> None:
    for life, moved in lived(steps, budget, pinned, reader=reader):
        if moved:
            held = sum(item.tokens for item in life.before)
            assert held > fullness(budget)
            assert held - life.tokens >= step_tokens(budget)


@given(sessions(), BUDGETS, PINNED, st.booleans())
def test_it_brings_a_window_to_half_or_to_what_must_stay(
    steps: list[list[Item]], budget: int, pinned: int, reader: bool
) -> None:
    for life, moved in lived(steps, budget, pinned, reader=reader):
        if moved and life.tokens > fullness(budget):
            stays = {item.ref for item in [*last_exchange(life.history), *turns(life.history)[-1:][0]]}
            users = [item.ref for item in life.history if item.kind == "user"]
            left = {item.ref for item in life.entries if item.kind not in STAND_INS}
            assert left <= stays | set(users[:pinned])
        elif moved and life.tokens > budget // 2:
            assert _older(life) == [], "an older exchange could have gone"


def _older(life: Life) -> list[Item]:
    """Return what is shown itself of older exchanges, but for what is pinned."""
    first = last_exchange(life.history)[0].position
    pinned = [item.ref for item in life.history if item.kind == "user"][: life.pinned]
    return [item for item in life.entries if item.position < first and item.kind not in STAND_INS
            and item.ref not in pinned]  # fmt: skip


@given(sessions(), BUDGETS, PINNED)
def test_without_a_way_to_read_them_back_no_result_is_put_away(
    steps: list[list[Item]], budget: int, pinned: int
) -> None:
    for life, _ in lived(steps, budget, pinned, reader=False):
        assert not any(item.away for item in life.entries)


@given(sessions(), BUDGETS)
def test_only_large_results_are_put_away_the_largest_first(steps: list[list[Item]], budget: int) -> None:
    for life, moved in lived(steps, budget, 0, reader=True):
        if not moved or life.made[-1].until is None:
            continue
        one = life.made[-1]
        assert one.above >= LARGE
        was = {item.ref: item for item in life.before}
        until = was[one.until].position  # type: ignore[index]  # it is not None
        for item in life.entries:
            if item.kind == "tool" and item.position <= until:
                assert item.away == (was[item.ref].away or was[item.ref].tokens > one.above)


@given(sessions(), BUDGETS, PINNED, st.booleans(), st.data())
def test_another_branch_has_the_compactions_of_the_stem_and_no_others(
    steps: list[list[Item]], budget: int, pinned: int, reader: bool, data: st.DataObject
) -> None:
    stages = [(list(life.history), list(life.made)) for life, _ in lived(steps, budget, pinned, reader=reader)]
    history, made = stages[data.draw(st.integers(0, len(stages) - 1))]
    branch = [*history, Item(ItemRef(b"b" * 16, 1), "user", 5, len(history))]
    everything = stages[-1][1]
    assert along(branch, everything) == made


@given(sessions(), BUDGETS)
def test_the_same_window_gets_the_same_plan(steps: list[list[Item]], budget: int) -> None:
    items = [item for step in steps for item in step]
    readable = {item.ref for item in items}
    assert plan(items, budget, readable, 1) == plan(tuple(items), budget, frozenset(readable), 1)


@given(sessions())
def test_a_window_at_half_its_budget_is_left_alone(steps: list[list[Item]]) -> None:
    items = [item for step in steps for item in step]
    assert plan(items, 2 * sum(item.tokens for item in items), {item.ref for item in items}) is None


@given(sessions(), BUDGETS, st.data())
def test_room_for_what_comes_to_mind_counts_as_if_it_were_shown_already(
    steps: list[list[Item]], budget: int, data: st.DataObject
) -> None:
    items = [item for step in steps for item in step]
    held, room = sum(item.tokens for item in items), data.draw(st.integers(0, budget // 4))
    planned = plan(items, budget, (), 0, room)
    if held + room <= budget // 2:
        assert planned is None
    if planned is None:
        return
    newest = items[-1].ref
    left = shown(items, [Compaction(newest.run, 0, 0, newest, end=planned.end)])
    summary = summary_tokens(budget)
    assert sum(item.tokens for item in left) + summary <= held - step_tokens(budget)
    if sum(item.tokens for item in left) + summary + room > budget // 2:
        first = last_exchange(items)[0].position
        assert all(item.position >= first for item in left), "an older exchange could have gone"


def test_what_has_no_room_beside_what_comes_to_mind_makes_room_for_it() -> None:
    items = chat(*(100 for _ in range(9)))
    assert plan(items, 2_000) is None
    planned = plan(items, 2_000, room=500)
    assert planned is not None
    assert planned.end == items[7].ref, "all of it: half of the budget is 1,000, of which 500 are to stay free"


def chat(*sizes: int) -> list[Item]:
    """Return exchanges of a question and an answer, by tokens of both."""
    kinds: tuple[Kind, Kind] = ("user", "assistant")
    return [Item(ItemRef(RUN, n), kinds[n % 2], size, n) for n, size in enumerate(sizes)]


def test_a_second_summary_takes_the_first_one_in() -> None:
    items = chat(10, 500, 10, 500, 10, 500, 10, 500, 10)
    one = Compaction(RUN, 1, 0, items[4].ref, items[0].ref, items[1].ref, 1, summary=90)
    two = Compaction(RUN, 2, 0, items[8].ref, items[2].ref, items[5].ref, 5, summary=91)
    first = shown(items[:5], [one])
    assert [item.kind for item in first] == ["summary", "noted", "user", "assistant", "user"]
    second = shown(items, [one, two])
    assert [item.ref.n for item in second] == [91, 91, 6, 7, 8]
    grown = [*first, *items[5:]]
    assert [grown[index].ref.n for index in covered(grown, second)] == [90, 90, 2, 3, 4, 5]


def test_a_row_that_names_nothing_of_the_chain_changes_nothing() -> None:
    items = chat(10, 500, 10)
    stray = Compaction(RUN, 1, 0, items[2].ref, end=ItemRef(b"x" * 16, 9), until=ItemRef(b"x" * 16, 8), above=300)
    assert shown(items, along(items, [stray])) == items


def test_a_run_that_only_began_where_the_stem_ends_has_done_nothing_to_other_branches() -> None:
    stem = chat(10, 500, 10, 500)
    other = Compaction(b"o" * 16, 1, 0, stem[3].ref, stem[0].ref, stem[1].ref, 1)
    assert along([*stem, Item(ItemRef(b"b" * 16, 1), "user", 5, 4)], [other]) == []
    assert along([*stem, Item(ItemRef(b"o" * 16, 1), "assistant", 5, 4)], [other]) == [other]


def test_a_window_too_small_for_a_summary_lets_go_without_one() -> None:
    assert summary_tokens(1_279) == 0
    assert summary_tokens(1_280) == 160
    items = chat(*(100 for _ in range(9)))
    planned = plan(items, 1_000)
    assert planned is not None
    left = shown(items, [Compaction(RUN, 1, 0, items[8].ref, end=planned.end)])
    assert [item.ref.n for item in left] == [4, 5, 6, 7, 8]


def test_a_window_counts_what_it_shows_by_its_own_bytes() -> None:
    window = Window(1_000)
    for item in chat(300, 200, 100):
        window.add(item, b"x" * (item.tokens - 4) * 4)
    assert (window.tokens, window.start, window.shown_from, window.next_position) == (600, ItemRef(RUN, 0), 0, 3)
    summary = Item(ItemRef(RUN, 9), "summary", 0, 1)
    noted = Item(ItemRef(RUN, 9), "noted", 0, 1)
    window.show([summary, noted, window.items[2]], [b"s" * 40, b"n" * 20, window.fragments[2]], [RUN])
    assert window.tokens == estimate_tokens(b"s" * 40) + estimate_tokens(b"n" * 20) + 100
    assert (window.start, window.shown_from, window.moves) == (ItemRef(RUN, 2), 2, 1)
    assert window.sources == {RUN}
    window.reword(2, window.fragments[2] + b"x" * 80)
    assert window.tokens == 14 + 9 + 120


def test_what_comes_to_mind_has_at_most_a_quarter_of_a_window_and_what_is_left_of_it() -> None:
    window = Window(1_000)
    assert (window.room_for(100), window.room_left(100)) == (100 + JOINT, 100)
    assert (window.room_for(900), window.room_left(900)) == (250, 250 - JOINT)
    window.add(Item(ItemRef(RUN, 1), "user", 904, 0), b"x" * 3_600)
    assert (window.room_for(900), window.room_left(900)) == (250, 96 - JOINT)
    window.per_estimate = 2.0
    assert (window.room_for(900), window.room_left(900)) == (125, 0)


def test_an_estimate_grows_with_the_bytes_and_is_never_nothing() -> None:
    assert estimate_tokens(b"") == 4
    assert estimate_tokens(b"x" * 400) == 104
