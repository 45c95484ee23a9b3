"""What the suites share: the adapters, one after the other."""

from tests.conformance.adapters import adapter

__all__ = ["adapter"]
