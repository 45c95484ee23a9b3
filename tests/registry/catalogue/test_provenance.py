"""What hangs on something is found through whatever lies between, once; what agents confuse is found by search."""

from toolyard_registry.catalogue.provenance import Edge, Reached, reached
from toolyard_registry.publishing.confusions import all_confusable, confusable, own, said_by
from toolyard_registry.search.meaning import Near

from tests.registry.wheels import spec


def test_everything_between_is_walked_and_counted_once() -> None:
    edges: list[Edge] = [
        (("tool", "weather@0.1.0"), ("agent", "guide@a")),
        (("tool", "weather@0.1.0"), ("agent", "guide@b")),
        (("agent", "guide@a"), ("run", "run_1")),
        (("agent", "guide@b"), ("run", "run_2")),
        (("run", "run_1"), ("session", "sess_1")),
        (("run", "run_2"), ("session", "sess_1")),
        (("run", "run_2"), ("fact", "fact_1")),
        (("tool", "other@1.0.0"), ("agent", "other@c")),
    ]
    assert reached(("tool", "weather@0.1.0"), edges) == (
        Reached("agent", 2, ("guide@a", "guide@b")),
        Reached("run", 2, ("run_1", "run_2")),
        Reached("session", 1, ("sess_1",)),
        Reached("fact", 1, ("fact_1",)),
    )


def test_what_is_past_is_walked_through_and_not_told() -> None:
    edges: list[Edge] = [
        (("tool", "t"), ("run", "run_1")),
        (("run", "run_1"), ("fact", "fact_1")),
        (("fact", "fact_1"), ("fact", "fact_2")),
    ]
    assert reached(("tool", "t"), edges, {("fact", "fact_1")})[-1] == Reached("fact", 1, ("fact_2",))
    assert reached(("tool", "t"), edges[:2], {("fact", "fact_1")}) == (Reached("run", 1, ("run_1",)),)


def test_nothing_hangs_on_what_nobody_uses() -> None:
    assert reached(("tool", "weather@0.1.0"), ()) == ()


def test_many_things_are_counted_and_some_are_named() -> None:
    edges: list[Edge] = [(("tool", "t"), ("agent", f"a{number:04}")) for number in range(500)]
    (found,) = reached(("tool", "t"), edges)
    assert (found.count, len(found.names)) == (500, 100)


OTHERS = (
    (spec("web_search", "Search the web for pages about something."), "acme"),
    (spec("calculate", "Compute an arithmetic expression exactly."), "acme"),
)


def test_a_tool_that_says_the_same_is_confusable_and_another_one_is_not() -> None:
    assert confusable(spec("find_pages", "Search for web pages about something."), "x", OTHERS) == ("web_search",)
    assert confusable(spec("weather", "Tell how warm it is in a city."), "x", OTHERS) == ()


def test_many_new_tools_are_each_confusable_with_what_they_would_be_alone() -> None:
    new = [
        spec("find_pages", "Search for web pages about something."),
        spec("web_search", "Search the web for pages about something."),
        spec("weather", "Tell how warm it is in a city."),
        spec("sums", "Compute an arithmetic expression."),
    ]
    assert all_confusable(new, "x", OTHERS) == {each.name: confusable(each, "x", OTHERS) for each in new}


def test_a_request_that_fits_both_makes_them_confusable() -> None:
    new = spec("letter", "Write to somebody on paper and send it by post.")
    others = ((spec("parcel", "Put goods into a box and ship it by post."), "acme"), *OTHERS)
    assert confusable(new, "x", others) == ()
    assert confusable(new, "x", others, ["bring this to the post"]) == ("parcel",)
    assert confusable(new, "x", others, ["write a letter on paper"]) == ()
    assert all_confusable([new], "x", others, ["bring this to the post"]) == {"letter": ("parcel",)}


def test_tools_that_vectors_find_alike_are_confusable_though_few_of_their_words_are() -> None:
    new = spec("reckon", "Work out an expression.")
    near = {said_by(new): Near({own("reckon"): 0.6, "calculate": 0.55, "web_search": 0.05})}
    assert all_confusable([new], "x", OTHERS) == {"reckon": ()}
    assert all_confusable([new], "x", OTHERS, (), near) == {"reckon": ("calculate",)}


def test_vectors_take_no_warning_away() -> None:
    new = spec("find_pages", "Search for web pages about something.")
    near = {said_by(new): Near({own("find_pages"): 0.6, "calculate": 0.1})}
    assert all_confusable([new], "x", OTHERS, (), near) == {"find_pages": ("web_search",)}


def test_a_request_that_means_both_makes_them_confusable() -> None:
    new = spec("letter", "Write to somebody on paper and send it.")
    others = ((spec("parcel", "Put goods into a box and ship it."), "acme"), *OTHERS)
    request = "surprise grandmother"

    def found(letter: float, parcel: float) -> tuple[str, ...]:
        near = {request: Near({own("letter"): letter, "parcel": parcel, "not there": 0.9})}
        return all_confusable([new], "x", others, [request], near)["letter"]

    assert all_confusable([new], "x", others, [request]) == {"letter": ()}
    assert found(0.48, 0.5) == found(0.5, 0.48) == ("parcel",)
    assert found(0.4, 0.5) == found(0.5, 0.4) == ()
