"""A REST API that adds, described by OpenAPI: in memory, behind the port `Egress`; and its source."""

import json
from collections.abc import Mapping
from pathlib import Path

import msgspec
from toolyard_registry.sources.openapi.source import OpenApiSource, open_source
from toolyard_sdk.egress import CLOSED, EgressReply

from tests.registry.sources.openapi.documents import SERVER, document, parameter

INTEGER = {"type": "integer"}


class Adding:
    """Implements Egress: whoever gets `/add/1?b=2` is answered `3`."""

    async def request(
        self,
        method: str,
        url: str,
        *,
        headers: Mapping[str, str] | None = None,
        body: bytes = b"",
        timeout: float = 30.0,  # noqa: ASYNC109 - the port's own word
        max_bytes: int = 1_000_000,
    ) -> EgressReply:
        """Add the last part of the address to its query."""
        assert (method, body) == ("GET", b"")
        assert (headers or {}).keys() == {"Accept"}
        assert min(timeout, max_bytes) > 0
        a, _, b = url.removeprefix(f"{SERVER}/add/").partition("?b=")
        return EgressReply(200, (("content-type", "application/json"),), msgspec.json.encode(int(a) + int(b)), url)


class Unasked:
    """Implements Secrets for a source that is not to ask for any."""

    async def reveal(self, tenant: str, end_user: str | None, name: str) -> str | None:
        """Fail: requests name secrets by handle."""
        raise AssertionError((tenant, end_user, name))


def source(folder: Path) -> OpenApiSource:
    """Return the source `it` of a document in this folder."""
    listed = [parameter("a", "path", INTEGER, required=True), parameter("b", schema=INTEGER, required=True)]
    operation = {"operationId": "add", "summary": "Add two numbers.", "parameters": listed}
    (folder / "add.json").write_text(json.dumps(document({"/add/{a}": {"get": operation}})))
    return open_source(name="it", settings={"file": "add.json"}, root=folder, egress=CLOSED, secrets=Unasked())


def missing(folder: Path) -> OpenApiSource:
    """Return the source `it` of a document that is not there."""
    return open_source(name="it", settings={"file": "none.json"}, root=folder, egress=CLOSED, secrets=Unasked())
