"""Summaries in words: made by rule they fit, say the same every time, and keep what was asked, done and answered."""

from hypothesis import given
from hypothesis import strategies as st
from toolyard_memory.sessions.summaries import PROMPT, Said, clipped, conversation, extract, opening, tokens_of

TEXTS = st.text(max_size=400)
SAID = st.builds(
    Said,
    st.sampled_from(("user", "assistant", "tool", "summary")),
    TEXTS,
    st.lists(st.tuples(st.text(max_size=20), TEXTS), max_size=3).map(tuple),
    st.text(max_size=20),
)
TALK = [
    Said("user", "What will the weather be in Oslo tomorrow? I am there for two days with my brother."),
    Said("assistant", "", (("get_weather", '{"city":"Oslo","days":2}'),)),
    Said("tool", "Rain, 4 degrees. Wind from the west.", name="get_weather"),
    Said("assistant", "Rain, and 4 degrees. Take a coat."),
]


@given(st.lists(SAID, max_size=12), st.integers(1, 600))
def test_what_is_extracted_fits_and_is_the_same_every_time(said: list[Said], most: int) -> None:
    text = extract(said, most)
    assert tokens_of(text) <= most
    assert extract(list(said), most) == text


@given(st.lists(SAID, max_size=12), st.integers(1, 600))
def test_what_a_model_is_given_fits(said: list[Said], most: int) -> None:
    assert tokens_of(conversation(said, most)) <= max(most, 1)


@given(TEXTS, st.integers(8, 200))
def test_an_opening_is_one_line_and_short(text: str, most: int) -> None:
    made = opening(text, most)
    assert len(made) <= most + 2
    assert len(made.splitlines()) <= 1


def test_it_keeps_what_was_asked_which_tools_were_called_and_what_came_of_it() -> None:
    assert extract(TALK, 200).splitlines() == [
        "- user: What will the weather be in Oslo tomorrow? I am there for two days with my brother.",
        '- the assistant called get_weather({"city":"Oslo","days":2})',
        "- get_weather gave: Rain, 4 degrees. Wind from the west.",
        "- assistant: Rain, and 4 degrees. Take a coat.",
    ]


def test_what_does_not_fit_is_left_out_from_the_oldest_on_and_it_says_so() -> None:
    said = [Said("user", f"This is question {number}.") for number in range(100)]
    lines = extract(said, 60).splitlines()
    left = 100 - (len(lines) - 1)
    assert lines[0] == f"({left} earlier lines are left out.)"
    assert lines[1:] == [f"- user: This is question {number}." for number in range(left, 100)]
    assert extract([Said("user", "many words " * 50)], 3) == ""
    again = extract([Said("summary", "\n".join(lines)), Said("user", "One more. " * 4)], 60).splitlines()
    assert again[0] == f"({100 - (len(again) - 2)} earlier lines are left out.)"


def test_an_earlier_summary_goes_on_in_the_next_one() -> None:
    first = extract(TALK, 200)
    again = extract([Said("summary", first), Said("user", "And in Lima?")], 200)
    assert again == f"{first}\n- user: And in Lima?"


def test_a_long_message_keeps_its_first_sentences() -> None:
    text = "First of all this. Then that, which is longer. " + "And so on without an end " * 20
    assert opening(text, 60) == "First of all this. Then that, which is longer. …"
    assert opening("x" * 100, 20) == "x" * 20 + " …"


def test_a_model_is_given_less_of_each_message_until_all_of_them_fit() -> None:
    said = [*TALK, Said("tool", "y" * 50_000, name="read_file")]
    text = conversation(said, 1_000)
    assert "USER: What will the weather be" in text
    assert 'CALL: get_weather({"city":"Oslo","days":2})' in text
    assert "RESULT OF read_file: " + "y" * 2_000 + " […]" in text
    assert conversation(said, 3) == ""


def test_a_summary_that_is_too_long_ends_with_a_sentence() -> None:
    assert clipped("Short.", 10) == "Short."
    assert (
        clipped("One sentence here. Another one there. And more that is cut", 10)
        == "One sentence here. Another one there. …"
    )


def test_the_prompt_takes_a_number_of_words() -> None:
    assert "at most 120 words" in PROMPT.format(words=120)
