"""Who sees which tool of an agent: the rights of a repository, looked up often and read seldom; knows no file."""

from collections.abc import Callable, Collection

from toolyard_registry.rights import UNWRITTEN, Rights, may_see

FRESH_US = 200_000
"""For how long rights that were read are taken for those that hold: looking costs a call of the operating system."""


class Sights:
    """What the rights say about tools; `current()` reads them, `now()` is UTC microseconds."""

    def __init__(self, current: Callable[[], Rights], now: Callable[[], int]) -> None:
        self._current = current
        self._now = now
        self._rights = UNWRITTEN
        self._read_at: int | None = None

    @property
    def rights(self) -> Rights:
        """The rights that hold now: another object when they have changed."""
        now = self._now()
        if self._read_at is None or not 0 <= now - self._read_at < FRESH_US:  # a clock may be set back
            self._rights, self._read_at = self._current(), now
        return self._rights

    @staticmethod
    def _through(agent: str) -> str:
        """Return the agent's name for a grant: a call through none is one of the server's own, which no file names."""
        return "" if ":" in agent else agent

    def unseen(self, tenant: str, roles: Collection[str], agent: str, tools: Collection[str]) -> frozenset[str]:
        """Return which of these tools are not there for a caller of an agent."""
        rights = self.rights
        if rights is UNWRITTEN:
            return frozenset()
        through = self._through(agent)
        return frozenset(name for name in tools if not may_see(rights, tenant, roles, name, agent=through))

    def sees(self, tenant: str, roles: Collection[str], agent: str, tool: str) -> bool:
        """Tell whether a tool is there for a caller of an agent."""
        rights = self.rights
        return rights is UNWRITTEN or may_see(rights, tenant, roles, tool, agent=self._through(agent))


def everything() -> Sights:
    """Return the sights of a repository without rights of its own."""
    return Sights(lambda: UNWRITTEN, lambda: 0)
