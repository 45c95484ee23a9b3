"""Functions whose results are irrational, in decimals with many guard digits; knows nothing of exact numbers.

They are called under `context` (see `evaluate`), whose precision the operators then have. Series are those of the
recipes in Python's `decimal` documentation; inverse functions are refined by Newton's method.
"""

import decimal
import math
from decimal import Decimal
from fractions import Fraction

from toolyard_sdk import ToolError

from toolyard_calculator.limits import MAX_DIGITS

SHOWN_DIGITS = 15
PRECISION = 60
LARGEST_ANGLE = 10**20
NOISE_DIGITS = 50
READABLE_ZEROS = 7

context = decimal.Context(
    prec=PRECISION,
    Emax=MAX_DIGITS,
    Emin=-MAX_DIGITS,
    rounding=decimal.ROUND_HALF_EVEN,
    traps=[decimal.InvalidOperation, decimal.DivisionByZero, decimal.Overflow],
)
PI = Decimal("3.14159265358979323846264338327950288419716939937510582097494459230781640628620899862803")
TAU = Decimal("6.28318530717958647692528676655900576839433879875021164194988918461563281257241799725606")
E = Decimal("2.71828182845904523536028747135266249775724709369995957496696762772407663035354759457138")


def decimal_of(value: Fraction | Decimal) -> Decimal:
    """Return a number as a decimal of `PRECISION` digits."""
    if isinstance(value, Decimal):
        return value
    return context.divide(Decimal(value.numerator), Decimal(value.denominator))


def add(one: Decimal, other: Decimal) -> Decimal:
    """Return the sum; what is left of two numbers that cancel out to the last guard digits is nothing but noise: 0."""
    total = one + other
    largest = max(one.adjusted(), other.adjusted())
    return Decimal(0) if total and total.adjusted() < largest - NOISE_DIGITS else total


def power(base: Decimal, exponent: Decimal) -> Decimal:
    """Return `base ** exponent`; raises ToolError where that is no real number."""
    if base < 0 and exponent != exponent.to_integral_value():
        raise ToolError("a negative number has no real power with a fractional exponent.")
    return base**exponent


def ln(value: Decimal) -> Decimal:
    """Return the natural logarithm; raises ToolError unless `value` is positive."""
    if value <= 0:
        raise ToolError("a logarithm needs a positive number.")
    return value.ln()


def sine(angle: Decimal) -> Decimal:
    """Return the sine of an angle in radians, reduced to one turn first."""
    if abs(angle) > LARGEST_ANGLE:
        raise ToolError(f"angles (in radians) may be at most {LARGEST_ANGLE:.0e}.")
    with decimal.localcontext(context) as work:
        work.prec = PRECISION + len(str(LARGEST_ANGLE)) + 5
        angle = angle - (angle / TAU).to_integral_value() * TAU
        term = total = angle
        step = 1
        while abs(term) > Decimal(10) ** -(PRECISION + 5):
            term = -term * angle * angle / ((step + 1) * (step + 2))
            total += term
            step += 2
    return Decimal(0) if total.adjusted() < -NOISE_DIGITS else context.plus(total)


def cosine(angle: Decimal) -> Decimal:
    """Return the cosine of an angle in radians."""
    with decimal.localcontext(context) as work:
        work.prec = PRECISION + len(str(LARGEST_ANGLE)) + 5
        shifted = angle + PI / 2
    return sine(shifted)


def tangent(angle: Decimal) -> Decimal:
    """Return the tangent of an angle in radians; raises ToolError at its poles."""
    below = cosine(angle)
    if not below:
        raise ToolError("tan is not defined at this angle.")
    return sine(angle) / below


def arctangent(value: Decimal) -> Decimal:
    """Return the arc tangent in radians, from a float's guess by Newton's method."""
    if abs(value) > 1:  # atan x = +-pi/2 - atan 1/x, so that the guess is good and the steps are stable
        return PI.copy_sign(value) / 2 - arctangent(1 / value)
    near = Decimal(math.atan(float(value)))
    for _ in range(3):
        near -= (tangent(near) - value) * cosine(near) ** 2
    return near


def arcsine(value: Decimal) -> Decimal:
    """Return the arc sine in radians; raises ToolError outside -1 to 1."""
    if abs(value) > 1:
        raise ToolError("asin and acos need a number from -1 to 1.")
    if abs(value) == 1:
        return PI.copy_sign(value) / 2
    return arctangent(value / (1 - value * value).sqrt())


def arccosine(value: Decimal) -> Decimal:
    """Return the arc cosine in radians; raises ToolError outside -1 to 1."""
    return PI / 2 - arcsine(value)


def show(value: Decimal) -> str:
    """Write an inexact number with `SHOWN_DIGITS` significant digits, plainly where that is readable."""
    short = value.normalize(decimal.Context(prec=SHOWN_DIGITS, Emax=MAX_DIGITS, Emin=-MAX_DIGITS))
    if not short:
        return "0"
    if -READABLE_ZEROS <= short.adjusted() <= SHOWN_DIGITS:
        return f"{short:f}"
    return f"{short:E}".replace("E+", "e").replace("E", "e")
