"""Starts `python -m toolyard_sdk.serve` as a stranger would, and talks to it with the SDK's own client."""

import asyncio
import os
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from mcp import Client, StdioServerParameters
from mcp.client.stdio import stdio_client

WORKBENCH = str(Path(__file__).with_name("workbench.py"))
SECONDS = 30.0


@asynccontextmanager
async def served(
    *arguments: str, errors: Path | None = None, mode: Any = "auto", env: dict[str, str] | None = None, **options: Any
) -> AsyncIterator[Any]:
    """Give a client of a served plugin (the workbench, where no other is named); what it prints goes to `errors`."""
    parameters = StdioServerParameters(
        command=sys.executable,
        args=["-m", "toolyard_sdk.serve", *(arguments or (WORKBENCH,))],
        env=env,
    )
    with open(errors or os.devnull, "w") as log:  # noqa: PTH123, ASYNC230 - a process writes into it
        async with asyncio.timeout(SECONDS), Client(stdio_client(parameters, log), mode=mode, **options) as client:
            yield client


def text_of(result: Any) -> str:
    """Return the text of a result."""
    return "".join(part.text for part in result.content)
