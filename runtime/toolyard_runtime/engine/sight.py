"""Who sees which run: one rule for reading, continuing, cancelling and deciding; knows no HTTP and no table."""

from toolyard_runtime.identity import Caller
from toolyard_runtime.store.runs import RunRow


def may_see(caller: Caller, run: RunRow, end_user: str | None) -> bool:
    """Tell whether a caller, speaking for `end_user` (None: for nobody else), may see a run as its user.

    A run for an end user is theirs, whichever frontend they come through; one without is its key's.
    """
    if run.tenant != caller.tenant or run.end_user != end_user:
        return False
    return run.end_user is not None or run.caller == caller.key


def sees_all(caller: Caller) -> bool:
    """Tell whether a caller sees everything of its tenant, and not only what is its own."""
    return not caller.roles.isdisjoint({"operator", "auditor"})


def may_look(caller: Caller, run: RunRow, end_user: str | None) -> bool:
    """Tell whether a caller may look at a run of its tenant: as its user, or as one who watches."""
    return sees_all(caller) or may_see(caller, run, end_user)
