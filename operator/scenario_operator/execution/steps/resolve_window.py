"""ResolveWindow: the bounds of the next incarnation, resolved once."""

from __future__ import annotations

from scenario_operator.api.common import wire_name
from scenario_operator.api.reasons import Reason
from scenario_operator.execution import facts
from scenario_operator.execution.journal import Journal
from scenario_operator.execution.steps.step import Check, Done, Failed, Row
from scenario_operator.execution.view import View
from scenario_operator.planning import windows
from scenario_operator.planning.plan import Cause
from scenario_operator.planning.steps import RESULTS, Step
from scenario_operator.planning.stored import timestamp
from scenario_operator.planning.windows import Sources, StopFacts


class ResolveWindow(Row):
    """Resolve the window of the next incarnation once; every retry reuses the fact."""

    def check(self, view: View, journal: Journal, step: Step) -> Check:
        if facts.planned_window(journal) is not None:
            return Done()
        if journal.cause is Cause.START:
            window = view.stored.window or windows.first(view.run.bounds, timestamp(view.now))
            return Done(facts.resolved(window, at_risk=False))
        stop = facts.last_stop(view, journal)
        stopped = StopFacts(stop.processed_until, stop.finished_at) if stop else None
        sources = Sources(view.stored.window, view.run.bounds, stopped, timestamp(view.now))
        never_again = any(s.nature.destroys == RESULTS or s.args.committed for s in journal.steps)
        try:
            resolved = windows.resolve(journal.strategy.window, sources, never_again=never_again)
        except windows.ReportMissingError as missing:
            left = "the stopped version left no report"
            if stop and stop.fault:
                left = f"no report of the stopped version can be used: {stop.fault}"
            bounds = [wire_name(field) for field in missing.fields]
            fields = " and ".join(f"window.{bound}.ifMissing" for bound in bounds)
            return Failed(
                Reason.STOP_REPORT_MISSING,
                f"{left}, and {' and '.join(bounds)} is to be where it stopped: "
                f"abort, set {fields} to ObservedStop in the strategy, then change spec.retryNonce",
                human=True,
            )
        return Done(facts.resolved(resolved.window, at_risk=resolved.at_risk))
