"""The ids of the Responses route: names for what the journal already numbers, so none is ever stored."""

import re

_RESPONSE = re.compile(r"resp_([0-9a-f]{32})_(0|[1-9][0-9]{0,8})\Z")
_APPROVAL = re.compile(r"mcpr_([0-9a-f]{32})\Z")


def response_id(run: bytes, index: int) -> str:
    """Name a segment: `resp_<run hex>_<segment index>`."""
    return f"resp_{run.hex()}_{index}"


def read_response_id(text: str) -> tuple[bytes, int] | None:
    """Return (run, segment index) of a response's id; None when it is not one (never raises)."""
    match = _RESPONSE.match(text)
    return (bytes.fromhex(match[1]), int(match[2])) if match else None


def item_id(prefix: str, run: bytes, n: int) -> str:
    """Name an output: `msg_`, `mcp_` or `fc_`, then `<run hex>_<n>`."""
    return f"{prefix}_{run.hex()}_{n}"


def approval_request_id(approval: bytes) -> str:
    """Name an approval as an item: `mcpr_<approval hex>`."""
    return f"mcpr_{approval.hex()}"


def read_approval_request_id(text: str) -> bytes | None:
    """Return the approval that an `mcpr_` id names; None when it is not one."""
    match = _APPROVAL.match(text)
    return bytes.fromhex(match[1]) if match else None
