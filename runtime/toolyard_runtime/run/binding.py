"""An agent release bound to what it runs on: tools that can be called, a model that can be asked, cached encodings."""

from collections.abc import Mapping
from typing import Any, NoReturn

from msgspec import Struct
from toolyard_registry.names import READ_RESULT
from toolyard_registry.policy import make_policy
from toolyard_registry.releases import AgentRelease, ModelSettings, ToolRelease
from toolyard_sdk.canonical import digest
from toolyard_sdk.errors import ConfigError
from toolyard_sdk.events import Candidate, Limits
from toolyard_sdk.messages import Message, ToolSpec
from toolyard_sdk.ports import Model, Tool

from toolyard_runtime.models.encoder import (
    GENERIC,
    Profile,
    cache_salt_of,
    encode_message,
    encode_tools,
    request_head,
)
from toolyard_runtime.models.tokenizing import Counter
from toolyard_runtime.run.meanings import Meanings
from toolyard_runtime.run.offering import Withheld, shortlists_of, with_finder, with_reader
from toolyard_runtime.run.rest import ReadResult
from toolyard_runtime.run.segments import Sampling

NOTHING_WITHHELD: frozenset[tuple[str, str]] = frozenset()

KEPT = 64
"""How many encodings of one agent are kept: one for each set of stopped tools, variant and tenant in use."""


class Offer(Struct, frozen=True):
    """The tools of a turn: `server` by name, `client` the names the client executes, and their encoding."""

    digest: str
    candidates: tuple[Candidate, ...]
    server: Mapping[str, ToolRelease]
    client: frozenset[str]
    encoded: bytes
    unlisted: int = 0

    @property
    def names(self) -> tuple[str, ...]:
        """All names, sorted."""
        return tuple(sorted((*self.server, *self.client)))


class ModelRoute(Struct, frozen=True):
    """A model behind a provider: `name` is `provider/model`, `model` what the provider calls it.

    `counter` is there where its server counts tokens.
    """

    name: str
    model: str
    port: Model
    profile: Profile
    counter: Counter | None = None


class Nowhere:
    """Implements the Model port where no model can be asked: whoever asks all the same is told why."""

    def __init__(self, why: str) -> None:
        self._why = why

    async def reply(self, *_request: Any, **_more: Any) -> NoReturn:
        """Raise ConfigError."""
        raise ConfigError(self._why)

    async def close(self) -> None:
        """Let go of nothing."""


class BoundAgent:
    """A release that can run here and now; with `absent` words, one that can only be brought to an end, and why."""

    def __init__(
        self,
        release: AgentRelease,
        tools: Mapping[str, Tool],
        route: ModelRoute,
        settings: Mapping[str, dict[str, Any]] | None = None,
        origins: Mapping[str, str] | None = None,
        absent: str = "",
        about: Mapping[str, str] | None = None,
        meanings: Meanings | None = None,
    ) -> None:
        self.absent = absent
        self.settings = settings or {}
        self.origins = origins or {}
        self.release = release
        self.shortlists = shortlists_of(release, about or {}, meanings)
        self.tools = with_reader(release, with_finder(tools, self.shortlists))
        self.route = route
        self._offers: dict[frozenset[tuple[str, str]], Offer] = {}
        self._prefixes: dict[tuple[str, bool, str, str], bytes] = {}
        self._system = encode_message(Message("system", release.instructions)) if release.instructions else b""
        self._sources = {tool.digest: tool.source for tool in release.tools}
        self._sampling = own_sampling(release)

    @property
    def complete(self) -> bool:
        """Whether all of its tools are there."""
        return len(self.tools) == len(self.release.tools)

    @property
    def reads_on(self) -> bool:
        """Whether its `read_result` is the server's own."""
        return isinstance(self.tools.get(READ_RESULT), ReadResult)

    def source_of(self, release: str) -> str:
        """Return where a tool comes from, by its digest."""
        return self._sources.get(release, "toolyard")

    def offer(self, withheld: Withheld, client_tools: tuple[ToolSpec, ...] = ()) -> Offer:
        """Return what the model may call: the granted tools that are not withheld, and the client's own."""
        if client_tools:
            return self._offer(withheld, client_tools)
        key = frozenset(withheld.items()) if withheld else NOTHING_WITHHELD
        made = self._offers.get(key)
        if made is None:
            if len(self._offers) >= KEPT:
                self._offers.clear()
            made = self._offers[key] = self._offer(withheld, ())
        return made

    def _offer(self, withheld: Withheld, client_tools: tuple[ToolSpec, ...]) -> Offer:
        candidates = tuple(
            Candidate(tool.spec.name, tool.digest, left_out=withheld.get(tool.spec.name, ""))
            for tool in self.release.tools
        )
        return self.offer_of(candidates, client_tools)

    def offer_of(
        self, candidates: tuple[Candidate, ...], client_tools: tuple[ToolSpec, ...] = (), unlisted: int = 0
    ) -> Offer:
        """Return the offer of those candidates that are not left out, and of the client's own tools."""
        shown = {one.name for one in candidates if not one.left_out}
        server = {tool.spec.name: tool for tool in self.release.tools if tool.spec.name in shown}
        specs = (*(tool.spec for tool in server.values()), *client_tools)
        identity = [sorted(tool.digest for tool in server.values()), sorted(digest(spec) for spec in client_tools)]
        return Offer(
            digest=digest(identity),
            candidates=candidates,
            server=server,
            client=frozenset(spec.name for spec in client_tools),
            encoded=encode_tools(specs, self.route.profile.strict),
            unlisted=unlisted,
        )

    def prefix(
        self,
        offer: Offer,
        *,
        stream: bool,
        variant: str,
        tenant: str,
        instructions: str = "",
        sampling: Sampling | None,
    ) -> bytes:
        """Return a request's bytes before the session's items: the encoder's head and the system message."""
        own = not instructions and sampling is None and not offer.client
        key = (offer.digest, stream, variant, tenant)
        if own and key in self._prefixes:
            return self._prefixes[key]
        head = request_head(
            model=self.route.model,
            tools=offer.encoded,
            sampling=merged(self._sampling, sampling),
            profile=self.route.profile,
            stream=stream,
            variant=variant,
            cache_salt=cache_salt_of(tenant, self.route.profile),
        )
        system = self._system
        if instructions:
            text = f"{self.release.instructions}\n\n{instructions}" if self.release.instructions else instructions
            system = encode_message(Message("system", text))
        prefix = head + system
        if own:
            if len(self._prefixes) >= KEPT:
                self._prefixes.clear()
            self._prefixes[key] = prefix
        return prefix


def absent_agent(name: str, digest: str, why: str, release: AgentRelease | None = None) -> BoundAgent:
    """Return what stands for an agent that cannot run here, so that its runs can end; `release` where it is known."""
    unknown = AgentRelease(name, "", "", "", ModelSettings(), (), make_policy(), Limits(), digest=digest)
    route = ModelRoute("unknown", "", Nowhere(why), GENERIC)
    return BoundAgent(release or unknown, {}, route, absent=why)


def merged(own: Sampling, asked: Sampling | None) -> Sampling:
    """Return the sampling of a request: what the release sets, and within its bounds what was asked for."""
    if asked is None:
        return own
    return Sampling(
        temperature=own.temperature if asked.temperature is None else asked.temperature,
        top_p=own.top_p if asked.top_p is None else asked.top_p,
        max_output_tokens=_least(own.max_output_tokens, asked.max_output_tokens),
        seed=own.seed if asked.seed is None else asked.seed,
        stop=asked.stop,
    )


def own_sampling(release: AgentRelease) -> Sampling:
    """Return the sampling an agent was released with."""
    settings = release.settings
    return Sampling(settings.temperature, settings.top_p, settings.max_output_tokens, settings.seed)


def _least(own: int | None, asked: int | None) -> int | None:
    """An agent's bound on tokens is a bound: a request may ask for less, never for more."""
    if own is None or asked is None:
        return own if asked is None else asked
    return min(own, asked)
