"""What the suites share: the adapters, one after the other, and the PostgreSQL that one of them needs."""

from tests.conformance.adapters import adapter
from tests.store.postgres import cluster

__all__ = ["adapter", "cluster"]
