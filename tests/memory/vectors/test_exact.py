"""Looking at every vector: with numpy and by hand the same, best first."""

from array import array

import pytest
from toolyard_memory.vectors import exact

Q = array("f", [1.0, 0.0]).tobytes()
ROWS = [(b"c", array("f", [0.6, 0.8]).tobytes()), (b"a", Q), (b"b", array("f", [-1.0, 0.0]).tobytes())]


@pytest.mark.parametrize("numpy", [True, False])
def test_the_most_similar_come_first(monkeypatch: pytest.MonkeyPatch, numpy: bool) -> None:
    monkeypatch.setattr(exact, "by_numpy", lambda: numpy)
    found = exact.nearest(Q, ROWS, 2)
    assert [id_ for id_, _ in found] == [b"a", b"c"]
    assert [score for _, score in found] == pytest.approx([1.0, 0.6])


@pytest.mark.parametrize("numpy", [True, False])
def test_a_vector_of_another_dimension_is_left_out(monkeypatch: pytest.MonkeyPatch, numpy: bool) -> None:
    monkeypatch.setattr(exact, "by_numpy", lambda: numpy)
    assert exact.nearest(Q, [(b"x", bytes(12)), *ROWS], 10)[0][0] == b"a"
    assert len(exact.nearest(Q, [(b"x", bytes(12)), *ROWS], 10)) == 3
    assert exact.nearest(Q, [(b"x", bytes(12))], 10) == []


def test_ties_are_told_apart_by_id() -> None:
    assert [id_ for id_, _ in exact.nearest(Q, [(b"a", Q), (b"b", Q)], 2)] == [b"b", b"a"]
