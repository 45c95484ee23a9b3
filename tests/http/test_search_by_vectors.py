"""`[search] embedder`: a server whose tools are found by words and vectors."""

from pathlib import Path
from typing import Any

import pytest
from toolyard_sdk.errors import ConfigError

from tests.http.serving import eventually, serving
from tests.http.test_shortlist import BUREAU, TOOLS, events

FILES = {"tools/bureau.py": TOOLS, "agents/bureau.toml": BUREAU}


def test_a_server_with_an_embedder_finds_tools_by_words_and_vectors(tmp_path: Path) -> None:
    with serving(tmp_path, '[search]\nembedder = "hashing"\nweight = 0.5\n', files=FILES) as server:
        user = server.client("default", "user")

        def found() -> dict[str, Any]:
            best: dict[str, Any] = user.get("/api/v1/tools/search?q=signing+the+passports+of+museums&limit=3")["data"][
                0
            ]
            return best

        # Words alone score above 1.5 here; with vectors it is 1 for words and up to their weight beside it.
        eventually(lambda: 1 < found()["score"] <= 1.5)
        assert found()["name"] == "sign_passport_museum"
        run = user.start("Please sign passport 7 at the museum.", agent="bureau")
        assert user.finished(run)["reason"] == "stop"
        (offer,) = events(user, run, "ToolsOffered")
        scores = {one["name"]: one["score"] for one in offer["candidates"] if "score" in one}
        assert max(scores, key=lambda name: scores[name]) == "sign_passport_museum"
        counted = server.house.ask("GET", "/metrics").body.decode()
        assert 'toolyard_vector_searches_total{outcome="used"}' in counted


@pytest.mark.parametrize("named", ["hashed", "onnx:nowhere", "gone/e5"])
def test_a_server_does_not_start_with_an_embedder_that_is_not_there(tmp_path: Path, named: str) -> None:
    settings = f'[search]\nembedder = "{named}"\n'
    with pytest.raises(ConfigError, match=rf'\[search\] embedder = "{named}": '), serving(tmp_path, settings):
        pass
