"""An MCP server over stdio that does as it is told, good or bad: `python puppet.py ERA BEHAVIOUR`; stdlib only.

ERA is `legacy` (2025-11-25) or `modern` (2026-07-28). What it receives is appended to the file named by LOG.
"""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

ERA, BEHAVIOUR = sys.argv[1], sys.argv[2]
LOG = os.environ.get("LOG")
FORM = {"type": "object", "properties": {"name": {"type": "string"}}, "required": ["name"]}
QUESTION = {"mode": "form", "message": "What is your name?", "requestedSchema": FORM}
NAMES = (
    *("add", "content", "ask", "ask_twice", "visit", "sample", "roots", "hang", "die", "long", "garbage", "surrogate"),
    *("deep", "misfit", "fits", "flood", "error", "progress", "empty", "failing", "wrong", "tail", "env"),
)


def send(message: object) -> None:
    write(json.dumps(message))


def write(line: str) -> None:
    sys.stdout.buffer.write(line.encode("utf-8", "surrogatepass") + b"\n")
    sys.stdout.buffer.flush()


def result(asked: object, value: dict[str, object]) -> None:
    if ERA == "modern":
        value = {"resultType": "complete", **value}
    send({"jsonrpc": "2.0", "id": asked, "result": value})


def error(asked: object, code: int, message: str, data: object = None) -> None:
    send({"jsonrpc": "2.0", "id": asked, "error": {"code": code, "message": message, "data": data}})


def text(asked: object, words: str, **more: object) -> None:
    result(asked, {"content": [{"type": "text", "text": words}], **more})


def tool(name: str, **more: object) -> dict[str, object]:
    return {"name": name, "description": f"Do {name}.", "inputSchema": {"type": "object"}, **more}


def tools() -> list[dict[str, object]]:
    number = {"type": "integer"}
    schema = {"type": "object", "properties": {"a": number, "b": number}, "required": ["a", "b"]}
    total = {"type": "object", "properties": {"total": number}, "required": ["total"]}
    special = {
        "add": tool("add", inputSchema=schema, annotations={"readOnlyHint": True, "title": "Adding"}),
        "misfit": tool("misfit", outputSchema=total),
        "fits": tool("fits", outputSchema=total),
    }
    return [special.get(name) or tool(name) for name in NAMES]


def page(params: dict[str, object]) -> dict[str, object]:
    """Return one page of tools/list, by behaviour."""
    at = int(str(params.get("cursor", 0)))
    hints: dict[str, object] = {"ttlMs": 20_000 if BEHAVIOUR == "ttl" else 0, "cacheScope": "private"}
    return {**PAGES.get(BEHAVIOUR, usual)(at), **(hints if ERA == "modern" else {})}


def usual(_: int) -> dict[str, object]:
    return {"tools": [tool("later") if GROWN else tool("early"), *tools()]}


def few_at_once(at: int) -> dict[str, object]:
    names = [f"tool{number}" for number in range(at, min(at + 3, 10))]
    return {"tools": [tool(name) for name in names], **({"nextCursor": str(at + 3)} if at + 3 < 10 else {})}


def odd_schemas(_: int) -> dict[str, object]:
    steps = {f"a{level}": {"allOf": [{"$ref": f"#/$defs/a{level + 1}"}] * 2} for level in range(40)}
    bad: list[dict[str, object]] = [
        {"properties": {"a": {"type": "strng"}}},
        {"$ref": "http://127.0.0.1:1/a"},
        {"$ref": "#/$defs/a0", "$defs": {**steps, "a40": {}}},
    ]
    made = [tool(f"bad{at}", inputSchema={"type": "object", **each}) for at, each in enumerate(bad)]
    return {"tools": [tool("good"), *made]}


def numbered(numbers: range) -> list[dict[str, object]]:
    return [tool(f"t{number}") for number in numbers]


ODD_NAMES = ("good", "has.dot", "has space", "ünï", "x" * 65, "", "good", "a/b")
BIG = {"type": "object", "description": "x" * 300_000}

PAGES: dict[str, Callable[[int], dict[str, object]]] = {
    "pages": few_at_once,
    "circle": lambda at: {"tools": [tool(f"tool{at}")], "nextCursor": str((at + 1) % 3 + 1)},
    "many": lambda at: {"tools": numbered(range(at, at + 2_000)), "nextCursor": str(at + 2_000)},
    "crowd": lambda _: {"tools": numbered(range(100_000))},
    "names": lambda _: {"tools": [tool(name) for name in ODD_NAMES]},
    "schemas": odd_schemas,
    "odd_list": lambda _: {"tools": [{"name": "x"}]},
    "huge_schema": lambda _: {"tools": [tool("good"), tool("big", inputSchema=BIG)]},
    "counts": lambda _: {"tools": [tool(f"life{lives()}")]},
}


GROWN: list[bool] = []


def lives() -> int:
    """Return how often this server has been started, by a file."""
    return len(Path(os.environ["LIVES"]).read_text())


def handle(message: dict[str, object]) -> None:
    params = message.get("params") or {}
    assert isinstance(params, dict)
    method = str(message.get("method"))
    if method in METHODS:
        METHODS[method](message.get("id"), params)
    elif "method" not in message:
        WAITING.pop(str(message["id"]))(message)


def listen(asked: object, _: dict[str, object]) -> None:
    LISTENING.append(asked)
    honored = {"notifications": {"toolsListChanged": True}, **stamp(asked)}
    send({"jsonrpc": "2.0", "method": "notifications/subscriptions/acknowledged", "params": honored})


def stamp(asked: object) -> dict[str, object]:
    return {"_meta": {"io.modelcontextprotocol/subscriptionId": asked}}


def listing(asked: object, params: dict[str, object]) -> None:
    if BEHAVIOUR == "hang_list":
        return
    if BEHAVIOUR == "error_list":
        error(asked, -32603, "the shelf is empty")
        return
    result(asked, page(params))
    if BEHAVIOUR == "grows" and not GROWN:
        GROWN.append(True)
        changed()
    if BEHAVIOUR == "dies_after_list":
        os._exit(5)


LISTENING: list[object] = []
WAITING: dict[str, Callable[[dict[str, object]], None]] = {}


def changed() -> None:
    notice: dict[str, object] = {"jsonrpc": "2.0", "method": "notifications/tools/list_changed"}
    if ERA == "modern":
        while not LISTENING:
            handle(receive())
        notice["params"] = stamp(LISTENING[0])
    send(notice)


def discover(asked: object, _: dict[str, object]) -> None:
    if ERA == "legacy":
        error(asked, -32601, "Method not found")
        return
    versions = ["2031-01-01"] if BEHAVIOUR == "wrong_version" else ["2026-07-28"]
    if BEHAVIOUR == "wrong_version":
        error(asked, -32022, "Unsupported protocol version", {"supported": versions, "requested": "2026-07-28"})
        return
    capabilities = {"tools": {"listChanged": True}}
    result(asked, {"supportedVersions": versions, "capabilities": capabilities, "ttlMs": 0, "cacheScope": "private"})


def initialize(asked: object, _: dict[str, object]) -> None:
    if ERA == "modern":
        error(asked, -32022, "Unsupported protocol version", {"supported": ["2026-07-28"], "requested": "2025-11-25"})
        return
    version = "1999-01-01" if BEHAVIOUR == "wrong_version" else "2025-11-25"
    info = {"name": "puppet", "version": "1"}
    result(asked, {"protocolVersion": version, "capabilities": {"tools": {"listChanged": True}}, "serverInfo": info})


def call(asked: object, params: dict[str, object]) -> None:
    name = str(params["name"])
    if name in REQUESTS:
        question(asked, name, params)
    elif name in ANSWERS:
        result(asked, dict(ANSWERS[name]))
    elif name in LINES:
        write(LINES[name].replace("ID", str(asked)))
    elif name in CALLS:
        CALLS[name](asked, params)


def add(asked: object, params: dict[str, object]) -> None:
    arguments = params["arguments"]
    assert isinstance(arguments, dict)
    text(asked, str(arguments["a"] + arguments["b"]))


def die(*_: object) -> None:
    print("out of cheese", file=sys.stderr, flush=True)
    os._exit(4)


def flood(asked: object, _params: dict[str, object]) -> None:
    notice = {"level": "info", "data": "x" * 100}
    for _number in range(1_500):
        send({"jsonrpc": "2.0", "method": "notifications/message", "params": notice})
    text(asked, "done")


def progress(asked: object, params: dict[str, object]) -> None:
    meta = params["_meta"]
    assert isinstance(meta, dict)
    step = {"progressToken": meta["progressToken"], "progress": 1, "total": 2, "message": "half"}
    send({"jsonrpc": "2.0", "method": "notifications/progress", "params": step})
    text(asked, "done")


def surroundings(asked: object, _: dict[str, object]) -> None:
    text(asked, json.dumps({"variables": dict(os.environ), "folder": str(Path.cwd())}))


CONTENT = [
    {"type": "text", "text": "Look:"},
    {"type": "image", "data": "aGVsbG8=", "mimeType": "image/png"},
    {"type": "audio", "data": "aGVsbG8h", "mimeType": "audio/wav"},
    {
        "type": "resource_link",
        "name": "notes",
        "uri": "file:///notes.txt",
        "mimeType": "text/plain",
        "size": 7,
        "description": "What was said",
    },
    {"type": "resource", "resource": {"uri": "file:///a.txt", "mimeType": "text/plain", "text": "inside"}},
    {"type": "resource", "resource": {"uri": "file:///b.bin", "blob": "aGk="}},
]

ANSWERS: dict[str, dict[str, object]] = {
    "content": {"content": CONTENT, "structuredContent": {"n": 1}},
    "empty": {"content": [], "structuredContent": {"n": 1}},
    "wrong": {"content": [{"type": "hologram"}]},
    "misfit": {"content": [{"type": "text", "text": "about five"}], "structuredContent": {"total": "five"}},
    "fits": {"content": [{"type": "text", "text": "five"}], "structuredContent": {"total": 5}},
    "failing": {"content": [{"type": "text", "text": "no such city"}], "isError": True},
    "long": {"content": [{"type": "text", "text": "x" * 10_000_000}]},
}

DEEP = "[" * 100_000 + "]" * 100_000

LINES = {
    "tail": f'{{"result": {json.dumps(ANSWERS["long"])}, "jsonrpc": "2.0", "id": ID}}',
    "garbage": '{"jsonrpc": "2.0", "id": ID, "result": {broken',
    "surrogate": '{"jsonrpc":"2.0","id":ID,"result":{"content":[{"type":"text","text":"\\ud800"}]}}',
    "deep": f'{{"jsonrpc":"2.0","id":ID,"result":{{"content":[],"structuredContent":{DEEP}}}}}',
}

CALLS: dict[str, Callable[[object, dict[str, object]], None]] = {
    "add": add,
    "die": die,
    "hang": lambda *_: None,
    "flood": flood,
    "error": lambda asked, _: error(asked, -32602, "no such city"),
    "progress": progress,
    "env": surroundings,
}

METHODS: dict[str, Callable[[object, dict[str, object]], None]] = {
    "server/discover": discover,
    "initialize": initialize,
    "subscriptions/listen": listen,
    "tools/list": listing,
    "tools/call": call,
}

REQUESTS = {
    "ask": ("elicitation/create", QUESTION),
    "ask_twice": ("elicitation/create", QUESTION),
    "visit": (
        "elicitation/create",
        {"mode": "url", "message": "Log in", "url": "https://example.org/in", "elicitationId": "1"},
    ),
    "sample": (
        "sampling/createMessage",
        {"messages": [{"role": "user", "content": {"type": "text", "text": "hi"}}], "maxTokens": 5},
    ),
    "roots": ("roots/list", {}),
}


def question(asked: object, name: str, params: dict[str, object]) -> None:
    """Ask the client for something and answer with what came back."""
    method, wanted = REQUESTS[name]
    given = params.get("inputResponses")
    if ERA == "modern":
        if given and not (name == "ask_twice" and params.get("requestState") == "1"):
            assert isinstance(given, dict)
            text(asked, json.dumps(given["q"]))
            return
        state = "2" if given else "1"
        inputs = {"q": {"method": method, "params": wanted}}
        send(
            {
                "jsonrpc": "2.0",
                "id": asked,
                "result": {"resultType": "input_required", "inputRequests": inputs, "requestState": state},
            }
        )
        return
    WAITING[f"q{asked}"] = lambda reply: text(asked, json.dumps(reply.get("result") or reply.get("error")))
    send({"jsonrpc": "2.0", "id": f"q{asked}", "method": method, "params": wanted})


def receive() -> dict[str, object]:
    line = sys.stdin.readline()
    if not line:
        if BEHAVIOUR == "stays":
            time.sleep(600)
        sys.exit(0)
    if LOG:
        with Path(LOG).open("a") as file:
            file.write(line)
    message = json.loads(line)
    assert isinstance(message, dict)
    return message


def start_children() -> None:
    """Start two processes that no SIGTERM ends, one in a session of its own, and write down who is there."""
    if BEHAVIOUR == "stays":
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
    deaf = [sys.executable, "-c", "import signal,time;signal.signal(15,1);time.sleep(600)"]
    apart = sys.platform == "linux"  # elsewhere nothing holds it
    children = [subprocess.Popen(deaf), subprocess.Popen(deaf, start_new_session=apart)]
    Path(os.environ["PIDS"]).write_text(" ".join(str(pid) for pid in (os.getpid(), *(one.pid for one in children))))


def begin() -> None:
    """Do what the behaviour does before anything is read."""
    if "LIVES" in os.environ:
        with Path(os.environ["LIVES"]).open("a") as file:
            file.write("i")
    if "PIDS" in os.environ:
        start_children()
    if BEHAVIOUR == "hang":
        time.sleep(600)
    elif BEHAVIOUR == "dies":
        print("no cheese today", file=sys.stderr, flush=True)
        sys.exit(7)
    elif BEHAVIOUR == "noise":
        write("Starting the server on port 3000...")
        time.sleep(600)
    elif BEHAVIOUR == "endless":
        while True:
            sys.stdout.buffer.write(b"x" * 1_000_000)
    elif BEHAVIOUR == "chatty":
        write("Welcome!")
    elif BEHAVIOUR == "counts" and lives() == 2:
        sys.exit(1)


if __name__ == "__main__":
    begin()
    while True:
        handle(receive())
