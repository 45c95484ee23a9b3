# noqa: INP001 - the tools of an agent repository are files, not a package
"""The shop's tools: three that look, each taking its time, and one that pays money out and cannot take it back.

What they do leaves traces in files beside them, so that a demonstration can count what really happened.
"""

import time
from pathlib import Path
from typing import Any

from toolyard_sdk import tool

HERE = Path(__file__).resolve().parent.parent
BEGUN = HERE / "begun.txt"
"""One line for every look-up that was begun."""
LEDGER = HERE / "ledger.txt"
"""One line for every refund that was paid."""

_ORDERS = {"Ada Lovelace": [{"order": "A-17", "item": "difference engine, small", "cents": 1900, "parcel": "PX-220"}]}
_PARCELS = {"PX-220": "lost between Calais and Dover"}


@tool(read_only=True)
def find_orders(customer: str) -> list[dict[str, Any]]:
    """Find the orders of a customer.

    Args:
        customer: The customer's full name.
    """
    _begin("find_orders")
    time.sleep(0.6)
    return _ORDERS.get(customer, [])


@tool(read_only=True)
def track_parcel(parcel: str) -> str:
    """Track where a parcel is.

    Args:
        parcel: The number on the parcel.
    """
    _begin("track_parcel")
    time.sleep(1.0)
    return _PARCELS.get(parcel, "unknown")


@tool
def refund_order(order: str, cents: int) -> str:
    """Refund an order: pays money back to the customer.

    Args:
        order: The number of the order.
        cents: How much to pay back.
    """
    with LEDGER.open("a") as ledger:
        ledger.write(f"{order} {cents}\n")
    return f"paid {cents} cents back for {order}"


@tool(read_only=True)
def check_payout(order: str) -> str:
    """Check the payout at the bank: how often money was paid for an order.

    Args:
        order: The number of the order.
    """
    _begin("check_payout")
    time.sleep(2.5)
    lines = LEDGER.read_text().splitlines() if LEDGER.exists() else []
    paid = [line for line in lines if line.split()[0] == order]
    return f"{len(paid)} payout(s) for {order}"


def _begin(name: str) -> None:
    with BEGUN.open("a") as begun:
        begun.write(name + "\n")
