"""Tool markup never reaches people, thoughts are told from text, and nothing harmless is lost."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from toolyard_runtime.models.markup import TextFilter

MARKUP = [
    "<tool_call>",
    "</tool_call>",
    "<function=add>",
    "<function_call>",
    "[TOOL_CALLS]",
    "[TOOL_REQUEST]",
    "<|python_tag|>",
    "<|tool_call_begin|>",
    "<|channel|>",
    "<｜tool▁calls▁begin｜>",  # noqa: RUF001 - as the model writes it
    '<invoke name="add">',
    "<minimax:tool_call>",
]
HARMLESS = [
    "a < b",
    "a <- b",
    "x[0] = 1",
    "<table><tr>",
    "<tool>",
    "[T]",
    "f <| x",
    "a <",
    "[",
    "<|",
    "<t",
    "[TOOL",
    "<th",
]


def split(pieces: list[str]) -> tuple[str, str, str]:
    text_filter = TextFilter()
    out = [*map(text_filter.feed, pieces), text_filter.finish()]
    return "".join(text for text, _ in out), "".join(thought for _, thought in out), text_filter.malformed


@pytest.mark.parametrize("markup", MARKUP)
def test_markup_is_found_however_it_is_cut_and_never_shown(markup: str) -> None:
    whole = f"Sure. {markup} and so on"
    for cut in range(len(whole)):
        for pieces in ([whole[:cut], whole[cut:]], list(whole)):
            text, _, malformed = split(pieces)
            assert text == "Sure. "
            assert malformed
            assert markup.startswith(malformed)


@pytest.mark.parametrize("text", HARMLESS)
def test_harmless_text_comes_out_whole(text: str) -> None:
    for pieces in ([text], list(text), [text + " and more"], [*text, " and more"]):
        assert split(pieces) == ("".join(pieces), "", "")


@pytest.mark.parametrize(
    ("whole", "text", "thought"),
    [
        ("<think>one</think>two", "two", "one"),
        ("\n<think>\none\n</think>\n\ntwo", "two", "\none\n"),
        ("<think></think>two", "two", ""),
        ("<think>never ends", "", "never ends"),
        ("<think>a </th b</think>c", "c", "a </th b"),
        ("<think><tool_call></think>c", "c", "<tool_call>"),
        ("say <think>no</think>", "say <think>no</think>", ""),
        ("<thin", "<thin", ""),
        ("   ", "   ", ""),
        ("<think>x</think>  ", "", "x"),
    ],
)
def test_a_thought_is_one_only_at_the_beginning(whole: str, text: str, thought: str) -> None:
    for pieces in ([whole], list(whole), [whole[:5], whole[5:]]):
        assert split(pieces) == (text, thought, "")


@given(st.lists(st.text(alphabet="<>[]|/=_tholcaTOLCASink ", max_size=12), max_size=8))
@settings(max_examples=250, deadline=None)
def test_any_cut_gives_the_same_split(pieces: list[str]) -> None:
    whole = "".join(pieces)
    assert split(pieces) == split([whole]) == split(list(whole))


@given(st.text(alphabet="ab<[|TO", max_size=60))
def test_at_most_a_marker_is_held_back(text: str) -> None:
    text_filter = TextFilter()
    shown = len(text_filter.feed("x" + text)[0])
    assert text_filter.malformed or len(text) + 1 - shown <= 64
