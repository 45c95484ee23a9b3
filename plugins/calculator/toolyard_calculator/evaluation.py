"""Evaluates an expression while it parses it, by recursive descent; no tree, no eval, and bounds on everything.

sum     = product (("+" | "-") product)*
product = sign (("*" | "/" | "//" | "%" | "mod" | "of") sign)*
sign    = ("+" | "-")* power
power   = postfix (("**" | "^") sign)?
postfix = atom ("!" | "%")*
atom    = number | constant | function "(" sum ("," sum)* ")" | "(" sum ")"
"""

import decimal
import difflib
from collections.abc import Callable
from fractions import Fraction

from toolyard_sdk import ToolError

from toolyard_calculator import exact, functions, inexact
from toolyard_calculator.functions import CONSTANTS, FUNCTIONS, Number
from toolyard_calculator.limits import MAX_ARGUMENTS, MAX_CHARACTERS, MAX_DEPTH, MAX_DIGITS
from toolyard_calculator.tokens import Token, read_number, tokens

_PRODUCTS: dict[str, Callable[[Number, Number], Number]] = {
    "*": functions.times,
    "/": functions.divided,
    "//": functions.floor_divided,
    "%": functions.modulo,
    "mod": functions.modulo,
    "of": functions.times,
}


def evaluate(expression: str) -> Number:
    """Return the value of an expression, a Fraction when exact; raises ToolError saying where and what to write."""
    if len(expression) > MAX_CHARACTERS:
        raise ToolError(
            f"the expression has {len(expression)} characters; at most {MAX_CHARACTERS} are read. Split it."
        )
    try:
        with decimal.localcontext(inexact.context):
            return _Reader(tokens(expression)).whole()
    except decimal.Overflow as error:
        raise ToolError(f"the result is too large: it has more than {MAX_DIGITS} digits.") from error
    except decimal.DecimalException as error:
        raise ToolError("the result is not a real number that can be computed.") from error


class _Reader:
    """The tokens, how far they are read, and how deep."""

    def __init__(self, found: list[Token]) -> None:
        self.tokens = found
        self.at = 0
        self.depth = 0

    @property
    def next(self) -> Token:
        return self.tokens[self.at]

    def take(self, *texts: str) -> Token | None:
        """Return the next token and go on, if it is one of these; else None."""
        token = self.next
        if token.kind == "end" or token.text not in texts:
            return None
        self.at += 1
        return token

    def whole(self) -> Number:
        if self.next.kind == "end":
            raise ToolError("the expression is empty: write for example 2 * (3 + 4).")
        value = self.sum()
        token = self.next
        if token.kind == "end":
            return value
        raise ToolError(f"{token.text!r} at place {token.place} is unexpected: {self._advice(token)}")

    def _advice(self, token: Token) -> str:
        if token.text == ",":
            return "write numbers without thousands separators (1000000) and decimals with a point (2.5)."
        if token.text == ")":
            return "there is no '(' for it."
        return "put an operator such as * between two values."

    def sum(self) -> Number:
        self.depth += 1
        if self.depth > MAX_DEPTH:
            raise ToolError(f"the expression is nested deeper than {MAX_DEPTH} levels. Split it.")
        value = self.product()
        while operator := self.take("+", "-"):
            term = self.product()
            value = functions.plus(value, term) if operator.text == "+" else functions.minus(value, term)
        self.depth -= 1
        return value

    def product(self) -> Number:
        value = self.sign()
        while operator := self.take(*_PRODUCTS):
            value = _PRODUCTS[operator.text](value, self.sign())
        return value

    def sign(self) -> Number:
        negative = False
        while operator := self.take("+", "-"):
            negative ^= operator.text == "-"
        value = self.power()
        return functions.minus(Fraction(0), value) if negative else value

    def power(self) -> Number:
        base = self.postfix()
        if not self.take("**", "^"):
            return base
        self.depth += 1
        if self.depth > MAX_DEPTH:
            raise ToolError(f"the expression is nested deeper than {MAX_DEPTH} levels. Split it.")
        exponent = self.sign()
        self.depth -= 1
        return functions.raised(base, exponent)

    def postfix(self) -> Number:
        value = self.atom()
        while True:
            if self.take("!"):
                value = FUNCTIONS["factorial"].apply(value)
            elif self.next.text == "%" and self._is_percent():
                self.at += 1
                value = functions.divided(value, Fraction(100))
            else:
                return value

    def _is_percent(self) -> bool:
        """Whether the `%` that comes next means per cent: nothing that could be divided by follows it.

        Before a sign, white space decides: `5% + 1` is per cent, `10 % -3` a remainder; anything else is refused.
        """
        percent, after = self.tokens[self.at], self.tokens[self.at + 1]
        if after.text not in ("+", "-"):
            return (after.kind in ("end", "operator") and after.text != "(") or after.text in ("of", "mod")
        operand = self.tokens[self.at + 2]
        if not percent.spaced and after.spaced:
            return True
        if percent.spaced and after.spaced and not operand.spaced:
            return False
        raise ToolError(
            f"'%' at place {percent.place} could mean per cent or remainder: write (5 / 100) or mod(10, -3) instead."
        )

    def atom(self) -> Number:
        token = self.next
        self.at += 1
        if token.kind == "number":
            return read_number(token.text)
        if token.kind == "name":
            return self.named(token)
        if token.text == "(":
            value = self.sum()
            self.close(token)
            return value
        if token.kind == "end":
            raise ToolError("the expression ends too early: a value is missing at its end.")
        raise ToolError(f"{token.text!r} at place {token.place} is unexpected: a number or '(' should stand there.")

    def close(self, opened: Token) -> None:
        if not self.take(")"):
            raise ToolError(f"the '(' at place {opened.place} is not closed before {self.next.text or 'the end'!r}.")

    def named(self, token: Token) -> Number:
        name = token.text.lower().removeprefix("math.")
        if name in CONSTANTS:
            return CONSTANTS[name]
        if name not in FUNCTIONS:
            near = difflib.get_close_matches(name, [*FUNCTIONS, *CONSTANTS], n=1)
            hint = f"did you mean {near[0]}? " if near else ""
            raise ToolError(
                f"{token.text[:40]!r} at place {token.place} is unknown: {hint}"
                f"There are {', '.join(FUNCTIONS)} and the constants {', '.join(CONSTANTS)}."
            )
        opened = self.take("(")
        if not opened:
            raise ToolError(f"{name} at place {token.place} needs its argument in parentheses: {name}(...).")
        values = [self.sum()]
        while self.take(","):
            if len(values) == MAX_ARGUMENTS:
                raise ToolError(f"{name} takes at most {MAX_ARGUMENTS} arguments. Split it.")
            values.append(self.sum())
        self.close(opened)
        function = FUNCTIONS[name]
        if not function.fewest <= len(values) <= function.most:
            raise ToolError(f"{name} takes {_count(function)}, not {len(values)}.")
        value = function.apply(*values)
        return exact.bounded(value) if isinstance(value, Fraction) else value


def _count(function: functions.Function) -> str:
    if function.fewest == function.most:
        return f"{function.fewest} argument{'s' if function.fewest > 1 else ''}"
    more = "or more" if function.most > MAX_ARGUMENTS else f"to {function.most}"
    return f"{function.fewest} {more} arguments"
