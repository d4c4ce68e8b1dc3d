"""Prometheus metrics, in a registry of their own so that tests and imports share nothing.

Labels are bounded by what the code can say (verbs, kinds, words of the API); never a name of a user's object.
"""

import time
from collections.abc import Callable

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    ProcessCollector,
    disable_created_metrics,
    generate_latest,
)

_CALL_BUCKETS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30)
_PASS_BUCKETS = (0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1, 5, 10, 30, 60)
_STEP_BUCKETS = (1, 5, 10, 30, 60, 300, 600, 1800, 3600, 14400)


class Metrics:
    """All metrics of one process."""

    def __init__(self, version: str) -> None:
        disable_created_metrics()  # type: ignore[no-untyped-call]  # they double the number of series and tell nothing
        self.registry = CollectorRegistry()
        ProcessCollector(registry=self.registry)
        name = "scenario_operator_{}".format
        self._calls = Counter(
            name("api_calls"), "Requests to the API server.", ["verb", "kind", "code"], registry=self.registry
        )
        self._call_seconds = Histogram(
            name("api_call_seconds"),
            "Time from sending a request to its answer.",
            ["verb"],
            buckets=_CALL_BUCKETS,
            registry=self.registry,
        )
        self._passes = Histogram(
            name("reconcile_seconds"),
            "Time of one pass over a key.",
            ["kind", "result"],
            buckets=_PASS_BUCKETS,
            registry=self.registry,
        )
        self._upgrades = Counter(
            name("upgrades"), "Upgrades of runs that ended.", ["outcome"], registry=self.registry
        )
        self._steps = Histogram(
            name("step_seconds"),
            "Time of one step of a plan, from begun to done.",
            ["kind"],
            buckets=_STEP_BUCKETS,
            registry=self.registry,
        )
        self._leader = Gauge(name("leader"), "1 while this process leads.", registry=self.registry)
        self._resync = Gauge(
            name("last_resync_timestamp"),
            "Unix time in seconds of the last complete list of everything.",
            registry=self.registry,
        )
        Gauge(name("build_info"), "Always 1.", ["version"], registry=self.registry).labels(version).set(1)

    def watch_queue(self, depth: Callable[[], float], oldest_age_seconds: Callable[[], float]) -> None:
        """Read the queue when somebody asks for metrics."""
        Gauge(
            "scenario_operator_queue_depth", "Keys that wait for a worker.", registry=self.registry
        ).set_function(depth)
        Gauge(
            "scenario_operator_queue_oldest_age_seconds",
            "Age of the key that waits longest for a worker.",
            registry=self.registry,
        ).set_function(oldest_age_seconds)

    def watch_leadership(self, holds: Callable[[], bool]) -> None:
        """Read the lease when somebody asks for metrics."""
        self._leader.set_function(lambda: float(holds()))

    def call(self, verb: str, kind: str, code: str, seconds: float) -> None:
        """One request ended (`cluster.client.CallObserver`)."""
        self._calls.labels(verb, kind, code).inc()
        self._call_seconds.labels(verb).observe(seconds)

    def reconciled(self, kind: str, result: str, seconds: float) -> None:
        """One pass ended (`cluster.worker.PassObserver`)."""
        self._passes.labels(kind, result).observe(seconds)

    def resynced(self) -> None:
        """Everything was listed just now."""
        self._resync.set(time.time())

    def upgrade_finished(self, outcome: str) -> None:
        """One run's upgrade ended."""
        self._upgrades.labels(outcome).inc()

    def step_finished(self, kind: str, seconds: float) -> None:
        """One step of a plan is done."""
        self._steps.labels(kind).observe(seconds)

    def exposition(self) -> bytes:
        """The text that Prometheus reads."""
        return generate_latest(self.registry)
