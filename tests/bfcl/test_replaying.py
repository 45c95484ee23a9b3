"""A class's methods are called as tools, and a call that ends in another way than the executor's is found."""

from collections.abc import Callable
from typing import Any

import pytest

from tests.bfcl.package import Package, Task
from tests.bfcl.replaying import replay, state_of


class Till:
    """Holds money."""

    def __init__(self, cents: int) -> None:
        self.cents = cents
        self.log: list[Any] = []

    def pay(self, cents: int, note: Any = None) -> dict[str, Any]:
        """Pay in."""
        if cents < 0:
            raise ValueError("nothing can be paid out")
        self.cents += cents
        self.log.append((cents, note))
        return {"cents": self.cents, "note": note}

    def count(self) -> None:
        """Count the money."""

    def notes(self, kind):  # type: ignore[no-untyped-def] # strangers leave types out
        """List the notes."""
        return [kind, *(note for _, note in self.log)]


class Kept:
    """Executes Python text as the package does, on objects of its own; `wrong` makes it count wrongly."""

    def __init__(self, wrong: int = 0) -> None:
        self.till = Till(wrong)

    def __call__(self, calls: list[str], *_: Any) -> tuple[list[str], dict[str, Any]]:
        answers: dict[str, Callable[[], str]] = {
            "pay(5)": lambda: str(self.till.pay(5)).replace("'", '"').replace("None", "null"),
            "pay(cents=-1)": lambda: "Error during execution: nothing can be paid out",
            "count()": lambda: "None",
            "notes('all')": lambda: str(["all", *(note for _, note in self.till.log)]),
        }
        return [answers[calls[0]]()], {"Till": self.till}


TASK = Task("t", ("Till",), {}, (("pay(5)", "pay(cents=-1)"), ("count()", "notes('all')")))


def package(execute: Any) -> Package:
    return Package((TASK,), execute, lambda name, initial: Till(0))


def test_all_kinds_of_results_and_errors_are_alike() -> None:
    count, found = replay(package(Kept()), TASK, "run")
    assert (count, found) == (4, [])


def test_a_result_or_a_state_that_differs_is_found() -> None:
    _, found = replay(package(Kept(wrong=1)), TASK, "run")
    assert [each.call for each in found] == ["pay(5)", "pay(cents=-1)", "count()", "notes('all')"]


@pytest.mark.parametrize(("one", "other"), [(1, True), (1.5, 1), ("1", 1), ([1], (1,)), ({1: 2}, {"1": 2})])
def test_states_that_only_look_alike_differ(one: Any, other: Any) -> None:
    assert state_of({"a": one}) != state_of({"a": other})


def test_a_state_that_holds_itself_can_be_told() -> None:
    above: dict[str, Any] = {}
    above["child"] = {"parent": above}
    assert state_of(above) == state_of(above)
