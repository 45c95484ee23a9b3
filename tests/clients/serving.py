"""A real server for clients to talk to: a repository in a temporary folder, the rehearsal model, one process."""

import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from toolyard_runtime.cli.surroundings import STATE_FOLDER, read_address
from toolyard_runtime.demo.process import ServerProcess

REPOSITORY = Path(__file__).with_name("repository")
AGENT = "assistant"


class Running(NamedTuple):
    """Where the server listens, the key it made at its first start, and the notes its agent has written."""

    url: str
    key: str
    notes: Path

    @property
    def base_url(self) -> str:
        """What an OpenAI client is pointed at."""
        return f"{self.url}/v1"


@contextmanager
def server(folder: Path) -> Iterator[Running]:
    """Serve a copy of the repository beside this file; raises ServerFailed with the log's end."""
    repository = folder / "repository"
    shutil.copytree(REPOSITORY, repository)
    process = ServerProcess(Path(sys.executable), repository, folder / "server.log")
    process.start()
    try:
        address = read_address(repository / STATE_FOLDER)
        assert address is not None
        yield Running(address.url.rstrip("/"), address.key, repository / "notes")
    finally:
        process.stop()
