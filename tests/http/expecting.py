"""What every refusal of the API has to look like."""

import uuid

from tests.http.serving import Answered

ADD = 'call add {"a": 1, "b": 2}'
NOTE = 'call write_note {"name": "%s", "text": "hello"}'
HANG = 'call hang {"name": "x"}'


def refused(answered: Answered, status: int, param: str) -> str:
    """Check a problem document (RFC 9457) that names the field, and return its words."""
    body = answered.body
    assert (answered.status, body["status"]) == (status, status), answered
    assert answered.headers["content-type"] == "application/problem+json"
    assert body["param"] == param, body
    assert body["title"]
    assert body["code"]
    assert body["type"] == "about:blank"
    words: str = body["detail"]
    assert len(words.split()) > 3, words
    return words


def unknown(prefix: str) -> str:
    """Return an id that nothing has."""
    return prefix + uuid.uuid4().hex


def note(name: str = "note") -> str:
    """Return a script that calls the tool that a person has to approve."""
    return NOTE % name
