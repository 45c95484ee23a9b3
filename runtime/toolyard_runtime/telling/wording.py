"""A person's words for the codes in a journal: one table for each kind of code; pure, and knows no event."""

from toolyard_memory.sessions.summaries import EXTRACTIVE
from toolyard_sdk import events as e

RESUMED: dict[e.ResumeReason, str] = {
    "approval": "after a person's decision",
    "client_tools": "with the client's results",
    "input": "with a person's answer",
    "recovered": "after the server had died",
    "cancel": "in order to end",
    "deadline": "because an approval had expired",
    "started_again": "after the server had been stopped",
}
PARKED: dict[e.ParkReason, str] = {
    "approval": "a person's decision",
    "client_tools": "the client's results",
    "input": "a person's answer",
    "shutdown": "the server's next start",
}
DOUBTED: dict[e.DoubtReason, str] = {
    "crashed": "the server died while it ran",
    "timeout": "it did not return in time",
    "cancelled": "it was stopped while it ran",
    "connection_lost": "the connection was lost after it had been sent",
}
FOUND: dict[e.Outcome, str] = {
    "happened": "it did happen",
    "did_not": "it did not happen",
    "unknown": "it cannot be told whether it happened",
}
KEPT: dict[e.AnswerSource, str] = {
    "check": "did not run: it failed the checks",
    "policy": "did not run: the policy forbids it",
    "approval": "did not run: nobody approved it",
    "cancelled": "did not run to its end: the run was ending",
    "timeout": "was stopped: it did not return in time",
    "unavailable": "did not run: the tool is not available",
    "doubt": "is in doubt",
}
PROBLEMS: dict[e.Problem, str] = {
    "unknown_tool": "there is no such tool",
    "invalid_json": "its arguments are no JSON object",
    "invalid_arguments": "its arguments do not fit",
    "too_many_calls": "more calls than a turn may hold",
    "repeated": "made before with the same arguments",
}
DECIDED: dict[e.Decision, str] = {"approve": "lets it run", "ask": "asks a person", "reject": "forbids it"}
VERDICTS: dict[e.Verdict, str] = {"approve": "approved", "deny": "denied", "expired": "nobody decided in time about"}
FINISHED: dict[e.FinishReason, str] = {
    "stop": "Answered",
    "max_turns": "Ended: no turn was left",
    "budget": "Ended: the budget was used up",
    "cancelled": "Cancelled",
    "failed": "Failed",
    "release_unavailable": "Ended: its release, or a tool of it, is not there any more",
}

SUMMED_UP: dict[str, str] = {
    "": "let go",
    EXTRACTIVE: "summarised by rule",
}
"""Who summed up what is shown no more, where it was no model."""
