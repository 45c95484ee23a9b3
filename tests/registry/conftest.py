"""Distributions as pip leaves them, on disk and importable, so that plugins load by their real entry points."""

import sys
from collections.abc import Callable, Iterator
from importlib.metadata import EntryPoint, distributions
from pathlib import Path
from textwrap import dedent

import pytest

Install = Callable[..., tuple[EntryPoint, ...]]


@pytest.fixture
def install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Install]:
    """Give a function that installs a distribution with one plugin and returns the entry points installed so far."""
    site = tmp_path / "site"
    site.mkdir()
    monkeypatch.syspath_prepend(site)
    before = set(sys.modules)

    def install(name: str, source: str, *, distribution: str = "", version: str = "1.2.3") -> tuple[EntryPoint, ...]:
        distribution = distribution or f"acme-{name}"
        module = distribution.replace("-", "_") + "_plugin"
        (site / f"{module}.py").write_text(dedent(source))
        info = site / f"{distribution.replace('-', '_')}-{version}.dist-info"
        info.mkdir()
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {distribution}\nVersion: {version}\n")
        (info / "entry_points.txt").write_text(f"[toolyard]\n{name} = {module}\n")
        return tuple(point for found in distributions(path=[str(site)]) for point in found.entry_points)

    yield install
    for module in set(sys.modules) - before:
        del sys.modules[module]
