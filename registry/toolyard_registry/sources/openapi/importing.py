"""Imports a document: bytes in, tools and problems out; opens no file and sends nothing.

One operation that cannot be used is a problem with its place and never hides the others.
"""

import contextlib
import gc
from collections.abc import Iterator
from typing import Any

from msgspec import Struct
from toolyard_sdk.messages import ToolSpec

from toolyard_registry.names import NameInvalid, check_name
from toolyard_registry.sources.openapi.accepting import accepted
from toolyard_registry.sources.openapi.bodies import BodyPlan, read_body
from toolyard_registry.sources.openapi.definitions import Definitions
from toolyard_registry.sources.openapi.naming import tool_names
from toolyard_registry.sources.openapi.operations import Operation, find_operations
from toolyard_registry.sources.openapi.parameters import Parameter, read_parameters
from toolyard_registry.sources.openapi.problems import Problem, Unusable
from toolyard_registry.sources.openapi.reading import read_document
from toolyard_registry.sources.openapi.references import References
from toolyard_registry.sources.openapi.requests import Plan, places
from toolyard_registry.sources.openapi.security import Schemes, unknown_secrets
from toolyard_registry.sources.openapi.servers import base_url
from toolyard_registry.sources.openapi.settings import OpenApiSettings
from toolyard_registry.sources.openapi.shortening import shortened
from toolyard_registry.sources.openapi.tool import OperationTool, claimed_annotations

DESCRIPTION = 1_000
"""Characters of an operation's description that a model is shown."""

ABOUT = 2_000
"""Characters of the document's title, and of each of the others, that its tools are found by."""

_ABOUT = ("title", "summary", "description")

LARGE = 2_000_000
"""Bytes of a document from which looking for garbage costs more than the import."""


class Imported(Struct, frozen=True):
    """What a document gave: its tools, its version and what it is about in its own words, and what is wrong."""

    tools: tuple[OperationTool, ...]
    version: str
    problems: tuple[Problem, ...]
    about: str = ""


def import_document(content: bytes, settings: OpenApiSettings, *, name: str) -> Imported:
    """Return the tools of a document for source `name`; raises Unusable when it cannot be read at all."""
    with _uncollected(len(content)):
        reading = read_document(content)
        importer = _Importer(reading.document, Definitions(References(reading.document), reading.version), settings)
        return importer.run(f"{name}_" if settings.prefix is None else settings.prefix, reading.problems)


@contextlib.contextmanager
def _uncollected(size: int) -> Iterator[None]:
    """Let no garbage be looked for in a large document: its millions of values are all in use until the end."""
    if size < LARGE or not gc.isenabled():
        yield
        return
    gc.disable()
    try:
        yield
    finally:
        gc.enable()


class _Importer:
    """What is the same for all operations of one document."""

    def __init__(self, document: dict[str, Any], definitions: Definitions, settings: OpenApiSettings) -> None:
        self._document = document
        self._settings = settings
        self._references = definitions.references
        self._definitions = definitions
        self._schemes = Schemes(document, self._references, settings.security)
        self._secret_parameters: set[str] = set()
        self.problems: list[Problem] = []

    def run(self, prefix: str, before: tuple[Problem, ...]) -> Imported:
        found, problems = find_operations(self._document, self._references, self._settings.operations)
        self.problems += problems
        names = tool_names(found, prefix)
        tools = tuple(
            tool for operation, name in zip(found, names, strict=True) for tool in self._offered(operation, name)
        )
        known = self._schemes.declared | self._secret_parameters
        self.problems += unknown_secrets(self._settings.security, known)
        told = self._document.get("info")
        info = told if isinstance(told, dict) else {}
        version = info.get("version")
        return Imported(
            tools,
            str(version)[:64] if isinstance(version, str | int | float) else "",
            (*before, *self.problems, *self._definitions.problems),
            " ".join(words for key in _ABOUT if (words := shortened(info.get(key), ABOUT))),
        )

    def _offered(self, operation: Operation, name: str) -> Iterator[OperationTool]:
        """Yield the operation's tool, or nothing and note why."""
        try:
            check_name(name, "tool name")
            plan = self._plan(operation)
            spec = self._spec(operation, name, plan)
        except Unusable as error:
            self.problems.append(error.at(operation.place))
        except NameInvalid as error:
            self.problems.append(Problem("operation.name", operation.place, str(error)))
        except RecursionError:
            self.problems.append(Problem("operation.invalid", operation.place, "is nested too deeply"))
        else:
            settings = self._settings
            yield OperationTool(
                spec, plan, place=operation.place, timeout=settings.timeout, max_bytes=settings.max_bytes
            )

    def _plan(self, operation: Operation) -> Plan:
        settings = self._settings
        fixed = {key: value for key, value in settings.security.items() if key not in self._schemes.declared}
        parameters = read_parameters(
            operation, self._references, self._definitions, template=places(operation.path), fixed=fixed
        )
        self._secret_parameters.update(parameter.name for parameter in parameters if parameter.fixed)
        credentials, problems = self._schemes.credentials(operation.raw, operation.place)
        self.problems += problems
        return Plan(
            method=operation.method.upper(),
            path=operation.path,
            base=self._base(operation),
            parameters=parameters,
            body=read_body(operation.raw.get("requestBody"), self._references, self._definitions),
            credentials=credentials,
            accept=accepted(operation, self._references),
        )

    def _base(self, operation: Operation) -> str:
        settings = self._settings
        nearest = operation.raw.get("servers") or operation.shared.get("servers") or self._document.get("servers")
        return base_url(nearest, chosen=settings.server, variables=settings.variables, document_url=settings.url)

    def _spec(self, operation: Operation, name: str, plan: Plan) -> ToolSpec:
        schema = _input_schema(plan.parameters, plan.body)
        return ToolSpec(
            name=name,
            description=_description(operation),
            input_schema=self._definitions.enclosed(schema),
            annotations=claimed_annotations(plan.method),
            title=shortened(operation.raw.get("summary"), 80) or None,
        )


def _input_schema(parameters: tuple[Parameter, ...], body: BodyPlan | None) -> dict[str, Any]:
    given = [parameter for parameter in parameters if not parameter.automatic]
    properties = {parameter.argument: parameter.schema for parameter in given}
    required = [parameter.argument for parameter in given if parameter.required]
    if body is not None:
        properties["body"] = body.schema
        required += ["body"] if body.required else []
    schema: dict[str, Any] = {"type": "object", "properties": properties, "additionalProperties": False}
    if required:
        schema["required"] = required
    return schema


def _description(operation: Operation) -> str:
    """Say what an operation does: its summary, its description, and where nobody wrote any, its method and path."""
    summary = shortened(operation.raw.get("summary") or operation.shared.get("summary"), 200)
    told = shortened(operation.raw.get("description") or operation.shared.get("description"), DESCRIPTION)
    words = told if told.startswith(summary) else f"{summary}{'' if summary.endswith('.') else '.'} {told}"
    words = words.strip() or operation.place
    return f"(deprecated) {words}" if operation.raw.get("deprecated") is True else words
