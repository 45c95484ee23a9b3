"""The server's Prometheus metrics: counted where things happen, read at /metrics; knows no run and no journal."""

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

MODEL_SECONDS = (0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120)
TOOL_SECONDS = (0.001, 0.01, 0.05, 0.1, 0.5, 1, 5, 10, 30, 60)
RECALL_SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2)

KEPT = 1_000
"""Observations that are noted before the histograms get them."""


class Meters:
    """All metrics, on a registry of their own; label values come from a closed set or from agents' files."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry(auto_describe=True)
        self.runs_started = self._counter("toolyard_runs_started", "Runs that began.", "agent")
        self.runs_finished = self._counter("toolyard_runs_finished", "Runs that ended, by reason.", "agent", "reason")
        self.runs_refused = self._counter("toolyard_runs_refused", "Requests refused because the server was full.")
        self.runs_live = Gauge("toolyard_runs_live", "Runs driven right now.", registry=self.registry)
        self.model_calls = self._counter("toolyard_model_calls", "Model calls, by outcome.", "model", "outcome")
        self.model_seconds = Histogram(
            "toolyard_model_seconds",
            "Duration of whole turns.",
            ("model",),
            buckets=MODEL_SECONDS,
            registry=self.registry,
        )
        self.tokens = self._counter("toolyard_tokens", "Tokens, by direction.", "model", "direction")
        self.compactions = self._counter("toolyard_compactions", "Windows made smaller, by who summarised.", "by")
        self.tool_calls = self._counter("toolyard_tool_calls", "Answered calls, by who answered.", "tool", "source")
        self.tool_seconds = Histogram(
            "toolyard_tool_seconds",
            "Duration of executed calls.",
            ("tool",),
            buckets=TOOL_SECONDS,
            registry=self.registry,
        )
        self.recalls = self._counter("toolyard_recalls", "Runs for which memory was searched, by outcome.", "outcome")
        self.recall_seconds = Histogram(
            "toolyard_recall_seconds",
            "How long a run waited for what came to mind.",
            buckets=RECALL_SECONDS,
            registry=self.registry,
        )
        self.facts_changed = self._counter("toolyard_facts_changed", "Facts that runs changed.", "change")
        self.messages_read = self._counter(
            "toolyard_messages_read", "Tries to read a message for facts, by outcome.", "outcome"
        )
        self.facts = Gauge("toolyard_facts", "Facts that are believed.", registry=self.registry)
        self.passages_waiting = Gauge(
            "toolyard_passages_waiting", "Changes that the vectors have not followed yet.", registry=self.registry
        )
        self.doubts = self._counter(
            "toolyard_calls_in_doubt", "Calls of which nobody knows whether they happened.", "tool"
        )
        self.decisions = self._counter("toolyard_policy_decisions", "What the policy decided.", "decision")
        self.vector_searches = self._counter(
            "toolyard_vector_searches", "Searches among tools by vectors, by outcome.", "outcome"
        )
        self._counted: dict[tuple[Counter, tuple[str, ...]], float] = {}
        self._observed: list[tuple[Histogram, tuple[str, ...], float]] = []

    def _counter(self, name: str, text: str, *labels: str) -> Counter:
        return Counter(name, text, labels, registry=self.registry)

    def count(self, counter: Counter, *labels: str, by: float = 1) -> None:
        """Add to a counter."""
        key = (counter, labels)
        self._counted[key] = self._counted.get(key, 0) + by

    def observe(self, histogram: Histogram, value: float, *labels: str) -> None:
        """Add an observation in seconds."""
        self._observed.append((histogram, labels, value))
        if len(self._observed) >= KEPT:
            self._hand_over()

    def _hand_over(self) -> None:
        """Give the metrics what was noted since the last time: one by one it would cost a run more than its policy."""
        counted, self._counted = self._counted, {}
        observed, self._observed = self._observed, []
        for (counter, labels), by in counted.items():
            (counter.labels(*labels) if labels else counter).inc(by)
        for histogram, labels, value in observed:
            (histogram.labels(*labels) if labels else histogram).observe(value)

    def exposition(self) -> bytes:
        """Return all metrics in the Prometheus text format."""
        self._hand_over()
        return generate_latest(self.registry)
