"""Bodies come uncompressed, piece by piece, and never take more memory than they may."""

import gzip
import tracemalloc
import zlib
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st
from toolyard_sdk.http.decoding import Body, Damaged, TooLong

PACKINGS: dict[str, Callable[[bytes], bytes]] = {
    "gzip": gzip.compress,
    "deflate": zlib.compress,
    "bare": lambda data: zlib.compress(data, wbits=-15),
    "members": lambda data: gzip.compress(data[:5]) + gzip.compress(data[5:]),
}


@pytest.mark.parametrize("packing", PACKINGS)
@given(st.binary(max_size=300), st.integers(1, 50))
def test_it_does_not_matter_in_which_pieces_a_body_comes(packing: str, data: bytes, size: int) -> None:
    packed = PACKINGS[packing](data)
    body = Body("deflate" if packing in ("deflate", "bare") else "gzip", 300)
    for at in range(0, len(packed), size):
        body.add(packed[at : at + size])
    assert body.whole() == data


@pytest.mark.parametrize("packing", PACKINGS)
def test_a_bomb_takes_no_more_memory_than_it_may(packing: str) -> None:
    packed = PACKINGS[packing](b"\0" * 50_000_000)
    body = Body("deflate" if packing in ("deflate", "bare") else "gzip", 100_000)
    tracemalloc.start()
    try:
        with pytest.raises(TooLong):
            body.add(packed)
        assert tracemalloc.get_traced_memory()[1] < 2_000_000
    finally:
        tracemalloc.stop()


@given(st.binary(min_size=1, max_size=200), st.sampled_from(["gzip", "deflate"]))
def test_bytes_that_are_not_what_they_are_said_to_be_are_damaged_or_too_long_and_nothing_else(
    data: bytes, coding: str
) -> None:
    body = Body(coding, 1_000)
    try:
        body.add(data)
        body.whole()
    except (Damaged, TooLong):
        pass
