"""`python -m toolyard_sdk.serve PLUGIN`: a plugin's tools for any MCP client, or for the server that started it."""

import argparse
import asyncio
import os
import sys
import time
from collections.abc import Mapping
from typing import Any

import msgspec

from toolyard_sdk.serve.meta import KEY, PARENT, SETTINGS


def main(arguments: list[str] | None = None) -> int:
    """Run the command; the exit status is 2 when there is nothing to serve, or no way to serve it."""
    options = _options(arguments)
    sys.path.insert(0, os.getcwd())  # noqa: PTH109 - sys.path holds text; a module beside the author is importable
    try:
        from toolyard_sdk.serve import serving  # noqa: PLC0415 - what is missing is told in words
    except ModuleNotFoundError as error:
        return _stop(f"{error.name} is missing; install it with: python -m pip install 'toolyard-sdk[serve]'")
    try:
        settings = _settings(options.settings or os.environ.get(SETTINGS, ""))
        parent = os.environ.pop(PARENT, "")
        key = os.environ.pop(KEY, "")
        hosts = tuple(options.allow_host)
        asyncio.run(serving.serve(options.plugin, settings, parent, hosts, options.http, key, _now))
    except serving.REFUSALS as error:
        return _stop(str(error))
    except KeyboardInterrupt:
        return 0
    return 0


def _options(arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m toolyard_sdk.serve", description=__doc__)
    parser.add_argument(
        "plugin", help="an entry point of group toolyard, a module, or a file: clock, my_tools, tools/refunds.py"
    )
    parser.add_argument("--http", metavar="HOST:PORT", default="", help="serve streamable HTTP under /mcp, not stdio")
    parser.add_argument("--settings", metavar="JSON", default="", help=f"the plugin's settings (default: ${SETTINGS})")
    parser.add_argument(
        "--allow-host",
        metavar="HOST",
        action="append",
        default=[],
        help="a host that tools may reach: api.example.org, *.example.org; none without it. May be repeated",
    )
    return parser.parse_args(arguments)


def _settings(text: str) -> Mapping[str, Any]:
    from toolyard_sdk.serve.serving import NotSettings  # noqa: PLC0415 - see main

    try:
        return msgspec.json.decode(text or "{}", type=dict[str, Any])
    except msgspec.DecodeError as error:
        raise NotSettings(f"the settings are no JSON object: {error}") from None


def _now() -> int:
    return time.time_ns() // 1000


def _stop(words: str) -> int:
    sys.stderr.write(f"{words}\n")
    return 2


if __name__ == "__main__":
    sys.exit(main())
