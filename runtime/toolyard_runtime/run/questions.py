"""What a tool may ask a person, how the question is put, and what counts as an answer; pure."""

import re

import msgspec
from toolyard_registry.schemas.checking import SchemaInvalid, compile_schema
from toolyard_sdk.asking import Answer, Question
from toolyard_sdk.errors import ArgumentsInvalid

MOST_QUESTIONS = 8
"""What one call may ask: each begins it anew."""

LONGEST = 20_000
"""Bytes of a question."""

_ID = re.compile(r"input_([0-9a-f]{32})_([0-9]{1,9})\Z")


def input_id(run: bytes, call: int) -> str:
    """Return the public id of what a call asks: it asks one thing at a time."""
    return f"input_{run.hex()}_{call}"


def read_input_id(text: str) -> tuple[bytes, int] | None:
    """Read an id written by `input_id`; None when it is not one."""
    found = _ID.match(text)
    return (bytes.fromhex(found[1]), int(found[2])) if found else None


def unfit(question: Question, asked: int) -> str:
    """Return why a question cannot be put to anybody, "" when it can; `asked` counts those before it in this call."""
    if asked >= MOST_QUESTIONS:
        return f"it asks too much: {MOST_QUESTIONS} questions in one call are the most"
    if len(msgspec.json.encode(question)) > LONGEST:
        return f"its question is longer than {LONGEST} bytes"
    if question.url and not question.url.startswith(("https://", "http://")):
        return "its question leads to an address that is neither https nor http"
    if question.schema is not None:
        try:
            compile_schema(question.schema)
        except SchemaInvalid as error:
            return f"its question has a schema that is none: {error}"
    return ""


def put(run: bytes, call: int, question: Question) -> str:
    """Return a question as text for the person, with the ways to answer it."""
    where = f"\n\n{question.url}" if question.url else ""
    name = input_id(run, call)
    return f"{question.message}{where}\n\n(Answer with `toolyard answer {name}`, or POST /api/v1/inputs/{name}.)"


def misfit(question: Question, answer: Answer) -> str:
    """Return why an answer is none to this question, naming the field; "" when it is one."""
    if answer.action != "accept":
        return "content: it goes with the action accept only" if answer.content else ""
    if question.schema is None:
        return "content: the question asks for none" if answer.content else ""
    try:
        compile_schema(question.schema).check(msgspec.json.encode(answer.content))
    except ArgumentsInvalid as error:
        return f"content: {error}"
    return ""
