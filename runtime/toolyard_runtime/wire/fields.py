"""What becomes of every field of the two `/v1` requests: one table per route; knows no run and no answer.

A field is *honoured*, *ignored* (the answer is still an answer to what was asked; a warning header names the field) or
*refused* (the client would rely on something it does not get). Clients send many fields at their neutral value, which
asks for nothing: those never warn.
"""

from collections.abc import Mapping, Sequence
from operator import attrgetter
from typing import Any, Literal

from msgspec import Struct

from toolyard_runtime.wire.errors import RequestRefused

Verdict = Literal["honoured", "ignored", "refused"]

WARNING_HEADER = "X-Toolyard-Warning"
_LONGEST_HEADER = 2048


class Field(Struct, frozen=True):
    """One request field: `neutral` values ask for nothing (null never does), `why` tells the reason and the fix."""

    verdict: Verdict
    neutral: tuple[Any, ...] = ()
    why: str = ""


def _honoured() -> Field:
    return Field("honoured")


def _ignored(why: str, *neutral: Any) -> Field:
    return Field("ignored", neutral, why)


def _refused(why: str, *neutral: Any) -> Field:
    return Field("refused", neutral, why)


_AGENT_SETS = "the agent's release sets it"
_NO_TIERS = "there is one service tier"
_NO_CACHE = "the server keeps the prompt's prefix stable by itself"
_NO_LOGPROBS = "log probabilities are not passed on; leave it out"
_TOOL_CHOICE = 'the agent decides which tools it calls; send "auto" or leave it out'
_PARALLEL = "the agent may call several tools in one turn; leave it out, and answer every call"
_NO_MODERATION = "there is no moderation here; leave it out"

CHAT: Mapping[str, Field] = {
    "model": _honoured(),
    "messages": _honoured(),
    "tools": _honoured(),
    "stream": _honoured(),
    "stream_options": _honoured(),
    "temperature": _honoured(),
    "top_p": _honoured(),
    "seed": _honoured(),
    "stop": _honoured(),
    "max_tokens": _honoured(),
    "max_completion_tokens": _honoured(),
    "metadata": _honoured(),
    "user": _honoured(),
    "safety_identifier": _honoured(),
    "frequency_penalty": _ignored(_AGENT_SETS, 0),
    "presence_penalty": _ignored(_AGENT_SETS, 0),
    "logit_bias": _ignored(_AGENT_SETS, {}),
    "reasoning_effort": _ignored(_AGENT_SETS),
    "verbosity": _ignored(_AGENT_SETS, "medium"),
    "service_tier": _ignored(_NO_TIERS, "auto", "default"),
    "store": _ignored("every run is kept in the journal, and there is no list of stored completions", False),
    "prediction": _ignored("answers are not speculated upon"),
    "prompt_cache_key": _ignored(_NO_CACHE),
    "prompt_cache_options": _ignored(_NO_CACHE, {}),
    "prompt_cache_retention": _ignored(_NO_CACHE),
    "tool_choice": _refused(_TOOL_CHOICE, "auto"),
    "parallel_tool_calls": _refused(_PARALLEL, True),
    "n": _refused("an agent gives one answer; ask again for another", 1),
    "logprobs": _refused(_NO_LOGPROBS, False),
    "top_logprobs": _refused(_NO_LOGPROBS, 0),
    "response_format": _refused(
        "an agent answers in text; leave it out, or give it a function tool whose parameters are your schema",
        {"type": "text"},
    ),
    "modalities": _refused('an agent answers in text; send ["text"] or leave it out', ["text"]),
    "audio": _refused("an agent answers in text; leave it out"),
    "functions": _refused("this is the form before `tools`; send tools: [{type: function, function: {...}}]", []),
    "function_call": _refused("this is the form before `tool_choice`; leave it out", "auto"),
    "web_search_options": _refused("an agent searches with its own tools; leave it out"),
    "moderation": _refused(_NO_MODERATION),
}
"""Every field of POST /v1/chat/completions."""

RESPONSES: Mapping[str, Field] = {
    "model": _honoured(),
    "input": _honoured(),
    "instructions": _honoured(),
    "previous_response_id": _honoured(),
    "tools": _honoured(),
    "stream": _honoured(),
    "background": _honoured(),
    "temperature": _honoured(),
    "top_p": _honoured(),
    "max_output_tokens": _honoured(),
    "metadata": _honoured(),
    "user": _honoured(),
    "safety_identifier": _honoured(),
    "stream_options": _ignored("events are never padded", {}, {"include_obfuscation": False}),
    "store": _ignored("every run is kept in the journal; erase its subject to remove it", True),
    "include": _ignored("nothing more is added to the output", []),
    "reasoning": _ignored(_AGENT_SETS, {}, {"effort": None}, {"summary": None}, {"effort": None, "summary": None}),
    "frequency_penalty": _ignored(_AGENT_SETS, 0),
    "presence_penalty": _ignored(_AGENT_SETS, 0),
    "service_tier": _ignored(_NO_TIERS, "auto", "default"),
    "prompt_cache_key": _ignored(_NO_CACHE),
    "prompt_cache_options": _ignored(_NO_CACHE, {}),
    "prompt_cache_retention": _ignored(_NO_CACHE),
    "background_options": _ignored("background runs start at once", {}, {"completion_window": "soonest"}),
    "image": _ignored(_AGENT_SETS, {}, {"context_compression": "auto"}),
    "truncation": _ignored("the agent's release bounds what the model sees", "disabled", "auto"),
    "text": _refused(
        'an agent answers in text: send {"format": {"type": "text"}} or leave it out, '
        "or give it a function tool whose parameters are your schema",
        {},
        {"format": {"type": "text"}},
        {"verbosity": "medium"},
        {"format": {"type": "text"}, "verbosity": "medium"},
    ),
    "tool_choice": _refused(_TOOL_CHOICE, "auto"),
    "parallel_tool_calls": _refused(_PARALLEL, True),
    "top_logprobs": _refused(_NO_LOGPROBS, 0),
    "max_tool_calls": _refused("the agent's release bounds its calls; leave it out"),
    "conversation": _refused("conversations are continued with previous_response_id; send that"),
    "context_management": _refused("the server manages the window by itself; leave it out", []),
    "prompt": _refused("prompts belong to the agent's release; name the agent in `model`"),
    "moderation": _refused(_NO_MODERATION),
    "access_programs": _refused("this is OpenAI's own; leave it out"),
}
"""Every field of POST /v1/responses."""


class Judge:
    """Looks at the fields of one route that are not honoured: refuses, warns or finds nothing to say."""

    def __init__(self, table: Mapping[str, Field]) -> None:
        self._judged = tuple((name, field) for name, field in table.items() if field.verdict != "honoured")
        self._values = attrgetter(*(name for name, _ in self._judged))
        self._silent = (None,) * len(self._judged)

    def warnings(self, request: Any) -> tuple[str, ...]:
        """Return a warning for every field that has no effect; raises RequestRefused for one that cannot be served."""
        values = self._values(request)
        if values == self._silent:
            return ()
        warnings = []
        for (name, field), value in zip(self._judged, values, strict=True):
            if value is None or value in field.neutral:
                continue
            if field.verdict == "refused":
                raise RequestRefused(f"{name} is not supported: {field.why}.", param=name, code="unsupported_parameter")
            warnings.append(f"{name} has no effect: {field.why}")
        return tuple(warnings)


def warning_header(warnings: Sequence[str]) -> str:
    """Return the value of the warning header: printable ASCII, at most 2 kB, "; " between warnings."""
    joined = "; ".join(warnings).encode("ascii", "replace").decode()
    shown = "".join(character if " " <= character <= "~" else "?" for character in joined)
    return shown if len(shown) <= _LONGEST_HEADER else shown[: _LONGEST_HEADER - 3] + "..."
