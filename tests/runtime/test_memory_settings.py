"""`[memory]` is looked at before anybody asks: what is not there is named, with what there is."""

from pathlib import Path

import pytest
from toolyard_runtime.config import MemoryTable
from toolyard_runtime.engine import memory_settings
from toolyard_runtime.engine.memory_settings import trouble_with


def test_what_is_there_is_no_trouble(tmp_path: Path) -> None:
    (tmp_path / "models").mkdir()
    for settings in (
        MemoryTable(),
        MemoryTable(embedder="local/e5", former="hashing"),
        MemoryTable(embedder="onnx:models", vectors="none"),
        MemoryTable(vectors="chroma", chroma_url="http://127.0.0.1:8000"),
    ):
        assert trouble_with(settings, ("local",), tmp_path) == ""


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        (MemoryTable(embedder="nonsense/x"), '[memory] embedder = "nonsense/x": no embedder has this name; there are '),
        (MemoryTable(embedder="local"), '"local/MODEL"'),
        (MemoryTable(embedder="local/"), '"local/MODEL"'),
        (MemoryTable(embedder=""), '[memory] embedder = ""'),
        (MemoryTable(former="gone/x"), '[memory] former = "gone/x"'),
        (MemoryTable(embedder="onnx:models/none"), "there is no directory"),
    ],
)
def test_what_is_not_there_is_named(tmp_path: Path, settings: MemoryTable, words: str) -> None:
    assert words in trouble_with(settings, ("local",), tmp_path)


def test_a_package_that_is_missing_is_named_with_its_command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(memory_settings, "CHROMA", "no_such_package")
    assert "pip install 'toolyard[chroma]'" in trouble_with(MemoryTable(vectors="chroma"), (), tmp_path)
