"""Where the SDK of this process comes from, when that is a folder of sources: no index has the wheel of such an SDK."""

from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path
from urllib.parse import urlsplit
from urllib.request import url2pathname

import msgspec
from msgspec import Struct

SDK = "toolyard-sdk"
_ORIGIN = "direct_url.json"


class _Folder(Struct):
    """What is said of an installed folder."""

    editable: bool = False


class _Origin(Struct):
    """Where a distribution was installed from (PyPA, "Recording the Direct URL Origin"); an index is not recorded."""

    url: str
    dir_info: _Folder | None = None


def sdk_folder() -> Path | None:
    """Return the folder that the SDK was installed from; None where it came as a wheel."""
    try:
        told = distribution(SDK).read_text(_ORIGIN)
        origin = msgspec.json.decode(told, type=_Origin) if told else None
    except (PackageNotFoundError, msgspec.MsgspecError):
        return None
    if origin is None or origin.dir_info is None:
        return None
    folder = Path(url2pathname(urlsplit(origin.url).path))
    return folder if (folder / "pyproject.toml").is_file() else None
