"""A request as the desk takes it, and the answer it gives back; knows no HTTP and no wire format."""

import msgspec
from msgspec import Struct
from toolyard_sdk.messages import Message, TextPart

from toolyard_runtime.engine.repeats import Answering
from toolyard_runtime.models.encoder import encode_message
from toolyard_runtime.run.drive import Driver
from toolyard_runtime.run.feed import Feed
from toolyard_runtime.run.segments import Segment


class Asked(Struct, frozen=True):
    """What comes with a request besides its body.

    `digest` names the request for retries, `retried` says the client repeats it, `idempotent` that
    its key names it for good, `chat` is a chat id of its frontend.
    """

    digest: bytes = b""
    retried: bool = False
    idempotent: bool = False
    chat: str = ""
    end_user: str | None = None
    echo: bytes | None = None


class Served(Struct, frozen=True):
    """The answer on its way (`driver`), or already there (`segment`); `prologue` comes before it as text."""

    driver: Driver | None = None
    segment: Segment | None = None
    prologue: str = ""
    warnings: tuple[str, ...] = ()
    answering: Answering | None = None

    @property
    def place(self) -> tuple[bytes, int]:
        """The run and the index of the segment that answers."""
        if self.driver is not None:
            return self.driver.log.identity.run, self.driver.log.transcript.index
        return (self.segment.run, self.segment.index) if self.segment is not None else (b"", 0)

    def delivered(self) -> None:
        """Note that the client has got the whole answer: an equal request is a new one from now on."""
        if self.answering is not None:
            self.answering.delivered = True

    @property
    def feed(self) -> Feed | None:
        """The live stream, where there is one."""
        return self.driver.log.feed if self.driver is not None else None


def visible_part(message: Message) -> bytes:
    """Return a message as both sides of a resent conversation write it: text parts joined, reasoning left out."""
    content = message.content
    if isinstance(content, tuple) and all(isinstance(part, TextPart) for part in content):
        content = "".join(part.text for part in content if isinstance(part, TextPart))
    return encode_message(msgspec.structs.replace(message, content=content or "", reasoning=None))
