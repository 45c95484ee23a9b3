"""Arithmetic on fractions that refuses to grow without bound: every size is estimated before the work is done."""

from fractions import Fraction
from math import gcd, isqrt

from toolyard_sdk import ToolError

from toolyard_calculator.limits import MAX_BITS, MAX_DIGITS, too_large

LARGEST_ROOT = 64


def bounded(value: Fraction, what: str = "the result") -> Fraction:
    """Return `value`, or raise ToolError when it has too many digits above or below the line."""
    if value.numerator.bit_length() > MAX_BITS or value.denominator.bit_length() > MAX_BITS:
        raise too_large(what)
    return value


def power(base: Fraction, exponent: int) -> Fraction:
    """Return `base ** exponent`, refused before it is computed when it would be too large."""
    if base == 0 and exponent < 0:
        raise ToolError("0 to a negative power divides by zero.")
    if base not in (0, 1, -1):
        bits = max(base.numerator.bit_length(), base.denominator.bit_length())
        if (bits - 1) * abs(exponent) > MAX_BITS:
            raise too_large(f"{_short(base)} ** {_short(Fraction(exponent))}")
    elif exponent:
        exponent = exponent % 2 or 2
    return bounded(base**exponent)


def _short(value: Fraction) -> str:
    """Write a number for an error message, long ones by their size."""
    if value.numerator.bit_length() + value.denominator.bit_length() > 200:  # noqa: PLR2004 - about one line of text
        return "a long number"
    return str(value) if value.denominator == 1 else f"({value})"


def root(value: Fraction, degree: int) -> Fraction | None:
    """Return the exact root of a number that is not negative; None when there is none, or `degree` is too high."""
    if degree > LARGEST_ROOT:
        return None
    above, below = _integer_root(value.numerator, degree), _integer_root(value.denominator, degree)
    return None if above is None or below is None else Fraction(above, below)


def _integer_root(value: int, degree: int) -> int | None:
    """Return the exact root of a whole number by Newton's method on integers, from above."""
    if degree == 2:  # noqa: PLR2004 - a square root
        near = isqrt(value)
        return near if near * near == value else None
    if value < 2:  # noqa: PLR2004 - 0 and 1 are their own roots
        return value
    near = 1 << -(-value.bit_length() // degree)
    while True:
        nearer = ((degree - 1) * near + value // near ** (degree - 1)) // degree
        if nearer >= near:
            return near if near**degree == value else None
        near = nearer


def whole(value: Fraction, name: str) -> int:
    """Return a whole number as int; raises ToolError naming the function that needs one."""
    if value.denominator != 1:
        raise ToolError(f"{name} needs whole numbers, not {_short(value)}.")
    return value.numerator


def factorial(number: int) -> int:
    """Return n!, refused when it would be too large."""
    if number < 0:
        raise ToolError("factorial needs a number that is not negative.")
    product = 1
    for factor in range(2, number + 1):
        product *= factor
        if product.bit_length() > MAX_BITS:
            raise too_large(f"factorial({number if number < 10**20 else 'a long number'})")
    return product


def combinations(number: int, chosen: int) -> int:
    """Return the number of ways to choose, refused while it grows too large."""
    if number < 0 or chosen < 0:
        raise ToolError("comb needs numbers that are not negative.")
    if chosen > number:
        return 0
    result = 1
    for step in range(1, min(chosen, number - chosen) + 1):
        result = result * (number - step + 1) // step
        if result.bit_length() > MAX_BITS:
            raise too_large("comb(...)")
    return result


def lcm(one: int, other: int) -> int:
    """Return the least common multiple, bounded."""
    if not one or not other:
        return 0
    return abs(bounded(Fraction(one // gcd(one, other) * other)).numerator)


def decimal_text(value: Fraction) -> str | None:
    """Write an exact number as a decimal; None when its decimals never end or are too many."""
    rest, twos, fives = value.denominator, 0, 0
    while rest % 2 == 0:
        rest, twos = rest // 2, twos + 1
    while rest % 5 == 0:
        rest, fives = rest // 5, fives + 1
    places = max(twos, fives)
    if rest != 1 or places > MAX_DIGITS:
        return None
    digits = str(abs(value.numerator) * 10**places // value.denominator).rjust(places + 1, "0")
    sign = "-" if value < 0 else ""
    return f"{sign}{digits[:-places]}.{digits[-places:]}" if places else sign + digits
