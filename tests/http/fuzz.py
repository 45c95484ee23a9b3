"""`python -m tests.http.fuzz [SECONDS]`: schemathesis against a live server, driven by its own OpenAPI document.

Not part of the default tests: schemathesis is installed into an environment of its own, and takes minutes. Requests
that the document allows and requests that it does not are sent to every route; the exit status is 1 when one is
answered with a server's fault, with a status, a type or a shape the document does not have, or is taken though it
should be refused. The model is the rehearsal model.
"""

import json
import os
import subprocess
import sys
import tempfile
import venv
from pathlib import Path
from typing import Any

from tests.http.expecting import ADD, HANG, note, unknown
from tests.http.serving import Server, serving

PACKAGE = "schemathesis==4.32.5"
SECONDS = 120
CHECKS = (
    *("not_a_server_error", "status_code_conformance", "content_type_conformance", "response_schema_conformance"),
    *("negative_data_rejection", "unsupported_method", "missing_required_header", "ignored_auth"),
)


def environment() -> Path:
    """Return the program of an environment that has it; one that was made before is taken as it is."""
    cache = Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache"))
    folder = cache / "toolyard-tests" / PACKAGE.replace("==", "-")
    program = folder / "bin" / "schemathesis"
    if not program.is_file():
        venv.create(folder, clear=True, with_pip=True)
        command = [
            str(folder / "bin" / "python"),
            "-m",
            "pip",
            "--disable-pip-version-check",
            "-qq",
            "install",
            PACKAGE,
        ]
        subprocess.run(command, check=True, timeout=600)
    return program


def known(server: Server) -> dict[str, list[str]]:
    """Make runs of every kind and return what paths can name, by parameter: what is there, and what is not."""
    finished = server.house.finished(server.house.start(ADD))["id"]
    waiting = server.house.start(note())
    approval = server.house.waiting(waiting)["id"]
    doubtful = server.house.start(HANG, "hasty")
    server.house.post(f"/api/v1/approvals/{server.house.waiting(doubtful)['id']}", {"decision": "approve"})
    server.house.until(doubtful, lambda shown: shown["doubts"])
    response = server.house.post("/v1/responses", {"model": "clerk", "input": ADD})["id"]
    return {
        "run": [finished, waiting, doubtful, unknown("run_")],
        "approval": [approval, unknown("appr_")],
        "name": [response, "clerk", "add"],
        "kind": ["agent", "tool", "tenant"],
        "call": ["1", "2"],
    }


def narrowed(document: dict[str, Any], names: dict[str, list[str]]) -> dict[str, Any]:
    """Return the document with names that mean something where any text would do: random ones only find 404."""
    for item in document["paths"].values():
        for operation in item.values():
            for parameter in operation.get("parameters", []):
                if parameter["in"] == "path" and parameter["name"] in names:
                    parameter["schema"] = {"type": "string", "enum": names[parameter["name"]]}
                if parameter["name"] == "tenant" and parameter["in"] == "query":
                    parameter["schema"] = {"type": "string", "enum": ["default"]}

    for name in ("ChatRequest", "ResponsesRequest"):
        document["components"]["schemas"][name]["properties"]["model"] = {"type": "string", "enum": ["clerk", "brief"]}
    return document


def main() -> int:
    """Run it; what is found is printed with a command that repeats it."""
    seconds = sys.argv[1] if len(sys.argv) > 1 else str(SECONDS)
    program = environment()
    with tempfile.TemporaryDirectory() as scratch, serving(Path(scratch)) as server:
        document = Path(scratch) / "openapi.json"
        document.write_text(json.dumps(narrowed(server.house.get("/api/openapi/openapi.json"), known(server))))
        command = [
            *(str(program), "run", str(document), "--url", f"http://127.0.0.1:{server.port}"),
            *("--header", f"Authorization: Bearer {server.house.secret}", "--checks", ",".join(CHECKS)),
            *("--mode", "all", "--phases", "coverage,fuzzing", "--max-time", seconds, "--continue-on-failure"),
            *("--generation-deterministic", "--no-color"),
        ]
        return subprocess.run(command, cwd=scratch, check=False, timeout=int(seconds) + 300).returncode


if __name__ == "__main__":
    sys.exit(main())
