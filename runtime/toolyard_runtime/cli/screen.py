"""How the command line shows things: tables, times, amounts, and text from strangers; knows no command.

Whatever comes from a server may hold what a model or a tool wrote. `clean` takes the control characters out, so that
nobody's text can move the cursor or rename the terminal.
"""

import sys
import textwrap
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

import msgspec
from rich.console import Console
from rich.table import Table
from rich.text import Text

_CONTROL = {code: "\ufffd" for code in (*range(32), *range(0x7F, 0xA0)) if code not in (9, 10)}
_CONTROL[13] = ""
_BIDI = dict.fromkeys((*range(0x202A, 0x202F), *range(0x2066, 0x206A)), "\ufffd")
_HALVES = dict.fromkeys(range(0xD800, 0xE000), "\ufffd")
"""Of surrogate pairs: what is left of arguments and names of files that are no UTF-8."""

_CLEAN = _CONTROL | _BIDI | _HALVES

_LEAST_COLUMNS = 30
_SECOND = 1_000_000
_MINUTE = 60
_HOUR = 3600
_DAY = 86_400

STATUS_STYLE = {
    "stop": "green",
    "running": "cyan",
    "parked": "yellow",
    "needs approval": "yellow",
    "in doubt": "bold red",
    "failed": "red",
    "cancelled": "magenta",
}


def clean(text: object) -> str:
    """Return text that can be written and steers no terminal: control and direction-changing characters are marked."""
    return str(text).translate(_CLEAN)


def one_line(text: object, width: int) -> str:
    """Return `text` on one line of at most `width` characters, an ellipsis where something was left out."""
    line = " ".join(clean(text).split())
    return line if len(line) <= width else line[: width - 1] + "…"


def folded(head: str, text: object, width: int) -> list[str]:
    """Return `text` on lines of at most `width` columns beside a head that stands on the first; 0 folds nothing."""
    line = " ".join(clean(text).split())
    if not width:
        return [line]
    return textwrap.wrap(line, max(_LEAST_COLUMNS, width - len(head))) or [""]


def console(*, stderr: bool = False) -> Console:
    """Return where to write; highlighting is off: numbers in a person's text mean nothing to us."""
    return Console(stderr=stderr, highlight=False, soft_wrap=True)


def print_json(answer: Any) -> None:
    """Print an answer as indented JSON, for programs: bytes as they are, no colour."""
    sys.stdout.write(msgspec.json.format(msgspec.json.encode(answer), indent=2).decode() + "\n")


def print_table(columns: Sequence[str], rows: Sequence[Sequence[object]], *, empty: str) -> None:
    """Print rows: a table on a terminal, tab-separated lines in a pipe; `empty` says so on standard error."""
    out = console()
    if not rows:
        console(stderr=True).print(Text(empty))
        return
    if not out.is_terminal:
        for row in (columns, *rows):
            sys.stdout.write("\t".join(" ".join(clean(cell).split()) for cell in row) + "\n")
        return
    table = Table(box=None, pad_edge=False, header_style="bold")
    for number, column in enumerate(columns):
        table.add_column(column, overflow="fold", no_wrap=number == 0)
    for row in rows:
        table.add_row(*(Text(clean(cell), style=STATUS_STYLE.get(str(cell), "")) for cell in row))
    out.print(table, soft_wrap=False)


def arguments_of(call: str | dict[str, Any]) -> dict[str, Any]:
    """Return a call's arguments as a dictionary, whichever way they came; what is no object stands under `""`."""
    if isinstance(call, dict):
        return call
    try:
        value = msgspec.json.decode(call or "{}")
    except msgspec.DecodeError:
        value = call
    return value if isinstance(value, dict) else {"": value}


def written(value: object) -> str:
    """Return a JSON value as text on one line."""
    return clean(msgspec.json.encode(value).decode())


def call_line(name: str, call: str | dict[str, Any]) -> str:
    """Write a call as Python would: `refund(order="A-17", cents=1900)`."""
    pairs = [f"{clean(key)}={written(value)}" if key else written(value) for key, value in arguments_of(call).items()]
    return f"{clean(name)}({', '.join(pairs)})"


def now() -> int:
    """Return UTC microseconds."""
    return int(datetime.now(UTC).timestamp() * _SECOND)


def ago(at: int | None, reference: int) -> str:
    """Say how long before `reference` (both UTC microseconds) something was."""
    return f"{span((reference - at) / _SECOND)} ago" if at else ""


def ahead(at: int | None, reference: int) -> str:
    """Say how long after `reference` (both UTC microseconds) something will be."""
    if not at:
        return "never"
    return "now" if at <= reference else f"in {span((at - reference) / _SECOND)}"


def span(seconds: float) -> str:
    """Write a length of time the way people say it: one unit, rounded down."""
    whole = max(0, int(seconds))
    if whole < _MINUTE:
        return f"{whole} s"
    if whole < _HOUR:
        return f"{whole // _MINUTE} min"
    return f"{whole // _HOUR} h" if whole < _DAY else f"{whole // _DAY} d"


def took(started: int | None, finished: int | None) -> str:
    """Write a measured duration (UTC microseconds) with a digit after the point; nothing while it lasts."""
    return f"{(finished - started) / _SECOND:.1f} s" if started and finished else ""


def clock(at: int | None) -> str:
    """Write a time (UTC microseconds) in the local zone, as hours, minutes and seconds."""
    return datetime.fromtimestamp(at / _SECOND, UTC).astimezone().strftime("%H:%M:%S") if at else ""


def day_and_clock(at: int | None) -> str:
    """Write a time (UTC microseconds) in the local zone, with its date."""
    return datetime.fromtimestamp(at / _SECOND, UTC).astimezone().strftime("%Y-%m-%d %H:%M:%S") if at else ""
