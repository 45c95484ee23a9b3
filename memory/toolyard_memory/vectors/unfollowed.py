"""Says that no index follows what is said, so that nothing waits for one; whoever follows again begins with everything.

Vectors that were made stay in SQL, for as long as their passages do.
"""

import logging

from toolyard_sdk.ports import Clock, Database

from toolyard_memory.vectors.indexer import LOOK_EVERY
from toolyard_memory.vectors.statements import UNFOLLOW, UNSTATE_ALL, UNWAIT

LOG = logging.getLogger("toolyard.memory")


async def follow_nothing(database: Database, clock: Clock) -> None:
    """Have nothing put into the outbox from now on, and empty it; what fails is logged and tried again.

    `Indexer` takes this back when it begins, and follows all passages there are.
    """
    while True:
        tx = database.begin()
        tx.write(UNFOLLOW, (clock.now(),))
        tx.write(UNWAIT, ())
        tx.write(UNSTATE_ALL, ())
        try:
            await database.commit(tx, "full")  # in a thread: there may be very many rows
        except Exception:  # a full disk must not end this for good
            LOG.exception("what is said still waits for vectors, though none are wanted: it is tried again")
            await clock.sleep(LOOK_EVERY)
        else:
            return
