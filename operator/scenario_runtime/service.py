"""`serve`: the life of a service's container, from the context to the report.

Order matters: listen to SIGTERM before anything else, refuse foreign state before touching a result, stamp
a fresh state before calling it started, and write the report only after a clean stop. A report left by a
crash would name a position behind which results may already have been written, and a successor that takes
over there would write them again.
"""

import logging
import os
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from .checkpoint import Checkpoint, CheckpointStore
from .context import RunContext, Window
from .disk import Disk
from .errors import ContextError, ScenarioError
from .places import Places
from .probe import Probe
from .report import Outputs, Queue, Report
from .results import ResultsWriter
from .stop import Stop

_log = logging.getLogger("scenario_runtime")


@dataclass(slots=True)
class Incarnation:
    """What the author's program works with. `state` is what was last committed; None is a first start."""

    context: RunContext
    places: Places
    state_version: str
    store: CheckpointStore
    results: ResultsWriter
    probe: Probe
    stop: Stop
    state: Any = None
    processed_until: datetime | None = None
    outputs: Outputs | None = None  # for the report
    queue: Queue | None = None  # for the report
    items: list[Any] = field(default_factory=list)  # for the report

    @classmethod
    def open(
        cls,
        places: Places,
        context: RunContext,
        state_version: str,
        accepts: Collection[str],
        stop: Stop,
        disk: Disk,
    ) -> "Incarnation":
        """Load and check the state, cut back the results. Raises ScenarioError, OSError."""
        if not context.run or not context.run_id:
            raise ContextError("no run: neither run.json nor SCENARIO_RUN and SCENARIO_RUN_ID name one")
        if context.state_version and context.state_version != state_version:
            raise ContextError(
                f"state {context.state_version!r} is declared, this code writes {state_version!r}"
            )
        store = CheckpointStore(places.state, disk)
        found = store.load(context, accepts)
        results = ResultsWriter(places.results, context.run_id, found.results if found else {}, disk)
        work = cls(context, places, state_version, store, results, Probe(places.probes), stop)
        if found is not None:
            work.state, work.processed_until = found.state, found.processed_until
        return work

    @property
    def window(self) -> Window:
        """From where this incarnation reads, acts and notifies."""
        return self.context.window

    def commit(self, state: Any, processed_until: datetime | None) -> None:
        """Make state, position and the results appended so far permanent together; then say whether learning is over.

        `state` is any JSON value. On return all of it survives SIGKILL; a crash before that undoes all of
        it.
        """
        self.results.flush()
        self.store.save(
            Checkpoint(
                run=self.context.run,
                run_id=self.context.run_id,
                incarnation=self.context.incarnation,
                state_version=self.state_version,
                processed_until=processed_until,
                state=state,
                results=self.results.sizes,
            )
        )
        self.state, self.processed_until = state, processed_until
        self.probe.set_started()
        self.probe.set_ready(self.window.learned(processed_until))

    def report(self) -> Report:
        """The report of a clean stop here; `serve` writes it."""
        return Report(self.processed_until, self.state_version, self.outputs, self.queue, self.items)


def serve(
    main: Callable[[Incarnation], None],
    state_version: str,
    accepts: Collection[str] = (),
    *,
    env: Mapping[str, str] | None = None,
    stop: Stop | None = None,
    disk: Disk | None = None,
) -> int:
    """Run `main` and return the exit code.

    0 with a report after a return, 1 with an `error` after an exception.

    `state_version` is the format that the program writes, `accepts` the formats it reads (default: only
    that one). `main` returns when `stop` says so and all it wants to keep is committed; what was appended
    after the last commit is dropped and redone by the next start.
    """
    disk = disk or Disk()
    env = os.environ if env is None else env
    places = Places.of(env)
    if stop is None:
        stop = Stop()
        stop.install()
    report = Report(error="the program was ended before it could report")
    code = 1
    try:
        Probe(places.probes).clear()
        context = RunContext.load(places, env)
        work = Incarnation.open(places, context, state_version, accepts or {state_version}, stop, disk)
        main(work)
        report, code = work.report(), 0
    except ScenarioError as error:
        _log.error("refused: %s", error)
        report = Report(error=str(error))
    except Exception as error:  # noqa: BLE001 - the process boundary: the report says what ended the program
        _log.exception("failed")
        report = Report(error=f"{type(error).__name__}: {error}")
    _write(report, places, disk)
    return code


def _write(report: Report, places: Places, disk: Disk) -> None:
    try:
        report.write(places.termination_log, disk)
    except OSError as error:  # a missing termination log must not turn a clean stop into an unclean one
        _log.warning("no report at %s: %s", places.termination_log, error)
