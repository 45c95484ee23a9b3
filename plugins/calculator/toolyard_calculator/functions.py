"""The functions and constants an expression may name: exact wherever the true result is rational and can be found."""

from collections.abc import Callable, Sequence
from decimal import Decimal
from fractions import Fraction
from math import ceil, floor, gcd, trunc

from msgspec import Struct
from toolyard_sdk import ToolError

from toolyard_calculator import exact, inexact
from toolyard_calculator.limits import MAX_BITS, MAX_DIGITS, too_large

Number = Fraction | Decimal
"""A Fraction is exact, a Decimal is not, and never becomes exact again."""

ANY_NUMBER_OF_ARGUMENTS = 1_000_000
MODULAR_WORK = 4_000_000  # bits of the exponent times bits of the modulus: a hundredth of a second


class Function(Struct, frozen=True):
    """A function by name: how many arguments it takes, and what it does with them."""

    fewest: int
    most: int
    apply: Callable[..., Number]


def raised(base: Number, exponent: Number) -> Number:
    """Return `base ** exponent`, exactly where the result is rational and its root is a small one."""
    if isinstance(base, Fraction) and isinstance(exponent, Fraction):
        if exponent.denominator == 1:
            return exact.power(base, exponent.numerator)
        found = exact.root(base, exponent.denominator) if base >= 0 else None
        if found is not None:
            return exact.power(found, exponent.numerator)
    return inexact.power(inexact.decimal_of(base), inexact.decimal_of(exponent))


def divided(above: Number, below: Number) -> Number:
    """Return the quotient; raises ToolError for a division by zero."""
    if not below:
        raise ToolError("division by zero: check the expression below the line.")
    if isinstance(above, Fraction) and isinstance(below, Fraction):
        return exact.bounded(above / below)
    return inexact.decimal_of(above) / inexact.decimal_of(below)


def times(one: Number, other: Number) -> Number:
    """Return the product."""
    if isinstance(one, Fraction) and isinstance(other, Fraction):
        return exact.bounded(one * other)
    return inexact.decimal_of(one) * inexact.decimal_of(other)


def plus(one: Number, other: Number) -> Number:
    """Return the sum."""
    if isinstance(one, Fraction) and isinstance(other, Fraction):
        return exact.bounded(one + other)
    return inexact.add(inexact.decimal_of(one), inexact.decimal_of(other))


def minus(one: Number, other: Number) -> Number:
    """Return the difference."""
    return plus(one, -other if isinstance(other, Fraction) else other.copy_negate())


def floor_divided(above: Number, below: Number) -> Number:
    """Return the quotient rounded down, as Python's `//`."""
    return _rounded(divided(above, below), floor)


def modulo(above: Number, below: Number) -> Number:
    """Return what is left after `floor_divided`: it has the sign of `below`, as in Python."""
    return minus(above, times(below, floor_divided(above, below)))


def _rounded(value: Number, how: Callable[[Number], int]) -> Number:
    return Fraction(how(value)) if isinstance(value, Fraction) else +Decimal(how(value))


def _half_away(value: Number) -> int:
    half = Fraction(1, 2) if isinstance(value, Fraction) else Decimal("0.5")
    return floor(value + half) if value >= 0 else -floor(half - value)  # type: ignore[operator]  # both are one kind


def _round(value: Number, digits: Number = Fraction(0)) -> Number:
    places = _whole("round", digits)
    if abs(places) > MAX_DIGITS:
        raise ToolError(f"round can keep at most {MAX_DIGITS} digits.")
    scale = Fraction(10) ** places
    return divided(_rounded(times(value, scale), _half_away), scale)


def _whole(name: str, value: Number) -> int:
    if isinstance(value, Decimal):
        raise ToolError(f"{name} needs an exact whole number, not the inexact {inexact.show(value)}.")
    return exact.whole(value, name)


def _root_of(degree: int) -> Callable[[Number], Number]:
    def apply(value: Number) -> Number:
        if value < 0:
            if degree % 2 == 0:
                raise ToolError("the square root of a negative number is not a real number.")
            return minus(Fraction(0), apply(minus(Fraction(0), value)))
        return raised(value, Fraction(1, degree))

    return apply


def _inexact(function: Callable[[Decimal], Decimal]) -> Function:
    return Function(1, 1, lambda value: function(inexact.decimal_of(value)))


def _log(value: Number, base: Number | None = None) -> Number:
    if base is None:
        return inexact.ln(inexact.decimal_of(value))
    if isinstance(value, Fraction) and isinstance(base, Fraction) and value > 0 and base.denominator == 1 and base > 1:
        found = _whole_log(value, base.numerator)
        if found is not None:
            return found
    below = inexact.ln(inexact.decimal_of(base))
    if not below:
        raise ToolError("the base of a logarithm cannot be 1.")
    return inexact.ln(inexact.decimal_of(value)) / below


def _whole_log(value: Fraction, base: int) -> Fraction | None:
    """Return the exponent when `value` is a whole power of `base`."""
    power, sign = (value.numerator, 1) if value >= 1 else (value.denominator, -1)
    if Fraction(power) != (value if sign == 1 else 1 / value):
        return None
    steps = 0
    while power % base == 0:
        power, steps = power // base, steps + 1
    return Fraction(sign * steps) if power == 1 else None


def _pow(base: Number, exponent: Number, modulus: Number | None = None) -> Number:
    if modulus is None:
        return raised(base, exponent)
    below = _whole("pow", modulus)
    if not below:
        raise ToolError("pow needs a modulus that is not 0.")
    power = _whole("pow", exponent)
    if power.bit_length() * below.bit_length() > MODULAR_WORK:
        raise ToolError("pow with a modulus takes numbers of about 600 digits at most.")
    try:
        return Fraction(pow(_whole("pow", base), power, below))
    except ValueError as error:
        raise ToolError(f"pow: {error}.") from error


def _sum(*values: Number) -> Number:
    total: Number = Fraction(0)
    for value in values:
        total = plus(total, value)
    return total


def _mean(*values: Number) -> Number:
    return divided(_sum(*values), Fraction(len(values)))


def _median(*values: Number) -> Number:
    ordered = sorted(values, key=_order)
    middle = len(ordered) // 2
    return ordered[middle] if len(ordered) % 2 else _mean(ordered[middle - 1], ordered[middle])


def _order(value: Number) -> Fraction:
    return value if isinstance(value, Fraction) else Fraction(value)


def _integers(name: str, values: Sequence[Number]) -> list[int]:
    return [_whole(name, value) for value in values]


def _lcm(*values: Number) -> Number:
    result = 1
    for value in _integers("lcm", values):
        result = exact.lcm(result, value)
    return Fraction(result)


def _fibonacci(value: Number) -> Number:
    place = _whole("fibonacci", value)
    if place < 0:
        raise ToolError("fibonacci needs a number that is not negative.")
    if place * 7 // 10 > MAX_BITS:  # each step adds 0.694 bits
        raise too_large(f"fibonacci({place if place < ANY_NUMBER_OF_ARGUMENTS else 'a long number'})")
    one, other = 0, 1
    for _ in range(place):
        one, other = other, one + other
    return exact.bounded(Fraction(one))


CONSTANTS: dict[str, Decimal] = {"pi": inexact.PI, "e": inexact.E, "tau": inexact.TAU}

FUNCTIONS: dict[str, Function] = {
    "abs": Function(1, 1, lambda value: minus(Fraction(0), value) if value < 0 else value),
    "acos": _inexact(inexact.arccosine),
    "asin": _inexact(inexact.arcsine),
    "atan": _inexact(inexact.arctangent),
    "cbrt": Function(1, 1, _root_of(3)),
    "ceil": Function(1, 1, lambda value: _rounded(value, ceil)),
    "comb": Function(2, 2, lambda of, k: Fraction(exact.combinations(_whole("comb", of), _whole("comb", k)))),
    "cos": _inexact(inexact.cosine),
    "degrees": Function(1, 1, lambda value: divided(times(value, Fraction(180)), inexact.PI)),
    "exp": Function(1, 1, lambda value: Fraction(1) if value == 0 else inexact.decimal_of(value).exp()),
    "factorial": Function(1, 1, lambda value: Fraction(exact.factorial(_whole("factorial", value)))),
    "fibonacci": Function(1, 1, _fibonacci),
    "floor": Function(1, 1, lambda value: _rounded(value, floor)),
    "gcd": Function(1, ANY_NUMBER_OF_ARGUMENTS, lambda *values: Fraction(gcd(*_integers("gcd", values)))),
    "lcm": Function(1, ANY_NUMBER_OF_ARGUMENTS, _lcm),
    "ln": _inexact(inexact.ln),
    "log": Function(1, 2, _log),
    "log10": Function(1, 1, lambda value: _log(value, Fraction(10))),
    "log2": Function(1, 1, lambda value: _log(value, Fraction(2))),
    "max": Function(1, ANY_NUMBER_OF_ARGUMENTS, lambda *values: max(values, key=_order)),
    "mean": Function(1, ANY_NUMBER_OF_ARGUMENTS, _mean),
    "median": Function(1, ANY_NUMBER_OF_ARGUMENTS, _median),
    "min": Function(1, ANY_NUMBER_OF_ARGUMENTS, lambda *values: min(values, key=_order)),
    "mod": Function(2, 2, modulo),
    "pow": Function(2, 3, _pow),
    "radians": Function(1, 1, lambda value: divided(times(value, inexact.PI), Fraction(180))),
    "round": Function(1, 2, _round),
    "sin": _inexact(inexact.sine),
    "sqrt": Function(1, 1, _root_of(2)),
    "sum": Function(1, ANY_NUMBER_OF_ARGUMENTS, _sum),
    "tan": _inexact(inexact.tangent),
    "trunc": Function(1, 1, lambda value: _rounded(value, trunc)),
}
