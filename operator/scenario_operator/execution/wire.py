"""The record of a run as its status holds it, and back. Reading back what was written gives an equal record."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from scenario_operator.api.common import shortened, wire_name
from scenario_operator.api.journal import Heading, Kind
from scenario_operator.api.outcomes import Outcome
from scenario_operator.api.strategy import WindowMode
from scenario_operator.execution.decide import Record
from scenario_operator.execution.journal import Begun, Failure, Journal, Try
from scenario_operator.planning.parameters import NO_PARAMETERS, ParameterConflict, Parameters
from scenario_operator.planning.plan import PLANNER, Cause, End, Snapshot
from scenario_operator.planning.steps import Args, Step, Timeouts
from scenario_operator.planning.stored import (
    Applied,
    Ended,
    Handled,
    Incarnation,
    LastStop,
    Loss,
    Results,
    Stored,
    epoch,
    timestamp,
)
from scenario_operator.planning.windows import Bound, Bounds, Window

JsonObject = dict[str, Any]
_BOUNDS = ("startFrom", "outputActionsFrom", "notificationsFrom")


def dump(record: Record, run: str) -> JsonObject:
    """Return the durable part of a run's status; conditions and phase are added elsewhere."""
    stored = record.stored
    status: JsonObject = {
        "runID": f"{run}-{stored.live}" if stored.live else None,
        "incarnation": stored.live,
        "lastHandled": {k: v for k, v in stored.handled._asdict().items() if v is not None},
        "applied": _dump_applied(stored.applied) if stored.applied else None,
        "window": _flat(stored.window) if stored.window is not None else None,
        "parameters": _dump_parameters(stored.parameters),
        "lastStop": _flat(stored.last_stop) if stored.last_stop else None,
        "history": [_dump_ended(ended) for ended in stored.history],
        "incarnations": [_dump_incarnation(run, i) for i in stored.incarnations],
        "stopped": stored.stopped or None,
        "plans": stored.plans,
        "refused": stored.refused or None,
        "results": _dump_results(stored.results) if stored.results else None,
        "upgrade": _dump_journal(record.journal) if record.journal else None,
    }
    return {key: value for key, value in status.items() if value is not None}


def load(status: Mapping[str, Any]) -> Record:
    """Read the durable part of a run's status; what is absent is as if it never was."""
    applied, window, stop = (status.get(key) for key in ("applied", "window", "lastStop"))
    stored = Stored(
        applied=_load_applied(applied) if applied else None,
        live=status.get("incarnation", 0),
        stopped=status.get("stopped", False),
        incarnations=tuple(_load_incarnation(i) for i in status.get("incarnations") or ()),
        window=_read(Window, window) if window is not None else None,
        parameters=_load_parameters(status.get("parameters") or {}),
        last_stop=_read(LastStop, stop) if stop else None,
        handled=_read(Handled, status.get("lastHandled") or {}),
        history=tuple(_load_ended(ended) for ended in status.get("history") or ()),
        refused=status.get("refused", ""),
        plans=status.get("plans", 0),
        results=_load_results(status["results"]) if "results" in status else None,
    )
    journal = status.get("upgrade")
    return Record(stored, _load_journal(journal) if journal else None)


def _flat(value: Any) -> JsonObject:
    """Write a flat tuple; what is unset is left out, zeros and False stay."""
    return {wire_name(k): v for k, v in value._asdict().items() if v is not None and v != ()}


def _read(kind: Any, source: Mapping[str, Any]) -> Any:
    """Read a flat tuple: absent fields have their defaults, or None where there is none."""
    defaults = dict.fromkeys(kind._fields) | kind._field_defaults
    values = {name: source.get(wire_name(name), default) for name, default in defaults.items()}
    return kind(**{k: tuple(v) if isinstance(v, list) else v for k, v in values.items()})


def _dump_applied(applied: Applied) -> JsonObject:
    plain = {k: v for k, v in _flat(applied).items() if v != ""}
    if "digest" in plain:
        plain["artifactDigest"] = plain.pop("digest")
    return {k: list(v) if isinstance(v, tuple) else v for k, v in plain.items()}


def _load_applied(source: Mapping[str, Any]) -> Applied:
    renamed = {**source, "digest": source.get("artifactDigest")}
    texts = {k: renamed.get(wire_name(k)) or "" for k in Applied._fields if k != "formats"}
    return Applied(**texts, formats=tuple(source.get("formats") or ()))


def _dump_incarnation(run: str, record: Incarnation) -> JsonObject:
    written: JsonObject = {
        "number": record.number,
        "runID": f"{run}-{record.number}",
        "version": record.version or None,
        "revision": record.revision or None,
        "state": record.state,
        "results": record.results,
        "supersededBy": f"{run}-{record.superseded_by}" if record.superseded_by else None,
    }
    return {key: value for key, value in written.items() if value is not None}


def _load_incarnation(source: Mapping[str, Any]) -> Incarnation:
    successor = source.get("supersededBy", "")
    return Incarnation(
        source["number"],
        source.get("version", ""),
        source.get("revision", ""),
        source["state"],
        source.get("results", "Kept"),
        int(successor.rsplit("-", 1)[1]) if successor else 0,
    )


def _dump_results(results: Results) -> JsonObject:
    claim = {"claim": results.claim} if results.claim else {}
    return {**claim, "incarnations": list(results.incarnations)}


def _load_results(source: Mapping[str, Any]) -> Results:
    return Results(source.get("claim", ""), tuple(source.get("incarnations") or ()))


def _dump_parameters(parameters: Parameters) -> JsonObject | None:
    if parameters == NO_PARAMETERS:
        return None
    return {
        "base": dict(parameters.base),
        "effective": dict(parameters.effective),
        "overrides": list(parameters.overrides),
        "orphaned": [{"name": name, "value": value} for name, value in parameters.orphaned],
        "conflicts": [_flat(conflict) for conflict in parameters.conflicts],
    }


def _load_parameters(source: Mapping[str, Any]) -> Parameters:
    return Parameters(
        base=tuple(sorted((source.get("base") or {}).items())),
        effective=tuple(sorted((source.get("effective") or {}).items())),
        overrides=tuple(source.get("overrides") or ()),
        orphaned=tuple((o["name"], o["value"]) for o in source.get("orphaned") or ()),
        conflicts=tuple(_read(ParameterConflict, c) for c in source.get("conflicts") or ()),
    )


_ENDED = {"from_version": "from", "to_version": "to"}


def _dump_ended(ended: Ended) -> JsonObject:
    written = {_ENDED.get(k, wire_name(k)): v for k, v in ended._asdict().items() if k != "loss" and v != ""}
    written["outcome"] = ended.outcome.value
    if ended.message:
        written["message"] = shortened(ended.message)
    loss = dump_loss(ended.loss)
    return {**written, "loss": loss} if loss else written


def _load_ended(source: Mapping[str, Any]) -> Ended:
    values = {
        k: source.get(_ENDED.get(k, wire_name(k)), "") for k in Ended._fields if k not in ("outcome", "loss")
    }
    return Ended(
        **values, outcome=Outcome(source.get("outcome", "")), loss=load_loss(source.get("loss") or {})
    )


def dump_loss(loss: Loss) -> JsonObject:
    """Write what a plan cost; what does not apply is left out."""
    return {k: list(v) if isinstance(v, tuple) else v for k, v in _flat(loss).items() if v is not False}


def load_loss(source: Mapping[str, Any]) -> Loss:
    """Read what a plan cost."""
    loss: Loss = _read(Loss, source)
    return loss


def _dump_journal(journal: Journal) -> JsonObject:
    failure = journal.failure
    written: JsonObject = {
        "id": journal.id,
        "planHash": journal.plan_hash,
        "planner": PLANNER,
        "cause": journal.cause.value,
        "grantID": journal.grant_id,
        "attempt": journal.attempt,
        **_dump_end("from", journal.source),
        **_dump_end("to", journal.target),
        "level": journal.level,
        "strategy": _dump_strategy(journal.strategy),
        "live": journal.live,
        "next": journal.upcoming,
        "desire": journal.desire,
        "heading": journal.heading.value,
        "turnedBy": journal.turned_by,
        "steps": [_dump_step(s) for s in journal.steps],
        "path": [_dump_step(s) for s in journal.path],
        "begun": [{"id": b.id, "at": timestamp(b.at)} for b in journal.begun],
        "done": list(journal.done),
        "facts": [{"name": name, "value": value} for name, value in journal.facts],
        "attempts": [_dump_try(t) for t in journal.tries],
        "crossed": journal.crossed,
        "aborted": journal.aborted,
        "gaveUp": journal.gave_up,
        "skipRevert": journal.skip_revert,
        "heldSince": timestamp(journal.held_since) if journal.held_since is not None else "",
        "openedAt": timestamp(journal.opened_at),
        "failure": {**failure._asdict(), "at": timestamp(failure.at)} if failure else "",
    }
    return {key: value for key, value in written.items() if value not in ("", [], False)}


def _load_journal(source: Mapping[str, Any]) -> Journal:
    failure, held = source.get("failure"), source.get("heldSince")
    return Journal(
        id=source["id"],
        plan_hash=source["planHash"],
        cause=Cause(source["cause"]),
        source=_load_end("from", source),
        target=_load_end("to", source),
        level=source["level"],
        strategy=_load_strategy(source.get("strategy") or {}),
        steps=tuple(_load_step(s) for s in source.get("steps") or ()),
        live=source.get("live", 0),
        upcoming=source.get("next", 0),
        opened_at=epoch(source["openedAt"]),
        grant_id=source.get("grantID", ""),
        attempt=source.get("attempt", ""),
        desire=source.get("desire", ""),
        heading=Heading(source.get("heading", "Forward")),
        path=tuple(_load_step(s) for s in source.get("path") or ()),
        begun=tuple(Begun(b["id"], epoch(b["at"])) for b in source.get("begun") or ()),
        done=tuple(source.get("done") or ()),
        facts=tuple((f["name"], f["value"]) for f in source.get("facts") or ()),
        tries=tuple(_load_try(t) for t in source.get("attempts") or ()),
        aborted=source.get("aborted", False),
        gave_up=source.get("gaveUp", False),
        skip_revert=source.get("skipRevert", False),
        held_since=epoch(held) if held else None,
        failure=_load_failure(failure) if failure else None,
        turned_by=source.get("turnedBy", ""),
    )


def _dump_end(prefix: str, end: End) -> JsonObject:
    return {prefix + wire_name("_" + k): v for k, v in end._asdict().items()}


def _load_end(prefix: str, source: Mapping[str, Any]) -> End:
    return End(*(source.get(prefix + wire_name("_" + field), "") for field in End._fields))


def _dump_step(step: Step) -> JsonObject:
    plain = {wire_name(k): v for k, v in step.args._asdict().items() if v not in ("", False, 0)}
    needs = {"needs": list(step.needs)} if step.needs else {}
    return {"id": step.id, "kind": step.kind.value, **needs, **plain}


def _load_step(source: Mapping[str, Any]) -> Step:
    args = Args(**{k: source.get(wire_name(k), default) for k, default in Args._field_defaults.items()})
    return Step(source["id"], Kind(source["kind"]), args, tuple(source.get("needs") or ()))


def _dump_try(tried: Try) -> JsonObject:
    written = {
        "step": tried.step,
        "count": tried.failures,
        "uid": tried.uid,
        "at": timestamp(tried.at),
        "message": tried.message,
        "number": tried.number,
    }
    return {key: value for key, value in written.items() if value != ""}


def _load_try(source: Mapping[str, Any]) -> Try:
    return Try(
        source["step"],
        source["count"],
        source.get("uid", ""),
        epoch(source["at"]),
        source.get("message", ""),
        source.get("number", 0),
    )


def _load_failure(source: Mapping[str, Any]) -> Failure:
    return Failure(source["step"], source["reason"], source.get("message", ""), epoch(source["at"]))


def _dump_strategy(strategy: Snapshot) -> JsonObject:
    bounds = zip(_BOUNDS, strategy.window, strict=True)
    written = {
        "type": strategy.type,
        "window": [_dump_bound(field, bound) for field, bound in bounds if bound is not None],
        "approval": strategy.approval,
        "approveFrom": strategy.approve_from,
        "undeclaredEdge": strategy.undeclared_edge,
        "onFailure": strategy.on_failure,
        **{f"{k}Seconds": v for k, v in strategy.timeouts._asdict().items()},
        "stableSeconds": strategy.stable_seconds,
        "maxAttempts": strategy.max_attempts,
        "backoffSeconds": strategy.backoff_seconds,
    }
    return {key: value for key, value in written.items() if value not in ("", [])}


def _load_strategy(source: Mapping[str, Any]) -> Snapshot:
    bounds = {b["field"]: _load_bound(b) for b in source.get("window") or ()}
    defaults = Snapshot()
    times = {k: source.get(f"{k}Seconds", v) for k, v in defaults.timeouts._asdict().items()}
    return Snapshot(
        type=source.get("type", ""),
        window=Bounds(*(bounds.get(field) for field in _BOUNDS)),
        approval=source.get("approval", defaults.approval),
        approve_from=source.get("approveFrom", ""),
        on_failure=source.get("onFailure", defaults.on_failure),
        timeouts=Timeouts(**times),
        stable_seconds=source.get("stableSeconds", defaults.stable_seconds),
        max_attempts=source.get("maxAttempts", defaults.max_attempts),
        backoff_seconds=source.get("backoffSeconds", defaults.backoff_seconds),
        undeclared_edge=source.get("undeclaredEdge", ""),
    )


def _dump_bound(field: str, bound: Bound) -> JsonObject:
    written: JsonObject = {"field": field, "mode": bound.mode.value, "ifMissing": bound.if_missing}
    if bound.time is not None:
        written["time"] = bound.time
    if bound.seconds:
        written["seconds"] = bound.seconds
    return written


def _load_bound(source: Mapping[str, Any]) -> Bound:
    return Bound(
        WindowMode(source["mode"]),
        source.get("time"),
        source.get("seconds", 0),
        source.get("ifMissing", "Hold"),
    )
