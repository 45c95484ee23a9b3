"""An embedder from a local directory: a sentence-transformers model as ONNX and its tokenizer; downloads nothing.

The directory is what `optimum-cli export onnx` writes: `model.onnx` (or `onnx/model.onnx`), `tokenizer.json`, and,
where there are any, `1_Pooling/config.json` (else the mean over the words is taken), `sentence_bert_config.json` (the
longest text, else 512 tokens) and `config_sentence_transformers.json` (what is put before a question or a text).
Everything that makes two vectors comparable is part of the embedder's id.
"""

import asyncio
import hashlib
import importlib
import importlib.util
from array import array
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, Literal

import msgspec
from msgspec import Struct
from toolyard_sdk.errors import ConfigError, EmbedderError

from toolyard_memory.embedders.unit import unit

LONGEST = 512
"""Tokens of a text that are looked at where the model does not say."""

BATCH = 8
"""Texts that are computed at a time: after as many, a question that somebody waits for has its turn."""

Pooling = Literal["mean", "cls", "max", "last"]

_POOLING: dict[str, Pooling] = {
    "pooling_mode_cls_token": "cls",
    "pooling_mode_mean_tokens": "mean",
    "pooling_mode_max_tokens": "max",
    "pooling_mode_lasttoken": "last",
}
_TOLD_BY = ("1_Pooling/config.json", "sentence_bert_config.json", "config_sentence_transformers.json")
_NEEDED = ("onnxruntime", "tokenizers", "numpy")
_INSTALL = "the ONNX embedder needs onnxruntime, tokenizers and numpy: pip install 'toolyard[onnx]'"


class _Settings(Struct, frozen=True):
    """What the files beside a model say of it."""

    pooling: Pooling
    longest: int
    query_prefix: str
    text_prefix: str


class OnnxEmbedder:
    """A model in this process, in a thread of its own; loaded when it is first asked."""

    def __init__(self, directory: Path, *, threads: int = 1) -> None:
        """Read what is in `directory`, to compute with so many threads; raises ConfigError for what it lacks."""
        self._model, self._tokenizer = _found(directory)
        lacking = [name for name in _NEEDED if importlib.util.find_spec(name) is None]
        if lacking:
            raise ConfigError(f"{_INSTALL} ({' and '.join(lacking)} not found)", path=str(directory))
        self._settings = _settings(directory)
        self._id = f"onnx:{_digest(directory, self._model, self._tokenizer)}"
        self._threads = threads
        self._pool = ThreadPoolExecutor(1, "onnx")
        self._loaded: _Loaded | None = None

    @property
    def id(self) -> str:
        """A digest of the model, its tokenizer and their settings."""
        return self._id

    async def embed(self, texts: Sequence[str], *, query: bool = False) -> list[bytes]:
        """Return one vector of unit length for each text; raises EmbedderError."""
        loop, vectors = asyncio.get_running_loop(), [b""] * len(texts)
        # Texts of like length together: the short ones are not filled up to the longest.
        order = sorted(range(len(texts)), key=lambda n: len(texts[n]))
        try:
            for start in range(0, len(order), BATCH):
                part = order[start : start + BATCH]
                found = await loop.run_in_executor(self._pool, self._embed, [texts[n] for n in part], query)
                for n, vector in zip(part, found, strict=True):
                    vectors[n] = vector
        except EmbedderError:
            raise
        except Exception as error:  # the runtime's own errors are of no type that it names
            raise EmbedderError(f"{self._model}: {error}") from error
        return vectors

    async def close(self) -> None:
        """Let go of the model."""
        self._pool.shutdown(wait=False)
        self._loaded = None

    def _embed(self, texts: Sequence[str], query: bool) -> list[bytes]:
        if self._loaded is None:
            self._loaded = self._load()
        return self._loaded.embed(texts, query)

    def _load(self) -> "_Loaded":
        runtime, tokenizers, numpy = (importlib.import_module(name) for name in _NEEDED)
        options = runtime.SessionOptions()
        options.intra_op_num_threads = self._threads
        options.log_severity_level = 3
        try:
            session = runtime.InferenceSession(str(self._model), options, providers=["CPUExecutionProvider"])
        except Exception as error:
            what = f"this is no model that ONNX Runtime {runtime.__version__} reads"
            raise EmbedderError(f"{self._model}: {what}: {error}") from error
        try:
            words = tokenizers.Tokenizer.from_file(str(self._tokenizer))
        except Exception as error:
            raise EmbedderError(f"{self._tokenizer}: this is no tokenizer: {error}") from error
        words.enable_truncation(self._settings.longest)
        filler = words.padding or {}
        words.enable_padding(pad_id=filler.get("pad_id", 0), pad_token=filler.get("pad_token", "[PAD]"))
        return _Loaded(session, words, numpy, self._settings)


class _Loaded:
    """The model and its tokenizer; used in one thread."""

    def __init__(self, session: Any, tokenizer: Any, numpy: Any, settings: _Settings) -> None:
        self._session = session
        self._tokenizer = tokenizer
        self._numpy = numpy
        self._settings = settings
        self._inputs = {put.name for put in session.get_inputs()}
        outputs = [put.name for put in session.get_outputs()]
        self._output = "sentence_embedding" if "sentence_embedding" in outputs else outputs[0]

    def embed(self, texts: Sequence[str], query: bool) -> list[bytes]:
        prefix = self._settings.query_prefix if query else self._settings.text_prefix
        encoded = self._tokenizer.encode_batch([prefix + text for text in texts])
        return [unit(array("f", vector)) for vector in self._vectors(encoded)]

    def _vectors(self, encoded: Sequence[Any]) -> Any:
        numpy = self._numpy
        longest = max(1, *(sum(one.attention_mask) for one in encoded))
        mask = numpy.array([one.attention_mask for one in encoded], dtype=numpy.int64)
        # Fillers stand on one side, the same for all: what is kept is where the longest has its words.
        kept = slice(None, longest) if mask[:, :longest].sum() == mask.sum() else slice(-longest, None)
        mask = mask[:, kept]
        mask[mask.sum(axis=1) == 0, 0] = 1  # a text without a word is one filler
        feeds = {
            "input_ids": numpy.array([one.ids for one in encoded], dtype=numpy.int64)[:, kept],
            "attention_mask": mask,
            "token_type_ids": numpy.zeros_like(mask),
        }
        feeds["position_ids"] = numpy.clip(mask.cumsum(axis=1) - 1, 0, None)
        (found,) = self._session.run([self._output], {name: feeds[name] for name in self._inputs})
        return (self._pooled(found, mask) if found.ndim == 3 else found).astype(numpy.float32).tolist()  # noqa: PLR2004 - text, word, number

    def _pooled(self, found: Any, mask: Any) -> Any:
        numpy, wide = self._numpy, mask[:, :, None]
        match self._settings.pooling:
            case "cls":
                return found[numpy.arange(len(mask)), mask.argmax(axis=1)]
            case "last":
                return found[numpy.arange(len(mask)), mask.shape[1] - 1 - mask[:, ::-1].argmax(axis=1)]
            case "max":
                return numpy.where(wide, found, -numpy.inf).max(axis=1)
            case "mean":
                return (found * wide).sum(axis=1) / wide.sum(axis=1)


def _found(directory: Path) -> tuple[Path, Path]:
    if not directory.is_dir():
        raise ConfigError("there is no such directory", path=str(directory))
    places = (directory / "model.onnx", directory / "onnx" / "model.onnx")
    model = next((place for place in places if place.is_file()), None)
    tokenizer = directory / "tokenizer.json"
    lacking = [] if model is not None else ["model.onnx (or onnx/model.onnx)"]
    lacking += [] if tokenizer.is_file() else ["tokenizer.json"]
    if model is None or lacking:
        raise ConfigError(
            f"a model needs {' and '.join(lacking)} here, as `optimum-cli export onnx --model NAME DIR` writes it",
            path=str(directory),
        )
    return model, tokenizer


def _settings(directory: Path) -> _Settings:
    pooling, longest, prompts = (_json(directory / name) for name in _TOLD_BY)
    modes: list[Pooling] = [mode for key, mode in _POOLING.items() if pooling.get(key) is True]
    if len(modes) > 1 or (pooling and not modes):
        raise ConfigError(
            f"vectors are pooled by one of {', '.join(_POOLING)}, and this asks for {' and '.join(modes) or 'another'}",
            path=str(directory / _TOLD_BY[0]),
        )
    most = longest.get("max_seq_length")
    named = prompts.get("prompts")
    before = named if isinstance(named, dict) else {}
    return _Settings(
        modes[0] if modes else "mean",
        most if isinstance(most, int) and most > 0 else LONGEST,
        str(before.get("query") or ""),
        str(before.get("document") or before.get("passage") or ""),
    )


def _json(path: Path) -> dict[str, Any]:
    try:
        return msgspec.json.decode(path.read_bytes(), type=dict[str, Any])
    except FileNotFoundError:
        return {}
    except msgspec.DecodeError as error:
        raise ConfigError(f"this is no JSON object: {error}", path=str(path)) from error


def _digest(directory: Path, model: Path, tokenizer: Path) -> str:
    """Return 16 hex digits over all that decides what a vector is; weights beside the model belong to it."""
    beside = sorted(path for path in model.parent.glob(f"{model.name}*") if path.is_file())
    told = [path for name in _TOLD_BY if (path := directory / name).is_file()]
    whole = hashlib.sha256()
    for path in (*beside, tokenizer, *told):
        with path.open("rb") as file:
            whole.update(hashlib.file_digest(file, "sha256").digest())
    return whole.hexdigest()[:16]
