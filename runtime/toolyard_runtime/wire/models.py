"""Writes the objects of `/v1/models`: an agent is a model; knows no agent's settings."""

import difflib
from collections.abc import Iterable

import msgspec
from msgspec import Struct

from toolyard_runtime.wire.errors import RequestRefused
from toolyard_runtime.wire.reading import quote

_MOST_NAMES = 20

_encode = msgspec.json.Encoder().encode


class ModelObject(Struct, frozen=True):
    """An agent as OpenAI's clients list it; `created` is UTC seconds."""

    id: str
    created: int
    object: str = "model"
    owned_by: str = "toolyard"


def models_list(agents: Iterable[tuple[str, int]]) -> bytes:
    """Encode GET /v1/models; `agents` are (name, UTC microseconds of its release)."""
    return _encode({"object": "list", "data": [_object(name, at) for name, at in agents]})


def model(name: str, at: int) -> bytes:
    """Encode GET /v1/models/{name}; `at` is UTC microseconds."""
    return _encode(_object(name, at))


def unknown_model(name: str, known: Iterable[str], *, param: str | None = "model") -> RequestRefused:
    """Return the refusal of an agent that is not here; `known` are the names that the caller may see."""
    names = sorted(known)
    near = difflib.get_close_matches(name, names, n=1, cutoff=0.6)
    if near:
        fix = f"did you mean {near[0]}?"
    elif names:
        fix = "the agents here are " + ", ".join(names[:_MOST_NAMES]) + (", ..." if len(names) > _MOST_NAMES else ".")
    else:
        fix = "no agent is loaded here; put one into agents/."
    return RequestRefused(f"There is no agent {quote(name)}: {fix}", param=param, code="model_not_found", status=404)


def _object(name: str, at: int) -> ModelObject:
    return ModelObject(name, at // 1_000_000)
