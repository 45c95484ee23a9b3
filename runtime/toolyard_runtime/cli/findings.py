"""What a check found: how bad it is, what it is about, and what to do; knows no check."""

from typing import Literal

from msgspec import Struct

State = Literal["ok", "warn", "broken"]


class Finding(Struct, frozen=True):
    """One line of the doctor. Whatever is not `ok` has advice: what a person should do now."""

    state: State
    subject: str
    text: str
    advice: str = ""
