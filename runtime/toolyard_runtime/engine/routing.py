"""Which model answers: `provider/model` names become model clients; knows no agent and no run."""

from collections.abc import Callable, Mapping
from urllib.parse import urlsplit

from toolyard_registry.plugins import told
from toolyard_sdk.errors import ConfigError
from toolyard_sdk.ports import Clock, Embedder, Model

from toolyard_runtime.config import Config, EmbedderTable, ProviderTable
from toolyard_runtime.engine import direct
from toolyard_runtime.models.chat_client import ThinModel
from toolyard_runtime.models.connection import LineError
from toolyard_runtime.models.direct import NAME as DIRECT
from toolyard_runtime.models.direct import DirectModel
from toolyard_runtime.models.discovery import discover
from toolyard_runtime.models.encoder import GENERIC, LLAMA_CPP, OLLAMA, OPENAI, VLLM, Profile
from toolyard_runtime.models.tokenizing import Tokenizer
from toolyard_runtime.run.binding import ModelRoute

PROFILES: dict[str, Profile] = {
    "vllm": VLLM,
    "openai": OPENAI,
    "llama.cpp": LLAMA_CPP,
    "ollama": OLLAMA,
    "generic": GENERIC,
}

OPENAI_KEY = "OPENAI_API_KEY"
MODEL_KEY = "TOOLYARD_MODEL_KEY"
"""The environment variable with the key of a server named by --model-url; OpenAI's own key goes to OpenAI only."""

REHEARSAL = "rehearsal"
"""The provider name and model name of the deterministic stand-in, chosen by name and never by itself."""


class Routes:
    """Model clients, one for each provider, made when first asked for."""

    def __init__(
        self,
        config: Config,
        environment: Mapping[str, str],
        *,
        model_url: str = "",
        model: str = "",
        rehearsal: bool,
        kinds: Mapping[str, Callable[..., Model]] | None = None,
    ) -> None:
        """Take `kinds` as the factories of plugins, by the `kind` that providers name."""
        self._kinds = kinds or {}
        providers = dict(config.providers)
        self.default = config.models.default
        if model_url:
            key = OPENAI_KEY if urlsplit(model_url).hostname == "api.openai.com" else MODEL_KEY
            providers["model"] = ProviderTable(base_url=model_url, default_model=model, api_key_env=key)
            self.default = f"model/{model}"
        elif model and not rehearsal:
            self.default = model
        if not self.default and len(providers) == 1:
            self.default = f"{next(iter(providers))}/"
        self.rehearsal = rehearsal
        self.providers = providers
        self._environment = environment
        self._clients: dict[str, Model] = {}
        self._counters: dict[str, Tokenizer] = {}
        self._overridden = bool(model_url)
        self.notes: list[str] = []

    @property
    def configured(self) -> bool:
        """Whether any model can answer."""
        return bool(self.providers) or self.rehearsal

    def route(self, wanted: str) -> ModelRoute:
        """Return the route of `provider/model` ("": the default); raises ConfigError when there is none."""
        if wanted == direct.MODEL:
            return ModelRoute(wanted, DIRECT, self._clients.setdefault(DIRECT, DirectModel()), GENERIC)
        if self.rehearsal or wanted == REHEARSAL:
            return ModelRoute(f"{REHEARSAL}/{REHEARSAL}", REHEARSAL, self._rehearsal(), GENERIC)
        name = self.default if self._overridden or not wanted else wanted
        provider, _, model = name.partition("/")
        if provider not in self.providers:
            known = ", ".join(sorted(self.providers)) or "none"
            raise ConfigError(f"no provider is named {provider!r} (model {name!r}); configured are: {known}")
        table = self.providers[provider]
        model = model or table.default_model
        if not model:
            raise ConfigError(
                f"[providers.{provider}] needs default_model, or the agent a model: which one of {table.base_url}?"
            )
        profile = PROFILES[table.profile or "generic"]
        return ModelRoute(f"{provider}/{model}", model, self._client(provider, table), profile, self._counter(provider))

    def embedder(self, wanted: str, settings: EmbedderTable, clock: Clock) -> Embedder:
        """Return a provider's embedding model, `provider/model`; raises ConfigError when there is none."""
        from toolyard_runtime.models.embedding import OpenAIEmbedder  # noqa: PLC0415 - only who asks for it pays for it

        provider, _, model = wanted.partition("/")
        table = self.providers.get(provider)
        if table is None or not model:
            known = ", ".join(f"{name}/MODEL" for name in sorted(self.providers)) or "none, as there are no [providers]"
            raise ConfigError(
                f"no embedder is named {wanted!r}; there are hashing, onnx:FOLDER, and of servers: {known}"
            )
        try:
            return OpenAIEmbedder(
                table.base_url,
                model,
                clock,
                self.api_key(provider),
                revision=settings.revision,
                dimensions=settings.dimensions,
                text_prefix=settings.text_prefix,
                query_prefix=settings.query_prefix,
            )
        except ValueError as error:
            raise ConfigError(f"[providers.{provider}]: {error}") from error

    async def discover(self) -> list[str]:
        """Ask the providers that the configuration leaves open what they serve; returns what went wrong, in words."""
        problems = []
        for name, table in list(self.providers.items()):
            if self.rehearsal or table.kind or (table.profile and table.default_model):
                continue
            try:
                found = await discover(table.base_url, self.api_key(name))
            except (LineError, ValueError) as error:
                problems.append(f"the model server {table.base_url} does not answer yet: {error}")
                continue
            if not table.default_model and not found.models:
                problems.append(f"{table.base_url} lists no model at /models: name one with --model or default_model")
            elif not table.default_model and len(found.models) > 1:
                self.notes.append(f"{table.base_url} serves {', '.join(found.models[:5])}: {found.models[0]} is used")
            self.providers[name] = ProviderTable(
                base_url=table.base_url,
                api_key_env=table.api_key_env,
                profile=table.profile or (found.profile if found.profile in PROFILES else None),  # type: ignore[arg-type]  # the membership test is what narrows it
                default_model=table.default_model or (found.models[0] if found.models else ""),
                client=table.client,
            )
        return problems

    def api_key(self, provider: str) -> str:
        """Return a provider's key from the environment, "" where it needs none."""
        table = self.providers[provider]
        return self._environment.get(table.api_key_env, "") if table.api_key_env else ""

    def _rehearsal(self) -> Model:
        from toolyard_runtime.models.rehearsal import RehearsalModel  # noqa: PLC0415 - only who asks for it pays for it

        return self._clients.setdefault(REHEARSAL, RehearsalModel())

    def _client(self, provider: str, table: ProviderTable) -> Model:
        client = self._clients.get(provider)
        if client is None:
            key = self.api_key(provider)
            if table.kind:
                client = self._made(provider, table.kind, base_url=table.base_url, api_key=key)
            elif table.client == "openai":
                from toolyard_runtime.models.openai_sdk import OpenAIModel  # noqa: PLC0415 - an extra, and heavy

                client = OpenAIModel(table.base_url, key)
            else:
                client = ThinModel(table.base_url, key)
            self._clients[provider] = client
        return client

    def _counter(self, provider: str) -> Tokenizer | None:
        """Return what counts a provider's tokens, for servers that are known to do it."""
        table = self.providers[provider]
        if table.kind or table.profile != "vllm":
            return None
        counter = self._counters.get(provider)
        if counter is None:
            counter = self._counters[provider] = Tokenizer(table.base_url, self.api_key(provider))
        return counter

    def _made(self, provider: str, kind: str, **given: str) -> Model:
        try:
            return self._kinds[kind](**given)
        except Exception as error:  # whatever a stranger's factory raises is a setting that does not work
            raise ConfigError(f"[providers.{provider}] kind {kind}: {told(error)}") from error

    async def close(self) -> None:
        """Let go of all connections."""
        for client in self._clients.values():
            await client.close()
        for counter in self._counters.values():
            await counter.close()
