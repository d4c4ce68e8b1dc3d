"""Objects of every row of docs/conditions.md as the operator writes them, and the rows as the page shows them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from functools import cache
from typing import Any, Final, NamedTuple

from tests.sim.setups import BROKEN, FORWARD, FRESH, KEEP_SAME, WINDOW
from tests.unit.execution.life import HOLD, Life, at, granted
from tests.unit.rollout.fleets import (
    V1,
    V2,
    Published,
    attempt,
    ended,
    fleet,
    grant_of,
    returned,
    run,
    runs,
    status,
)
from tests.unit.rollout.test_standing import destructive, failed, held

from docs import prose
from scenario_operator.api import names
from scenario_operator.api.conditions import PATIENCE_SECONDS
from scenario_operator.api.foreign import Foreign
from scenario_operator.api.outcomes import Outcome
from scenario_operator.api.reading import Unreadable
from scenario_operator.api.reasons import Reason
from scenario_operator.api.upgrade import AttemptPhase
from scenario_operator.execution.decide import decide
from scenario_operator.execution.status import render, unreadable
from scenario_operator.execution.view import Gate, Health, View
from scenario_operator.planning.validity import Problem
from scenario_operator.rollout.facts import Attempt, Fleet, Report, RunName, Unread
from scenario_operator.rollout.wire import dump_attempt

JsonObject = dict[str, Any]
UNSEEN: Final = "nobody has looked at it yet, or at its last edit"
GENERATION: Final = 1


class Row(NamedTuple):
    """One row of a table of the page: kind, situation, cells by the heading of their column."""

    kind: str
    situation: str
    cells: Mapping[str, str]


@cache
def rows() -> tuple[Row, ...]:
    """Return the rows of all tables that have a column `kstatus`."""
    found: list[Row] = []
    kind, heads = "", []
    for line in (prose.ROOT / "docs" / "conditions.md").read_text(encoding="utf-8").splitlines():
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        if line.startswith("## "):
            kind, heads = line.removeprefix("## "), []
        elif line.startswith("|") and not heads:
            heads = [head.strip("`") for head in cells]
        elif line.startswith("|") and "kstatus" in heads and set(line) - set("|-"):
            found.append(Row(kind, cells[0], dict(zip(heads, cells, strict=True))))
    return tuple(found)


def body(kind: str, written: JsonObject, generation: int = GENERATION) -> JsonObject:
    """Return an object of ours with this status."""
    metadata = {"name": "x", "namespace": "ns", "generation": generation}
    return {"apiVersion": names.API_VERSION, "kind": kind, "metadata": metadata, "status": written}


# --- Runs -----------------------------------------------------------------------------------------


def of(view: View) -> JsonObject:
    """Return the status that is written for a view."""
    return render(view, decide(view), {})


def seen(life: Life, **more: Any) -> JsonObject:
    """Return the status of a run, with some of its view replaced."""
    return of(life.view()._replace(**more))


def gated(life: Life, reason: str, *, attention: bool = False, **more: Any) -> JsonObject:
    """Return the status of a run whose Scenario's side gives this reason."""
    return seen(life, gate=Gate(reason, "told; see: kubectl -n ns get scn", attention), **more)


def on_v1(**more: Any) -> Life:
    """Return a run that is settled on v1 while v2 is wanted."""
    return Life.on_v1(KEEP_SAME, **more)


def went_back() -> Life:
    """Return a run whose attempt at v2 was rolled back."""
    return on_v1(broken=BROKEN).run(at("start")).wait(1000).run()


def with_pods(life: Life, stored: JsonObject | None = None, **pod: Any) -> JsonObject:
    """Return the status of a run whose pods are like this."""
    view = life.view()
    pods = tuple(p._replace(**pod) for p in view.world.pods)
    changed = view._replace(world=view.world._replace(pods=pods))
    return of(changed._replace(stored=view.stored._replace(**(stored or {}))))


def unwell(**pod: Any) -> JsonObject:
    """Return the status of a run whose pod has been like this for ten minutes."""
    view = on_v1(wanted="v1").view()
    pods = tuple(p._replace(ready=False, started=False, running=False, **pod) for p in view.world.pods)
    since = view.now - PATIENCE_SECONDS
    sick = view._replace(world=view.world._replace(pods=pods), health=Health(1, since, since))
    return of(sick)


def out_of_sync() -> JsonObject:
    """Return the status of a run whose state claim is gone."""
    view = on_v1(wanted="v1").put("pods", 1, None).put("workloads", 1, None).view()
    return of(view._replace(world=view.world._replace(claims=())))


def cannot_go_back() -> JsonObject:
    """Return the status of a run that goes back, whose claim vanishes on the way."""
    life = on_v1().run(at("start")).attempt(abort=True)
    life.work()
    return seen(life.put("claims", 1, None).run())


def stopped(**more: Any) -> Life:
    """Return a run that its user has stopped."""
    return on_v1(wanted="v1").edit(desired_running=False).run().edit(**more)


def cannot_be_read(problem: Unreadable) -> JsonObject:
    """Return the status of a run that worked, and of which a newer operator has written something."""
    obj = body(names.RUN, seen(on_v1(wanted="v1")))
    return unreadable(obj, "srun", problem, datetime(2026, 1, 1, tzinfo=UTC))


LEARNS: Final = {"window": WINDOW._replace(output_actions_from="2030-01-01T00:00:00Z")}
UNWANTED: Final = {"entry": None, "wanted": None}
NOT_READY: Final = {"ready": False, "started": False, "trouble": Foreign("")}

RUNS: Final[Mapping[str, Callable[[], list[JsonObject]]]] = {
    "on the wanted revision, pod ready": lambda: [seen(on_v1(wanted="v1"))],
    "waits: turn, approval, suspended, rollout held, rejected, pinned": lambda: [
        seen(on_v1()),
        *(gated(on_v1(), word) for word in ("AwaitingApproval", "Suspended", "RolloutHeld", "Rejected")),
        seen(on_v1().edit(pinned="1.0.0")),
    ],
    "blocked, nothing begun: no plan, or `spec.hold`": lambda: [
        *(gated(on_v1(), w, attention=True) for w in ("StrategyRequired", "Downgrade", "Disputed")),
        seen(on_v1().edit(hold="audit")),
    ],
    "carries out a plan": lambda: [
        *(seen(on_v1().run(at(step))) for step in ("stop", "start")),
        seen(Life.unborn().run(lambda life: life.state.record.journal is not None)),
    ],
    "pod not ready yet, no plan open": lambda: [with_pods(on_v1(wanted="v1"), **NOT_READY)],
    "worked, and has not served for 10 minutes in a state that time does not mend": lambda: (
        [
            unwell(trouble=Foreign(f"{word}: told"))
            for word in (
                "CrashLoopBackOff",
                "ImagePullBackOff",
                "CreateContainerConfigError",
                "Unschedulable",
            )
        ]
        + [unwell(terminating=True)]
    ),
    "learning": lambda: [with_pods(on_v1(wanted="v1"), LEARNS, ready=False, started=True)],
    "a plan of an attempt went back, or was aborted": lambda: [
        seen(went_back()),
        seen(on_v1().run(at("start")).attempt(abort=True).run()),
    ],
    "the same, and the pod is not ready (again)": lambda: [
        with_pods(went_back(), **NOT_READY),
        with_pods(went_back(), LEARNS, ready=False, started=True),
    ],
    "a plan of its own (start, stop, restart, parameters) went back, or was aborted": lambda: [
        seen(
            on_v1(wanted="v1")
            .edit(desired_running=False)
            .run(lambda life: life.pod().term)
            .edit(abort_nonce="x")
            .run()
        ),
    ],
    "a step waits for a person, or `spec.hold` in mid-plan": lambda: [
        seen(on_v1(broken=BROKEN, strategy=HOLD).run().wait(1000).run()),
        seen(on_v1().run(at("start")).edit(hold="audit")),
    ],
    "past the point of no return, failing": lambda: [
        seen(
            Life.on_v1(FRESH, FORWARD._replace(approval="Never"), broken=BROKEN).run(at("start")).wait(10_000)
        )
    ],
    "a step of going back fails": lambda: [cannot_go_back()],
    "the API server refuses the next write, or a pod of the run": lambda: [
        seen(on_v1().run(granted), refusal=Foreign("403 Forbidden")),
        seen(Life.unborn(), refusal=Foreign("403 Forbidden")),
    ],
    "claims do not fit the record": lambda: [out_of_sync()],
    "before its first start: its Scenario is on its way": lambda: [
        gated(Life.unborn(), word, entry=None) for word in ("Resolving", "Planning", "ArtifactUnavailable")
    ],
    "before its first start: its Scenario waits for a person": lambda: [
        gated(Life.unborn(), word, entry=None) for word in ("AwaitingApproval", "Suspended")
    ],
    "before its first start: its Scenario offers nothing to start on": lambda: [
        gated(Life.unborn(), word, attention=True, **UNWANTED)
        for word in ("NoValidRevision", "ScenarioNotFound", "RevisionNotFound")
    ],
    "its first start waits for a person: the version does not start, a hook fails": lambda: [
        seen(Life.unborn(broken=BROKEN).run().wait(1000).run()),
    ],
    "before its first start: its own parameters do not fit": lambda: [
        seen(Life.unborn().edit(parameters=(("misspelt", "1"),))),
    ],
    "its Scenario is gone": lambda: [gated(on_v1(), "ScenarioNotFound", attention=True, **UNWANTED)],
    "it cannot be read: a value that the operator does not know": lambda: [
        cannot_be_read(Unreadable("spec.startFrom.time", "told")),
        cannot_be_read(Unreadable("status.upgrade", "told")),
    ],
    "stopped by its user": lambda: [seen(stopped())],
    "stopped by its user and behind": lambda: [
        seen(stopped(pinned="1.0.0").want("v2")),
        seen(stopped().want("v2")),
    ],
}


# --- Scenarios ------------------------------------------------------------------------------------


def told(reason: Reason) -> Problem:
    """Return a problem of a spec."""
    return Problem(reason, "told")


def patient(reason: Reason = Reason.ARTIFACT_UNAVAILABLE) -> JsonObject:
    """Return the status of a Scenario whose artifact has not been had for ten minutes."""
    missing = Published(V1, pending=told(reason))
    known = fleet(runs(1, V1), wanted="v1")
    return status(known._replace(now="2026-01-01T00:10:01Z"), missing, status(known, missing))


def parked() -> Fleet:
    """Return a rollout of which one run waits for a person."""
    waits = run("w", V1, journal_grant="s-1.1", waits=True)
    return fleet((waits, run("g", V1)), [attempt(active=(grant_of("w", parked=True),), granted=1)])


def canary() -> Fleet:
    """Return a rollout whose first run has gone back."""
    first, *others = runs(3, V1)
    of = attempt(active=(grant_of("r001"),), granted=1, canaries=("uid-r001",))
    back = returned(first, Outcome.ROLLED_BACK, "s-1.1")._replace(failed=True)
    return fleet((back, *others), [of], canaries=1)


def hanging() -> Fleet:
    """Return a new run whose first start on v2 waits for a person."""
    first = run("n", None, journal_grant="", journal_revisions=("", "v2"), waits=True)
    return fleet((first, run("g", V2)))


SCENARIOS: Final[Mapping[str, Callable[[], list[JsonObject]]]] = {
    "every run settled: up to date (learning included), pinned, or stopped by its user": lambda: [
        status(fleet()),
        status(fleet((run("p", V1, pinned=True), run("g", V2), run("s", V2, stopped=True)))),
    ],
    "waits for consent": lambda: [status(destructive())],
    "suspended, and a run waits for it": lambda: [status(destructive(suspend=True))],
    "resolving the image, running `hooks.validate`, planning, rolling out": lambda: [
        status(fleet(runs(1, V1)), Published(None, pending=told(Reason.RESOLVING))),
        status(fleet(runs(2, V1))),
        status(fleet(runs(2, V1), [attempt()])),
    ],
    "rolling out, and a run waits for a person or some plans for consent": lambda: [status(parked())],
    "image cannot be pulled, ConfigMap missing": lambda: [
        status(fleet(runs(1, V1)), Published(V1, pending=told(reason)))
        for reason in (Reason.ARTIFACT_UNAVAILABLE, Reason.CONFIG_MAP_MISSING)
    ],
    "an image or a ConfigMap that is missing for 10 minutes": lambda: [
        patient(),
        patient(Reason.CONFIG_MAP_MISSING),
    ],
    "an artifact that is being resolved or validated for 10 minutes": lambda: [patient(Reason.RESOLVING)],
    "spec not valid": lambda: [
        status(fleet(runs(1, V2)), Published(V2, problem=told(reason)))
        for reason in (Reason.INVALID_SPEC, Reason.VERSION_REUSED, Reason.VALIDATION_FAILED)
    ],
    "the API server refuses what has to be written": lambda: [
        status(fleet(runs(1, V2)), Published(V2, pending=told(Reason.REFUSED)))
    ],
    "a strategy or an attempt cannot be read, or the strategy is not there, and a run waits for it": lambda: [
        status(fleet(runs(1, V1))._replace(frozen=told(reason)))
        for reason in (Reason.UNREADABLE, Reason.STRATEGY_NOT_FOUND)
    ],
    "every other run settled, some cannot be read": lambda: [
        status(fleet(runs(1, V2))._replace(unread=(Unread(RunName("ns", "odd"), "u", "spec.hold: told"),)))
    ],
    "digest is not the declared one": lambda: [
        status(fleet(runs(1, V2)), Published(V2, problem=told(Reason.DIGEST_MISMATCH)))
    ],
    "runs have no plan, or cannot start as their own spec stands": lambda: [
        status(fleet(runs(2, FRESH["v1"]), revisions=FRESH)),
        status(fleet((run("n", None, asks="UnknownParameter", parameters=(("misspelt", "1"),)),))),
    ],
    "some runs went back and the attempt is over, or the version does not start on a new run": lambda: [
        status(failed()),
        status(hanging()),
    ],
    "an attempt was aborted before it began": lambda: [
        status(
            fleet(
                runs(1, V1),
                [
                    attempt(
                        abort=True,
                        finished=True,
                        closed=True,
                        phase=AttemptPhase.ABORTED,
                        reports=(Report("ns", "r001", "uid-r001", "", "", ended(Outcome.ABORTED, grant="")),),
                    )
                ],
            )
        )
    ],
    "nothing moves but for `spec.hold` of some runs": lambda: [
        status(fleet((run("h", V1, hold=True), run("g", V2)), [attempt()])),
        status(fleet((run("n", None, hold=True, asks="Held"), run("g", V2)))),
    ],
    "each run that is left waits for a person": lambda: [
        status(
            fleet(
                (run("w", V1, journal_grant="s-1.1", waits=True), run("g", V2)),
                [attempt(active=(grant_of("w", parked=True),), granted=1)],
            )
        ),
        status(fleet((run("w", V2, journal_grant="", journal_revisions=("v2", "v2"), waits=True),))),
    ],
    "the attempt was rejected": lambda: [
        status(
            fleet(
                runs(2, V1),
                [attempt(reject=Foreign("no"), finished=True, closed=True, phase=AttemptPhase.REJECTED)],
            )
        )
    ],
    "rollout held by failures, or by a canary that did not arrive": lambda: [
        status(held()),
        status(canary()),
    ],
}


# --- Attempts -------------------------------------------------------------------------------------

WORDS: Final = {"Running": "RollingOut", "Held": "RolloutHeld", "Closing": "Superseded"}
ENDED: Final = ("Succeeded", "Failed", "Aborted", "Superseded", "Rejected")


def attempt_in(phase: str) -> JsonObject:
    """Return the status of an attempt in this phase."""
    ended = phase in ENDED
    made: Attempt = attempt(
        phase=AttemptPhase(phase), reason=WORDS.get(phase, phase), finished=ended, closed=ended
    )
    return dump_attempt(made, fleet(runs(1, V1)), {}, GENERATION)


def objects(row: Row) -> list[JsonObject]:
    """Return objects of a row; a row that has none here is a KeyError."""
    if row.situation == UNSEEN:
        before = {names.RUN: RUNS, names.SCENARIO: SCENARIOS}[row.kind]
        edited = [one for made in before.values() for one in made()]
        fresh = body(row.kind, {"observedGeneration": -1})
        return [fresh, *(body(row.kind, each, GENERATION + 1) for each in edited)]
    if row.kind == names.UPGRADE:
        return [body(row.kind, attempt_in(phase)) for phase in row.situation.split(", ")]
    made = (RUNS if row.kind == names.RUN else SCENARIOS)[row.situation]()
    return [body(row.kind, each) for each in made]
