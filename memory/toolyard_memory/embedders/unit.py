"""Brings vectors into the form they are kept in: unit length, little-endian float32; refuses what is no direction."""

from array import array
from math import isfinite, sqrt
from operator import mul
from sys import byteorder

from toolyard_sdk.errors import EmbedderError

NEAR_ENOUGH = 1e-5
"""How far the square of a length may be from one: what rounding to float32 does."""


def unit(vector: "array[float]") -> bytes:
    """Return a vector of any length as it is kept; raises EmbedderError for zeros, NaN and infinities."""
    square = sum(map(mul, vector, vector))
    if not isfinite(square):
        raise EmbedderError("a vector holds NaN or an infinity")
    if not square:
        raise EmbedderError("a vector is empty or all zeros")
    if abs(square - 1) > NEAR_ENOUGH:
        length = sqrt(square)
        vector = array("f", [number / length for number in vector])
    if byteorder == "big":
        vector = array("f", vector)
        vector.byteswap()
    return vector.tobytes()


def unpacked(raw: bytes) -> "array[float]":
    """Return the numbers of little-endian float32 bytes; raises EmbedderError for a broken number of them."""
    if len(raw) % 4:
        raise EmbedderError(f"a vector has {len(raw)} bytes, which are no whole numbers of 4 bytes")
    vector = array("f")
    vector.frombytes(raw)
    if byteorder == "big":
        vector.byteswap()
    return vector
