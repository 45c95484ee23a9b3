"""Asks a model server how many tokens a tool takes in a request: by vLLM's `/tokenize`, or llama-server's."""

from typing import Any

from toolyard_runtime.cli.connection import Connection, Refused, Unreachable

_MESSAGES = [{"role": "user", "content": "Hello"}]


class Uncounted(Exception):
    """The server cannot count; the message says why, without a full stop."""


class Tokenizer:
    """A model server that renders a request with its chat template and counts the tokens."""

    def __init__(self, url: str, model: str) -> None:
        """Raise Uncounted when the server cannot be asked at all."""
        try:
            self._server = Connection(url, "")
            self.model = model or str(self._server.get("/v1/models")["data"][0]["id"])
        except (ValueError, Unreachable, Refused) as error:
            raise Uncounted(f"{url} cannot be asked: {error}") from error
        except (KeyError, IndexError, TypeError) as error:
            raise Uncounted(f"{url} does not say which models it serves: name one with --model") from error
        self._without: int | None = None

    def cost(self, tool: dict[str, Any]) -> int:
        """Return how many tokens longer a request is that offers this tool; raises Uncounted."""
        if self._without is None:
            self._without = self._count([])
        return self._count([tool]) - self._without

    def _count(self, tools: list[dict[str, Any]]) -> int:
        offered = {"tools": tools} if tools else {}
        try:
            answer = self._server.post("/tokenize", {"model": self.model, "messages": _MESSAGES, **offered})
            if isinstance(answer.get("count"), int):
                return int(answer["count"])
            prompt = self._server.post("/apply-template", {"messages": _MESSAGES, **offered})["prompt"]
            return len(self._server.post("/tokenize", {"content": prompt, "add_special": True})["tokens"])
        except (Unreachable, Refused) as error:
            raise Uncounted(f"the model server does not count tokens: {error}") from error
        except (KeyError, TypeError, AttributeError) as error:
            raise Uncounted("the model server answers in no form that is known") from error
