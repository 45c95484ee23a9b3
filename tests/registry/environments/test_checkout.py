"""A server that runs from a checkout of the sources makes environments with its own SDK, which no index has."""

import os
from pathlib import Path

import pytest
from toolyard_registry.environments.building import Environments, Index
from toolyard_registry.environments.checkout import sdk_folder

from tests.registry.environments.packages import ROOT, build_greeter
from tests.registry.environments.test_side_by_side import WallClock

pytestmark = pytest.mark.xdist_group("environments")


def test_the_sdk_of_a_checkout_is_found_in_it() -> None:
    assert sdk_folder() == ROOT / "plugins" / "sdk"


def test_an_sdk_that_came_as_a_wheel_has_no_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    about = tmp_path / "toolyard_sdk-0.1.0.dist-info"
    about.mkdir()
    (about / "METADATA").write_text("Metadata-Version: 2.4\nName: toolyard-sdk\nVersion: 0.1.0\n")
    monkeypatch.syspath_prepend(tmp_path)
    assert sdk_folder() is None
    for told in ("{", '{"url": "file:///gone", "dir_info": {}}', '{"url": "https://example.org/sdk.whl"}'):
        (about / "direct_url.json").write_text(told)
        assert sdk_folder() is None


@pytest.mark.slow
@pytest.mark.timeout(300)
async def test_an_environment_is_made_where_no_index_has_the_sdk(tmp_path: Path) -> None:
    wheel, sha256 = build_greeter(tmp_path, "1.0.0", "Hello")
    environments = Environments(tmp_path / "made", Index(), dict(os.environ), WallClock())
    made = await environments.ready(wheel, sha256)
    assert list(made.folder.glob("lib/python*/site-packages/toolyard_sdk/serve/__init__.py"))
    assert list(made.folder.glob("lib/python*/site-packages/toolyard_greeter/__init__.py"))
