"""Cuts an expression into tokens; knows the alphabet of arithmetic and nothing of its grammar."""

import re
from fractions import Fraction
from typing import Literal

from msgspec import Struct
from toolyard_sdk import ToolError

from toolyard_calculator.limits import MAX_DIGITS, too_large

Kind = Literal["number", "name", "operator", "end"]

_TOKEN = re.compile(
    r"""(?P<number>0[xX][0-9a-fA-F]+ | 0[bB][01]+ | 0[oO][0-7]+
          | (?:[0-9]+(?:_[0-9]+)*(?:\.[0-9]*)? | \.[0-9]+)(?:[eE][+-]?[0-9]+)?)
      | (?P<name>(?:math\.)?[A-Za-z_][A-Za-z0-9_]*)
      | (?P<operator>\*\*|//|[-+*/%^!(),])""",
    re.VERBOSE,
)
_SPELLINGS = str.maketrans(
    {"\u00d7": "*", "\u00b7": "*", "\u00f7": "/", "\u2212": "-", "\u2013": "-", "\u03c0": "pi", "\u221a": "sqrt"}
)
"""What people (and models) write for an operator: multiplication sign, dot, division sign, minus, dash, pi, root."""


class Token(Struct, frozen=True):
    """One token, with its text, its place (counted from 1) and whether white space stands before it."""

    kind: Kind
    text: str
    place: int
    spaced: bool


def tokens(expression: str) -> list[Token]:
    """Cut an expression into tokens, the last of which is `end`; raises ToolError at the first strange character."""
    text = expression.translate(_SPELLINGS)
    found: list[Token] = []
    at = 0
    while True:
        start = at
        while at < len(text) and text[at].isspace():
            at += 1
        if at == len(text):
            return [*found, Token("end", "", at + 1, spaced=True)]
        match = _TOKEN.match(text, at)
        if match is None:
            raise ToolError(f"{text[at]!r} at place {at + 1} is not arithmetic: {_advice(text[at])}")
        kind: Kind = "number" if match.lastgroup == "number" else "name" if match.lastgroup == "name" else "operator"
        found.append(Token(kind, match.group(), at + 1, spaced=at > start))
        at = match.end()


def _advice(character: str) -> str:
    if character in "=<>":
        return "write an expression, not an equation or comparison."
    if character in "[]{}":
        return "use parentheses."
    if character in "$€£¥°":
        return "leave out units and currencies."
    return "write numbers, + - * / // % ** ( ) and functions such as sqrt(2)."


def read_number(text: str) -> Fraction:
    """Read a numeral exactly: `0.1` is one tenth; raises ToolError when it has too many digits."""
    if len(text) > MAX_DIGITS:
        raise too_large("a numeral")
    if text[:2].lower() in ("0x", "0b", "0o"):
        return Fraction(int(text, 0))
    mantissa, _, exponent = text.lower().partition("e")
    if len(exponent) > len(str(MAX_DIGITS)) + 1 or abs(int(exponent or 0)) > MAX_DIGITS:
        raise too_large(text)
    whole, _, decimals = mantissa.replace("_", "").partition(".")
    return Fraction(int(whole + decimals or "0")) * Fraction(10) ** (int(exponent or 0) - len(decimals))
