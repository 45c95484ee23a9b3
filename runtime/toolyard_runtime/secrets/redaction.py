"""Takes the secrets that one call was given out of what the call says, before anybody stores, sees or logs it.

Egress takes them out of answers by itself; this is for what a tool gets by other ways: a log of its own, an error that
quotes a request, an answer that came in pieces. Knows no run and no journal.
"""

import logging
from collections.abc import Awaitable, Callable
from typing import Any

from toolyard_sdk.http.filling import SHORTEST, Scrubber
from toolyard_sdk.messages import ToolResult

_STANDARD = frozenset(vars(logging.makeLogRecord({})))
_FORMAT = logging.Formatter()


class Redactor:
    """One call's secrets: `reveal` gets them for egress and remembers them, the rest takes them out."""

    __slots__ = ("_reveal", "_scrubber", "_values")

    def __init__(self, reveal: Callable[[str], Awaitable[str | None]]) -> None:
        """Take what reveals a secret by its name to this call's tenant and end user."""
        self._reveal = reveal
        self._values: dict[str, str] = {}
        self._scrubber: Scrubber | None = None

    async def reveal(self, name: str) -> str | None:
        """Return a secret's value, which is looked for from now on in whatever the call says."""
        value = await self._reveal(name)
        if value is not None and len(value) >= SHORTEST and value not in self._values.values():
            again = name in self._values  # it was rotated during the call: both values are looked for
            self._values[f"{name} {len(self._values)}" if again else name] = value
            self._scrubber = Scrubber(self._values)
        return value

    def text(self, text: str) -> str:
        """Return a text with the name of a secret where its value stood."""
        return text if self._scrubber is None else self._scrubber.clean_text(text)

    def value(self, value: Any) -> Any:
        """Return a JSON value, the texts in it (keys too) redacted."""
        return value if self._scrubber is None else self._scrubber.clean_value(value)

    def result(self, result: ToolResult) -> ToolResult:
        """Return a tool's result, redacted."""
        return result if self._scrubber is None else self._scrubber.clean_result(result)

    def logger(self, target: logging.Logger) -> logging.Logger:
        """Return a logger for this call alone, whose records reach `target` redacted."""
        return _Redacting(target, self)


class _Redacting(logging.Logger):
    """Hands records on to another logger, which says what is worth logging; it is in no tree of loggers."""

    def __init__(self, target: logging.Logger, redactor: Redactor) -> None:
        super().__init__(target.name)
        self._target = target
        self._redactor = redactor

    def isEnabledFor(self, level: int) -> bool:  # noqa: N802 - the name logging calls
        return self._target.isEnabledFor(level)

    def handle(self, record: logging.LogRecord) -> None:
        self._target.handle(_redacted(record, self._redactor))


def _redacted(record: logging.LogRecord, redactor: Redactor) -> logging.LogRecord:
    """Return a record with nothing left that is put into words later, when nobody redacts it."""
    try:
        message = record.getMessage()
    except Exception:  # noqa: BLE001 - a stranger's arguments that do not fit their message, or cannot be words
        message = str(record.msg)
    fields = {name: redactor.value(value) for name, value in vars(record).items() if name not in _STANDARD}
    made = logging.makeLogRecord({**vars(record), **fields})
    made.msg, made.args = redactor.text(message), None
    if record.exc_info:
        made.exc_text = redactor.text(_FORMAT.formatException(record.exc_info))
        made.exc_info = None
        made.exception = made.exc_text  # what a line of JSON shows
    if record.stack_info:
        made.stack_info = redactor.text(record.stack_info)
    return made
