"""When a failed model call is tried again; pure."""

from toolyard_sdk.events import ModelFault

TRANSIENT: frozenset[ModelFault] = frozenset(
    {"connect", "timeout", "rate_limited", "overloaded", "server_error", "bad_answer", "broken_stream"}
)
"""Faults that another attempt may mend; the others are the request's own."""

FIRST_DELAY = 0.25
LONGEST_DELAY = 20.0
LONGEST_WAIT = 120.0
"""Seconds: a server that asks for more than this is not waited for."""


def retry_delay(fault: ModelFault, attempt: int, retry_after: float | None, jitter: float) -> float | None:
    """Return the seconds to wait after the failed `attempt` (from 1); None when trying again cannot help.

    Exponential back-off with full jitter (`jitter` in 0..1) between half and the whole of the step, never less than
    the server's Retry-After (RFC 9110, section 10.2.3).
    """
    if fault not in TRANSIENT:
        return None
    if retry_after is not None and retry_after > LONGEST_WAIT:
        return None
    step = min(LONGEST_DELAY, FIRST_DELAY * 2.0 ** (attempt - 1))
    return max(step * (0.5 + jitter / 2), retry_after or 0.0)
