"""A page is read as its reader sees it, however its markup is broken."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from toolyard_memory.documents.reading.html import read_html

LONG = "These are words of the main part of a page. " * 6


def text_of(html: str) -> str:
    return read_html(html.encode()).text


@pytest.mark.parametrize(
    ("html", "text"),
    [
        ("<p>One <b>two</b>\n three</p><p>four", "One two three\n\nfour"),
        ("a<br>b<hr>c", "a\nb\n\nc"),
        ("<ul><li>a<li>b<ul><li>c</ul></ul>d", "- a\n- b\n\n  - c\n\nd"),
        ("<ul><li><p>a</p></li></ul>", "- a"),
        ("<table><tr><th>A<th>B<tr><td>1</td><td>2</td></table>", "A | B\n1 | 2"),
        ("<pre>a\n  b</pre>c", "a\n  b\n\nc"),
        ("&lt;b&gt; &amp; &eacute;&#8203;x", "<b> & \xe9x"),
        ("<script>var x = '<p>no</p>'</script><style>p{}</style>yes", "yes"),
        ("<nav>menu</nav><footer>foot</footer><p>yes", "yes"),
        ("<!-- hidden --><p>yes", "yes"),
    ],
)
def test_elements_become_lines(html: str, text: str) -> None:
    assert text_of(html) == text


@pytest.mark.parametrize(
    "html",
    [
        "<p>yes</p><div style='DISPLAY : none'>no<p>no</p></div><p>yes",
        "<p>yes</p><p hidden>no<p>yes",
        "<p>yes</p><span aria-hidden=true>no</span><p>yes",
        "<p>yes</p><li hidden>no<li>yes",
        "<p>yes</p><p style='font-size:0'>no</p>yes",
        "<p>yes</p><p style='font-size: .1px'>no</p>yes",
        "<p>yes</p><p style='position:absolute; left: -9999px'>no</p>yes",
        "<p>yes</p><p style='text-indent:-10000em'>no</p>yes",
        "<p>yes</p><p style='clip:rect(0 0 0 0)'>no</p>yes",
        "<p>yes</p><p style='color:transparent'>no</p>yes",
        "<p>yes</p><p style='opacity:0.01'>no</p>yes",
        "<p>yes</p><p style='left:-10px;font-size:0.8em;background-color:transparent;opacity:0.9'>yes",
    ],
)
def test_what_is_hidden_is_left_out_and_what_follows_is_not(html: str) -> None:
    text = text_of(html)
    assert "no" not in text
    assert text.count("yes") == 2


def test_headings_are_found_where_they_are() -> None:
    reading = read_html(b"<title>T &amp; t</title><h1>One<br>line</h1><p>a<h2>Two <i>words</i></h2>b")
    assert reading.title == "T & t"
    assert [(one.level, one.words) for one in reading.headings] == [(1, "One line"), (2, "Two words")]
    assert [reading.text[one.start :].split("\n")[0] for one in reading.headings] == ["One line", "Two words"]


@pytest.mark.timeout(20)
@pytest.mark.parametrize("begun", ["<!--", '<a href="', "<a ", "<![CDATA[", "<?", "</"])
@pytest.mark.parametrize("end", ["", ">", "-->", '">'])
def test_a_page_of_things_that_never_end_is_read_at_once(begun: str, end: str) -> None:
    assert "hello" in read_html(f"<p>hello</p>{begun * 20_000}{end}".encode()).text


def test_what_never_ends_is_read_as_it_stands() -> None:
    assert read_html(b"<p>1 <!-- 2 --> 3</p> 4 <!-- 5 < 6 <b").text.split() == [
        "1",
        "3",
        "4",
        "<!--",
        "5",
        "<",
        "6",
        "<b",
    ]


def test_the_main_part_is_taken_where_there_is_one_and_not_when_it_is_next_to_nothing() -> None:
    page = f"<div>Around.</div><main><h1>Head</h1><p>{LONG}</main><div>After.</div>"
    reading = read_html(page.encode())
    assert reading.text == f"Head\n\n{LONG.strip()}"
    assert [one.start for one in reading.headings] == [0]
    assert text_of("<p>All of it.</p><main>Little.</main>") == "All of it.\n\nLittle."


def test_tables_and_code_are_whole() -> None:
    reading = read_html(b"<p>a<table><tr><td>1<tr><td>2</table><p>b<pre>x\n\ny</pre>")
    assert [reading.text[start:stop] for start, stop in reading.whole] == ["1\n2", "x\n\ny"]


@pytest.mark.parametrize("charset", ["iso-8859-2", "windows-1251", "shift_jis"])
def test_the_encoding_that_a_page_names_is_used(charset: str) -> None:
    words = {"iso-8859-2": "łódź", "windows-1251": "насос", "shift_jis": "ポンプ"}[charset]
    page = f'<meta charset="{charset}"><p>{words}'.encode(charset)
    assert read_html(page).text == words


def test_a_codec_that_is_none_of_text_is_not_used() -> None:
    assert read_html(b'<meta charset="rot13"><p>abc').text == "abc"


PARTS = [
    "<p>",
    "</p>",
    "<div hidden>",
    "</div>",
    "<ul>",
    "<li>",
    "</ul>",
    "<table>",
    "<tr>",
    "<td>",
    "</table>",
    "x ",
    "\n",
]


@given(
    st.lists(st.sampled_from([*PARTS, "<pre>", "</pre>", "<h1>", "</h1>", "<main>", "</main>", "<", "&#0;", "<br>"]))
)
def test_whatever_is_sent_is_read(parts: list[str]) -> None:
    reading = read_html("".join(parts).encode())
    assert reading.text == reading.text.strip("\n")
    ends = [0, *(at for span in reading.whole for at in span), len(reading.text)]
    assert ends == sorted(ends)
