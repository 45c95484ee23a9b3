"""How these routes read a query and a body, and how they answer; knows no store and no route."""

import difflib
from collections.abc import Iterable
from typing import Any
from urllib.parse import parse_qsl

import msgspec
from litestar import Request
from litestar.response import Response
from msgspec import Struct
from toolyard_sdk.ids import PREFIX, read

from toolyard_runtime.wire.errors import RequestRefused
from toolyard_runtime.wire.reading import quote

JSON = "application/json"
MOST = 100
USUAL = 20
LARGEST = 1 << 62


def answer(content: Any, status: int = 200) -> Response[bytes]:
    """Return a response of JSON."""
    return Response(msgspec.json.encode(content), status_code=status, media_type=JSON)


def listed(data: Iterable[Any], following: Any = None) -> Response[bytes]:
    """Return a page of a list; `following` is what `after` takes for the next page, None at the end."""
    return answer({"data": list(data), "next": following})


def fields_of(record: Struct) -> dict[str, Any]:
    """Return a record's fields, to be answered with others beside them."""
    return {name: getattr(record, name) for name in record.__struct_fields__}


def not_found(
    noun: str, name: str, *, param: str | None = None, hint: str = "look up the ids you may see in its list"
) -> RequestRefused:
    """Return the one refusal for what is not there, is another tenant's, or has a name nobody could have given.

    A `hint` says what to do instead, of nothing but what the caller sees.
    """
    return RequestRefused(
        f"There is no {noun} {quote(name)}: {hint}.",
        param=param or noun,
        code=f"{noun}_not_found",
        status=404,
    )


class Query:
    """A request's query: the parameters a route knows, each at most once; raises RequestRefused for any other."""

    def __init__(self, request: Request[Any, Any, Any], *known: str) -> None:
        self._given: dict[str, str] = {}
        text = request.scope["query_string"].decode("latin-1")
        for name, value in parse_qsl(text, keep_blank_values=True, errors="replace"):
            if name not in known:
                near = difflib.get_close_matches(name, known, n=1, cutoff=0.6)
                takes = f"it takes {', '.join(known)}" if known else "it takes none"
                hint = f"did you mean {near[0]}?" if near else f"{takes}."
                raise RequestRefused(
                    f"{quote(name)} is no query parameter of this route: {hint}",
                    param=quote(name),
                    code="unknown_parameter",
                )
            if name in self._given:
                raise RequestRefused(f"{name} is given twice: send it once.", param=name)
            self._given[name] = value

    def text(self, name: str) -> str | None:
        """Return a parameter as it is, None where it was left out."""
        return self._given.get(name)

    def limit(self, usual: int = USUAL) -> int:
        """Return how many entries are wanted, 1 to 100."""
        found = self.number("limit", 1, MOST)
        return usual if found is None else found

    def number(self, name: str, least: int, most: int = LARGEST) -> int | None:
        """Return an integer parameter within bounds."""
        text = self._given.get(name)
        if text is None:
            return None
        if not (text.isascii() and text.isdigit() and len(text) <= len(str(LARGEST)) and least <= int(text) <= most):
            bounds = f"from {least} to {most}" if most < LARGEST else f"of at least {least}"
            raise RequestRefused(f"{name}: {quote(text)} is no whole number {bounds}.", param=name)
        return int(text)

    def choice(self, name: str, choices: tuple[str, ...]) -> str | None:
        """Return a parameter that is one of a few words."""
        text = self._given.get(name)
        if text is not None and text not in choices:
            raise RequestRefused(f"{name}: {quote(text)} is not one of {', '.join(choices)}.", param=name)
        return text

    def id(self, name: str, kind: str) -> bytes | None:
        """Return a parameter that is an id."""
        text = self._given.get(name)
        if text is None:
            return None
        raw = read(kind, text)
        if raw is None:
            raise RequestRefused(
                f"{name}: {quote(text)} is no id of a {kind}; it is {PREFIX[kind]} and 32 hexadecimal digits.",
                param=name,
            )
        return raw
