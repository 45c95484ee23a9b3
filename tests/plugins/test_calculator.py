import decimal
import math
import time
from contextlib import suppress
from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from toolyard_calculator import calculate
from toolyard_calculator.evaluation import evaluate
from toolyard_calculator.exact import decimal_text
from toolyard_calculator.inexact import show
from toolyard_sdk import ToolError, ToolResult
from toolyard_sdk.testing import call

SECONDS = 2.0
"""More than any single expression may take, on a machine that is busy with others."""


async def _text(expression: str) -> str:
    return (await call(calculate, {"expression": expression})).text


async def _result(expression: str) -> dict[str, object]:
    answer = await call(calculate, {"expression": expression})
    assert not answer.is_error, answer.text
    assert isinstance(answer.structured, dict)
    return answer.structured


integers = st.integers(-(10**30), 10**30)
decimals = st.decimals(-(10**12), 10**12, allow_nan=False, allow_infinity=False, places=6)


@st.composite
def expressions(draw: st.DrawFn, depth: int = 3) -> tuple[str, Fraction | None]:
    """Make an expression and what it is worth by Python's own fractions; None where it divides by zero."""
    if depth == 0 or draw(st.booleans()):
        if draw(st.booleans()):
            number = draw(st.integers(0, 10**6))
            return str(number), Fraction(number)
        text = f"{draw(st.integers(0, 10**6))}.{draw(st.integers(0, 999_999)):06}"
        return text, Fraction(text)
    operator = draw(st.sampled_from(["+", "-", "*", "/", "//", "%", "neg", "**"]))
    left, one = draw(expressions(depth - 1))
    if operator == "neg":
        return f"-({left})", None if one is None else -one
    if operator == "**":
        exponent = draw(st.integers(-3, 3))
        worth = None if one is None or (one == 0 and exponent < 0) else one**exponent
        return f"({left})**{exponent}", worth
    right, other = draw(expressions(depth - 1))
    text = f"({left}) {operator} ({right})"
    if one is None or other is None or (operator in ("/", "//", "%") and other == 0):
        return text, None
    worths = {
        "+": lambda: one + other,
        "-": lambda: one - other,
        "*": lambda: one * other,
        "/": lambda: one / other,
        "//": lambda: Fraction(one // other),
        "%": lambda: one % other,
    }
    return text, worths[operator]()


@given(expressions())
def test_any_expression_is_worth_exactly_what_fractions_say(made: tuple[str, Fraction | None]) -> None:
    text, worth = made
    if worth is None:
        with pytest.raises(ToolError, match="zero"):
            evaluate(text)
    else:
        assert evaluate(text) == worth


@given(decimals, decimals)
def test_decimals_are_added_and_multiplied_without_loss(one: Decimal, other: Decimal) -> None:
    assert evaluate(f"({one:f}) + ({other:f})") == Fraction(one) + Fraction(other)
    assert evaluate(f"({one:f}) * ({other:f})") == Fraction(one) * Fraction(other)


@given(st.fractions())
def test_a_decimal_text_reads_back_as_the_same_number(value: Fraction) -> None:
    text = decimal_text(value)
    if text is None:
        assert 10 ** value.denominator.bit_length() % value.denominator
    else:
        assert Fraction(text) == value


@given(integers, integers)
def test_greatest_divisor_and_least_multiple_agree_with_python(one: int, other: int) -> None:
    assert evaluate(f"gcd({one}, {other})") == math.gcd(one, other)
    assert evaluate(f"lcm({one}, {other})") == math.lcm(one, other)


@given(st.fractions(-1000, 1000, max_denominator=1000), st.integers(0, 4))
@example(Fraction(-5, 2), 0)
def test_rounding_goes_half_away_from_zero(value: Fraction, places: int) -> None:
    with decimal.localcontext(decimal.Context(prec=200)):
        exact = Decimal(value.numerator) / Decimal(value.denominator)
        expected = exact.quantize(Decimal(1).scaleb(-places), decimal.ROUND_HALF_UP)
    assert evaluate(f"round({value.numerator}/{value.denominator}, {places})") == Fraction(expected)


@pytest.mark.parametrize("name", ["sin", "cos", "tan", "atan", "exp"])
@given(value=st.floats(-50, 50))
def test_a_function_agrees_with_floats_to_their_precision(name: str, value: float) -> None:
    mine = float(evaluate(f"{name}({Decimal(value):f})"))
    assert math.isclose(mine, getattr(math, name)(value), rel_tol=1e-9, abs_tol=1e-12)


@given(value=st.floats(1e-6, 1e12))
def test_roots_and_logarithms_agree_with_floats_to_their_precision(value: float) -> None:
    text = f"{Decimal(value):f}"
    assert math.isclose(float(evaluate(f"sqrt({text})")), math.sqrt(value), rel_tol=1e-12)
    assert math.isclose(float(evaluate(f"ln({text})")), math.log(value), rel_tol=1e-9, abs_tol=1e-12)
    assert math.isclose(float(evaluate(f"log10({text})")), math.log10(value), rel_tol=1e-9, abs_tol=1e-12)


@given(value=st.floats(-1, 1))
def test_inverse_functions_agree_with_floats_to_their_precision(value: float) -> None:
    text = f"{Decimal(value):f}"
    assert math.isclose(float(evaluate(f"asin({text})")), math.asin(value), rel_tol=1e-9, abs_tol=1e-12)
    assert math.isclose(float(evaluate(f"acos({text})")), math.acos(value), rel_tol=1e-7, abs_tol=1e-9)


@given(st.text(max_size=60))
@example("((((")
@example("1e")
@example("5%%%")
@example("%")
@example("math.")
@example("1 % +")
@example("-" * 60)
def test_any_text_gives_a_number_or_an_error_in_words(text: str) -> None:
    try:
        value = evaluate(text)
    except ToolError as error:
        value = None
        words = str(error)
    else:
        words = ""
    assert words or isinstance(value, Fraction | Decimal)


@given(st.text("0123456789.+-*/%^!(), eE", max_size=40))
def test_any_soup_of_arithmetic_is_answered_fast(text: str) -> None:
    began = time.monotonic()
    with suppress(ToolError):
        evaluate(text)
    assert time.monotonic() - began < SECONDS


@pytest.mark.parametrize(
    ("expression", "result"),
    [
        ("0.1 + 0.2", "0.3"),
        ("2**100", "1267650600228229401496703205376"),
        ("12.5% of 840", "105"),
        ("100 * 5% + 3", "8"),
        ("200 * (1 + 10%)", "220"),
        ("10 % 3", "1"),
        ("10 % -3", "-2"),
        ("-7 // 2", "-4"),
        ("-2**2", "-4"),
        ("2**-2", "0.25"),
        ("2**3**2", "512"),
        ("5!", "120"),
        ("sqrt(16/9)", "4/3"),
        ("8**(2/3)", "4"),
        ("cbrt(-27)", "-3"),
        ("log(8, 2)", "3"),
        ("log10(1/1000)", "-3"),
        ("round(2.675, 2)", "2.68"),
        ("round(1234, -2)", "1200"),
        ("gcd(12,180)", "12"),
        ("median(3, 1, 2, 10)", "2.5"),
        ("mean(1, 2, 4)", "7/3"),
        ("fibonacci(90)", "2880067194370816120"),
        ("comb(52, 5)", "2598960"),
        ("pow(3, 10**50, 10**9 + 7)", str(pow(3, 10**50, 10**9 + 7))),
        ("3 \u00d7 (4 \u2212 1) \u00f7 2", "4.5"),
        ("0xff + 1_000 + 1.5e3", "2755"),
        ("max(1/3, 0.33)", "1/3"),
        ("math.floor(2.5)", "2"),
    ],
)
async def test_an_exact_result_is_given_in_full(expression: str, result: str) -> None:
    found = await _result(expression)
    assert (found["result"], found["exact"]) == (result, True)


@pytest.mark.parametrize(
    ("expression", "result"),
    [
        ("sqrt(2)", "1.4142135623731"),
        ("pi", "3.14159265358979"),
        ("sin(pi)", "0"),
        ("sin(radians(30))", "0.5"),
        ("sqrt(2)**2 - 2", "0"),
        ("atan(1) * 4 - pi", "0"),
        ("tan(10**15)", "-1.67241478212758"),
        ("exp(9000)", "4.47030473316544e3908"),
        ("exp(-100)", "3.72007597602084e-44"),
        ("floor(sqrt(2) * 10)", "14"),
    ],
)
async def test_an_inexact_result_says_so(expression: str, result: str) -> None:
    found = await _result(expression)
    assert (found["result"], found["exact"]) == (result, False)


async def test_a_fraction_that_never_ends_comes_with_an_approximation() -> None:
    assert await _result("1/7") == {"result": "1/7", "exact": True, "approximation": "0.142857142857143"}


async def test_a_decimal_comes_with_its_lowest_terms() -> None:
    assert await _result("0.375") == {"result": "0.375", "exact": True, "fraction": "3/8"}


@pytest.mark.parametrize(
    ("expression", "words"),
    [
        ("1/0", "division by zero"),
        ("0**-1", "divides by zero"),
        ("5 mod 0", "division by zero"),
        ("sqrt(-1)", "not a real number"),
        ("(-8)**(1/3)", "no real power"),
        ("ln(0)", "positive"),
        ("asin(2)", "from -1 to 1"),
        ("tan(pi/2)", "not defined"),
        ("factorial(2.5)", "whole numbers"),
        ("factorial(-1)", "not negative"),
        ("gcd(sqrt(2))", "inexact"),
        ("pow(2, -1, 4)", "not invertible"),
        ("log(2, 1)", "cannot be 1"),
        ("", "empty"),
        ("   ", "empty"),
        ("2(3 + 4)", "operator such as *"),
        ("1,000 + 1", "thousands separators"),
        ("(1 + 2", "not closed"),
        ("1 + 2)", "no '('"),
        ("1 +", "too early"),
        ("* 2", "should stand there"),
        ("sqroot(2)", "did you mean sqrt?"),
        ("sqrt 2", "in parentheses"),
        ("round(1, 2, 3)", "1 to 2 arguments"),
        ("comb(1)", "2 arguments"),
        ("x = 5", "not an equation"),
        ("$5", "currencies"),
        ("10%-3", "per cent or remainder"),
        ("__import__('os')", "not arithmetic"),
        ("().__class__", "not arithmetic"),
        ("lambda: 1", "not arithmetic"),
        ("exec(1)", "unknown"),
        ("\u0663 + 1", "not arithmetic"),
        ("sin(10**21)", "at most"),
    ],
)
async def test_what_cannot_be_computed_is_refused_with_advice(expression: str, words: str) -> None:
    answer = await call(calculate, {"expression": expression})
    assert answer.is_error
    assert words in answer.text
    assert "Error" not in answer.text


@pytest.mark.parametrize(
    "expression",
    [
        "10**10**10",
        "9**9**9**9",
        "2**-(10**10)",
        "(1/3)**(10**9)",
        "10**10**10 % 7",
        "1e4001",
        "1e-999999999999",
        "1e99999999999999999999",
        "100000!",
        "5!!!!",
        "(10**3000)!",
        "comb(10**9, 5*10**8)",
        "comb(10**3000, 10**2999)",
        "fibonacci(10**9)",
        "lcm(10**3999 + 1, 10**3999 + 3)",
        "exp(10**9)",
        "10**3999 * 10**3999",
        "1/(10**3999 + 1) + 1/(10**3999 + 3)",
        "pow(3**8000, 3**8000, 3**8000 + 2)",
        "(" * 1_000 + "1" + ")" * 1_000,
        "2**" * 500 + "2",
        "(" * 40 + "1" + ")" * 40,
        "1+" * 1_500 + "1",
        "9" * 3_000,
        "max(" + "1," * 300 + "1)",
        "tan(1.5707963267948966)**10**6",
    ],
)
async def test_what_would_grow_too_large_is_refused_fast(expression: str) -> None:
    began = time.monotonic()
    answer = await call(calculate, {"expression": expression})
    assert time.monotonic() - began < SECONDS
    assert answer.is_error
    assert any(word in answer.text for word in ("too large", "at most", "deeper"))


async def test_a_number_of_exactly_the_largest_size_is_still_computed() -> None:
    assert (await _result("10**3999 * 9"))["result"] == "9" + "0" * 3999


async def test_long_chains_of_signs_and_sums_do_not_exhaust_the_stack() -> None:
    assert (await _result("-" * 1_001 + "1"))["result"] == "-1"
    assert (await _result("1+" * 900 + "1"))["result"] == "901"


async def test_the_callers_own_decimal_precision_changes_nothing() -> None:
    with decimal.localcontext(decimal.Context(prec=3)):
        assert (await _text("1/7 + 0*sqrt(2)")).startswith('{"result":"0.142857142857143"')


def test_tiny_and_huge_inexact_numbers_are_written_with_exponents() -> None:
    assert show(Decimal("1.5e-30")) == "1.5e-30"
    assert show(Decimal("-2.5e40")) == "-2.5e40"
    assert show(Decimal("1e-60") * 0) == "0"


async def test_the_result_is_one_the_model_can_read() -> None:
    answer = await call(calculate, '{"expression": "1 + 1"}')
    assert answer == ToolResult('{"result":"2","exact":true}', {"result": "2", "exact": True})
