"""Exact arithmetic for agents: one tool, `calculate`, over a small parser of its own; knows no eval and no floats."""

from collections.abc import Callable, Mapping
from fractions import Fraction
from typing import Any

from msgspec import Struct
from toolyard_sdk import FunctionTool, hookimpl, tool

from toolyard_calculator.evaluation import evaluate
from toolyard_calculator.exact import decimal_text
from toolyard_calculator.inexact import decimal_of, show

LONGEST_DECIMAL = 60


class Calculation(Struct, frozen=True, omit_defaults=True):
    """A value: `result` in full when `exact`, otherwise its first 15 significant digits.

    `approximation` is a decimal for reading, where `result` is a fraction or very long; `fraction` the lowest terms of
    an exact decimal.
    """

    result: str
    exact: bool
    approximation: str | None = None
    fraction: str | None = None


@tool(title="Calculator", read_only=True, open_world=False)
def calculate(expression: str) -> Calculation:
    """Compute an arithmetic expression exactly. Use it for every calculation instead of working it out yourself.

    Integers, decimals and fractions stay exact (0.1 + 0.2 is 0.3, 1/3 stays 1/3); irrational results such as sqrt(2)
    are given to 15 digits and marked exact: false. Angles are in radians: sin(radians(30)). 10% is 0.1, so write
    200 * (1 + 10%) for 10 % more than 200.

    Args:
        expression: Numbers with + - * / // (floor) % (remainder, or per cent: 12.5% of 840) ** ! and parentheses;
            functions sqrt cbrt round(x, digits) floor ceil trunc abs min max sum mean median gcd lcm factorial comb
            fibonacci mod pow(base, exponent, modulus) exp ln log(x, base) log10 log2 sin cos tan asin acos atan degrees
            radians; constants pi e tau. round goes half away from zero. No variables, units or thousands separators.
    """
    value = evaluate(expression)
    if not isinstance(value, Fraction):
        return Calculation(show(value), exact=False)
    decimal = decimal_text(value)
    if decimal is None or len(decimal) > LONGEST_DECIMAL:
        whole_or_fraction = decimal if decimal is not None and value.denominator == 1 else str(value)
        return Calculation(whole_or_fraction, exact=True, approximation=show(decimal_of(value)))
    return Calculation(decimal, exact=True, fraction=str(value) if value.denominator != 1 else None)


@hookimpl
def register_tools(register: Callable[[FunctionTool], None], settings: Mapping[str, Any]) -> None:
    """Offer `calculate`; there is nothing to set."""
    del settings
    register(calculate)
