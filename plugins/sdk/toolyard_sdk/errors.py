"""Errors that cross a port, sorted by who is at fault."""

from toolyard_sdk.events import ModelFault


class ToolError(Exception):
    """What a tool raises to tell the model, in words, what went wrong and what to do instead."""


class ArgumentsInvalid(ToolError):
    """Arguments that do not fit a tool's input schema; the message names the field."""


class EgressRefused(ToolError):
    """A request that was not sent: nobody has allowed it, or its address is not a public one."""


class CallInDoubt(Exception):
    """What a tool (or the transport under it) raises when a request was sent and its outcome is unknown."""


class ModelError(Exception):
    """A model call that failed: `fault` says how, `status` is HTTP's, `retry_after` in seconds."""

    def __init__(self, fault: ModelFault, message: str, *, status: int = 0, retry_after: float | None = None) -> None:
        super().__init__(message)
        self.fault = fault
        self.status = status
        self.retry_after = retry_after


class EmbedderError(Exception):
    """Vectors that could not be had: in words, why; whoever searches goes on without them and says so.

    `refused` tells that it is the texts that cannot be embedded: asking again with the same ones is no use.
    """

    def __init__(self, message: str, *, refused: bool = False) -> None:
        super().__init__(message)
        self.refused = refused


class Conflict(Exception):
    """A guarded write found something else than it expected: another owner moved on, or a name is taken."""


class ConfigError(Exception):
    """A setting or file that cannot be used: where it is, what is wrong, and what to write instead."""

    def __init__(self, message: str, *, path: str = "", line: int = 0) -> None:
        place = f"{path}:{line}: " if path and line else f"{path}: " if path else ""
        super().__init__(place + message)
        self.path = path
        self.line = line
        self.message = message
