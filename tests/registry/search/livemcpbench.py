"""Recall on LiveMCPBench's tasks: `python -m tests.registry.search.livemcpbench FOLDER [--embedder NAME]`.

FOLDER (or TOOLYARD_LIVEMCPBENCH) holds the project's `tools.json` and `tasks.json` (icip-cas/LiveMCPBench,
Apache-2.0); nothing of them is part of this repository, and no weight was set on them. Some tools that the tasks name
are not in the catalogue: nobody can find these. The figures are printed without them (what is to be found), and with
them as misses: those of plain BM25 to compare with, of this search, and of this search with vectors of NAME (`hashing`,
which is also taken when none is named, or `onnx:FOLDER`), which count `--weight` (else what fits).
"""

import argparse
import json
import os
import re
from pathlib import Path

from toolyard_sdk.messages import ToolSpec

from tests.registry.search.baseline import plain, stemmed
from tests.registry.search.recall import Listed, Task, embedder_of, meaning_of, recalls, search_over, with_vectors


def main() -> None:
    """Print recall@10 and @50 with 95 % bootstrap intervals over the tasks."""
    reader = argparse.ArgumentParser(prog="python -m tests.registry.search.livemcpbench")
    reader.add_argument("folder", nargs="?", default=os.environ.get("TOOLYARD_LIVEMCPBENCH"), help="has tools.json")
    reader.add_argument("--embedder", default="hashing")
    reader.add_argument("--weight", type=float)
    given = reader.parse_args()
    if not given.folder:
        reader.error("name the FOLDER with tools.json and tasks.json")
    tools, tasks = catalogue(Path(given.folder)), annotated(Path(given.folder))
    search, embedder = search_over(tools), embedder_of(given.embedder)
    both = with_vectors(search, meaning_of(tools, embedder), embedder, given.weight)
    names = {tool.spec.name for tool in tools}
    there = [Task(task.text, task.wanted & names) for task in tasks if task.wanted & names]
    missing = sum(len(task.wanted - names) for task in tasks)
    print(f"{len(tools)} tools, {len(tasks)} tasks; {missing} wanted tools are not in the catalogue")
    for title, found in (
        ("plain BM25 over name and description", plain(tools)),
        ("BM25 over the server's name and description too, with Porter's stems", stemmed(tools)),
        ("words", search.scores),
        (f"words and vectors of {embedder.id}", both),
    ):
        print(f"\n{title}\nwhat is to be found ({len(there)} tasks):", *recalls(found, there), sep="\n  ")
        print(f"with what is not there as misses ({len(tasks)} tasks):", *recalls(found, tasks), sep="\n  ")


def catalogue(folder: Path) -> list[Listed]:
    """Return the tools of all servers."""
    servers = json.loads((folder / "tools.json").read_text())
    return [
        Listed(
            ToolSpec(tool["name"], tool["description"] or "", tool["inputSchema"]),
            server["name"],
            server.get("description") or "",
        )
        for server in servers
        for part in server["tools"].values()
        for tool in part["tools"]
    ]


def annotated(folder: Path) -> list[Task]:
    """Return the tasks with the tools their annotators used."""
    tasks = []
    for task in json.loads((folder / "tasks.json").read_text()):
        lines = task["Annotator Metadata"]["Tools"].splitlines()
        wanted = frozenset(re.sub(r"^\d+\.\s*", "", line).strip() for line in lines if line.strip())
        tasks.append(Task(task["Question"], wanted))
    return tasks


if __name__ == "__main__":
    main()
