"""What people asked for lately is their own tenant's, the newest first, and never what was erased."""

from pathlib import Path

from toolyard_runtime.models.encoder import encode_message
from toolyard_runtime.store import payloads
from toolyard_runtime.store.opening import open_sqlite
from toolyard_runtime.store.runs import RunRow, Runs
from toolyard_runtime.usage.requests import LONGEST, recent_requests
from toolyard_sdk.messages import Message
from toolyard_sdk.ports import Database

from tests.usage.journals import AT, RELEASE
from tests.usage.stocking import run_id


async def ask(database: Database, tenant: str, number: int, text: str, agent: str = "clerk", kept: bool = True) -> None:
    run = run_id(number)
    tx = database.begin()
    Runs(database).add(
        tx, RunRow(tenant, run, run, "key", None, agent, RELEASE, "background", "finished", started_at=AT)
    )
    if kept:
        payloads.add(tx, run, 1, "user", encode_message(Message("user", text)))
    payloads.add(tx, run, 2, "assistant", encode_message(Message("assistant", "here you are")))
    await database.commit(tx)


async def test_requests_are_of_one_tenant_the_newest_first_each_once_and_bounded(tmp_path: Path) -> None:
    database = await open_sqlite(tmp_path / "toolyard.db")
    try:
        for number, text in enumerate(("post it", "book a table", "post it", "x" * 2 * LONGEST)):
            await ask(database, "one", number, text)
        await ask(database, "two", 10, "somebody else's")
        await ask(database, "one", 11, "a tool and its arguments", agent="direct:call")
        await ask(database, "one", 12, "erased", kept=False)
        assert await recent_requests(database, "one") == ("x" * LONGEST, "post it", "book a table")
        assert await recent_requests(database, "one", most=3) == ("x" * LONGEST, "post it")
        assert await recent_requests(database, "nobody") == ()
    finally:
        await database.close()
