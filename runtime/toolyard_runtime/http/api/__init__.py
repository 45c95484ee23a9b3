"""Toolyard's own routes, under /api/v1, one module for each noun."""

from toolyard_runtime.http.api import (
    agents,
    approvals,
    audit,
    consents,
    doubts,
    environments,
    erasures,
    inputs,
    journals,
    keys,
    knowledge,
    locks,
    runs,
    secrets,
    stops,
    tenants,
    tool_calls,
    tool_changes,
    tool_search,
    tools,
    usage,
)
from toolyard_runtime.http.api.admin import Admin

API_ROUTES = (
    *runs.ROUTES,
    *journals.ROUTES,
    *doubts.ROUTES,
    *approvals.ROUTES,
    *inputs.ROUTES,
    *consents.ROUTES,
    *stops.ROUTES,
    *keys.ROUTES,
    *tenants.ROUTES,
    *secrets.ROUTES,
    *knowledge.ROUTES,
    *erasures.ROUTES,
    *agents.ROUTES,
    *tools.ROUTES,
    *tool_changes.ROUTES,
    *locks.ROUTES,
    *environments.ROUTES,
    *audit.ROUTES,
    *tool_search.ROUTES,
    *tool_calls.ROUTES,
    *usage.ROUTES,
)

__all__ = ["API_ROUTES", "Admin"]
