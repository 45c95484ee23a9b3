"""Agents as OpenAI's clients list models."""

import json

from openai.types import Model
from toolyard_runtime.wire.models import model, models_list, unknown_model

from tests.wire.samples import unknown_fields


def test_an_agent_is_a_model() -> None:
    read = Model.model_validate_json(model("support", 1_700_000_000_500_000), strict=True)
    assert (read.id, read.created, read.object, read.owned_by) == ("support", 1_700_000_000, "model", "toolyard")
    assert unknown_fields(read) == set()


def test_the_list_holds_every_agent() -> None:
    listed = json.loads(models_list([("a", 1_000_000), ("b", 2_000_000)]))
    assert listed["object"] == "list"
    assert [Model.model_validate(entry, strict=True).id for entry in listed["data"]] == ["a", "b"]


def test_an_unknown_agent_is_refused_with_the_nearest_name() -> None:
    refused = unknown_model("suport", ["billing", "support"])
    assert (refused.status, refused.param, refused.code) == (404, "model", "model_not_found")
    assert "did you mean support?" in refused.message


def test_an_unknown_agent_is_refused_with_the_names_there_are() -> None:
    assert "billing, support." in unknown_model("gpt-5.2", ["support", "billing"]).message
    assert "no agent is loaded" in unknown_model("gpt-5.2", []).message
    assert unknown_model("zzz", [f"agent{n}" for n in range(50)]).message.endswith(", ...")
