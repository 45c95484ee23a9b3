"""Gives each tool its way out: what an operator has granted where it comes from, for the caller it is called for."""

from collections.abc import Mapping
from functools import partial

from toolyard_sdk.egress import Egress, EgressGrant
from toolyard_sdk.http import EgressClient
from toolyard_sdk.ports import Secrets

NOTHING = EgressGrant()


class WaysOut:
    """The ways out of one server; each is made when a call begins, and costs nothing until it is used."""

    def __init__(self, client: EgressClient, grants: Mapping[str, EgressGrant], secrets: Secrets) -> None:
        """Take the grants by the name of a plugin, a tool file or a source."""
        self._client = client
        self._grants = grants
        self._secrets = secrets

    def of(self, origin: str, tenant: str, end_user: str | None) -> Egress:
        """Return the way out of what comes from `origin`, with the secrets of this caller."""
        reveal = partial(self._secrets.reveal, tenant, end_user)
        return self._client.for_tool(origin, self._grants.get(origin, NOTHING), reveal)
