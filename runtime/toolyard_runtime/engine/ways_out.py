"""Gives each tool its way out: what an operator has granted where it comes from, for the caller it is called for."""

from collections.abc import Mapping
from functools import partial

from toolyard_sdk.egress import EgressGrant
from toolyard_sdk.http import EgressClient
from toolyard_sdk.ports import Secrets

from toolyard_runtime.run.services import WayOut
from toolyard_runtime.secrets.redaction import Redactor

NOTHING = EgressGrant()


class WaysOut:
    """The ways out of one server; one with secrets is made for each call, so that what it reveals can be redacted."""

    def __init__(self, client: EgressClient, grants: Mapping[str, EgressGrant], secrets: Secrets) -> None:
        """Take the grants by the name of a plugin, a tool file or a source."""
        self._client = client
        self._grants = grants
        self._secrets = secrets
        self._without_secrets: dict[str, WayOut] = {}

    def of(self, origin: str, tenant: str, end_user: str | None) -> WayOut:
        """Return the way out of what comes from `origin`, with the secrets of this caller."""
        way = self._without_secrets.get(origin)
        if way is not None:
            return way
        grant = self._grants.get(origin, NOTHING)
        redactor = Redactor(partial(self._secrets.reveal, tenant, end_user))
        egress = self._client.for_tool(origin, grant, redactor.reveal)
        if grant.secrets:
            return WayOut(egress, redactor)
        way = self._without_secrets[origin] = WayOut(egress)
        return way
