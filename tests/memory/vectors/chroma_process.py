"""A Chroma server as a process of its own, on a free port of the loopback."""

import contextlib
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path


def free_port() -> int:
    """Return a port that nobody listens on."""
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        port: int = found.getsockname()[1]
        return port


@contextlib.contextmanager
def chroma_server(folder: Path, port: int = 0) -> Iterator[str]:
    """Run a server over `folder` and give its address; on a free port where none is given."""
    port = port or free_port()
    program = Path(sys.executable).with_name("chroma")
    options = ("run", "--path", str(folder / "served"), "--host", "127.0.0.1", "--port", str(port))
    process = subprocess.Popen([program, *options], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, cwd=folder)
    try:
        until = time.monotonic() + 30
        while True:
            assert process.poll() is None, "the server ended before it listened"
            assert time.monotonic() < until, "the server does not listen"
            try:
                socket.create_connection(("127.0.0.1", port), timeout=1).close()
            except OSError:
                time.sleep(0.02)
            else:
                break
        yield f"http://127.0.0.1:{port}"
    finally:
        process.kill()
        process.wait()
