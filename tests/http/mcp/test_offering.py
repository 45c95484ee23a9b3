"""What a caller finds at `/mcp`, page by page; no server and no MCP."""

from collections.abc import Callable

from toolyard_registry.agents.repository import Repository
from toolyard_registry.plugins import load_plugins
from toolyard_registry.policy import make_policy
from toolyard_registry.releases import AgentRelease, ModelSettings, ToolRelease, tool_release
from toolyard_registry.toolbox.collecting import Toolbox
from toolyard_runtime.http.mcp.offering import Offering
from toolyard_sdk.events import Limits
from toolyard_sdk.messages import ToolSpec

NO_ARGUMENTS = {"type": "object", "properties": {}}
ANSWER = {"type": "object", "properties": {}}


def release(name: str, source: str = "some") -> ToolRelease:
    return tool_release(ToolSpec(name, "", NO_ARGUMENTS, ANSWER), source, "1")


def repository(*releases: ToolRelease, agents: tuple[str, ...] = ()) -> Repository:
    made = {name: AgentRelease(name, "", "", "", ModelSettings(), (), make_policy(), Limits()) for name in agents}
    box = Toolbox({}, {one.spec.name: one for one in releases}, {}, load_plugins(points=()))
    return Repository(made, {}, {}, box)


def offering_of(there: Repository, stopped: frozenset[str], sees: Callable[[str], bool]) -> Offering:
    return Offering(there.agents, there.toolbox.releases, stopped, sees)


def everything(offering: Offering, most: int) -> list[str]:
    names: list[str] = []
    after = ""
    while True:
        page, after = offering.page(after, most)
        assert len(page) <= most
        names += [offer.spec.name for offer in page]
        if not after:
            return names


def test_pages_hold_everything_once_whatever_their_size() -> None:
    tools = [release(f"tool_{n:03}") for n in range(25)]
    offering = offering_of(repository(*tools, agents=("ann", "bob")), frozenset({"tool_007"}), lambda _: True)
    wanted = sorted({*(tool.spec.name for tool in tools), "agent_ann", "agent_bob", "get_run_result"} - {"tool_007"})
    for most in (1, 2, 7, 27, 28, 100):
        assert everything(offering, most) == wanted


def test_what_is_not_seen_takes_no_place_and_no_name() -> None:
    tools = [release("secret"), release("open"), release("agent_ann")]
    offering = offering_of(repository(*tools, agents=("ann",)), frozenset(), lambda name: name == "open")
    assert everything(offering, 1) == ["agent_ann", "get_run_result", "open"]
    assert offering.find("secret") is None
    found = offering.find("agent_ann")
    assert found is not None
    assert found.agent == "ann"  # the tool of that name is not there for this caller


def test_a_tool_keeps_its_name_before_an_agent_also_while_it_is_stopped() -> None:
    there = repository(release("agent_ann"), agents=("ann",))
    found = offering_of(there, frozenset(), lambda _: True).find("agent_ann")
    assert found is not None
    assert found.tool is not None
    assert offering_of(there, frozenset({"agent_ann"}), lambda _: True).find("agent_ann") is None


def test_a_structure_is_promised_for_tools_of_this_process_only() -> None:
    there = repository(release("here"), release("there", "mcp:server"))
    offering = offering_of(there, frozenset(), lambda _: True)
    shown = {offer.spec.name: offer.spec.output_schema for offer in offering.page("", 10)[0]}
    assert (shown["here"], shown["there"]) == (ANSWER, None)
