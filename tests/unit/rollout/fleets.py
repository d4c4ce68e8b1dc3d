"""Short ways to fleets: runs, attempts and what the scenario's side decides about them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, NamedTuple

from tests.sim.setups import FRESH, KEEP_SAME, WINDOW, applied_of

from scenario_operator.api.outcomes import Outcome
from scenario_operator.planning.plan import Snapshot
from scenario_operator.planning.revision import Revision
from scenario_operator.planning.stored import Ended, Handled, Incarnation, Stored
from scenario_operator.planning.validity import Problem
from scenario_operator.rollout.decide import FleetDecision, decide
from scenario_operator.rollout.facts import Asked, Attempt, Fleet, Grant, Pace, RunFacts, RunName
from scenario_operator.rollout.standing import render
from scenario_operator.rollout.wire import dump_attempt, load_attempt

__all__ = ["FRESH", "KEEP_SAME"]

NOW = "2026-01-01T00:00:00Z"
FORWARD = Snapshot(type="ForwardOnly")
NEVER = FORWARD._replace(approval="Never")
V1, V2, V3 = KEEP_SAME["v1"], KEEP_SAME["v2"], KEEP_SAME["v3"]


class Published(NamedTuple):
    """How far the spec is."""

    revision: Revision | None
    problem: Problem | None = None
    pending: Problem | None = None


def ended(outcome: Outcome, attempt: str = "s-1", grant: str = "s-1.1") -> Ended:
    """Return an end as a run records it."""
    return Ended(grant, attempt, outcome, outcome.value, "", "1.0.0", "2.0.0", "", "", NOW, NOW)


def run(name: str, on: Revision | None, *history: Ended, stopped: bool = False, **more: Any) -> RunFacts:
    """Return a run that is settled on a revision, or has not started."""
    stored = Stored(
        applied=applied_of(on, (on.state_version,)) if on else None,
        live=1 if on else 0,
        stopped=stopped,
        incarnations=(Incarnation(1, on.version, on.name),) if on else (),
        window=WINDOW,
        handled=Handled("", "", "", ""),
        history=history,
    )
    return RunFacts("ns", name, f"uid-{name}", stored, **more)


def runs(count: int, on: Revision, **more: Any) -> tuple[RunFacts, ...]:
    """Return so many settled runs, in the order of their names."""
    return tuple(run(f"r{n:03}", on, **more) for n in range(1, count + 1))


def grant_of(name: str, grant: str = "s-1.1", **more: Any) -> Grant:
    """Return the grant of a run."""
    return Grant(grant, f"uid-{name}", "ns", name, "h", **more)


def attempt(number: int = 1, revision: str = "v2", **more: Any) -> Attempt:
    """Return an attempt."""
    return Attempt(f"s-{number}", f"uid-s-{number}", number, revision, **more)


def fleet(
    found: Iterable[RunFacts] = (),
    attempts: Iterable[Attempt] = (),
    *,
    revisions: dict[str, Revision] | None = None,
    wanted: str = "v2",
    pace: tuple[int, ...] = (10, 1),
    canaries: int = 0,
    strategy: Snapshot | None = None,
    **more: Any,
) -> Fleet:
    """Return a fleet that wants v2."""
    known = revisions or KEEP_SAME
    given: dict[str, Any] = {"suspend": False, "approved_plans": frozenset(), "now": NOW, **more}
    return Fleet(
        scenario="s",
        namespace="ns",
        wanted=known[wanted] if wanted else None,
        revisions=known,
        strategy=strategy or Snapshot(),
        pace=Pace(*pace, canaries=canaries),
        runs=tuple(found),
        attempts=tuple(attempts),
        **given,
    )


def asked_by(name: str, nonce: str = "1") -> tuple[Asked, ...]:
    """Return what an attempt remembers that this run asked for."""
    return (Asked("ns", name, f"uid-{name}", nonce),)


def named(*names: str) -> tuple[RunName, ...]:
    """Return the runs that an attempt is about, all of the Scenario's namespace."""
    return tuple(RunName("ns", name) for name in names)


def returned(run_: RunFacts, outcome: Outcome, grant: str, attempt_: str = "s-1") -> RunFacts:
    """Return the run with an outcome on record and no plan open."""
    history = (ended(outcome, attempt_, grant), *run_.stored.history)
    return run_._replace(journal_grant=None, waits=False, stored=run_.stored._replace(history=history))


def granted(found: Attempt) -> list[str]:
    """Return the names of the runs that hold grants."""
    return [e.name for e in found.active]


def words(found: Attempt) -> dict[str, str]:
    """Return the reported outcomes by run."""
    return {r.name: r.ended.outcome for r in found.reports}


def written(before: Attempt, known: Fleet, spec: dict[str, Any] | None = None) -> Attempt:
    """Return an attempt as it is read after it was written."""
    metadata = {"name": before.name, "namespace": "ns", "uid": before.uid}
    stated = {
        "revision": before.revision,
        "cause": before.cause,
        "runs": [run.written("ns") for run in before.only],
        "asked": [asked._asdict() for asked in before.asked],
        **(spec or {}),
    }
    return load_attempt({"metadata": metadata, "spec": stated, "status": dump_attempt(before, known, {}, 1)})


def passed(known: Fleet) -> tuple[Fleet, FleetDecision]:
    """Make one pass: decide and write, and open the attempt that is asked for."""
    made = decide(known)
    by_name = {a.name: written(a, known, _asked(a)) for a in made.attempts}
    attempts = [by_name.get(a.name, a) for a in known.attempts]
    sequence = known.sequence
    if made.opening is not None:
        sequence += 1
        attempts.append(
            attempt(
                sequence,
                made.opening.revision,
                cause=made.opening.cause,
                only=made.opening.only,
                asked=made.opening.asked,
            )
        )
    return known._replace(attempts=tuple(attempts), sequence=sequence), made


def _asked(of: Attempt) -> dict[str, Any]:
    """Return what people asked of an attempt, as its spec says it."""
    called_off = {"abort": of.uid if of.abort else "", "reject": of.reject.shown()}
    return {"suspend": of.suspend, **{key: value for key, value in called_off.items() if value}}


def settled(known: Fleet, passes: int = 20) -> Fleet:
    """Pass until nothing changes any more."""
    for _ in range(passes):
        after, _ = passed(known)
        if after == known:
            return known
        known = after
    raise AssertionError("the fleet does not come to rest")


def status(
    known: Fleet, published: Published | None = None, old: dict[str, Any] | None = None
) -> dict[str, Any]:
    """Return the Scenario's status as it would be written."""
    from scenario_operator.rollout.standing import standing_of

    told = published or Published(known.wanted)
    made = decide(known)
    return render(standing_of(told, known, made), told, known, made, old or {}, 1)


def conditions(of: dict[str, Any]) -> dict[str, tuple[str, str]]:
    """Return status and reason by condition."""
    return {c["type"]: (c["status"], c["reason"]) for c in of["conditions"]}
