"""Short ways to revisions, stored values, cases and their plans for planning tests."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from scenario_operator.api.scenario import ScenarioSpec
from scenario_operator.planning.compile import Blocked, Case, plan_upgrade
from scenario_operator.planning.legality import violations
from scenario_operator.planning.plan import Cause, Plan, Snapshot
from scenario_operator.planning.revision import Artifact, Revision, make
from scenario_operator.planning.stored import Applied, Incarnation, LastStop, Stored
from scenario_operator.planning.windows import Window

REVERT: dict[str, Any] = {"revert": {"command": ["revert"]}}
INCIDENT = {"kind": "incident", "class": "Reversible", "identity": "v1"}
IN_PLACE = Snapshot(type="InPlace")
CONTINUATION = Snapshot(type="Continuation")
FORWARD_ONLY = Snapshot(type="ForwardOnly")
STRATEGIES = (None, IN_PLACE, CONTINUATION, FORWARD_ONLY)
VOLUME = {"size": "1Gi"}
KEEP = ["Stop(live)", "Start(live)", "Verify(live)", "Commit"]
CONTINUE = ["Stop(live)", "ResolveWindow", "Start(next)", "Verify(next)", "Commit"]
FORWARD = [
    "Stop(live)",
    "ResolveWindow",
    "RevertResults(live)",
    "DeleteState(live)",
    "Start(next)",
    "Verify(next)",
    "Commit",
]


def edge(verdict: str, *, versions: str = "*", reversible: bool = False, digest: str = "") -> dict[str, Any]:
    """Return one entry of spec.compatibility.from."""
    match = {"digest": digest} if digest else {"versions": versions}
    return {**match, "verdict": verdict, "reversible": reversible}


def spec(version: str = "1.0.0", **more: Any) -> ScenarioSpec:
    """Return a Scenario with state format "1", a revert hook and one Reversible output, unless told otherwise."""
    given = {
        "version": version,
        "type": "Service",
        "artifact": {"image": f"quake-watch:{version}"},
        "state": {"version": "1", "volume": {"size": "1Gi"}},
        "hooks": REVERT,
        "outputs": [INCIDENT],
    }
    return ScenarioSpec.model_validate({**given, **more})


def revision(version: str = "1.0.0", *, name: str = "", digest: str = "", **more: Any) -> Revision:
    """Return a published revision; its digest follows the version."""
    found = digest or f"sha256:{version}"
    number = int(version[0]) if version[0].isdigit() else 1
    return make(
        name or f"x-{version}", number, spec(version, **more), Artifact(f"quake-watch@{found}", found)
    )


V1 = revision()


def compatible(version: str = "2.0.0", *, reversible: bool = True, **more: Any) -> Revision:
    """Return a version that declares every edge Compatible."""
    return revision(version, compatibility={"from": [edge("Compatible", reversible=reversible)]}, **more)


def incompatible(version: str = "2.0.0", **more: Any) -> Revision:
    """Return a version with another state format that declares nothing."""
    return revision(version, **{"state": {"version": "2", "volume": {"size": "1Gi"}}, **more})


def applied(found: Revision, *formats: str) -> Applied:
    """Return the record of a revision that has committed."""
    possible = formats or ((found.state_version,) if found.has_state else ())
    return Applied(
        found.name,
        found.version,
        found.logic_hash,
        found.config_hash,
        found.artifact.digest,
        found.state_version,
        possible,
    )


STOP = LastStop(1, "2026-03-01T00:00:00Z", "1", "2026-03-01T00:00:05Z", clean=True, reported=True)


def stored(on: Revision, *formats: str, live: int = 1, **more: Any) -> Stored:
    """Return what a run has that is settled on a revision."""
    given: dict[str, Any] = {
        "applied": applied(on, *formats),
        "live": live,
        "incarnations": (Incarnation(live, on.version, on.name),) if live else (),
        "window": Window(),
    }
    return Stored(**{**given, **more})


def case(
    source: Revision,
    target: Revision,
    strategy: Snapshot | None = None,
    *,
    cause: Cause = Cause.UPGRADE,
    user: dict[str, str] | None = None,
    **more: Any,
) -> Case:
    """Return the case of a run that is settled on `source` (or as `more` says) and should go to `target`."""
    return Case(stored(source, **more), source, target, strategy, tuple((user or {}).items()), cause)


def titles(plan: Plan) -> list[str]:
    """Return the steps as people read them."""
    return [draft.title() for draft in plan.steps]


def kinds(plan: Plan) -> Sequence[str]:
    """Return the kinds of a plan's steps."""
    return [draft.kind.value for draft in plan.steps]


def planned(given_: Case) -> Plan:
    """Return the plan of a case, which must have one and break no promise."""
    found = plan_upgrade(given_)
    assert isinstance(found, Plan), found
    assert broken(given_, found) == ()
    return found


def blocked(given_: Case) -> Blocked:
    """Return why a case, which must have no plan, has none."""
    found = plan_upgrade(given_)
    assert isinstance(found, Blocked), titles(found)
    return found


def broken(given_: Case, plan: Plan) -> tuple[str, ...]:
    """Return the promises that a plan of a case breaks."""
    before = given_.stored
    formats = before.applied.formats if before.applied else ()
    running = before.applied is not None and bool(before.live) and not before.stopped
    return violations(plan, running=running, accepted=given_.target.accepts(formats))
