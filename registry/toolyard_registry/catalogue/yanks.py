"""The releases that were withdrawn: looked at before every call of a tool, so they are held in memory; knows no run."""

from toolyard_registry.catalogue.publications import Publications
from toolyard_registry.published.records import Standing
from toolyard_registry.releases import ToolRelease
from toolyard_registry.rights import HOUSE


class Yanks:
    """The withdrawn releases of all tenants. What the house withdraws nobody's run may call: the agents are its own."""

    def __init__(self) -> None:
        self._yanked: dict[tuple[str, str, str], str] = {}

    async def load(self, publications: Publications) -> None:
        """Read what was withdrawn before the server started."""
        for tenant, name, version, message in await publications.yanked():
            self._yanked[tenant, name, version] = message

    def note(self, tenant: str, name: str, version: str, standing: Standing) -> None:
        """Note how a release stands once that is committed."""
        if standing.state == "yanked":
            self._yanked[tenant, name, version] = standing.message
        else:
            self._yanked.pop((tenant, name, version), None)

    def why(self, tenant: str, name: str, version: str) -> str | None:
        """Return what was said when this release was withdrawn ("" where nothing was), None when it was not."""
        if not self._yanked:
            return None
        own = self._yanked.get((tenant, name, version))
        return self._yanked.get((HOUSE, name, version)) if own is None else own

    def forbids(self, tenant: str, release: ToolRelease) -> bool:
        """Tell whether a tenant's runs may not call a release any more, however an agent has pinned it."""
        return bool(self._yanked) and self.why(tenant, release.spec.name, release.version) is not None
