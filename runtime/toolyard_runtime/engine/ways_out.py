"""Gives each tool its way out: what an operator has granted where it comes from, for the caller it is called for."""

from collections.abc import Iterator, Mapping
from functools import partial
from typing import Any

import msgspec
from toolyard_sdk.egress import EgressGrant
from toolyard_sdk.http import EgressClient
from toolyard_sdk.http.addresses import why_not_public
from toolyard_sdk.http.targets import Target, TargetInvalid, bracketed, read_target
from toolyard_sdk.ports import Secrets

from toolyard_runtime.run.services import WayOut
from toolyard_runtime.secrets.redaction import Redactor

NOTHING = EgressGrant()

_ADDRESSES = ("url", "server")
"""The keys of a source's table by which an operator names where it is."""


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


def with_sources(grants: Mapping[str, EgressGrant], sources: Mapping[str, Mapping[str, Any]]) -> dict[str, EgressGrant]:
    """Return the grants with what the tables of sources say themselves: where a source is, it may be reached.

    An operator who names a server trusts it, also inside the own network; the secrets that `security` names go there
    and nowhere else.
    """
    found = dict(grants)
    for name, table in sources.items():
        public, private = set[str](), set[str]()
        for target in _named(table):
            place = f"{bracketed(target.host)}:{target.port}"
            (private if _is_inside(target) else public).add(place)
        if not public and not private:
            continue
        own = grants.get(name, NOTHING)
        places = tuple(sorted(public | private))
        named = table.get("security")
        secrets = {str(secret): places for secret in named.values()} if isinstance(named, dict) else {}
        found[name] = msgspec.structs.replace(
            own,
            hosts=(*own.hosts, *sorted(public)),
            private=(*own.private, *sorted(private)),
            secrets={**secrets, **own.secrets},
        )
    return found


def _named(table: Mapping[str, Any]) -> Iterator[Target]:
    """Yield the addresses in a source's table; what is none is for the source itself to refuse."""
    variables = table.get("variables")
    for key in _ADDRESSES:
        address = table.get(key)
        if isinstance(address, str) and address:
            for name, value in variables.items() if isinstance(variables, dict) else ():
                address = address.replace("{" + str(name) + "}", str(value))
            try:
                yield read_target(address)
            except TargetInvalid:
                continue


def _is_inside(target: Target) -> bool:
    """Whether an operator who writes this host means one of the own network."""
    if target.literal:
        return bool(why_not_public(target.host))
    return "." not in target.host or target.host.endswith((".internal", ".local", ".localhost"))
