"""What an operator's grant allows, and the lines of toolyard.toml that would allow more; decides, and sends nothing."""

import re
from typing import Literal

import msgspec

from toolyard_sdk.egress import EgressGrant
from toolyard_sdk.http.targets import (
    Target,
    TargetInvalid,
    bracketed,
    is_address,
    matches,
    plain,
    read_host,
    split_port,
)

Reach = Literal["public", "private"]
"""Whether a host is allowed as one of the world's, or by name as one of the operator's own network."""

_BARE_KEY = re.compile(r"[A-Za-z0-9_-]+")


def reach(grant: EgressGrant, target: Target) -> Reach | None:
    """Return how a target may be reached; None when it may not."""
    if any(_same(entry, target) for entry in grant.private):
        return "private"
    return "public" if any(matches(entry, target.host, target.port) for entry in grant.hosts) else None


def may_receive(grant: EgressGrant, secret: str, target: Target) -> bool:
    """Whether a secret may be sent to a target."""
    return any(matches(entry, target.host, target.port) for entry in grant.secrets.get(secret, ()))


def host_lines(name: str, grant: EgressGrant, target: Target) -> str:
    """Return the lines of toolyard.toml by which a target becomes a public host of the grant `name`."""
    return f"{_table(name)}\nhosts = {_list((*grant.hosts, _entry(target)))}"


def private_lines(name: str, grant: EgressGrant, target: Target) -> str:
    """Return the lines by which a target becomes a host of the operator's own network."""
    return f"{_table(name)}\nprivate = {_list((*grant.private, f'{bracketed(target.host)}:{target.port}'))}"


def secret_lines(name: str, grant: EgressGrant, secret: str, target: Target) -> str:
    """Return the lines by which a secret may be sent to a target."""
    allowed = {**grant.secrets, secret: (*grant.secrets.get(secret, ()), _entry(target))}
    told = ", ".join(f"{_key(each)} = {_list(hosts)}" for each, hosts in allowed.items())
    return f"{_table(name)}\nsecrets = {{ {told} }}"


def grant_problems(grant: EgressGrant) -> tuple[str, ...]:
    """Return in words what is wrong with a grant as it was written, each with the entry it is about."""
    entries = [("hosts", entry, _check_pattern) for entry in grant.hosts]
    entries += [("private", entry, _check_private) for entry in grant.private]
    entries += [(f"secrets.{name}", entry, _check_pattern) for name, hosts in grant.secrets.items() for entry in hosts]
    found = []
    for place, entry, check in entries:
        try:
            check(entry)
        except TargetInvalid as error:
            found.append(f"{place}: {entry!r} cannot be used: {error}")
    return tuple(found)


def _check_pattern(entry: str) -> None:
    """Raise TargetInvalid unless an entry is `HOST`, `*.HOST` or `*`, with or without a port."""
    host = _host_of(entry)
    if host == "*":
        return
    bare = host.removeprefix("*.")
    if "*" in bare or (bare != host and is_address(bare)):
        raise TargetInvalid("its `*` does not stand for the names below one: write *.example.org")
    read_host(bare)


def _check_private(entry: str) -> None:
    """Raise TargetInvalid unless an entry is `HOST:PORT`."""
    host = _host_of(entry)
    if "*" in host:
        raise TargetInvalid("hosts of the own network are named one by one")
    if not split_port(entry)[1]:
        raise TargetInvalid("it names no port: write HOST:PORT")
    read_host(host)


def _host_of(entry: str) -> str:
    """Return the host of an entry, an IPv6 address in brackets."""
    host, port = split_port(entry)
    if "/" in entry:
        raise TargetInvalid("it is an address: write its host only")
    if port > 65535:  # noqa: PLR2004 - as many ports as there are
        raise TargetInvalid(f"there is no port {port}")
    return f"[{host}]" if ":" in host and not host.startswith("[") else host


def _same(entry: str, target: Target) -> bool:
    host, port = split_port(entry)
    return port == target.port and plain(host) == target.host


def _entry(target: Target) -> str:
    host = bracketed(target.host)
    return host if target.port in (80, 443) else f"{host}:{target.port}"


def _table(name: str) -> str:
    return f"[egress.{_key(name)}]"


def _key(name: str) -> str:
    return name if _BARE_KEY.fullmatch(name) else _text(name)


def _text(value: str) -> str:
    return msgspec.json.encode(value).decode()  # a JSON text is a TOML text


def _list(entries: tuple[str, ...]) -> str:
    return f"[{', '.join(_text(each) for each in dict.fromkeys(entries))}]"
