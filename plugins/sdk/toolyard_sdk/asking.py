"""How a tool asks the person for whom it is called; knows no run and no wire.

A question ends the call. The run then waits, holding nothing, and when somebody has answered the call begins again from
its start; each question it asks again is answered at once by what was said. So a tool asks before it changes anything.
"""

from collections.abc import Awaitable
from typing import Any, Literal, Protocol

from msgspec import Struct

Action = Literal["accept", "decline", "cancel"]


class Question(Struct, frozen=True, omit_defaults=True):
    """What a person is asked: `schema` (JSON Schema of an object) is that of an answer, `url` is where to go first."""

    message: str
    schema: dict[str, Any] | None = None
    url: str = ""


class Answer(Struct, frozen=True, omit_defaults=True):
    """What a person said: `content` fits the question's schema where they accepted."""

    action: Action
    content: dict[str, Any] = {}


Answers = tuple[tuple[Question, Answer], ...]
"""What one call has asked and been told, in order."""


class InputNeeded(BaseException):
    """Ends a call whose question nobody has answered yet; no tool should catch it, so it is no Exception."""

    def __init__(self, question: Question) -> None:
        super().__init__(question.message)
        self.question = question


class Ask(Protocol):
    """Asks a person."""

    def __call__(self, message: str, schema: dict[str, Any] | None = None, url: str = "") -> Awaitable[Answer]:
        """Return the answer; where there is none yet, the call ends here and begins again with it."""
        ...


async def nobody(message: str, schema: dict[str, Any] | None = None, url: str = "") -> Answer:  # noqa: ARG001 - see Ask
    """Decline: there is nobody to ask."""
    return Answer("decline")


class Answering:
    """Implements `Ask` by the answers that are `known`, in the order in which their questions were asked."""

    def __init__(self, known: Answers) -> None:
        self.known = known
        self._left = list(known)

    async def __call__(self, message: str, schema: dict[str, Any] | None = None, url: str = "") -> Answer:
        """Return the answer, once for each time that it was given; raises InputNeeded where there is none."""
        question = Question(message, schema, url)
        for index, (asked, answer) in enumerate(self._left):
            if asked == question:
                del self._left[index]
                return answer
        raise InputNeeded(question)


def answering(answers: Answers) -> Answering:
    """Return an `Ask` that knows these answers, in the order in which their questions were asked."""
    return Answering(answers)
