"""Says which secrets an operation sends and where (3.1.1, sections 4.8.27 and 4.8.30); it knows handles, never values.

A scheme is filled by the secret that an operator names for it. Of a document's alternatives the first counts whose
schemes are all filled; without one the request goes out as it is, and the operator is told.
"""

from collections.abc import Iterator, Mapping
from typing import Any, Literal

from msgspec import Struct
from toolyard_sdk.egress import secret

from toolyard_registry.sources.openapi.parameters import HEADER_NAME
from toolyard_registry.sources.openapi.problems import Problem, Unusable
from toolyard_registry.sources.openapi.references import References

_PREFIXES = {"bearer": "Bearer ", "basic": "Basic "}


class Credential(Struct, frozen=True):
    """One place in a request where a secret belongs; `value` holds its handle."""

    place: Literal["header", "query", "cookie"]
    name: str
    value: str


class Schemes:
    """The security schemes of one document, with the secrets that an operator gives for them by scheme name."""

    def __init__(self, document: Mapping[str, Any], references: References, secrets: Mapping[str, str]) -> None:
        components = document.get("components")
        declared = components.get("securitySchemes") if isinstance(components, dict) else None
        self._declared: Mapping[str, Any] = declared if isinstance(declared, dict) else {}
        self._references = references
        self._secrets = secrets
        self._default = document.get("security")

    @property
    def declared(self) -> frozenset[str]:
        """The names of all schemes."""
        return frozenset(self._declared)

    def credentials(self, raw: Mapping[str, Any], place: str) -> tuple[tuple[Credential, ...], tuple[Problem, ...]]:
        """Return what an operation sends, and a problem when it needs what nobody has given."""
        listed = raw.get("security", self._default)
        alternatives = [one for one in listed if isinstance(one, dict)] if isinstance(listed, list) else []
        if not alternatives:
            return (), ()
        for names in alternatives:
            if names and all(name in self._secrets for name in names):
                try:
                    return tuple(self._filled(name) for name in names), ()
                except Unusable as error:
                    return (), (error.at(place),)
        if any(not names for names in alternatives):
            return (), ()
        return (), (self._missing(alternatives, place),)

    def _missing(self, alternatives: list[dict[str, Any]], place: str) -> Problem:
        name = next((name for name in alternatives[0] if name not in self._secrets), "")
        if name not in self._declared:
            return Problem(
                "security.unknown", place, f"names the security scheme {name[:80]!r}, which is not described"
            )
        try:
            self._filled(name)
        except Unusable as error:
            return error.at(place)
        words = f'is sent without credentials: write security = {{ {name} = "NAME_OF_A_SECRET" }} in toolyard.toml'
        return Problem("security.missing", place, words)

    def _filled(self, name: str) -> Credential:
        scheme = self._references.follow(self._declared.get(name))
        if not isinstance(scheme, dict):
            raise Unusable("security.unknown", f"names the security scheme {name[:80]!r}, which is not described")
        handle = secret(self._secrets.get(name, name))
        match scheme.get("type"):
            case "apiKey":
                place, key = scheme.get("in"), scheme.get("name")
                if place in ("query", "cookie") and isinstance(key, str) and key.isprintable() and "{" not in key:
                    return Credential(place, key, handle)
                if place == "header" and isinstance(key, str) and HEADER_NAME.fullmatch(key):
                    return Credential(place, key, handle)
            case "http":
                prefix = _PREFIXES.get(str(scheme.get("scheme")).lower())
                if prefix:
                    return Credential("header", "Authorization", prefix + handle)
            case "oauth2" | "openIdConnect":
                return Credential("header", "Authorization", "Bearer " + handle)
            case _:
                pass
        words = f"its security scheme {name[:80]!r} is of a kind no secret can fill: {_kind(scheme)}"
        raise Unusable("security.unsupported", words)


def unknown_secrets(secrets: Mapping[str, str], known: frozenset[str]) -> Iterator[Problem]:
    """Yield a problem for each name an operator gave a secret for and the document does not have."""
    for name in secrets:
        if name not in known:
            there = ", ".join(sorted(known)[:20]) or "none"
            yield Problem("security.unknown", "", f"security names {name!r}, but the document's schemes are: {there}")


def _kind(scheme: Mapping[str, Any]) -> str:
    return " ".join(str(scheme[key])[:40] for key in ("type", "scheme", "in") if key in scheme) or "none"
