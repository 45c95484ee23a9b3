"""What a run needs from the server around it, handed over in one record."""

import random
from collections.abc import Callable

from msgspec import Struct, field
from toolyard_memory.sessions.store import Sessions
from toolyard_registry.catalogue.yanks import Yanks
from toolyard_registry.releases import AgentRelease
from toolyard_sdk.egress import CLOSED, Egress
from toolyard_sdk.ids import NewId
from toolyard_sdk.ports import Clock, Database, Journal, Transaction

from toolyard_runtime.meters import Meters
from toolyard_runtime.run.mind import Mind, no_mind
from toolyard_runtime.run.segments import Segment
from toolyard_runtime.run.sights import Sights, everything
from toolyard_runtime.run.stops import Stops
from toolyard_runtime.run.successes import Successes
from toolyard_runtime.run.ways_back import WaysBack
from toolyard_runtime.secrets.redaction import Redactor
from toolyard_runtime.store.approvals import Approvals
from toolyard_runtime.store.runs import Runs


def _nothing(_tool: str) -> bool:
    return False


class WayOut(Struct, frozen=True):
    """How a call reaches the network; `redactor` knows the secrets it was given on the way, where it may have any."""

    egress: Egress = CLOSED
    redactor: Redactor | None = None


NO_WAY_OUT = WayOut()


def no_way_out(_origin: str, _tenant: str, _end_user: str | None) -> WayOut:
    """Return a way out that leads nowhere."""
    return NO_WAY_OUT


class Services(Struct, frozen=True):
    """The adapters behind the ports, made once by the application.

    `entropy(n)` returns n random bytes, `current_release(agent)` what the agent's files say now,
    `keep_release(tx, tenant, release)` writes it into the catalogue, `visible_text(segment)` is what a Chat
    Completions client sees of an answer, `way_out(origin, tenant, end_user)` the one of what comes from a plugin, a
    tool file or a source. `mind` opens long-term memory when an agent that has one is first met.
    """

    database: Database
    journal: Journal
    runs: Runs
    approvals: Approvals
    sessions: Sessions
    clock: Clock
    new_id: NewId
    entropy: Callable[[int], bytes]
    jitter: random.Random
    stops: Stops
    meters: Meters
    current_release: Callable[[str], AgentRelease | None]
    keep_release: Callable[[Transaction, str, AgentRelease], None]
    visible_text: Callable[[Segment], str]
    way_out: Callable[[str, str, str | None], WayOut] = no_way_out
    is_held: Callable[[str], bool] = _nothing
    sights: Sights = field(default_factory=everything)
    ways_back: WaysBack = field(default_factory=WaysBack)
    successes: Successes = field(default_factory=Successes)
    yanks: Yanks = field(default_factory=Yanks)
    mind: Callable[[], Mind] = no_mind
