"""Takes the secrets that a server is given out of what it says; fetches none and knows no protocol.

A server that is given a key may print it, in a result, an error or a question: no model, journal or log is to hold it.
"""

from collections.abc import Mapping
from typing import Any

import msgspec
from toolyard_sdk.asking import Answer
from toolyard_sdk.context import ToolContext
from toolyard_sdk.http.filling import SHORTEST, Scrubber
from toolyard_sdk.messages import ToolResult

MOST = 8
"""Values that are looked for beside those a connection was opened with: of tokens, which change, the latest."""


class Unsaid:
    """What one server must not say: the values of its secrets, by name; with `learns`, tokens that come later too."""

    def __init__(self, values: Mapping[str, str] | None = None, *, learns: bool = False) -> None:
        self._learns = learns
        self._values: dict[str, str] = {}
        self._learned: dict[str, str] = {}
        self._scrubber: Scrubber | None = None
        self.know(values or {})

    def know(self, values: Mapping[str, str]) -> None:
        """Look for these from now on, as long as the connection lasts."""
        self._values |= {name: value for name, value in values.items() if len(value) >= SHORTEST}
        self._look()

    def learn(self, name: str, value: str) -> None:
        """Look for a token from now on, until many others have followed it."""
        if len(value) < SHORTEST or value in self._learned:
            return
        self._learned[value] = name
        while len(self._learned) > MOST:
            del self._learned[next(iter(self._learned))]
        self._look()

    def _look(self) -> None:
        named = dict(self._values)
        for value, name in self._learned.items():
            named[f"{name} {len(named)}" if name in named else name] = value
        self._scrubber = Scrubber(named) if named else None

    def text(self, text: str) -> str:
        """Return a text with the name of a secret where its value stood."""
        return text if self._scrubber is None else self._scrubber.clean_text(text)

    def value(self, value: Any) -> Any:
        """Return a JSON value, the texts in it (keys too) without secrets."""
        return value if self._scrubber is None else self._scrubber.clean_value(value)

    def result(self, result: ToolResult) -> ToolResult:
        """Return a result without secrets."""
        return result if self._scrubber is None else self._scrubber.clean_result(result)

    def error(self, error: BaseException) -> None:
        """Take secrets out of an error's words, and drop what it came from, which quotes them too."""
        if self._scrubber is None:
            return
        error.args = tuple(self.value(each) for each in error.args)
        error.__cause__ = error.__context__ = None

    def context(self, context: ToolContext) -> ToolContext:
        """Return a call's surroundings, to which progress and questions come without secrets."""
        if self._scrubber is None and not self._learns:
            return context

        async def ask(message: str, schema: Any = None, url: str = "") -> Answer:
            return await context.ask(self.text(message), self.value(schema), self.text(url))

        def progress(done: float, total: float | None, message: str) -> None:
            context.progress(done, total, self.text(message))

        return msgspec.structs.replace(context, ask=ask, progress=progress)
