"""A conversation in a terminal, with streams as the server's own encoder writes them."""

from collections.abc import Iterator
from threading import Event
from typing import Any

from toolyard_runtime.run.segments import (
    ApprovalOut,
    Closed,
    Opened,
    Output,
    OutputAdded,
    OutputDone,
    Segment,
    SegmentStatus,
    ServerCallOut,
    StreamEvent,
    TextDelta,
    TextOut,
)
from toolyard_runtime.wire.responses import Echo, ResponseStream

from tests.cli.running import CTRL_D, Terminal, toolyard
from tests.cli.scripted import Scripted, scripted

RUN = bytes(range(16))
APPROVAL = bytes(range(16, 32))
AGENTS = {
    "data": [{"name": "support", "description": "answers customers", "model": "rehearsal/rehearsal", "tools": []}],
    "problems": [],
}
CALL = ServerCallOut(1, "call_1", "shop", "look_up", '{"order":"A-17"}')
REFUND = ApprovalOut(2, APPROVAL, "call_2", "shop", "refund", '{"cents":1900}', 0)


def segment(index: int, status: SegmentStatus, *outputs: Output, error: str = "") -> Segment:
    return Segment(RUN, index, b"s" * 16, "support", 0, status, outputs, error=error, error_message=error)


def stream(index: int, *outputs: Output, status: SegmentStatus = "completed", error: str = "") -> Iterator[bytes]:
    """Write outputs one after the other as the server streams them."""
    opened = segment(index, "in_progress")
    encoder = ResponseStream(opened, Echo())
    yield encoder.encode([Opened(0, opened)])
    position = 1
    for place, output in enumerate(outputs):
        events: list[StreamEvent] = [OutputAdded(position, place, output)]
        position += 1
        if isinstance(output, TextOut):
            for character in output.text:
                events.append(TextDelta(position, place, output.n, character))
                position += 1
        events.append(OutputDone(position, place, output))
        position += 1
        yield encoder.encode(events)
    yield encoder.encode([Closed(position, segment(index, status, *outputs, error=error))])


def answers(*streams: Iterator[bytes]) -> dict[str, Any]:
    """Serve one agent, and the streams in their order."""
    coming = iter(streams)
    return {
        "GET /api/v1/agents": (200, AGENTS),
        "POST /v1/responses": (200, lambda _body: next(coming)),
        f"GET /api/v1/approvals/appr_{APPROVAL.hex()}": (200, {"id": "x", "doubt": False}),
    }


def asked(server: Scripted) -> list[Any]:
    return server.bodies("POST /v1/responses")


def test_an_answer_streams_with_its_calls_and_the_next_question_continues_it() -> None:
    done = ServerCallOut(
        1, "call_1", "shop", "look_up", '{"order":"A-17"}', output="lost in the post", status="completed"
    )
    streams = (stream(0, done, TextOut(2, "It was lost.")), stream(0, TextOut(3, "You are welcome.")))
    with scripted(answers(*streams)) as server, Terminal("chat", "--url", server.url) as terminal:
        terminal.until("support: answers customers")
        terminal.until("you> ")
        terminal.type("Where is A-17?")
        terminal.until(r'→ look_up\(order="A-17"\)')
        terminal.until("← look_up lost in the post")
        terminal.until("support> It was lost.")
        terminal.until("you> ")
        terminal.type("Thanks")
        terminal.until("You are welcome.")
        terminal.until("you> ")
        terminal.press(CTRL_D)
        assert terminal.end() == 0
        first, second = asked(server)
        assert first == {
            "model": "support",
            "input": [{"type": "message", "role": "user", "content": "Where is A-17?"}],
            "stream": True,
        }
        assert second["previous_response_id"] == f"resp_{RUN.hex()}_0"


def test_an_approval_is_asked_inline_and_its_answer_goes_on_with_the_run() -> None:
    streams = (stream(0, REFUND), stream(1, TextOut(3, "Refunded.")))
    with scripted(answers(*streams)) as server, Terminal("chat", "support", "--url", server.url) as terminal:
        terminal.until("you> ")
        terminal.type("Refund it")
        terminal.until(r"\? refund\(cents=1900\) needs your approval.")
        terminal.until(r"Approve\? \[y/N\]")
        terminal.type("y")
        terminal.until("Refunded.")
        terminal.until("you> ")
        terminal.press(CTRL_D)
        assert terminal.end() == 0
        decision = asked(server)[1]
        assert decision["previous_response_id"] == f"resp_{RUN.hex()}_0"
        assert decision["input"] == [
            {"type": "mcp_approval_response", "approval_request_id": f"mcpr_{APPROVAL.hex()}", "approve": True}
        ]


def test_a_call_that_may_have_happened_is_shown_as_such_before_the_question() -> None:
    script = answers(stream(0, REFUND), stream(1, TextOut(3, "Then not.")))
    script[f"GET /api/v1/approvals/appr_{APPROVAL.hex()}"] = (200, {"id": "x", "doubt": True, "binding": "ab" * 32})
    with scripted(script) as server, Terminal("chat", "--url", server.url) as terminal:
        terminal.until("you> ")
        terminal.type("Refund it")
        terminal.until("nobody knows whether it happened")
        terminal.until(r"\[y/N\]")
        terminal.type("n")
        terminal.until("Then not.")
        decision = asked(server)[1]["input"][0]
        assert (decision["approve"], decision["saw"]) == (False, "ab" * 32)


def test_control_c_cancels_the_run_on_the_server_and_the_conversation_goes_on() -> None:
    cancelled = Event()

    def slow() -> Iterator[bytes]:
        chunks = list(stream(0, TextOut(1, "Once upon a time")))
        yield from chunks[:-1]
        assert cancelled.wait(30)
        yield chunks[-1]

    def cancel(_body: Any) -> dict[str, str]:
        cancelled.set()
        return {"status": "cancelled"}

    script = answers(slow(), stream(0, TextOut(1, "Yes?")))
    script[f"POST /v1/responses/resp_{RUN.hex()}_0/cancel"] = (200, cancel)
    with scripted(script) as server, Terminal("chat", "--url", server.url) as terminal:
        terminal.until("you> ")
        terminal.type("Tell me a story")
        terminal.until("Once upon a time")
        terminal.interrupt("Cancelled.")
        assert cancelled.is_set()
        terminal.until("you> ")
        terminal.type("Hello?")
        terminal.until("Yes\\?")
        assert "previous_response_id" not in asked(server)[1]


def test_control_c_at_the_question_mark_says_how_to_leave() -> None:
    with scripted(answers()) as server, Terminal("chat", "--url", server.url) as terminal:
        terminal.until("you> ")
        terminal.interrupt("Ctrl-D leaves")
        terminal.until("you> ")
        terminal.type("/quit")
        assert terminal.end() == 0


def test_a_new_session_forgets_the_last_answer() -> None:
    streams = (stream(0, TextOut(1, "One.")), stream(0, TextOut(1, "Two.")))
    with scripted(answers(*streams)) as server, Terminal("chat", "--url", server.url) as terminal:
        terminal.until("you> ")
        terminal.type("a")
        terminal.until("One.")
        terminal.type("/new")
        terminal.until("new session")
        terminal.type("b")
        terminal.until("Two.")
        assert "previous_response_id" not in asked(server)[1]


def test_why_explains_the_run_of_the_last_answer() -> None:
    script = answers(stream(0, TextOut(1, "One.")))
    lines = [{"seq": 0, "at": 1, "kind": "started", "text": "somebody asked: a", "detail": None}]
    script[f"GET /api/v1/runs/run_{RUN.hex()}/why"] = (200, {"run": "run_1", "lines": lines, "verified": True})
    with scripted(script) as server, Terminal("chat", "--url", server.url) as terminal:
        terminal.until("you> ")
        terminal.type("/why")
        terminal.until("Nothing was asked yet")
        terminal.type("a")
        terminal.until("One.")
        terminal.type("/why")
        terminal.until("somebody asked: a")


def test_a_failed_answer_says_why_and_keeps_the_conversation() -> None:
    streams = (
        stream(0, status="failed", error="The model server could not be reached."),
        stream(0, TextOut(1, "Back.")),
    )
    with scripted(answers(*streams)) as server, Terminal("chat", "--url", server.url) as terminal:
        terminal.until("you> ")
        terminal.type("a")
        terminal.until(r"\(failed: .*The model server could not be reached")
        terminal.type("b")
        terminal.until("Back.")


def test_an_answer_that_breaks_off_is_never_taken_for_whole() -> None:
    chunks = list(stream(0, TextOut(1, "Half an ans")))
    with scripted(answers(iter(chunks[:-1]))) as server:
        done = toolyard("chat", "-m", "a", "--url", server.url)
    assert done.code == 1
    assert "broke off" in done.err


def test_one_message_prints_the_answer_and_nothing_else_on_standard_output() -> None:
    with scripted(answers(stream(0, TextOut(1, "Just this.")))) as server:
        done = toolyard("chat", "-m", "a", "--url", server.url)
    assert (done.code, done.out) == (0, "Just this.\n")


def test_questions_come_from_a_pipe_one_a_line() -> None:
    streams = (stream(0, TextOut(1, "One.")), stream(0, TextOut(1, "Two.")))
    with scripted(answers(*streams)) as server:
        done = toolyard("chat", "--url", server.url, stdin="a\n\nb\n")
        assert (done.code, done.out) == (0, "One.\nTwo.\n")
        assert len(asked(server)) == 2


def test_an_approval_in_a_pipe_is_left_open_and_says_how_to_give_it() -> None:
    with scripted(answers(stream(0, REFUND))) as server:
        done = toolyard("chat", "-m", "a", "--url", server.url)
    assert done.code == 1
    assert f"refund(cents=1900) waits for approval: toolyard approve run_{RUN.hex()}" in done.err


def test_an_agent_that_is_not_there_is_answered_with_those_that_are() -> None:
    with scripted(answers()) as server:
        done = toolyard("chat", "sales", "--url", server.url)
    assert (done.code, done.err) == (1, "toolyard: There is no agent sales (there is: support).\n")


def test_an_end_user_is_named_only_when_asked_to() -> None:
    with scripted(answers(stream(0, TextOut(1, "x")))) as server:
        toolyard("chat", "-m", "a", "--user", "ada", "--url", server.url)
        assert asked(server)[0]["safety_identifier"] == "ada"


def test_an_agent_cannot_steer_the_terminal() -> None:
    with scripted(answers(stream(0, TextOut(1, "\x1b]0;owned\x07 [red]hi")))) as server:
        done = toolyard("chat", "-m", "a", "--url", server.url)
    assert "\x1b" not in done.out
    assert "\x07" not in done.out
    assert "[red]hi" in done.out
