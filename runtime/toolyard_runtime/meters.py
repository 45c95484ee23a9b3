"""The server's Prometheus metrics: counted where things happen, read at /metrics; knows no run and no journal."""

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

MODEL_SECONDS = (0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120)
TOOL_SECONDS = (0.001, 0.01, 0.05, 0.1, 0.5, 1, 5, 10, 30, 60)


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
        self.tool_calls = self._counter("toolyard_tool_calls", "Answered calls, by who answered.", "tool", "source")
        self.tool_seconds = Histogram(
            "toolyard_tool_seconds",
            "Duration of executed calls.",
            ("tool",),
            buckets=TOOL_SECONDS,
            registry=self.registry,
        )
        self.doubts = self._counter(
            "toolyard_calls_in_doubt", "Calls of which nobody knows whether they happened.", "tool"
        )
        self.decisions = self._counter("toolyard_policy_decisions", "What the policy decided.", "decision")
        self._children: dict[tuple[str, ...], Counter | Histogram] = {}

    def _counter(self, name: str, text: str, *labels: str) -> Counter:
        return Counter(name, text, labels, registry=self.registry)

    def count(self, counter: Counter, *labels: str, by: float = 1) -> None:
        """Add to a counter; its labelled child is looked up once."""
        self._child(counter, labels).inc(by)  # type: ignore[union-attr]  # a counter comes from `count`, a histogram from `observe`

    def observe(self, histogram: Histogram, value: float, *labels: str) -> None:
        """Add an observation in seconds."""
        self._child(histogram, labels).observe(value)  # type: ignore[union-attr]  # a counter comes from `count`, a histogram from `observe`

    def _child(self, metric: Counter | Histogram, labels: tuple[str, ...]) -> Counter | Histogram:
        key = (metric._name, *labels)  # noqa: SLF001 - the metric's own name has no public reader
        child = self._children.get(key)
        if child is None:
            child = self._children[key] = metric.labels(*labels) if labels else metric
        return child

    def exposition(self) -> bytes:
        """Return all metrics in the Prometheus text format."""
        return generate_latest(self.registry)
