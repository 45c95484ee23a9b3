"""A Chroma server as the index of vectors, for several processes: its HTTP API (v2), spoken to over a given client.

A collection for each shelf, by a name that tells nothing. The client is the runtime's; nothing of Chroma is installed.
"""

import re
from collections.abc import Collection, Sequence
from typing import Any, Protocol
from urllib.parse import quote

import msgspec
from msgspec import Struct

from toolyard_memory.vectors.exact import Row, numbers
from toolyard_memory.vectors.index import HNSW, IndexDown, Shelf, ShelfLost

SECONDS = 10.0
"""Within which the server answers."""

AT_ONCE = 250
"""Vectors in one request, and collections in one listing."""

_OWN_NAME = "toolyard-{home}-{name}"
_OWN = re.compile(r"toolyard-(?P<home>[0-9a-f]{32})-(?P<name>[0-9a-f]{32}-\d{1,19})")
"""How collections are called, and what is called so: no other is ever removed."""

_FOUND = (200, 201)
_MISSING = 404


class Answered(Protocol):
    """A whole HTTP answer."""

    @property
    def status(self) -> int:
        """HTTP's status."""
        ...

    @property
    def body(self) -> bytes:
        """Its body."""
        ...


class Sending(Protocol):
    """A client for one origin, which raises what it likes when there is no answer."""

    async def send(
        self,
        method: bytes,
        path: bytes,
        body: bytes = b"",
        *,
        timeout: float,  # noqa: ASYNC109 - the runtime's client keeps the time itself
    ) -> Answered:
        """Send one request and return the whole answer."""
        ...

    async def close(self) -> None:
        """Close connections."""
        ...


class _Collection(Struct, frozen=True):
    id: str
    name: str


class _Ids(Struct, frozen=True):
    ids: list[str]


class _Nearest(Struct, frozen=True):
    ids: list[list[str]]
    distances: list[list[float]]


class ChromaServerIndex:
    """The VectorIndex in a Chroma server."""

    def __init__(self, client: Sending, *, tenant: str = "default_tenant", database: str = "default_database") -> None:
        """Take a client for the server's address, and Chroma's own tenant and database."""
        self._client = client
        self._root = f"/api/v2/tenants/{quote(tenant, safe='')}/databases/{quote(database, safe='')}/collections"
        self._known: dict[Shelf, str] = {}

    async def make(self, shelf: Shelf) -> None:
        """Make the shelf anew; raises IndexDown."""
        await self._delete(_name(shelf))
        made = {"name": _name(shelf), "configuration": {"hnsw": HNSW}}
        self._known[shelf] = (await self._ask(b"POST", "", made, _Collection)).id

    async def put(self, shelf: Shelf, rows: Sequence[Row]) -> None:
        """Add vectors; raises ShelfLost, IndexDown."""
        for start in range(0, len(rows), AT_ONCE):
            part = rows[start : start + AT_ONCE]
            vectors = [numbers(vector).tolist() for _, vector in part]
            await self._of(shelf, "upsert", {"ids": [id_.hex() for id_, _ in part], "embeddings": vectors}, Any)

    async def held(self, shelf: Shelf, ids: Sequence[bytes]) -> int:
        """Return how many of these lie there; raises ShelfLost, IndexDown."""
        return len(await self._there(shelf, ids))

    async def drop(self, shelf: Shelf, ids: Sequence[bytes]) -> None:
        """Take vectors away; raises ShelfLost, IndexDown."""
        there = await self._there(shelf, ids)
        for start in range(0, len(there), AT_ONCE):
            await self._of(shelf, "delete", {"ids": there[start : start + AT_ONCE]}, Any)

    async def nearest(self, shelf: Shelf, vector: bytes, limit: int) -> list[tuple[bytes, float]]:
        """Return the most similar ids; raises ShelfLost, IndexDown."""
        asked = {"query_embeddings": [numbers(vector).tolist()], "n_results": limit, "include": ["distances"]}
        found = await self._of(shelf, "query", asked, _Nearest)
        pairs = zip(found.ids[0], found.distances[0], strict=True)
        return [(bytes.fromhex(id_), 1.0 - distance) for id_, distance in pairs]

    async def count(self, shelf: Shelf) -> int:
        """Return how many vectors lie there; raises ShelfLost, IndexDown."""
        count: int = await self._of(shelf, "count", None, int)
        return count

    async def ids(self, shelf: Shelf) -> list[bytes]:
        """Return the ids of all vectors that lie there; raises ShelfLost, IndexDown."""
        found: list[str] = []
        while page := await self._of(shelf, "get", {"limit": AT_ONCE, "offset": len(found), "include": []}, _Ids):
            found += page.ids
            if len(page.ids) < AT_ONCE:
                break
        return [bytes.fromhex(id_) for id_ in found]

    async def names(self) -> Collection[tuple[str, str]]:
        """Return the home and the name of all shelves, and of no collection of another make; raises IndexDown."""
        names: list[str] = []
        while page := await self._ask(b"GET", f"?limit={AT_ONCE}&offset={len(names)}", None, list[_Collection]):
            names += [found.name for found in page]
        return [(own["home"], own["name"]) for own in map(_OWN.fullmatch, names) if own is not None]

    async def keep_only(self, tenant: str, shelves: Collection[Shelf]) -> None:
        """Remove the tenant's other shelves; raises IndexDown."""
        home, kept = Shelf(tenant, "", "", 0).home, {shelf.name for shelf in shelves}
        for lies_in, name in await self.names():
            if lies_in == home and name not in kept:
                await self._delete(_OWN_NAME.format(home=home, name=name))
        for shelf in tuple(self._known):
            if shelf.tenant == tenant and shelf not in shelves:
                del self._known[shelf]

    async def close(self) -> None:
        """Close connections."""
        await self._client.close()

    async def _there(self, shelf: Shelf, ids: Sequence[bytes]) -> list[str]:
        there: list[str] = []
        for start in range(0, len(ids), AT_ONCE):
            part = [id_.hex() for id_ in ids[start : start + AT_ONCE]]
            there += (await self._of(shelf, "get", {"ids": part, "include": []}, _Ids)).ids
        if not ids:
            await self.count(shelf)  # a shelf that is lost is lost for no ids as well
        return there

    async def _of(self, shelf: Shelf, what: str, body: object, type_: Any) -> Any:
        """Ask something of a shelf's collection, whose id may have changed when another process made it anew."""
        for fresh in (False, True):
            if fresh or shelf not in self._known:
                found = await self._ask(b"GET", f"/{_name(shelf)}", None, _Collection, missing=None)
                if found is None:
                    self._known.pop(shelf, None)
                    raise ShelfLost(f"the collection {_name(shelf)} is gone from the Chroma server")
                self._known[shelf] = found.id
            method = b"GET" if body is None else b"POST"
            answer = await self._ask(method, f"/{self._known[shelf]}/{what}", body, type_, missing=_ASK_AGAIN)
            if answer is not _ASK_AGAIN:
                return answer
        raise ShelfLost(f"the collection {_name(shelf)} is gone from the Chroma server")

    async def _delete(self, name: str) -> None:
        await self._ask(b"DELETE", f"/{name}", None, Any, missing=None)

    async def _ask(self, method: bytes, path: str, body: object, type_: Any, **missing: object) -> Any:
        """Send one request; a 404 gives `missing` where it is given. Raises IndexDown for all else that goes wrong."""
        try:
            sent = b"" if body is None else msgspec.json.encode(body)
            answer = await self._client.send(method, (self._root + path).encode(), sent, timeout=SECONDS)
        except Exception as error:  # the client's own
            raise IndexDown(f"the Chroma server does not answer ({error}); is it running at this address?") from error
        if answer.status == _MISSING and missing:
            return missing["missing"]
        if answer.status not in _FOUND:
            told = answer.body[:200].decode(errors="replace")
            raise IndexDown(f"the Chroma server refuses {method.decode()} {path} with {answer.status}: {told}")
        try:
            return msgspec.json.decode(answer.body, type=type_) if type_ is not Any else None
        except ValueError as error:  # msgspec's own errors and bad UTF-8 are ValueErrors
            raise IndexDown(f"this is no Chroma server of API v2: {error}") from error


_ASK_AGAIN = object()


def _name(shelf: Shelf) -> str:
    return _OWN_NAME.format(home=shelf.home, name=shelf.name)
