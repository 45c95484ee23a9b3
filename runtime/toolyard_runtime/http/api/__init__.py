"""Toolyard's own routes, under /api/v1, one module for each noun."""

from toolyard_runtime.http.api import (
    agents,
    approvals,
    audit,
    doubts,
    erasures,
    journals,
    keys,
    runs,
    secrets,
    stops,
    tenants,
    tools,
    usage,
)
from toolyard_runtime.http.api.admin import Admin

API_ROUTES = (
    *runs.ROUTES,
    *journals.ROUTES,
    *doubts.ROUTES,
    *approvals.ROUTES,
    *stops.ROUTES,
    *keys.ROUTES,
    *tenants.ROUTES,
    *secrets.ROUTES,
    *erasures.ROUTES,
    *agents.ROUTES,
    *tools.ROUTES,
    *audit.ROUTES,
    *usage.ROUTES,
)

__all__ = ["API_ROUTES", "Admin"]
