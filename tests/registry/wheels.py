"""Makes wheels without a build tool, whole or damaged on purpose, and signed submissions of them."""

import base64
import hashlib
import io
import zipfile
from typing import Any

import msgspec
from toolyard_registry.published.signing import SignedTool, Statement, sign
from toolyard_registry.publishing.submissions import Manifest, Submission
from toolyard_registry.releases import tool_release
from toolyard_sdk.messages import Annotations, ToolSpec

ANN = bytes(range(32))
BOB = bytes(range(1, 33))
"""Secret keys of two authors."""

ENTRY = "[toolyard]\nweather = weather\n"


def spec(name: str = "weather", description: str = "Tell the weather of a city.", **more: Any) -> ToolSpec:
    """Return a definition; `required`, `output`, `read_only` and further properties are keywords."""
    required = more.pop("required", ["city"])
    output = more.pop("output", None)
    read_only = more.pop("read_only", False)
    properties = {"city": {"type": "string"}, **more}
    schema = {"type": "object", "properties": properties, "required": required, "additionalProperties": False}
    annotations = Annotations(read_only=read_only, destructive=not read_only, idempotent=read_only)
    return ToolSpec(name, description, schema, output, annotations)


def record(files: dict[str, bytes], info: str) -> bytes:
    """Return the RECORD of a wheel with these files."""
    rows = []
    for path, content in files.items():
        digest = base64.urlsafe_b64encode(hashlib.sha256(content).digest()).rstrip(b"=").decode()
        rows.append(f"{path},sha256={digest},{len(content)}")
    return "\n".join([*rows, f"{info}/RECORD,,", ""]).encode()


def zipped(files: dict[str, bytes]) -> bytes:
    """Return a zip of these files."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for path, content in files.items():
            archive.writestr(zipfile.ZipInfo(path), content)
    return buffer.getvalue()


def contents(name: str, version: str, *, entry: str = ENTRY, body: str = "") -> dict[str, bytes]:
    """Return the files of a wheel, with their RECORD."""
    info = f"{name.replace('-', '_')}-{version}.dist-info"
    files = {
        "weather/__init__.py": body.encode(),
        f"{info}/METADATA": f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n".encode(),
        f"{info}/WHEEL": b"Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
        f"{info}/entry_points.txt": entry.encode(),
    }
    return {**files, f"{info}/RECORD": record(files, info)}


def file_name(name: str, version: str) -> str:
    return f"{name.replace('-', '_')}-{version}-py3-none-any.whl"


def submission(
    version: str = "0.1.0",
    *tools: ToolSpec,
    name: str = "acme-weather",
    key: bytes = ANN,
    wheel: bytes | None = None,
    body: str = "",
    **more: Any,
) -> Submission:
    """Return a sound submission; keywords change what it says."""
    content = zipped(contents(name, version, body=body)) if wheel is None else wheel
    definitions = tools or (spec(),)
    manifest = Manifest(name, version, file_name(name, version), definitions)
    signed = tuple(SignedTool(each.name, tool_release(each, name, version).digest) for each in definitions)
    statement = Statement(name, version, f"sha256:{hashlib.sha256(content).hexdigest()}", signed)
    return Submission(manifest, sign(key, statement), content, **more)


def body_of(one: Submission) -> Any:
    """Return a submission as JSON."""
    return msgspec.to_builtins(one)
