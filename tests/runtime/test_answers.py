"""The words for calls that did not run are sentences, whatever a person or a rule wrote as the reason."""

import pytest
from toolyard_runtime.run.answers import denied_words, rejected_words


@pytest.mark.parametrize(
    ("reason", "told"),
    [
        ("not today", "not today. Do not"),
        ("Not before Friday.", "Not before Friday. Do not"),
        ("Why now?", "Why now? Do not"),
        ("No! ", "No! Do not"),
    ],
)
def test_a_reason_ends_once(reason: str, told: str) -> None:
    assert told in denied_words("pay", "deny", reason)
    assert told in rejected_words("pay", "no.payments", reason)


def test_no_reason_leaves_a_sentence_too() -> None:
    assert "this call of pay. Do not" in denied_words("pay", "deny", "")
    assert "this call of pay. Do not" in rejected_words("pay", "no.payments", "")
