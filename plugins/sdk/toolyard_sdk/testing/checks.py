"""The conformance suite: what a tool must hold so that models can use it and the server can rely on it."""

import asyncio
import re
import sys
import threading
import time
from collections.abc import AsyncIterator
from typing import Any

import msgspec

from toolyard_sdk.canonical import digest
from toolyard_sdk.errors import ArgumentsInvalid
from toolyard_sdk.messages import ToolSpec
from toolyard_sdk.testing.calling import call
from toolyard_sdk.testing.findings import Check, Finding, Level, Subject
from toolyard_sdk.testing.presenting import presentation
from toolyard_sdk.testing.samples import hostile, misfits, sample
from toolyard_sdk.testing.schemas import schema_problems
from toolyard_sdk.testing.values import value_problems

Found = AsyncIterator[tuple[Level, str]]

SHORTEST_DESCRIPTION, LONGEST_DESCRIPTION = 20, 1_024
MOST_TOKENS = 800
MOST_PARAMETERS = 8
FEWEST_TELLING_WORDS = 2
CALL_SECONDS = 20.0
STALL_SECONDS = 0.5
_NAME = re.compile(r"[a-zA-Z0-9_-]{1,64}\Z")
_WORD = re.compile(r"[^\W\d_]{2,}")
_TELLING_NOTHING = frozenset(
    _WORD.findall("""
    an and any be call calls can data do does doing for from function get gets handle handles helper in info
    information is it its method of on operation operations or perform performs process processes result results
    return returns run runs some something stuff the thing things this to tool use used uses utility value values
    various with
""")
)
_CHANGES = re.compile(r"(book|buy|cancel|create|delete|drop|insert|pay|post|put|remove|send|set|update|write)(_|-|\Z)")


async def _name(subject: Subject) -> Found:
    name = subject.tool.spec.name
    if not _NAME.match(name):
        yield "error", f"{name!r} is no tool name: use 1 to 64 letters, digits, '_' or '-'"
    elif len(name) < 3:  # noqa: PLR2004 - the message says it
        yield "advice", f"{name!r} says too little: name what the tool does in at least 3 letters"


async def _description(subject: Subject) -> Found:
    spec = subject.tool.spec
    length = len(spec.description.strip())
    if not SHORTEST_DESCRIPTION <= length <= LONGEST_DESCRIPTION:
        yield (
            "error",
            f"the description has {length} characters: write {SHORTEST_DESCRIPTION} to {LONGEST_DESCRIPTION}",
        )
    tokens = presentation(subject.tool).tokens
    if tokens > MOST_TOKENS:
        yield "advice", f"about {tokens} tokens in every request: shorten descriptions or split the tool"


async def _telling(subject: Subject) -> Found:
    spec = subject.tool.spec
    named = set(_WORD.findall(spec.name.lower().replace("_", " ")))
    told = set(_WORD.findall(spec.description.lower())) - _TELLING_NOTHING - named
    if len(told) < FEWEST_TELLING_WORDS:
        yield "advice", f"the description is vague: say what {spec.name} gives, of what, and when to call it"


async def _few_parameters(subject: Subject) -> Found:
    number = len(subject.tool.spec.input_schema.get("properties", {}))
    if number > MOST_PARAMETERS:
        yield "advice", f"{number} parameters: models get more than {MOST_PARAMETERS} wrong; split it, or group them"


async def _parameters(subject: Subject) -> Found:
    for name, schema in subject.tool.spec.input_schema.get("properties", {}).items():
        if not isinstance(schema, dict) or not schema.get("description"):
            yield "error", f"parameter {name!r} has no description: add it to the docstring's Args"


async def _schemas(subject: Subject) -> Found:
    spec = subject.tool.spec
    for problem in schema_problems(spec.input_schema):
        yield "error", f"input schema: {problem}"
    if spec.input_schema.get("type") != "object":
        yield "error", 'the input schema must have "type": "object" at its root'
    if spec.output_schema is not None:
        for problem in schema_problems(spec.output_schema):
            yield "error", f"output schema: {problem}"


async def _defaults(subject: Subject) -> Found:
    root = subject.tool.spec.input_schema
    for name, schema in root.get("properties", {}).items():
        if isinstance(schema, dict) and "default" in schema:
            for problem in value_problems(schema, schema["default"], root, name):
                yield "error", f"the default does not fit its own type: {problem}"
    for problem in value_problems(root, _fitting(subject), root):
        if subject.example is not None:
            yield "error", f"the example does not fit the schema: {problem}"
        else:
            yield "advice", f"no fitting arguments could be made up ({problem}): give the suite an example"


async def _annotations(subject: Subject) -> Found:
    spec = subject.tool.spec
    claims = spec.annotations
    if claims.read_only and claims.destructive:
        yield "error", "it claims to be read-only and destructive at once"
    if claims.read_only and not claims.idempotent:
        yield "error", "what is read-only is idempotent too"
    if claims.read_only and _CHANGES.match(spec.name):
        yield "advice", f"{spec.name!r} sounds like a change, but claims to be read-only"


async def _stable(subject: Subject) -> Found:
    spec = subject.tool.spec
    try:
        again = msgspec.json.decode(msgspec.json.encode(spec), type=ToolSpec)
    except (msgspec.MsgspecError, TypeError, UnicodeEncodeError) as error:
        yield "error", f"the definition is not JSON: {error}"
        return
    if digest(again) != digest(spec) or digest(subject.tool.spec) != digest(spec):
        yield "error", "the definition has no stable digest: it changes between two readings"


async def _argument_errors(subject: Subject) -> Found:
    schema = subject.tool.spec.input_schema
    fitting = _fitting(subject)
    if list(value_problems(schema, fitting, schema)):
        return  # whatever is refused then may be refused for another field; the check of the example says so
    for name in schema.get("required", ()):
        problem = _refusal(subject, {key: value for key, value in fitting.items() if key != name}, name)
        if problem:
            yield "error", f"without {name}, {problem}"
    for name, part in schema.get("properties", {}).items():
        for value in misfits(part, schema):
            problem = _refusal(subject, {**fitting, name: value}, name)
            if problem:
                yield "error", f"with {name} = {value!r}, {problem}"


async def _unknown_fields(subject: Subject) -> Found:
    stranger = "no_such_field"
    problem = _refusal(subject, {**_fitting(subject), stranger: 1}, stranger)
    if problem:
        yield "error", f"with an unknown field, {problem}"


async def _hostile(subject: Subject) -> Found:
    for what, raw in hostile({**_fitting(subject), **_optional(subject)}):
        try:
            subject.tool.check(raw)
        except ArgumentsInvalid:
            continue
        except Exception as error:  # noqa: BLE001 - this is what the check looks for
            yield "error", f"check() raises {type(error).__name__} for {what}: only ArgumentsInvalid is expected"
            continue
        if not subject.may_call:
            continue
        began = time.monotonic()
        result = await call(subject.tool, raw, subject.context, seconds=CALL_SECONDS)
        if time.monotonic() - began >= CALL_SECONDS:
            yield "error", f"no answer within {CALL_SECONDS:g} s to {what}"
        elif _crashed(subject, result.text, is_error=result.is_error):
            yield "error", f"{what} crashes it ({result.text[:200]}): raise ToolError with advice instead"
            return  # one is enough: the same defect answers to many of them


async def _result(subject: Subject) -> Found:
    if not subject.may_call:
        return
    result = await call(subject.tool, _fitting(subject), subject.context, seconds=CALL_SECONDS)
    if subject.example is not None and result.is_error:
        yield "error", f"the example fails: {result.text[:200]}"
    if _crashed(subject, result.text, is_error=result.is_error):
        yield "error", f"it crashes ({result.text[:200]}): raise ToolError with advice instead"
    if not result.text:
        yield "error", "the result is empty: say at least that it is done, or that nothing was found"
    try:
        msgspec.json.encode(result)
    except (TypeError, UnicodeEncodeError, msgspec.MsgspecError) as error:
        yield "error", f"the result is not JSON: {error}"
        return
    expected = subject.tool.spec.output_schema
    if expected is not None and not result.is_error:
        structured = msgspec.json.decode(msgspec.json.encode(result.structured))
        for problem in value_problems(expected, structured):
            yield "error", f"the result does not fit the output schema: {problem}"


async def _twice(subject: Subject) -> Found:
    if not subject.may_call or subject.tool.spec.annotations.destructive:
        return
    fitting = _fitting(subject)
    calls = (call(subject.tool, fitting, subject.context, seconds=CALL_SECONDS) for _ in range(4))
    results = await asyncio.gather(*calls)
    kinds = {(result.is_error, type(result.structured)) for result in results}
    if len(kinds) > 1 and subject.tool.spec.annotations.idempotent:
        yield "error", f"four calls at once differ: {sorted({result.text[:80] for result in results})}"


async def _stall(subject: Subject) -> Found:
    if not subject.may_call:
        return
    loop_thread, done, where = threading.get_ident(), threading.Event(), list[str]()
    loop = asyncio.get_running_loop()

    def watch() -> None:
        while not done.is_set() and not where:
            beat = threading.Event()
            loop.call_soon_threadsafe(beat.set)
            if not beat.wait(STALL_SECONDS) and not done.is_set():
                frame = sys._current_frames().get(loop_thread)  # noqa: SLF001 - the documented way to see a thread
                function = getattr(subject.tool, "function", None)
                code = getattr(function, "__code__", None)
                while frame is not None and frame.f_code is not code:
                    frame = frame.f_back
                if frame is not None:
                    where.append(f"{frame.f_code.co_filename}:{frame.f_lineno}")
            done.wait(STALL_SECONDS / 10)

    watcher = threading.Thread(target=watch, daemon=True)
    watcher.start()
    try:
        await call(subject.tool, _fitting(subject), subject.context, seconds=CALL_SECONDS)
    finally:
        done.set()
        await asyncio.to_thread(watcher.join)
    for place in where:
        yield "error", f"it blocks the event loop at {place}: make it a plain function, which runs in a thread"


def _fitting(subject: Subject) -> dict[str, Any]:
    if subject.example is not None:
        return subject.example
    made: dict[str, Any] = sample(subject.tool.spec.input_schema)
    return made


def _optional(subject: Subject) -> dict[str, Any]:
    """Return a value for each text or number argument that the fitting arguments leave out."""
    root = subject.tool.spec.input_schema
    fitting = _fitting(subject)
    values = {name: sample(part, root) for name, part in root.get("properties", {}).items() if name not in fitting}
    return {name: value for name, value in values.items() if not list(value_problems(root, {**fitting, name: value}))}


def _refusal(subject: Subject, arguments: dict[str, Any], field: str) -> str:
    """Return what is wrong with the way these arguments are refused; nothing when it is right."""
    try:
        subject.tool.check(msgspec.json.encode(arguments))
    except ArgumentsInvalid as error:
        return "" if field in str(error) else f"the error does not name the field: {error}"
    except Exception as error:  # noqa: BLE001 - this is what the check looks for
        return f"check() raises {type(error).__name__}, not ArgumentsInvalid"
    return "the arguments are accepted"


def _crashed(subject: Subject, text: str, *, is_error: bool) -> bool:
    """Whether `call` answered for an exception the tool did not mean to raise."""
    return is_error and text.startswith(f"{subject.tool.spec.name} failed: ")


CHECKS = (
    Check("its name can be written by every model", _name),
    Check("its description says enough and not too much", _description),
    Check("its description tells it from others", _telling),
    Check("every parameter is described", _parameters),
    Check("it asks for no more than a model gets right", _few_parameters),
    Check("its schemas are JSON Schema 2020-12", _schemas),
    Check("defaults and example fit the schema", _defaults),
    Check("its annotations do not contradict each other", _annotations),
    Check("its definition has a stable digest", _stable),
    Check("an error about arguments names the field", _argument_errors),
    Check("unknown fields are refused", _unknown_fields),
    Check("hostile arguments are survived", _hostile),
    Check("its result is JSON and fits the output schema", _result),
    Check("it can be called several times at once", _twice),
    Check("it does not block the event loop", _stall),
)
"""Every check, in the order of what to repair first."""


async def findings(subject: Subject) -> tuple[Finding, ...]:
    """Return what all checks find about one tool; empty when it conforms."""
    return tuple([finding for check in CHECKS for finding in await check.run(subject)])
