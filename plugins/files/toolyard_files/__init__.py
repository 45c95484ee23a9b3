"""Reading and writing files under one root, for agents; the operator chooses the root, and nothing leads out of it."""

import os
import secrets
import time
from collections.abc import Callable, Mapping
from typing import Any

import msgspec
from toolyard_sdk import ConfigError, FunctionTool, hookimpl

from toolyard_files.tools import Settings, file_tools

__all__ = ["Settings", "file_tools", "register_tools"]


def _new_name() -> str:
    return secrets.token_hex(8)


@hookimpl
def register_tools(register: Callable[[FunctionTool], None], settings: Mapping[str, Any]) -> None:
    """Offer the tools over the root in the settings; raises ConfigError for settings that cannot be used.

    A relative root is relative to the server's working directory, which is its repository.
    """
    try:
        read = msgspec.convert(dict(settings), Settings)
    except msgspec.ValidationError as error:
        known = ", ".join(Settings.__struct_fields__)
        raise ConfigError(f"[plugins.files]: {error}. The settings are {known}.") from error
    root = os.path.abspath(os.path.expanduser(read.root))  # noqa: PTH100, PTH111 - the root stays text: see Tree
    if root == os.sep:
        raise ConfigError("[plugins.files] root: the whole file system is no root; name a folder.")
    if "root" in settings and "{tenant}" not in root and not os.path.isdir(root):  # noqa: PTH112 - a Path would swallow what is no path
        raise ConfigError(f"[plugins.files] root: there is no folder {root}; make it, or correct the path.")
    for each in file_tools(msgspec.structs.replace(read, root=root), _new_name, time.monotonic):
        register(each)
