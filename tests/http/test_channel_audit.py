"""Moves of a channel in the audit log of the composed server: one chain for each channel of each tenant."""

from typing import Any

from toolyard_registry.catalogue.storing import Channel
from toolyard_runtime.store import audit

from tests.http.serving import Server

PRODUCTION = Channel("agent", "clerk", "production")


def test_a_record_of_a_channels_moves_cannot_be_taken_away_unseen(server: Server) -> None:
    one, other = server.tenant(), server.tenant()
    database: Any = server.wiring.engine.services.database
    catalogue = server.wiring.agents._catalogue
    streams = [f"channel:{tenant}:agent:clerk@production" for tenant in (one, other)]

    async def moved() -> list[int]:
        for digest in ("sha256:one", "sha256:two", "sha256:three"):
            for tenant in (one, other):
                tx = database.begin()
                await catalogue.move(tx, tenant, "ann", PRODUCTION, digest)
                await database.commit(tx)
        return [len(await audit.load(database, stream)) for stream in streams]

    async def verified() -> list[int | None]:
        return [await audit.verify(database, stream) for stream in streams]

    async def taken_away() -> None:
        database.connection.execute("DELETE FROM audit_record WHERE stream = ? AND seq = 1", (streams[0],))

    assert server.call(moved()) == [3, 3]
    assert server.call(verified()) == [None, None]
    server.call(taken_away())
    assert server.call(verified()) == [1, None]
