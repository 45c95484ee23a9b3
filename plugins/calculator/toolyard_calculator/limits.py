"""How large an expression and its numbers may become; one place, so that every refusal names the same bounds."""

from toolyard_sdk import ToolError

MAX_CHARACTERS = 2_000
MAX_DEPTH = 40
MAX_DIGITS = 4_000
MAX_BITS = 13_288  # the bits of a number of MAX_DIGITS decimal digits
MAX_ARGUMENTS = 200


def too_large(what: str) -> ToolError:
    """Return the error for a number beyond the bound."""
    return ToolError(
        f"{what} is too large: numbers may have at most {MAX_DIGITS} digits. "
        "Work with logarithms instead (log10 of a product is the sum of the log10s), or pow(base, exponent, modulus)."
    )
