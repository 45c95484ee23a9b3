"""Writes a small random Qwen3 model with a byte-level BPE tokenizer and a Hermes-style chat template into a folder;
needs no library, no network and no model hub, and knows nothing of who serves it.

The weights are noise, so the text is too; what a server does with tools, templates and grammars is real. The noise
is tilted: the first number of every token's embedding is 1, and the head reads it, so that calls begin and turns end
more often than by chance.
"""

import json
import random
import struct
from pathlib import Path

HIDDEN, INTERMEDIATE, LAYERS, HEADS, KEY_HEADS, HEAD = 64, 128, 2, 2, 1, 32
CONTEXT = 2048
SPECIAL = ("<|endoftext|>", "<|im_start|>", "<|im_end|>", "<tool_call>", "</tool_call>")
MERGES = ("t h", "i n", "e r", "a n", "o n", "r e", "th e", "Ġ a", "Ġ t", "e s", "o r", "a r", "e n", "in g", "Ġ the")
"""Enough merges that tokens and bytes are not the same thing."""

TILT = {"<tool_call>": 0.85, "<|im_end|>": 0.48, "</tool_call>": -1.2, "<|im_start|>": -1.2, "<|endoftext|>": -1.2}
"""What the head adds to a token's logit, in units of the normalised first number (about four). A call's end is
unlikely in free text and forced by the grammar inside a call."""

TEMPLATE = """\
{%- macro block(role, text) -%}<|im_start|>{{ role }}
{{ text }}<|im_end|>
{% endmacro -%}
{%- set first = messages[0] -%}
{%- set system = first.content if first.role == 'system' else '' -%}
{%- if tools -%}
{{- block('system', system ~ '
# Tools
You may call one or more functions. They are described inside <tools></tools>:
<tools>' ~ (tools | map('tojson') | join('
')) ~ '</tools>
Write each call as JSON inside <tool_call></tool_call>:
<tool_call>
{"name": <name>, "arguments": <arguments>}
</tool_call>') -}}
{%- elif system -%}
{{- block('system', system) -}}
{%- endif -%}
{%- for message in messages if message.role != 'system' -%}
{%- if message.role == 'tool' -%}
{{- block('user', '<tool_response>
' ~ message.content ~ '
</tool_response>') -}}
{%- elif message.tool_calls -%}
<|im_start|>assistant
{{ message.content or '' }}
{%- for call in message.tool_calls %}
<tool_call>
{"name": "{{ call.function.name }}", "arguments": {{ call.function.arguments | tojson }}}
</tool_call>
{%- endfor -%}<|im_end|>
{% else -%}
{{- block(message.role, message.content) -}}
{%- endif -%}
{%- endfor -%}
{%- if add_generation_prompt -%}<|im_start|>assistant
{% endif -%}
"""


def write(folder: Path, seed: int = 7) -> None:
    """Write config, tokenizer and weights into `folder`; the same seed gives the same bytes."""
    folder.mkdir(parents=True, exist_ok=True)
    vocabulary = _vocabulary()
    size = len(vocabulary) + len(SPECIAL)
    config: dict[str, object] = {
        "architectures": ["Qwen3ForCausalLM"],
        "model_type": "qwen3",
        "vocab_size": size,
        "hidden_size": HIDDEN,
        "intermediate_size": INTERMEDIATE,
        "num_hidden_layers": LAYERS,
        "num_attention_heads": HEADS,
        "num_key_value_heads": KEY_HEADS,
        "head_dim": HEAD,
        "hidden_act": "silu",
        "max_position_embeddings": CONTEXT,
        "rms_norm_eps": 1e-6,
        "rope_theta": 10000.0,
        "tie_word_embeddings": False,
        "attention_bias": False,
        "use_cache": True,
        "torch_dtype": "bfloat16",
        "bos_token_id": None,
        "eos_token_id": len(vocabulary) + SPECIAL.index("<|im_end|>"),
    }
    _write_json(folder / "config.json", config)
    _write_json(folder / "tokenizer.json", _tokenizer(vocabulary))
    _write_json(folder / "tokenizer_config.json", _tokenizer_config(len(vocabulary)))
    (folder / "chat_template.jinja").write_text(TEMPLATE)
    tilt = [0.0] * len(vocabulary) + [TILT[token] for token in SPECIAL]
    _write_weights(folder / "model.safetensors", tilt, random.Random(seed))


def _write_json(path: Path, value: object) -> None:
    path.write_text(json.dumps(value, ensure_ascii=False))


def _bytes_as_characters() -> list[str]:
    """Return the printable character that stands for each byte in byte-level BPE (GPT-2's table)."""
    printable = {*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)}
    spare = iter(range(0x100, 0x200))
    return [chr(byte if byte in printable else next(spare)) for byte in range(0x100)]


def _vocabulary() -> dict[str, int]:
    pieces = [*_bytes_as_characters(), *(merge.replace(" ", "") for merge in MERGES)]
    return {piece: number for number, piece in enumerate(pieces)}


def _special(content: str) -> dict[str, object]:
    marks = {"single_word": False, "lstrip": False, "rstrip": False, "normalized": False}
    return {"content": content, "special": content.startswith("<|"), **marks}


def _tokenizer(vocabulary: dict[str, int]) -> dict[str, object]:
    byte_level = {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True, "use_regex": True}
    model = {"type": "BPE", "vocab": vocabulary, "merges": [merge.split(" ") for merge in MERGES]}
    return {
        "version": "1.0",
        "truncation": None,
        "padding": None,
        "added_tokens": [
            {"id": len(vocabulary) + number, **_special(content)} for number, content in enumerate(SPECIAL)
        ],
        "normalizer": None,
        "pre_tokenizer": byte_level,
        "post_processor": None,
        "decoder": byte_level,
        "model": model | {"dropout": None, "unk_token": None, "byte_fallback": False, "ignore_merges": False},
    }


def _tokenizer_config(first_special: int) -> dict[str, object]:
    return {
        "tokenizer_class": "PreTrainedTokenizerFast",
        "added_tokens_decoder": {str(first_special + n): _special(content) for n, content in enumerate(SPECIAL)},
        "eos_token": "<|im_end|>",
        "pad_token": "<|endoftext|>",
        "model_max_length": CONTEXT,
        "chat_template": TEMPLATE,
    }


def _write_weights(path: Path, tilt: list[float], noise: random.Random) -> None:
    """Write a safetensors file of bfloat16: the length of a JSON header, the header, the numbers."""
    header: dict[str, object] = {"__metadata__": {"format": "pt"}}
    numbers = bytearray()
    for name, shape in _shapes(len(tilt)).items():
        width = shape[-1]
        values = [1.0] * width if len(shape) == 1 else [noise.gauss(0.0, 0.05) for _ in range(shape[0] * width)]
        if name == "model.embed_tokens.weight":
            values[::width] = [1.0] * len(tilt)
        elif name == "lm_head.weight":
            values = [3 * value for value in values]
            values[::width] = tilt
        start = len(numbers)
        # bfloat16 is the upper half of a float32
        numbers += b"".join(struct.pack("<f", value)[2:] for value in values)
        header[name] = {"dtype": "BF16", "shape": shape, "data_offsets": [start, len(numbers)]}
    encoded = json.dumps(header).encode()
    encoded += b" " * (-len(encoded) % 8)
    path.write_bytes(struct.pack("<Q", len(encoded)) + encoded + numbers)


def _shapes(vocabulary: int) -> dict[str, list[int]]:
    shapes = {"model.embed_tokens.weight": [vocabulary, HIDDEN], "model.norm.weight": [HIDDEN]}
    shapes["lm_head.weight"] = [vocabulary, HIDDEN]
    for layer in range(LAYERS):
        parts = {
            "input_layernorm": [HIDDEN],
            "post_attention_layernorm": [HIDDEN],
            "self_attn.q_proj": [HEADS * HEAD, HIDDEN],
            "self_attn.k_proj": [KEY_HEADS * HEAD, HIDDEN],
            "self_attn.v_proj": [KEY_HEADS * HEAD, HIDDEN],
            "self_attn.o_proj": [HIDDEN, HEADS * HEAD],
            "self_attn.q_norm": [HEAD],
            "self_attn.k_norm": [HEAD],
            "mlp.gate_proj": [INTERMEDIATE, HIDDEN],
            "mlp.up_proj": [INTERMEDIATE, HIDDEN],
            "mlp.down_proj": [HIDDEN, INTERMEDIATE],
        }
        shapes |= {f"model.layers.{layer}.{part}.weight": shape for part, shape in parts.items()}
    return shapes
