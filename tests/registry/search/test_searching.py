"""Tools found by what somebody asks for."""

import msgspec
import pytest
from toolyard_registry.releases import tool_release
from toolyard_registry.search.documents import document
from toolyard_registry.search.fusion import ranked
from toolyard_registry.search.searching import Search, Weights
from toolyard_registry.search.tools import documents_of, index_of
from toolyard_sdk.messages import ToolSpec


def spec(name: str, description: str = "", **parameters: str) -> ToolSpec:
    properties = {name: {"type": "string", "description": told} for name, told in parameters.items()}
    return ToolSpec(name, description, {"type": "object", "properties": properties})


def over(*tools: tuple[str, ToolSpec], weights: Weights | None = None) -> Search:
    search = Search(weights)
    for source, tool in tools:
        search.add(tool.name, document(tool, source))
    return search


def first(search: Search, text: str, count: int = 1) -> list[str]:
    return [name for name, _ in ranked(search.scores(text), count)]


SHOP = (
    ("shop", spec("find_order", "Look an order up by its number.")),
    ("shop", spec("cancel_order", "Cancel an order that was not sent yet.", reason="Why the customer cancels.")),
    ("mail", spec("send_message", "Send an e-mail.", recipient="The address.", body="What it says.")),
    ("mail", spec("read_inbox", "Read the newest messages.")),
    ("weather", spec("forecast", "The weather of the next days.", place="A city.")),
    ("charts", spec("draw", "Make a picture of numbers.", points="What is plotted.")),
)


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("cancelling my orders", "cancel_order"),
        ("Will it rain tomorrow? I need the forecasts", "forecast"),
        ("which city", "forecast"),
        ("write to this address", "send_message"),
        ("plotting some points", "draw"),
        ("delete an order", "cancel_order"),
    ],
)
def test_the_tool_that_is_meant_comes_first(text: str, name: str) -> None:
    search = over(*SHOP, weights=msgspec.structs.replace(Weights(), name=2.0))
    found = first(search, text, 2)
    assert name in found


def test_each_step_of_a_task_finds_its_tool() -> None:
    search = over(*SHOP)
    found = first(search, "Find the order 17, draw a picture of its prices, and send it as a message to Ada", 3)
    assert set(found) == {"find_order", "draw", "send_message"}


def test_a_tool_among_others_that_fit_is_put_before_one_by_itself() -> None:
    tools = (
        ("garden", spec("plant_tree", "Plant a tree in the garden.")),
        ("garden", spec("water_tree", "Water a tree in the garden.")),
        ("garden", spec("log", "Keep a record.")),
        ("office", spec("log_entry", "Keep a record.")),
    )
    search = over(*tools, weights=msgspec.structs.replace(Weights(), named=0.0, source=0.0))
    scores = search.scores("plant and water the tree, keep a record")
    assert scores["log"] > scores["log_entry"]


def test_a_name_that_is_said_in_one_step_counts_more_than_one_said_in_pieces() -> None:
    tools = (("a", spec("paint_fence")), ("b", spec("open_gate")), ("c", spec("count_birds")))
    text = "look at the gate, paint the fence, and keep that door open"
    without, named = (
        over(*tools, weights=msgspec.structs.replace(Weights(), named=share)).scores(text) for share in (0.0, 0.3)
    )
    assert named["paint_fence"] - without["paint_fence"] == pytest.approx(0.3 * max(without.values()))
    assert named["open_gate"] - without["open_gate"] == pytest.approx(0.3 * max(without.values()) / 2)


def test_a_field_that_counts_nothing_finds_nothing() -> None:
    search = over(*SHOP, weights=msgspec.structs.replace(Weights(), text=0.0, parameters=0.0))
    assert "forecast" not in search.scores("the days in a city; the order")
    assert "forecast" in search.scores("the forecast")


def test_words_of_what_was_found_find_more() -> None:
    tools = (
        ("a", spec("temperature", "Temperature and humidity and pressure of the air.")),
        ("b", spec("hygrometer", "Humidity and pressure.")),
        ("c", spec("ledger", "Money.")),
    )
    assert "hygrometer" in over(*tools).scores("temperature")
    without = msgspec.structs.replace(Weights(), feedback=0.0)
    assert "hygrometer" not in over(*tools, weights=without).scores("temperature")


def test_nothing_is_found_for_what_says_nothing() -> None:
    search = over(*SHOP)
    assert search.scores("") == search.scores("and then, please?") == search.scores("zzyzx") == {}
    assert Search().scores("anything") == {}


def test_a_removed_tool_is_not_found_and_a_replaced_one_is_found_by_its_new_words() -> None:
    search = over(*SHOP)
    search.remove("forecast")
    search.add("draw", document(spec("draw", "Sketch a horse."), "charts"))
    assert "forecast" not in search.scores("weather of the next days in a city")
    assert first(search, "a horse") == ["draw"]
    assert "draw" not in search.keys[:0]
    assert search.keys == ("cancel_order", "draw", "find_order", "read_inbox", "send_message")
    assert len(search) == 5


def test_the_same_tools_added_in_another_order_give_the_same_scores() -> None:
    text = "find an order and send a message about the weather"
    assert over(*SHOP).scores(text) == pytest.approx(over(*reversed(SHOP)).scores(text))


def test_a_schema_that_holds_itself_is_read_as_far_as_it_helps() -> None:
    node: dict[str, object] = {"type": "object", "properties": {"label": {"description": "A caption."}}}
    properties = node["properties"]
    assert isinstance(properties, dict)
    properties["child"] = node
    search = Search()
    search.add("tree", document(ToolSpec("tree", "", node), "s"))
    assert first(search, "caption") == ["tree"]


@pytest.mark.parametrize(
    "schema", [{}, {"properties": []}, {"properties": {"a": True}}, {"properties": {"a": {"items": 3}}}]
)
def test_a_schema_of_any_shape_is_read(schema: dict[str, object]) -> None:
    assert document(ToolSpec("tree", "Trees.", schema), "s").name == "tree"


def test_a_tool_is_found_by_what_its_source_says_of_itself() -> None:
    releases = {
        name: tool_release(ToolSpec(name, words, {"type": "object"}), source, "1")
        for name, words, source in (
            ("a_list", "List the entries.", "mcp:stars"),
            ("b_list", "List the entries.", "mcp:ferries"),
            ("c_list", "List the entries.", "acme"),
        )
    }
    about = {"mcp:stars": "The observatory: planets and comets", "mcp:ferries": "Timetables of ships"}
    assert not index_of(documents_of(releases, {})).scores("which comets are there")
    found = index_of(documents_of(releases, about)).scores("which comets are there")
    assert max(found, key=lambda name: found[name]) == "a_list"
