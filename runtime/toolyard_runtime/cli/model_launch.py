"""From a model's name or folder to the `vllm serve` command an agent needs; guesses, says why, and starts nothing.

Parser and flag names are those of vLLM 0.33 (`vllm/tool_parsers`, `vllm/entrypoints/common/cli_args.py`).
"""

import json
import re
from pathlib import Path

import msgspec
from msgspec import Struct

_FAMILIES: tuple[tuple[str, str, str], ...] = (
    (r"gpt-?oss", "openai", "openai_gptoss"),
    (r"qwen3?[.-]?5|qwen3-?coder|qwen3-?next", "qwen3_xml", "qwen3"),
    (r"qwen-?3", "hermes", "qwen3"),
    (r"qwq", "hermes", "deepseek_r1"),
    (r"qwen|hermes", "hermes", ""),
    (r"deepseek-?v4[._]1", "deepseek_v41", "deepseek_v41"),
    (r"deepseek-?v4", "deepseek_v4", "deepseek_v4"),
    (r"deepseek-?v3[._]2", "deepseek_v32", "deepseek_v3"),
    (r"deepseek-?v3[._]1", "deepseek_v31", "deepseek_v3"),
    (r"deepseek.*r1", "deepseek_v3", "deepseek_r1"),
    (r"deepseek", "deepseek_v3", ""),
    (r"mistral|ministral|mixtral|magistral|devstral", "mistral", ""),
    (r"llama-?4", "llama4_pythonic", ""),
    (r"llama-?3", "llama3_json", ""),
    (r"glm-?4[.-]?[789]|glm-?5", "glm47", "glm47"),
    (r"glm-?4", "glm45", "glm45"),
    (r"kimi-?k3", "kimi_k3", "kimi_k3"),
    (r"kimi", "kimi_k2", "kimi_k2"),
    (r"granite-?4", "granite4", ""),
    (r"granite", "granite", ""),
    (r"minimax-?m3", "minimax_m3", "minimax_m3"),
    (r"minimax", "minimax_m2", "minimax_m2"),
    (r"functiongemma", "functiongemma", ""),
    (r"gemma-?4", "gemma4", "gemma4"),
    (r"phi-?4", "phi4_mini_json", ""),
    (r"seed-?oss", "seed_oss", "seed_oss"),
    (r"olmo-?3", "olmo3", "olmo3"),
    (r"xlam", "xlam", ""),
    (r"internlm", "internlm", ""),
    (r"jamba", "jamba", ""),
    (r"hunyuan", "hunyuan_a13b", "hunyuan_a13b"),
    (r"ernie", "ernie45", "ernie45"),
    (r"lfm-?2", "lfm2", ""),
    (r"apertus", "apertus", ""),
)
"""(pattern over the lower-case name, tool call parser, reasoning parser); the first that matches."""

_MARKUP: tuple[tuple[str, str], ...] = (
    (r"<function=", "qwen3_xml"),
    (r"\[TOOL_CALLS\]", "mistral"),
    (r"<\|tool▁calls▁begin\|>", "deepseek_v3"),
    (r"<tool_call>", "hermes"),
    (r"<\|python_tag\|>|Environment: ipython", "llama3_json"),
)
"""What a chat template teaches the model to write, and the parser that reads it; stronger than a name."""

_READS_TOOLS = re.compile(r"\btools\b")


class Launch(Struct, frozen=True):
    """A command to start, as arguments; why its parser was chosen; and what a person should look at first."""

    arguments: tuple[str, ...]
    because: str
    hints: tuple[str, ...] = ()


class NoParser(Exception):
    """Nothing about the model tells how it writes tool calls."""


class Template(Struct, frozen=True):
    """A model folder's chat template and configuration, as far as they were found."""

    text: str = ""
    model_type: str = ""
    found: bool = False


def plan(path: str, *, name: str = "", parser: str = "", extra: tuple[str, ...] = ()) -> Launch:
    """Return the command for a model on disk or on a hub; raises NoParser where none can be guessed.

    `extra` arguments come last and so win. `name` is what agents call the model; by default the last part of `path`.
    """
    served = name or path.rstrip("/").rsplit("/", 1)[-1]
    template = read_template(Path(path))
    family, reasoning = _by_name(f"{path.lower()} {template.model_type.lower()}")
    because = "it was named"
    if not parser:
        parser, because = _parser(family, template)
    arguments = [
        "vllm",
        "serve",
        path,
        "--served-model-name",
        served,
        "--enable-auto-tool-choice",
        "--tool-call-parser",
        parser,
        "--tool-strict-level",
        "parameter",
        "--enable-prefix-caching",
    ]
    if reasoning:
        arguments += ["--reasoning-parser", reasoning]
    return Launch((*arguments, *extra), because, _hints(template, parser))


def read_template(folder: Path) -> Template:
    """Read what a model folder says of its chat template; an empty record for a hub's name."""
    if not folder.is_dir():
        return Template()
    config = _json(folder / "config.json")
    text = ""
    for candidate in (folder / "chat_template.jinja", folder / "chat_template.json"):
        if candidate.is_file():
            text = candidate.read_text("utf-8", "replace")
            break
    else:
        declared = _json(folder / "tokenizer_config.json").get("chat_template", "")
        text = declared if isinstance(declared, str) else json.dumps(declared)
    return Template(text, str(config.get("model_type", "")), found=True)


def _by_name(name: str) -> tuple[str, str]:
    for pattern, parser, reasoning in _FAMILIES:
        if re.search(pattern, name):
            return parser, reasoning
    return "", ""


def _parser(family: str, template: Template) -> tuple[str, str]:
    for pattern, parser in _MARKUP:
        match = re.search(pattern, template.text)
        if match is not None:
            # a family of its own may share the markup: its parser knows more than the general one
            if family and parser == "hermes":
                return family, "of the model's name"
            return parser, f"its chat template writes {match[0]}"
    if family:
        return family, "of the model's name"
    raise NoParser(
        "Nothing about this model tells how it writes tool calls. Name a parser with --parser; "
        "its model card says which (hermes, qwen3_xml, mistral, llama3_json, openai, ...)."
    )


def _hints(template: Template, parser: str) -> tuple[str, ...]:
    hints = []
    if template.found and not template.text:
        hints.append("The folder has no chat template: add --chat-template FILE, one that puts tools into the prompt.")
    elif template.found and not _READS_TOOLS.search(template.text):
        hints.append("The chat template never mentions tools: add --chat-template FILE with one that does.")
    elif parser in ("llama3_json", "llama4_pythonic"):
        hints.append(
            "vLLM's examples/ has a chat template for this family that calls tools better: --chat-template FILE."
        )
    return tuple(hints)


def _json(path: Path) -> dict[str, object]:
    try:
        value = msgspec.json.decode(path.read_bytes())
    except (OSError, msgspec.DecodeError):
        return {}
    return value if isinstance(value, dict) else {}
