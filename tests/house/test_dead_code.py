"""Nothing lies around that nobody calls: vulture's guesses, less the names that frameworks call for us."""

from fnmatch import fnmatchcase

from vulture import Vulture  # type: ignore[import-untyped] # it ships no types

from tests.house.sources import FOLDERS, ROOT

JUDGED = ("function", "class", "method", "property", "import")
"""Kinds of code; variables are left out, because a record's fields are read by its encoder."""

CALLED_BY_FRAMEWORKS = (
    *(
        "connection_made",
        "connection_lost",
        "data_received",
        "datagram_received",
        "eof_received",
        "pause_writing",
        "resume_writing",
    ),
    *("on_message_begin", "on_url", "on_header", "on_headers_complete", "on_body", "on_message_complete"),
    *("test_*", "pytest_*", "format_commands", "list_commands", "get_command", "log_message"),
    *("path_stats", "get_data", "set_data", "convert", "do_GET", "do_POST", "do_PUT"),
    *("upgrade", "downgrade"),
    *("get_tokens", "set_tokens", "get_client_info", "set_client_info"),  # of the MCP SDK's TokenStorage
    *("handle_starttag", "handle_endtag", "handle_data"),  # of the standard library's HTMLParser
    "to_asgi_response",  # litestar calls it for every answer
    *("dump", "visit_TEXT"),  # of psycopg's Dumper and SQLAlchemy's compilers
    "render",  # litestar calls it for a page of its OpenAPI document
    "digests",  # the testing kit calls it in a process of its own, by name
)
TABLES = ("*Table", "*Row")
"""sqlmodel registers a table when its class is made."""

DECORATED = (
    *("@hookimpl*", "@hookspec*", "@pytest.*", "@fixture*", "@tool*", "@click.*", "@*.command*", "@*.group*"),
    *(
        "@get*",
        "@post*",
        "@put*",
        "@patch*",
        "@delete*",
        "@event.*",
        "@given*",
        "@rule*",
        "@invariant*",
        "@*.register*",
    ),
)


def test_no_code_lies_around_that_nobody_calls() -> None:
    vulture = Vulture(ignore_names=[*CALLED_BY_FRAMEWORKS], ignore_decorators=[*DECORATED])
    vulture.scavenge([str(ROOT / folder) for folder in FOLDERS])
    unused = [
        f"{item.filename.relative_to(ROOT)}:{item.first_lineno}: {item.typ} {item.name}"
        for item in vulture.get_unused_code(min_confidence=60)
        if item.typ in JUDGED and not (item.typ == "class" and any(fnmatchcase(item.name, table) for table in TABLES))
    ]
    assert not unused, "\n".join(unused)
