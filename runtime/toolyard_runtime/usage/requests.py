"""What people of one tenant asked for lately, in their own words; knows no tool, and shows the words to nobody."""

from typing import Final

import msgspec
from sqlalchemy import bindparam, select
from toolyard_sdk.ports import Database

from toolyard_runtime.engine.direct import AGENT
from toolyard_runtime.models.encoder import text_of
from toolyard_runtime.store.tables import PAYLOAD, RUN

MOST: Final = 100
"""Requests that are returned, and runs that are looked at."""

LONGEST: Final = 500
"""Characters of a request."""

_REQUESTS = (
    select(PAYLOAD.c.data)
    .where(
        PAYLOAD.c.run.in_(
            select(RUN.c.id)
            .where(RUN.c.tenant == bindparam("tenant"), RUN.c.agent != bindparam("direct"))
            .order_by(RUN.c.id.desc())
            .limit(bindparam("at_most"))
        ),
        PAYLOAD.c.kind == "user",
    )
    .order_by(PAYLOAD.c.run.desc(), PAYLOAD.c.n.desc())
    .limit(bindparam("at_most"))
)


async def recent_requests(database: Database, tenant: str, most: int = MOST) -> tuple[str, ...]:
    """Return what a tenant's users have asked for, each once, the newest first; what was erased is not there.

    Direct calls are nobody's words, and are left out.
    """
    rows = await database.scan(_REQUESTS, {"tenant": tenant, "direct": AGENT, "at_most": most})
    texts = (_words(data) for (data,) in rows)
    return tuple(dict.fromkeys(text for text in texts if text))


def _words(data: bytes) -> str:
    """Return the words of a message, "" where it has none, or none that can be read any more."""
    try:
        return text_of(data)[:LONGEST].strip()
    except msgspec.MsgspecError:
        return ""
