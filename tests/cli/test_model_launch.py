"""The `vllm serve` command: the parser fits the model, and a person can see why."""

import json
import re
from pathlib import Path

import pytest
from toolyard_runtime.cli.model_launch import NoParser, plan

from tests.cli.running import as_process, toolyard


def parser_of(arguments: tuple[str, ...]) -> str:
    return arguments[arguments.index("--tool-call-parser") + 1]


@pytest.mark.parametrize(
    ("name", "parser"),
    [
        ("Qwen/Qwen3-8B", "hermes"),
        ("Qwen/Qwen2.5-7B-Instruct", "hermes"),
        ("Qwen/Qwen3-Coder-30B-A3B-Instruct", "qwen3_xml"),
        ("NousResearch/Hermes-3-Llama-3.1-8B", "hermes"),
        ("meta-llama/Llama-3.1-8B-Instruct", "llama3_json"),
        ("meta-llama/Llama-4-Scout-17B-16E-Instruct", "llama4_pythonic"),
        ("mistralai/Mistral-Small-3.2-24B-Instruct-2506", "mistral"),
        ("openai/gpt-oss-20b", "openai"),
        ("deepseek-ai/DeepSeek-V3.1", "deepseek_v31"),
        ("deepseek-ai/DeepSeek-V3-0324", "deepseek_v3"),
        ("zai-org/GLM-4.5-Air", "glm45"),
        ("moonshotai/Kimi-K2-Instruct", "kimi_k2"),
        ("ibm-granite/granite-4.0-h-small", "granite4"),
        ("microsoft/Phi-4-mini-instruct", "phi4_mini_json"),
    ],
)
def test_the_parser_follows_from_the_family(name: str, parser: str) -> None:
    assert parser_of(plan(name).arguments) == parser


def test_every_flag_an_agent_needs_is_there() -> None:
    arguments = plan("/models/Qwen3-8B/", name="house").arguments
    assert arguments[:3] == ("vllm", "serve", "/models/Qwen3-8B/")
    text = " ".join(arguments)
    assert "--served-model-name house" in text
    assert "--enable-auto-tool-choice" in text
    assert "--tool-strict-level parameter" in text
    assert "--enable-prefix-caching" in text
    assert "--reasoning-parser qwen3" in text


def test_the_chat_template_says_more_than_the_name(tmp_path: Path) -> None:
    folder = tmp_path / "our-finetune"
    folder.mkdir()
    (folder / "chat_template.jinja").write_text("{% if tools %}write [TOOL_CALLS]{% endif %}")
    launch = plan(str(folder))
    assert parser_of(launch.arguments) == "mistral"
    assert "[TOOL_CALLS]" in launch.because
    assert launch.hints == ()


def test_a_template_in_the_tokenizer_configuration_is_found(tmp_path: Path) -> None:
    (tmp_path / "tokenizer_config.json").write_text(json.dumps({"chat_template": "{{ tools }} <tool_call> json"}))
    assert parser_of(plan(str(tmp_path)).arguments) == "hermes"


def test_a_template_without_tools_is_pointed_out(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text('{"model_type": "qwen3"}')
    (tmp_path / "chat_template.jinja").write_text("{{ messages }}")
    launch = plan(str(tmp_path))
    assert parser_of(launch.arguments) == "hermes"
    assert "never mentions tools" in launch.hints[0]
    (tmp_path / "chat_template.jinja").unlink()
    assert "no chat template" in plan(str(tmp_path)).hints[0]


def test_an_unknown_model_is_not_guessed_at() -> None:
    with pytest.raises(NoParser, match="--parser"):
        plan("acme/unheard-of")
    assert parser_of(plan("acme/unheard-of", parser="xlam").arguments) == "xlam"


def test_the_printed_command_can_be_pasted() -> None:
    done = toolyard("model", "serve", "Qwen/Qwen3-8B", "--", "--max-model-len", "8192")
    assert done.code == 0
    joined = re.sub(r" \\\n\s+", " ", done.out).strip()
    assert joined.startswith("vllm serve Qwen/Qwen3-8B --served-model-name Qwen3-8B ")
    assert joined.endswith("--max-model-len 8192")


def test_starting_without_vllm_says_how_to_install_it(tmp_path: Path) -> None:
    done = as_process("model", "serve", "Qwen/Qwen3-8B", "--start", PATH=str(tmp_path))
    assert done.code == 1
    assert "pip install 'toolyard[vllm]'" in done.err


def test_starting_hands_the_flags_to_the_installed_vllm(tmp_path: Path) -> None:
    program = tmp_path / "vllm"
    program.write_text('#!/bin/sh\necho "started: $@"\n')
    program.chmod(0o755)
    done = as_process("model", "serve", "Qwen/Qwen3-8B", "--start", PATH=f"{tmp_path}:/bin:/usr/bin")
    assert done.code == 0
    assert "started: serve Qwen/Qwen3-8B" in done.out
    assert "--tool-call-parser hermes" in done.out
