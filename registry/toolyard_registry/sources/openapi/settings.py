"""What an operator writes in `[sources.NAME]` of toolyard.toml for `kind = "openapi"`; reads no document."""

from collections.abc import Mapping
from typing import Any, Literal

import msgspec
from msgspec import Struct
from toolyard_sdk.errors import ConfigError

from toolyard_registry.sources.openapi.problems import Unusable
from toolyard_registry.sources.openapi.servers import checked, host_of

LEAST_REFRESH = 10.0


class OpenApiSettings(Struct, frozen=True, forbid_unknown_fields=True):
    """One source: a document by `file` (in the repository) or `url`, and how its operations are used.

    `server` is used instead of the document's; `variables` fill in what stands in braces in a server's address.
    `operations` are globs over operationId or `GET /path`. `security` maps a security scheme, or a parameter that the
    model is not to give, to the name of a secret. `prefix` begins the tools' names (None: the source's name and `_`).
    A document by `url` is read again every `refresh` seconds (0: never).
    `timeout` is seconds and `max_bytes` bytes of one answer.
    """

    kind: Literal["openapi"] = "openapi"
    file: str = ""
    url: str = ""
    server: str = ""
    variables: dict[str, str] = {}
    operations: tuple[str, ...] = ("*",)
    security: dict[str, str] = {}
    prefix: str | None = None
    refresh: float = 3600.0
    timeout: float = 30.0
    max_bytes: int = 1_000_000


def read_settings(name: str, raw: Mapping[str, Any]) -> OpenApiSettings:
    """Return the settings of source `name`; raises ConfigError with the key that is wrong."""
    place = f"[sources.{name}]"
    try:
        settings = msgspec.convert(dict(raw), OpenApiSettings)
    except msgspec.ValidationError as error:
        raise ConfigError(f"{place}: {error}") from error
    if bool(settings.file) == bool(settings.url):
        raise ConfigError(f'{place}: write either file = "tools/api.yaml" or url = "https://..."')
    if settings.url and not settings.url.startswith(("https://", "http://")):
        raise ConfigError(
            f"{place}: url must begin with https:// or http://; a file of the repository goes into `file`"
        )
    if settings.server and "{" not in settings.server:
        try:
            checked(settings.server)
        except Unusable as error:
            raise ConfigError(f"{place}: {error.words.removeprefix('its ')}") from error
    if settings.refresh and not settings.refresh >= LEAST_REFRESH:
        raise ConfigError(f"{place}: refresh must be 0 (never) or at least {LEAST_REFRESH:g} seconds")
    if not settings.timeout > 0 or settings.max_bytes < 1:
        raise ConfigError(f"{place}: timeout and max_bytes must be more than 0")
    return settings


def named_hosts(settings: OpenApiSettings) -> tuple[str, ...]:
    """Return the hosts that the operator names by `url` and `server`: a source may reach these without more ado."""
    filled = settings.server
    for name, value in settings.variables.items():
        filled = filled.replace("{" + name + "}", value)
    addresses = (settings.url, filled if "{" not in filled else "")
    return tuple(dict.fromkeys(host_of(address) for address in addresses if address))
