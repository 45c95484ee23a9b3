"""A neighbourhood as an SVG: legible, the same every time, and nothing in it but what it shows."""

from typing import Any
from xml.etree import ElementTree as ET

from hypothesis import given
from hypothesis import strategies as st
from toolyard_memory.graph.drawing import MOST, draw
from toolyard_memory.graph.neighbourhood import Edge, Entity, Near, Neighbourhood

SVG = "{http://www.w3.org/2000/svg}"
ALLOWED = {"svg", "title", "desc", "rect", "text", "path", "circle", "g"}


def near(n: int, words: str = "words", speaker: str = "") -> Near:
    """Return a passage."""
    return Near(b"p%d" % n, "message", None, 0, n * 86_400_000_000, speaker, words)


def entity(n: int, shown: str = "", kind: str = "name") -> Entity:
    """Return an entity."""
    return Entity(b"e%d" % n, f"e{n}", shown or f"E{n}", kind, 2)


def texts(svg: str) -> list[str]:
    """Return what is written in a picture."""
    return [element.text or "" for element in ET.fromstring(svg).iter(f"{SVG}text")]


def small(**changes: Any) -> Neighbourhood:
    """Return Melanie, mentioned twice, and Oslo."""
    parts: dict[str, Any] = {
        "passages": (near(1, "We met Melanie", "Ann"), near(2, "Melanie lives in Oslo")),
        "entities": (entity(1, "Melanie"), entity(2, "Oslo")),
        "mentions": ((b"e1", b"p1"), (b"e1", b"p2"), (b"e2", b"p2")),
    }
    return Neighbourhood(**{**parts, **changes})


def test_entities_passages_and_the_lines_between_them_are_drawn() -> None:
    svg = draw(small())
    assert {"Melanie", "Oslo", "Ann, 2 January 1970: We met Melanie"} <= set(texts(svg))
    assert len(list(ET.fromstring(svg).iter(f"{SVG}path"))) == 3


def test_who_does_not_see_it_is_told_what_it_shows() -> None:
    root = ET.fromstring(draw(small(edges=(Edge(b"e1", b"e2", "home town", b"p2"),))))
    assert root.get("role") == "img"
    named = {element.get("id") for element in root}
    assert set((root.get("aria-labelledby") or "").split()) <= named
    assert "Melanie home town Oslo" in (root.findtext(f"{SVG}desc") or "")


def test_what_facts_say_is_written_beside_it_once() -> None:
    edges = (Edge(b"e1", b"e2", "home town", b"p1"), Edge(b"e1", b"e2", "home town", b"p2"))
    assert texts(draw(small(edges=edges))).count("home town") == 1


def test_a_relation_to_what_is_not_drawn_is_left_out() -> None:
    assert "friend" not in texts(draw(small(edges=(Edge(b"e1", b"gone", "friend", b"p1"),))))


def test_the_order_of_what_comes_in_does_not_change_the_picture() -> None:
    around = small()
    turned = small(passages=around.passages[::-1], entities=around.entities[::-1], mentions=around.mentions[::-1])
    assert draw(turned) == draw(around)


def test_words_cannot_become_marks() -> None:
    evil = '<script>alert(1)</script>&"\x00\u202e]]>'
    svg = draw(small(passages=(near(1, evil, evil),), entities=(entity(1, evil, evil),), mentions=((b"e1", b"p1"),)))
    root = ET.fromstring(svg)
    assert {element.tag.removeprefix(SVG) for element in root.iter()} <= ALLOWED
    assert "<script" not in svg
    assert "\u202e" not in svg


def test_what_there_is_no_room_for_is_counted() -> None:
    many = MOST + 5
    around = Neighbourhood(
        tuple(near(n) for n in range(many)),
        tuple(entity(n) for n in range(many)),
        tuple((b"e%d" % n, b"p%d" % n) for n in range(many)),
    )
    assert "10 more are not drawn" in texts(draw(around))
    assert "there is more around it" in texts(draw(small(cut=True)))


def test_of_nothing_there_is_a_picture_that_says_so() -> None:
    assert "0 entities and 0 passages" in draw(Neighbourhood())


@given(st.text(), st.text(), st.text())
def test_any_text_gives_well_formed_xml(words: str, shown: str, relation: str) -> None:
    around = small(
        passages=(near(1, words, words),),
        entities=(entity(1, shown or "x"), entity(2, shown or "y")),
        mentions=((b"e1", b"p1"),),
        edges=(Edge(b"e1", b"e2", relation, b"p1"),),
    )
    root = ET.fromstring(draw(around))
    for element in root.iter():
        assert element.tag.removeprefix(SVG) in ALLOWED
        assert not any(name.startswith("on") or "href" in name or name == "style" for name in element.attrib)
