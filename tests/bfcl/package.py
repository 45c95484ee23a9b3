"""The package `bfcl-eval` in a folder of its own: downloads it, and reads its tasks; imports it where it lies."""

import importlib
import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from msgspec import Struct

VERSION = "2026.3.23"
WANTED = (f"bfcl-eval=={VERSION}", "mpmath==1.3.0")
"""Without dependencies: what the classes of these tasks import of them is mpmath."""

_EXECUTOR = "bfcl_eval.eval_checker.multi_turn_eval.multi_turn_utils"
_CLASSES = "bfcl_eval.constants.executable_backend_config"
_FILE = "BFCL_v4_multi_turn_base.json"


class Task(Struct, frozen=True):
    """One conversation: the classes it uses, their initial state, and the calls of each of its turns as Python."""

    id: str
    classes: tuple[str, ...]
    initial: dict[str, Any]
    turns: tuple[tuple[str, ...], ...]


class Package(Struct, frozen=True):
    """What is used of the package: its tasks, its executor, and instances of its classes made as the executor does."""

    tasks: tuple[Task, ...]
    execute: Callable[..., tuple[list[str], dict[str, Any]]]
    instance: Callable[[str, dict[str, Any]], Any]


def fetch(folder: Path) -> None:
    """Download the package into a folder, unless it is there already."""
    if (folder / f"bfcl_eval-{VERSION}.dist-info").is_dir() and (folder / "mpmath").is_dir():
        return
    folder.mkdir(parents=True, exist_ok=True)
    command = ["uv", "pip", "install", "--quiet", "--no-deps", "--python", sys.executable, "--target", str(folder)]
    subprocess.run([*command, *WANTED], check=True, timeout=300)


def load(folder: Path) -> Package:
    """Import the package from a folder and read its tasks."""
    sys.path.insert(0, str(folder))
    executor, classes = importlib.import_module(_EXECUTOR), importlib.import_module(_CLASSES)
    data = folder / "bfcl_eval" / "data"
    asked = _lines(data / _FILE)
    gold = {line["id"]: line["ground_truth"] for line in _lines(data / "possible_answer" / _FILE)}
    tasks = tuple(
        Task(each["id"], tuple(each["involved_classes"]), each["initial_config"], tuple(map(tuple, gold[each["id"]])))
        for each in asked
    )

    def instance(name: str, initial: dict[str, Any]) -> Any:
        made = getattr(importlib.import_module(classes.CLASS_FILE_PATH_MAPPING[name]), name)()
        if name not in classes.STATELESS_CLASSES:
            made._load_scenario(json.loads(json.dumps(initial.get(name, {}))), long_context=False)
        return made

    return Package(tasks, executor.execute_multi_turn_func_call, instance)


def _lines(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text().splitlines()]
