"""`AuditRecord`: the open envelope for every change that is not a step of a run."""

import msgspec
from msgspec import Struct


class AuditRecord(Struct, frozen=True, omit_defaults=True):
    """Who changed what: `action` is a verb phrase such as `key.create`, digests name the object before and after."""

    at: int
    tenant: str
    actor: str
    action: str
    object: str
    old: str = ""
    new: str = ""
    detail: dict[str, str | int | float | bool] = msgspec.field(default_factory=dict)
