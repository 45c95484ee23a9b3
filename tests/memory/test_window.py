"""The window: a view that holds whole exchanges, moves rarely and is the same however it was come by."""

from hypothesis import given
from hypothesis import strategies as st
from toolyard_memory.sessions.window import Item, Kind, Window, estimate_tokens
from toolyard_sdk.events import ItemRef

RUN = b"r" * 16


@st.composite
def exchanges(draw: st.DrawFn) -> list[Item]:
    """Return a session's items as runs write them: users, then turns of calls with their results, then an answer."""
    kinds: list[Kind] = []
    for _ in range(draw(st.integers(1, 12))):
        kinds += ["user"] * draw(st.integers(1, 2))
        for _ in range(draw(st.integers(0, 3))):
            kinds.append("assistant")
            kinds += ["tool"] * draw(st.integers(1, 3))
        if draw(st.booleans()):
            kinds.append("assistant")
    return [
        Item(ItemRef(RUN, n), kind, draw(st.integers(1, 60)), position)
        for position, (n, kind) in enumerate(enumerate(kinds, 1))
    ]


def grown(budget: int, items: list[Item]) -> Window:
    """Return a window that was given the items one after the other, each with its fragment."""
    window = Window(budget)
    for item in items:
        window.add(item, b"%d" % item.ref.n)
    return window


@given(exchanges(), st.integers(1, 400))
def test_it_is_a_suffix_that_begins_at_a_user_and_counts_its_tokens(items: list[Item], budget: int) -> None:
    window = grown(budget, items)
    assert window.items == items[len(items) - len(window.items) :]
    assert window.items[0].kind == "user"
    assert window.tokens == sum(item.tokens for item in window.items)
    assert window.fragments == [b"%d" % item.ref.n for item in window.items]
    assert window.next_position == len(items)


@given(exchanges(), st.integers(1, 400))
def test_no_result_is_shown_without_its_call(items: list[Item], budget: int) -> None:
    kinds = [item.kind for item in grown(budget, items).items]
    for index, kind in enumerate(kinds):
        assert kind != "tool" or kinds[index - 1] in ("assistant", "tool")


@given(exchanges(), st.integers(1, 400))
def test_only_the_last_exchange_may_pass_the_budget(items: list[Item], budget: int) -> None:
    window = grown(budget, items)
    if window.tokens > budget:
        firsts = [i for i, item in enumerate(window.items) if item.kind == "user"]
        between = range(firsts[0], firsts[-1] + 1)
        assert all(window.items[index].kind == "user" for index in between), "there is an earlier exchange to let go"


@given(exchanges(), st.integers(1, 400))
def test_a_move_leaves_half_the_budget_free_or_one_exchange(items: list[Item], budget: int) -> None:
    window = Window(budget)
    for item in items:
        moves = window.moves
        window.add(item, b"")
        if window.moves > moves and window.tokens > budget // 2:
            starts = [
                index
                for index, kept in enumerate(window.items)
                if kept.kind == "user" and (index == 0 or window.items[index - 1].kind != "user")
            ]
            assert starts == [0]


@given(exchanges(), st.integers(1, 400), st.data())
def test_one_read_back_from_the_database_is_the_one_that_was_kept(
    items: list[Item], budget: int, data: st.DataObject
) -> None:
    kept = grown(budget, items)
    read = Window(budget, items)
    assert (read.items, read.tokens, read.moves) == (kept.items, kept.tokens, kept.moves)
    assert read.fragments == [b""] * len(kept.items)
    middle = data.draw(st.integers(0, len(items)))
    half = Window(budget, items[:middle])
    for item in items[middle:]:
        half.add(item, b"")
    assert (half.items, half.tokens) == (kept.items, kept.tokens)


@given(exchanges())
def test_within_the_budget_nothing_is_let_go(items: list[Item]) -> None:
    window = grown(sum(item.tokens for item in items), items)
    assert window.items == items
    assert window.moves == 0


def test_an_estimate_grows_with_the_bytes_and_is_never_nothing() -> None:
    assert estimate_tokens(b"") == 4
    assert estimate_tokens(b"x" * 400) == 104
