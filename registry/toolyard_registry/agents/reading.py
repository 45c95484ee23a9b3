"""`agents/NAME.toml` becomes an AgentRelease; given the tools, prompts and policies there are, it reads no files."""

from collections.abc import Collection, Mapping
from fnmatch import fnmatchcase
from types import MappingProxyType
from typing import Annotated, Literal

import msgspec
from msgspec import Meta, Struct
from toolyard_sdk.errors import ConfigError
from toolyard_sdk.events import Limits

from toolyard_registry.agents.grants import Granting
from toolyard_registry.names import FIND_TOOLS, READ_RESULT, NameInvalid
from toolyard_registry.policy import make_policy
from toolyard_registry.prompts import Prompt, Value, check_value, render, unknown_variable
from toolyard_registry.published.shelf import Shelf, Unresolved
from toolyard_registry.releases import (
    AgentRelease,
    MemorySettings,
    ModelSettings,
    Policy,
    ToolRelease,
    WindowSettings,
    seal,
    tool_release,
)
from toolyard_registry.search.finding import finder_release
from toolyard_registry.toml.located import decode, did_you_mean, line_of
from toolyard_registry.toolbox.remembering import memory_releases
from toolyard_registry.toolbox.rest import needs_reader, reader_release

_GLOB = frozenset("*?[")
_DEFAULT_POLICY = "default"

NOTHING: Mapping[str, str] = MappingProxyType({})

_DAY = 86_400
_MOST = 2**31
"""A bound that nobody reaches, and that everything a number is handed to at run time can still count to."""

Count = Annotated[int, Meta(ge=1, le=_MOST)]


class AgentLimits(Struct, frozen=True, forbid_unknown_fields=True):
    """The `[limits]` table: a run's budgets (`tokens` 0: no bound), one call's, and how long a run waits for people.

    `tools_per_turn` is how many tools a model is shown: an agent with more gets a shortlist, and `find_tools` for more.

    Every number has a largest value, which also keeps `inf` out: a timer that takes no such time would fail the run.
    """

    turns: Count = 16
    calls_per_turn: Count = 16
    repeats: Count = 3
    tokens: Annotated[int, Meta(ge=0, le=_MOST)] = 0
    seconds: Annotated[float, Meta(gt=0, le=30 * _DAY)] = 600.0
    model_attempts: Count = 4
    tool_attempts: Count = 5
    tool_seconds: Annotated[float, Meta(gt=0, le=_DAY)] = 30.0
    tool_output_bytes: Count = 32_768
    window_tokens: Count = 24_000
    grace_seconds: Annotated[float, Meta(ge=0, le=_DAY)] = 10.0
    approval_seconds: Annotated[float, Meta(gt=0, le=3650 * _DAY)] = 86_400.0
    tools_per_turn: Annotated[int, Meta(ge=2, le=_MOST)] = 40


class ToolPin(Struct, frozen=True, forbid_unknown_fields=True):
    """A `[tool.NAME]` table: what the operator stands for in place of what the tool says of itself."""

    description: str | None = None
    read_only: bool | None = None
    destructive: bool | None = None
    idempotent: bool | None = None
    open_world: bool | None = None


class AgentFile(Struct, frozen=True, forbid_unknown_fields=True):
    """The whole file. Exactly one of `instructions` and `prompt` says what the agent is told."""

    description: str = ""
    model: str = ""
    instructions: str | None = None
    prompt: str | None = None
    variables: dict[str, Value] = {}
    tools: tuple[str, ...] = ()
    always: tuple[str, ...] = ()
    tool: dict[str, ToolPin] = {}
    policy: str | None = None
    on_disconnect: Literal["continue", "cancel"] = "cancel"
    limits: AgentLimits = AgentLimits()
    model_settings: ModelSettings = ModelSettings()
    memory: MemorySettings | None = None
    window: WindowSettings | None = None


def read_agent(
    source: str,
    name: str,
    path: str,
    *,
    tools: Mapping[str, ToolRelease],
    prompts: Mapping[str, Prompt],
    policies: Mapping[str, Policy],
    unreadable: Collection[str] = (),
    silent: Collection[str] = (),
    held: Mapping[str, str] = NOTHING,
    granting: Granting | None = None,
) -> AgentRelease:
    """Read an agent's file and pin what it names; raises ConfigError with the line.

    Without `tools` an agent has none; without `policy` it has `policies/default.toml` where that exists. `unreadable`
    holds the paths of prompts and policies that are there and have mistakes in them; a tool whose name begins with one
    of `silent` belongs to a source that does not answer, and the agent does without it until it does. `held` says of
    tools why they are held back; `granting` finds the releases that are named by version, by default none.
    """
    reading = _Reading(source, name, path, unreadable, tuple(silent))
    return reading.release(tools, prompts, policies, held, granting or Granting(tools, Shelf()))


class _Reading:
    """One agent's file being read; it exists so that every error knows where it is."""

    def __init__(self, source: str, name: str, path: str, unreadable: Collection[str], silent: tuple[str, ...]) -> None:
        self._source, self._name, self._path, self._unreadable = source, name, path, unreadable
        self._silent = silent
        self._file = decode(source, AgentFile, path)

    def _error(self, message: str, *keys: str | int) -> ConfigError:
        return ConfigError(message, path=self._path, line=line_of(self._source, *keys))

    def release(
        self,
        tools: Mapping[str, ToolRelease],
        prompts: Mapping[str, Prompt],
        policies: Mapping[str, Policy],
        held: Mapping[str, str],
        granting: Granting,
    ) -> AgentRelease:
        file = self._file
        provider, slash, model = file.model.partition("/")
        if file.model and not (provider and slash and model):
            raise self._error(f'"{file.model}" is no model: write "provider/model", as in "local/qwen3-8b"', "model")
        instructions, settings = self._instructions(prompts)
        limits = msgspec.structs.asdict(file.limits)
        granted = self._with_memory(_with_reader(self._granted(tools, held, granting)))
        run_limits = Limits(**{key: limits.pop(key) for key in Limits.__struct_fields__})
        return seal(
            AgentRelease(
                name=self._name,
                description=file.description,
                instructions=instructions,
                model=file.model,
                settings=settings,
                tools=self._with_finder(granted),
                policy=self._policy(policies),
                limits=run_limits,
                on_disconnect=file.on_disconnect,
                always=self._always(granted),
                memory=file.memory,
                window=file.window,
                **limits,
            )
        )

    def _instructions(self, prompts: Mapping[str, Prompt]) -> tuple[str, ModelSettings]:
        file = self._file
        if file.instructions is not None and file.prompt is not None:
            raise self._error("`instructions` and `prompt` are two ways to say the same; keep one", "prompt")
        if file.prompt is None:
            if file.variables:
                raise self._error("`variables` fill a prompt's places, and there is no `prompt` here", "variables")
            if not file.instructions or not file.instructions.strip():
                message = 'an agent needs instructions: write `instructions = "..."`, or `prompt = "NAME"`'
                raise self._error(message, "instructions")
            return file.instructions, file.model_settings
        prompt = prompts.get(file.prompt)
        if prompt is None:
            raise self._error(self._missing(f"prompts/{file.prompt}.md", file.prompt, prompts), "prompt")
        for variable, value in file.variables.items():
            if variable not in prompt.variables:
                raise self._error(unknown_variable(prompt, variable), "variables", variable)
            try:
                check_value(prompt, variable, value)
            except ConfigError as error:
                raise self._error(error.message, "variables", variable) from None
        return render(prompt, file.variables), _over(file.model_settings, prompt.settings)

    def _granted(
        self, tools: Mapping[str, ToolRelease], held: Mapping[str, str], granting: Granting
    ) -> tuple[ToolRelease, ...]:
        granted: dict[str, ToolRelease] = {}
        for index, grant in enumerate(self._file.tools):
            for release in self._meant(grant, index, tools, held, granting):
                name = release.spec.name
                if granted.setdefault(name, release) != release:
                    message = f"`{grant}` grants {name}@{release.version}, and {granted[name].version} is granted above"
                    raise self._error(message, "tools", index)
        for name, pin in self._file.tool.items():
            if name not in granted:
                if self._may_come(name):
                    continue
                message = f"[tool.{name}] is about a tool that `tools` does not grant{did_you_mean(name, granted)}"
                raise self._error(message, "tool", name)
            granted[name] = _pinned(granted[name], pin)
        return tuple(granted[name] for name in sorted(granted))

    def _meant(
        self, grant: str, index: int, tools: Mapping[str, ToolRelease], held: Mapping[str, str], granting: Granting
    ) -> list[ToolRelease]:
        """Return the releases that one grant means: of what is installed by name, else of what is published."""
        names = [grant] if grant in tools else [name for name in tools if fnmatchcase(name, grant)]
        try:
            waiting = [name for name in names or held if name in held and fnmatchcase(name, grant)]
            if names and waiting:
                more = f" ({len(waiting) - 1} more of `{grant}` wait, too)" if len(waiting) > 1 else ""
                granting.notes.append(held[waiting[0]] + more)
            if names:
                return [granting.settled(tools[name]) for name in names]
            if waiting:
                raise self._error(held[waiting[0]], "tools", index)
            if "@" in grant or granting.published(grant):
                return [granting.find(grant)]
        except (Unresolved, NameInvalid) as error:
            raise self._error(str(error), "tools", index) from error
        if self._may_come(grant):
            return []
        what = "matches no tool" if _GLOB & set(grant) else "is no tool"
        raise self._error(f"`{grant}` {what}{did_you_mean(grant, tools)}", "tools", index)

    def _with_memory(self, granted: tuple[ToolRelease, ...]) -> tuple[ToolRelease, ...]:
        """Return the tools with those that write and search the agent's memory, where it has one."""
        if self._file.memory is None:
            return granted
        taken = {tool.spec.name for tool in granted}
        for index, name in enumerate(self._file.memory.tools):
            if name in taken:
                message = f"`tools` grants a tool named `{name}`, and `[memory]` has one of that name: leave one out"
                raise self._error(message, "memory", "tools", index)
        return tuple(sorted((*granted, *memory_releases(self._file.memory.tools)), key=lambda tool: tool.spec.name))

    def _with_finder(self, granted: tuple[ToolRelease, ...]) -> tuple[ToolRelease, ...]:
        """Return the tools with `find_tools` among them where there are more than a turn may hold."""
        if len(granted) <= self._file.limits.tools_per_turn:
            return granted
        if any(tool.spec.name == FIND_TOOLS for tool in granted):
            told = f"more than `tools_per_turn` tools ({len(granted)}): the server adds its own `{FIND_TOOLS}`"
            raise self._error(f"`tools` grants a tool named `{FIND_TOOLS}`, and {told}", "tools")
        return tuple(sorted((*granted, finder_release()), key=lambda tool: tool.spec.name))

    def _always(self, granted: tuple[ToolRelease, ...]) -> tuple[str, ...]:
        """Return the names of the tools that every turn offers."""
        names = [tool.spec.name for tool in granted]
        found: set[str] = set()
        for index, wanted in enumerate(self._file.always):
            matching = [wanted] if wanted in names else [name for name in names if fnmatchcase(name, wanted)]
            if not matching and not self._may_come(wanted):
                message = f"`{wanted}` is always offered, and `tools` does not grant it{did_you_mean(wanted, names)}"
                raise self._error(message, "always", index)
            found.update(matching)
        found.update({READ_RESULT, *(self._file.memory.tools if self._file.memory else ())} & set(names))
        most = self._file.limits.tools_per_turn
        if len(granted) > most and len(found) >= most:
            message = f"{len(found)} tools are always offered, which leaves no place for others: raise `tools_per_turn`"
            raise self._error(message, "always")
        return tuple(sorted(found))

    def _may_come(self, grant: str) -> bool:
        """Tell whether a source that does not answer may have what a grant names."""
        fixed = grant.partition("*")[0].partition("?")[0].partition("[")[0]
        return any(fixed.startswith(prefix) or (fixed != grant and prefix.startswith(fixed)) for prefix in self._silent)

    def _policy(self, policies: Mapping[str, Policy]) -> Policy:
        name = _DEFAULT_POLICY if self._file.policy is None else self._file.policy
        path = f"policies/{name}.toml"
        policy = policies.get(name)
        if policy is not None:
            return policy
        if self._file.policy is None and path not in self._unreadable:
            return make_policy()
        raise self._error(self._missing(path, name, policies), "policy")

    def _missing(self, path: str, name: str, known: Collection[str]) -> str:
        if path in self._unreadable:  # nothing takes its place: an agent under another policy is another agent
            return f"{path} could not be read; mend it first"
        return f"there is no {path}{did_you_mean(name, known)}"


def _over(above: ModelSettings, below: ModelSettings) -> ModelSettings:
    """Return the settings of `above`, and of `below` where `above` says nothing."""
    told = {name: value for name, value in msgspec.structs.asdict(above).items() if value is not None}
    return msgspec.structs.replace(below, **told)


def _pinned(release: ToolRelease, pin: ToolPin) -> ToolRelease:
    told = {name: value for name, value in msgspec.structs.asdict(pin).items() if value is not None}
    description = told.pop("description", release.spec.description)
    if told.get("read_only"):
        told.setdefault("destructive", False)
        told.setdefault("idempotent", True)
    elif told.get("read_only") is False and release.spec.annotations.read_only:
        # A read-only tool is called harmless and repeatable because it is read-only; without that nothing is known.
        told.setdefault("destructive", True)
        told.setdefault("idempotent", False)
    annotations = msgspec.structs.replace(release.spec.annotations, **told)
    spec = msgspec.structs.replace(release.spec, description=description, annotations=annotations)
    return tool_release(spec, release.source, release.version)


def _with_reader(granted: tuple[ToolRelease, ...]) -> tuple[ToolRelease, ...]:
    """Return the tools with `read_result` among them where some may give more than a model is shown."""
    if not needs_reader(granted) or any(tool.spec.name == READ_RESULT for tool in granted):
        return granted
    return tuple(sorted((*granted, reader_release()), key=lambda tool: tool.spec.name))
