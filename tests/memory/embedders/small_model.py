"""A model of nine words in a few hundred bytes of ONNX, written by hand; a word's vector is a row of a table.

The form is onnx.proto3 of the ONNX specification, of which one node (`Gather`) is enough.
"""

import json
from array import array
from collections.abc import Sequence
from pathlib import Path

WORDS = ("[PAD]", "[UNK]", "red", "blue", "green", "cat", "dog", "bird", "query:")
DIMENSIONS = 4
TABLE = [
    [9.0, 9.0, 9.0, 9.0],  # a filler: whoever counts it is found out
    [0.1, 0.1, 0.1, 0.1],
    [1.0, 0.0, 0.0, 0.0],
    [0.0, 1.0, 0.0, 0.0],
    [0.5, 0.5, 0.0, 0.0],
    [0.0, 0.0, 1.0, 0.0],
    [0.0, 0.0, 0.0, 1.0],
    [0.0, 0.0, 0.5, 0.5],
    [0.0, 0.0, 0.0, -1.0],
]


def varint(value: int) -> bytes:
    """Return a number as protobuf writes it."""
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes((*out, value))


def field(number: int, value: int | str | bytes) -> bytes:
    """Return one field of a protobuf message."""
    if isinstance(value, int):
        return varint(number << 3) + varint(value)
    data = value.encode() if isinstance(value, str) else value
    return varint(number << 3 | 2) + varint(len(data)) + data


def tensor_info(name: str, kind: int, shape: Sequence[str | int]) -> bytes:
    """Return a ValueInfoProto."""
    dims = b"".join(field(1, field(1, size) if isinstance(size, int) else field(2, size)) for size in shape)
    return field(1, name) + field(2, field(1, field(1, kind) + field(2, dims)))


def onnx_model(table: Sequence[Sequence[float]] = TABLE) -> bytes:
    """Return a ModelProto that looks every word up in `table`."""
    raw = array("f", [number for row in table for number in row]).tobytes()
    weights = field(1, len(table)) + field(1, len(table[0])) + field(2, 1) + field(8, "table") + field(9, raw)
    node = field(1, "table") + field(1, "input_ids") + field(2, "last_hidden_state") + field(4, "Gather")
    graph = (
        field(1, node)
        + field(2, "words")
        + field(5, weights)
        + b"".join(field(11, tensor_info(name, 7, ("batch", "words"))) for name in ("input_ids", "attention_mask"))
        + field(12, tensor_info("last_hidden_state", 1, ("batch", "words", len(table[0]))))
    )
    return field(1, 8) + field(7, graph) + field(8, field(1, "") + field(2, 13))


def tokenizer() -> bytes:
    """Return a tokenizer.json that knows `WORDS`."""
    return json.dumps(
        {
            "version": "1.0",
            "truncation": None,
            "padding": None,
            "added_tokens": [],
            "normalizer": {"type": "Lowercase"},
            "pre_tokenizer": {"type": "WhitespaceSplit"},
            "post_processor": None,
            "decoder": None,
            "model": {"type": "WordLevel", "vocab": {word: n for n, word in enumerate(WORDS)}, "unk_token": "[UNK]"},
        }
    ).encode()


def write_model(directory: Path, table: Sequence[Sequence[float]] = TABLE, **told: object) -> Path:
    """Write a directory as sentence-transformers has it; `told` are the files beside the model, `/` as `__`."""
    directory.mkdir(parents=True, exist_ok=True)
    (directory / "model.onnx").write_bytes(onnx_model(table))
    (directory / "tokenizer.json").write_bytes(tokenizer())
    for name, content in told.items():
        path = directory / (name.replace("__", "/").replace("Pooling", "1_Pooling") + ".json")
        path.parent.mkdir(exist_ok=True)
        path.write_text(json.dumps(content))
    return directory
