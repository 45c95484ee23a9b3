"""What `toolyard memory stats` says of messages that are read for facts in background."""

import re
import time
from pathlib import Path

from toolyard_registry.scaffolding.agents import scaffold

from tests.cli.running import toolyard
from tests.cli.serving import serving

SECONDS = 30.0


def test_an_operator_sees_how_far_messages_are_read(tmp_path: Path) -> None:
    shop = tmp_path / "shop"
    scaffold(shop, "shop")
    (shop / "agents" / "support.toml").write_text('instructions = "x"\n\n[memory]\nextract = true\n')
    with serving(shop):
        assert "extracted" not in toolyard("memory", "stats", cwd=shop).out
        said = toolyard("chat", "support", "--user", "zoë", "-m", "Good morning.", cwd=shop)
        assert said.code == 0, said.err
        deadline, out = time.monotonic() + SECONDS, ""
        while "extracted" not in out and time.monotonic() < deadline:
            out = toolyard("memory", "stats", cwd=shop).out
    assert re.search(r"^extracted  (1 message|0 messages) read for facts, \d waiting, 0 left alone", out, re.MULTILINE)
