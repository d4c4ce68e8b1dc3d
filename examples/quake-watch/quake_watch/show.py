"""A consistent look at a run's results from inside one of its pods, while it works."""

from typing import Any

from scenario_runtime import (
    CheckpointStore,
    Places,
    RunContext,
    format_time,
    is_reverted,
    read_results,
    run_ids,
)

from .service import EVENTS, INCIDENTS, NOTIFICATIONS


def snapshot(places: Places, context: RunContext, with_events: bool = False) -> dict[str, Any]:
    """The committed state and results of all incarnations of the run. Raises StateUnreadableError."""
    checkpoint = CheckpointStore(places.state).read()
    committed = checkpoint.results if checkpoint and checkpoint.run_id == context.run_id else None
    incarnations = run_ids(places.results) if places.results.is_dir() else []
    return {
        "run": context.run,
        "runID": context.run_id,
        "version": context.version,
        "stateVersion": checkpoint.state_version if checkpoint else None,
        "processedUntil": (
            format_time(checkpoint.processed_until) if checkpoint and checkpoint.processed_until else None
        ),
        "counter": checkpoint.state["counter"] if checkpoint else 0,
        "firstEvent": checkpoint.state["firstEvent"] if checkpoint else "",
        "lastEvent": checkpoint.state["lastEvent"] if checkpoint else "",
        "openIncidents": checkpoint.state["openIncidents"] if checkpoint else 0,
        "incarnations": [
            _incarnation(places, run_id, committed if run_id == context.run_id else None, with_events)
            for run_id in incarnations
        ],
    }


def table(view: dict[str, Any]) -> str:
    """The snapshot for people.

    One line an incident, newest state last, marked if its incarnation is history.
    """
    until = view["processedUntil"] or "-"
    lines = [f"{view['runID']} version {view['version'] or '-'}: {view['counter']} events, until {until}"]
    for incarnation in view["incarnations"]:
        live = incarnation["runID"] == view["runID"]
        mark = "reverted" if incarnation["reverted"] else "live" if live else "superseded"
        lines.append(
            f"\n{incarnation['runID']} ({mark}): {len(incarnation['incidents'])} incident records, "
            f"{len(incarnation['notifications'])} notifications"
        )
        last = {record["incident"]: record for record in incarnation["incidents"]}
        lines.extend(
            f"  {record['change']:8} {record['at']:24} {record['count']:4} events  M{record['largest']:<4} "
            f"{record['incident']}"
            for record in last.values()
        )
    return "\n".join(lines)


def _incarnation(places: Places, run_id: str, committed: Any, with_events: bool) -> dict[str, Any]:
    def records(kind: str) -> list[dict[str, Any]]:
        size = committed.get(kind, 0) if committed is not None else None
        return list(read_results(places.results, run_id, kind, size))

    events = records(EVENTS)
    return {
        "runID": run_id,
        "reverted": is_reverted(places.results / run_id),
        "incidents": records(INCIDENTS),
        "notifications": records(NOTIFICATIONS),
        "events": events if with_events else {"count": len(events), "first": events[:1], "last": events[-1:]},
    }
