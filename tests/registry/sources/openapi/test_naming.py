"""Tools and arguments get names that are readable, allowed, the same every time, and never twice."""

from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from toolyard_registry.names import check_name
from toolyard_registry.sources.openapi.naming import argument_names, tool_names
from toolyard_registry.sources.openapi.operations import Operation

from tests.registry.sources.openapi.documents import document, imported, only, parameter, sent, tools


def named(*operations: tuple[str, str, str], prefix: str = "pets_") -> list[str]:
    made = [Operation("get", path, {"operationId": given} if given else {}, {}) for _, path, given in operations]
    return tool_names(made, prefix)


def test_an_operation_id_names_the_tool_and_method_and_path_do_where_there_is_none() -> None:
    assert named(("get", "/a", "listPets"), ("get", "/pets/{petId}", ""), ("get", "/b", "pets.list all")) == [
        "pets_listPets",
        "pets_get_pets_petId",
        "pets_pets_list_all",
    ]


def test_two_operations_with_one_id_are_both_named_by_their_paths() -> None:
    assert named(("get", "/a", "list"), ("get", "/b", "list"), prefix="") == ["get_a", "get_b"]


def test_a_long_name_is_cut_and_marked_by_what_it_stands_for() -> None:
    first, second = named(("get", "/a", "x" * 80), ("get", "/b", "x" * 81))
    assert len(first) == len(second) == 64
    assert first[:55] == second[:55] == "pets_" + "x" * 50
    assert first != second
    assert [first] == named(("get", "/a", "x" * 80))


@given(st.lists(st.tuples(st.just("get"), st.text(), st.text()), max_size=8, unique_by=lambda one: one[1]))
def test_names_are_allowed_and_never_twice(operations: list[tuple[str, str, str]]) -> None:
    names = named(*operations)
    assert len(set(names)) == len(names)
    for name in names:
        check_name(name)


@given(st.lists(st.tuples(st.text(), st.sampled_from(["path", "query", "header", "cookie"])), max_size=8))
def test_arguments_are_allowed_and_never_twice(parameters: list[tuple[str, str]]) -> None:
    names = argument_names(parameters, frozenset({"body"}))
    assert len(set(names)) == len(names)
    assert "body" not in names
    assert all(name and len(name) <= 80 for name in names)


def test_parameters_of_different_places_with_one_name_say_their_place() -> None:
    listed = [parameter("id", "path", required=True), parameter("id"), parameter("body"), parameter("filter[a]")]
    tool = only({"parameters": listed}, "/pets/{id}")
    schema = tool.spec.input_schema
    assert list(schema["properties"]) == ["id_path", "id_query", "body_query", "filter_a"]
    assert schema["properties"]["filter_a"]["description"] == "(`filter[a]` in the query)"
    request = sent(tool, id_path="1", id_query="2", body_query="3", filter_a="4")
    assert request.url.endswith("/pets/1?id=2&body=3&filter%5Ba%5D=4")


def test_a_prefix_may_be_another_one_or_none() -> None:
    raw = document({"/a": {"get": {"operationId": "list"}}})
    assert list(tools(raw)) == ["pets_list"]
    assert list(tools(raw, prefix="")) == ["list"]
    assert list(tools(raw, prefix="p-")) == ["p-list"]


def test_a_prefix_that_cannot_begin_a_name_is_a_problem_of_each_tool_and_no_crash() -> None:
    done = imported(document({"/a": {"get": {}}}), prefix="pets/")
    assert done.tools == ()
    assert [problem.reason for problem in done.problems] == ["operation.name"]


def test_operations_are_chosen_by_globs_over_id_and_place() -> None:
    raw: Any = document({"/pets": {"get": {"operationId": "listPets"}, "post": {}}, "/stores": {"get": {}}})
    assert list(tools(raw, operations=("list*", "POST /pets"))) == ["pets_listPets", "pets_post_pets"]
    done = imported(raw, operations=("GET /stores", "DELETE *"))
    assert len(done.tools) == 1
    assert [str(problem) for problem in done.problems] == [
        "operations = ['DELETE *'] names no operation; write an operationId or `GET /path`, `*` for any part"
    ]
