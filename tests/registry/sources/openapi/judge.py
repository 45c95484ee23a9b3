"""Judges requests against the documents they were made for, by the library openapi-core; knows nothing of Toolyard.

It is a program of its own, in an environment of its own. Standard input: `{"document": PATH}`, then requests, one JSON
object a line: `method`, `path` (as the document writes it), `url`, `headers`, `body` (base64). For each request one
line goes out: `ok`, or what is wrong.

What it adds to openapi-core 0.23: it is told which operation is meant (a document of 22,000 paths would take a search
each time); it decodes percent-encoding in paths; it leaves out header parameters named Accept, Content-Type and
Authorization, whose definitions "shall be ignored" (OpenAPI 3.0.4, section 4.7.12.1); it reads every JSON type as JSON
also where the document names a range (`*/*`); and a `deepObject` that is not there is missing, not an error.
"""

import base64
import json
import re
import signal
import sys
import warnings
from collections.abc import Mapping
from http.cookies import SimpleCookie
from importlib import import_module
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

# The validator is not installed where this repository's types are checked: its modules are loaded by name.
casting: Any = import_module("openapi_core.casting.schemas")
core: Any = import_module("openapi_core.datatypes")
media_types: Any = import_module("openapi_core.deserializing.media_types.util")
paths: Any = import_module("openapi_core.templating.paths.datatypes")
ranges: Any = import_module("openapi_core.templating.media_types.datatypes")
schemas: Any = import_module("jsonschema_path")
structures: Any = import_module("werkzeug.datastructures")
styles: Any = import_module("openapi_core.deserializing.styles")
style_factories: Any = import_module("openapi_core.deserializing.styles.factories")
validators: Any = import_module("openapi_core.validation.request")

SECONDS = 20
IGNORED = {"accept", "content-type", "authorization"}
TOLD = 400


class _Finder:
    """Finds the operation that the request says it is for."""

    def __init__(self, spec: Any, **_: object) -> None:
        self.spec = spec

    def find(self, method: str, name: str) -> Any:
        path = self.spec / "paths" / name.removeprefix("//")
        nothing = SimpleNamespace(variables={})
        return paths.PathOperationServer(path, path / method, None, nothing, nothing)


class _AnyJson(dict[str, Any]):
    """How media types are read that openapi-core does not know: JSON as JSON, text as text."""

    def __contains__(self, media: object) -> bool:
        return self._loads(str(media)) is not None

    def __getitem__(self, media: str) -> Any:
        return self._loads(media)

    def _loads(self, media: str) -> Any:
        if media.endswith(("+json", "/json")):
            return media_types.json_loads
        return media_types.plain_loads if media.startswith("text/") and media != "text/xml" else None


def _deep(explode: bool, name: str, kind: str, location: Mapping[str, Any]) -> Any:
    if not any(key.startswith(f"{name}[") for key in location):
        raise KeyError(name)
    return styles.style_deserializers["deepObject"](explode, name, kind, location)


class _ReadsRanges:
    """Reads a body by the type that was sent where the document names a range of types."""

    def _find_media_type(self, content: Any, mimetype: str | None = None) -> Any:
        found = super()._find_media_type(content, mimetype)  # type: ignore[misc]  # mixed into a validator
        if mimetype and "*" in found.mime_type:
            return ranges.MediaType(mimetype.partition(";")[0].strip().lower(), found.parameters, found.media_type)
        return found


def _validator(document: Any) -> Any:
    later = document["openapi"].startswith("3.1")
    base = validators.V31RequestValidator if later else validators.V30RequestValidator
    casters = casting.oas31_schema_casters_factory if later else casting.oas30_write_schema_casters_factory
    return type("Validator", (_ReadsRanges, base), {})(
        schemas.SchemaPath.from_dict(document),
        path_finder_cls=_Finder,
        extra_media_type_deserializers=_AnyJson(),
        style_deserializers_factory=style_factories.StyleDeserializersFactory(
            casters, style_deserializers={**styles.style_deserializers, "deepObject": _deep}
        ),
    )


class _Request:
    def __init__(self, told: dict[str, Any]) -> None:
        parts = urlsplit(told["url"])
        headers = structures.Headers(told["headers"])
        self.host_url = ""
        self.path = told["path"]
        self.path_pattern = "//" + told["path"]
        self.method = told["method"].lower()
        self.body = base64.b64decode(told["body"]) or None
        self.content_type = headers.get("Content-Type", "")
        cookies = {key: unquote(morsel.value) for key, morsel in SimpleCookie(headers.get("Cookie", "")).items()}
        self.parameters = core.RequestParameters(
            path=_in_path(told["path"], parts.path, told["base"]),
            query=structures.ImmutableMultiDict(parse_qsl(parts.query, keep_blank_values=True)),
            header=headers,
            cookie=structures.ImmutableMultiDict(cookies),
        )


def _in_path(template: str, path: str, base: str) -> dict[str, str]:
    """Match a path against its template and return what stands in its places, under the names of each style."""
    template = template.partition("#")[0].partition("?")[0]
    names: list[str] = []

    def place(found: re.Match[str]) -> str:
        names.append(found.group(1).removeprefix("+").removesuffix("*"))
        return "([^/]+)"

    pattern = "".join(
        re.sub(r"\{([^{}]+)\}", place, piece) if piece.startswith("{") else "".join(map(_literal, piece))
        for piece in re.split(r"(\{[^{}]+\})", template)
    )
    found = re.fullmatch(pattern, path.removeprefix(urlsplit(base).path.rstrip("/")))
    if found is None:
        raise ValueError(f"the path {path} does not match {template}")
    values: dict[str, str] = {}
    for name, value in zip(names, found.groups(), strict=True):
        for key in (name, f".{name}", f".{name}*", f";{name}", f";{name}*"):
            values[key] = unquote(value)
    return values


def _literal(char: str) -> str:
    encoded = "".join(f"%{byte:02X}" for byte in char.encode())
    return f"(?:{re.escape(char)}|{encoded})"


def _without_ignored(value: Any) -> Any:
    """Leave out the header parameters that OpenAPI leaves out, wherever they are listed."""
    components = value.get("components", {}).get("parameters", {})
    ignored = {f"#/components/parameters/{name}" for name, one in components.items() if _is_ignored(one, set())}
    for item in value.get("paths", {}).values():
        for holder in (item, *item.values()) if isinstance(item, dict) else ():
            if isinstance(holder, dict) and isinstance(holder.get("parameters"), list):
                holder["parameters"] = [one for one in holder["parameters"] if not _is_ignored(one, ignored)]
    return value


def _is_ignored(one: Any, named: set[str]) -> bool:
    if not isinstance(one, dict):
        return False
    if one.get("$ref") in named:
        return True
    return one.get("in") == "header" and str(one.get("name")).lower() in IGNORED


def _verdict(validator: Any, told: dict[str, Any]) -> str:
    try:
        for error in validator.iter_errors(_Request(told)):
            return _words(error)
    except RecursionError:
        return "judge: RecursionError"
    except Exception as error:  # noqa: BLE001 - a broken document breaks a validator in many ways
        return f"judge: {_words(error)}"
    return "ok"


def _words(error: BaseException) -> str:
    words = [type(error).__name__, " ".join(str(error).split())]
    cause: BaseException | None = error.__cause__ or error.__context__
    while cause is not None and len(words) < 8:
        words += [type(cause).__name__, " ".join(str(cause).split())]
        nested = getattr(cause, "schema_errors", None)
        if nested:
            first = next(iter(nested))
            words += [f"at {'/'.join(map(str, first.absolute_path))}", f"{first.validator}:", first.message]
        cause = cause.__cause__ or cause.__context__
    return " ".join(words)[: TOLD * 2]


def _late(*_: object) -> None:
    raise TimeoutError(f"took more than {SECONDS} seconds")


def main() -> None:
    """Read documents and requests until the end of the input."""
    warnings.simplefilter("ignore")
    signal.signal(signal.SIGALRM, _late)
    validator: Any = None
    for line in sys.stdin:
        told = json.loads(line)
        if "document" in told:
            validator = _validator(_without_ignored(json.loads(Path(told["document"]).read_bytes())))
            continue
        signal.alarm(SECONDS)
        verdict = _verdict(validator, told)
        signal.alarm(0)
        print(json.dumps(verdict), flush=True)


if __name__ == "__main__":
    main()
