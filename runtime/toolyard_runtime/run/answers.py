"""What the model is told in place of a result, so that it can act on it: the words for every call that did not run."""

from toolyard_sdk.events import AnswerSource, CallHead, Limits, Verdict


def problem_words(head: CallHead, detail: str, offered: tuple[str, ...], limits: Limits) -> str:
    """Say what is wrong with a call that failed the checks; `detail` is what the check said, or the made-up name."""
    match head.problem:
        case "unknown_tool":
            names = ", ".join(offered[:50]) or "none"
            return f"There is no tool named {detail!r}. The tools you can call are: {names}."
        case "invalid_json":
            return f"The arguments of {head.name} are not a JSON object ({detail}). Call it again with valid JSON."
        case "invalid_arguments":
            return f"The arguments do not fit {head.name}: {detail}"
        case "too_many_calls":
            return (
                f"Not executed: a turn may hold at most {limits.calls_per_turn} calls. "
                "Go on with the results you have, then make the remaining calls."
            )
        case "repeated":
            return (
                f"Not executed: {head.name} was already called {head.repeats} times with the same arguments. "
                "Use the earlier result or try something else."
            )
        case None:
            return "Not executed."


SOURCES: dict[str, AnswerSource] = {
    "flawed": "check",
    "rejected": "policy",
    "denied": "approval",
    "dropped": "cancelled",
}


def rejected_words(name: str, rule: str, reason: str) -> str:
    """Say that policy forbids a call."""
    because = f": {reason}" if reason else ""
    told = _sentence(f"Not allowed: the policy rule {rule!r} rejects this call of {name}{because}")
    return f"{told} Do not try it again."


def denied_words(name: str, verdict: Verdict, reason: str) -> str:
    """Say that a person did not approve a call."""
    if verdict == "expired":
        return f"Not executed: nobody approved this call of {name} in time."
    because = f", saying: {reason}" if reason else ""
    told = _sentence(f"Not executed: a person denied this call of {name}{because}")
    return f"{told} Do not repeat it unless they ask for it."


def _sentence(words: str) -> str:
    """Return words that end as a sentence does, once: a reason may bring its own full stop."""
    words = words.rstrip()
    return words if words.endswith((".", "!", "?", "…")) else f"{words}."


def dropped_words(name: str) -> str:
    """Say that the run ended before a call began."""
    return f"Not executed: the run ended before {name} was called."


def cancelled_words(name: str) -> str:
    """Say that a harmless call was stopped."""
    return f"{name} was stopped before it returned."


def doubt_words(name: str, why: str) -> str:
    """Say that a call may or may not have happened."""
    reasons = {
        "crashed": "the server stopped while it ran",
        "timeout": "it did not return in time",
        "cancelled": "it was cancelled while it ran",
        "connection_lost": "the connection was lost after it was sent",
    }
    return (
        f"In doubt: nobody knows whether this call of {name} took effect, because {reasons[why]}. "
        "Tell the user so. Do not call it again with the same arguments unless a person has looked."
    )
