"""How a Scenario stands: the readiness table of the API, row by row, and what else its status says."""

from __future__ import annotations

import re
from typing import Any

import pytest

from scenario_operator.api.conditions import ConditionType
from scenario_operator.api.outcomes import Outcome
from scenario_operator.api.reasons import Reason
from scenario_operator.api.upgrade import AttemptPhase
from scenario_operator.planning.validity import Problem
from scenario_operator.rollout.decide import decide
from scenario_operator.rollout.facts import Attempt, Fleet, Report, RunFacts
from scenario_operator.rollout.wire import assess

from .fleets import (
    FORWARD,
    FRESH,
    V1,
    V2,
    Published,
    attempt,
    conditions,
    ended,
    fleet,
    grant_of,
    passed,
    run,
    runs,
    status,
)

COMMAND = re.compile(r"kubectl -n ns \S.*$")
OVER = attempt(finished=True, closed=True, phase=AttemptPhase.SUCCEEDED)


def destructive(**more: Any) -> Fleet:
    """Return runs that wait for v2, which destroys."""
    return fleet(runs(2, FRESH["v1"]), [attempt()], revisions=FRESH, strategy=FORWARD, **more)


def failed() -> Fleet:
    """Return one run that was rolled back and one that arrived."""
    back = run("f", V1, ended(Outcome.ROLLED_BACK), failed=True)
    return fleet((back, run("g", V2)), [attempt(finished=True, closed=True, phase=AttemptPhase.FAILED)])


def held() -> Fleet:
    """Return a rollout with more failures than it may have."""
    bad = [run(f"f{n}", V1, ended(Outcome.ROLLED_BACK, grant=f"s-1.{n}"), failed=True) for n in (1, 2)]
    active = tuple(grant_of(f"f{n}", f"s-1.{n}") for n in (1, 2))
    return fleet((*bad, run("g", V1), run("h", V2)), [attempt(active=active, granted=2)])


ROWS: list[tuple[str, Fleet, tuple[str, str], tuple[str, str], str, bool]] = [
    # row, fleet, Ready, RolledOut, Reconciling or Stalled, ActionRequired
    ("settled", fleet(runs(2, V2)), ("True", "RolledOut"), ("True", "RolledOut"), "", False),
    ("no runs", fleet(), ("True", "RolledOut"), ("True", "NoRuns"), "", False),
    (
        "pinned",
        fleet((run("p", V1, pinned=True), run("g", V2))),
        ("True", "RolledOut"),
        ("True", "RolledOut"),
        "",
        False,
    ),
    (
        "stopped by its user",
        fleet((run("s", V2, stopped=True),)),
        ("True", "RolledOut"),
        ("True", "RolledOut"),
        "",
        False,
    ),
    (
        "made stopped and never started",
        fleet((run("s", None, desired_running=False), *runs(1, V2))),
        ("True", "RolledOut"),
        ("True", "RolledOut"),
        "",
        False,
    ),
    (
        "approval",
        destructive(),
        ("True", "AwaitingApproval"),
        ("False", "AwaitingApproval"),
        "",
        True,
    ),
    ("suspend", destructive(suspend=True), ("True", "Suspended"), ("False", "Suspended"), "", True),
    (
        "first version suspended",
        fleet((run("n", None),), suspend=True),
        ("True", "Suspended"),
        ("False", "Suspended"),
        "",
        True,
    ),
    (
        "rolling out",
        fleet(runs(2, V1), [attempt()]),
        ("False", "RollingOut"),
        ("False", "RollingOut"),
        "Reconciling",
        False,
    ),
    (
        "starting",
        fleet((run("n", None),)),
        ("False", "RollingOut"),
        ("False", "RollingOut"),
        "Reconciling",
        False,
    ),
    ("planning", fleet(runs(2, V1)), ("False", "Planning"), ("False", "Planning"), "Reconciling", False),
    (
        "plans blocked",
        fleet(runs(2, FRESH["v1"]), revisions=FRESH),
        ("False", "StrategyRequired"),
        ("False", "StrategyRequired"),
        "Stalled",
        True,
    ),
    ("held by failures", held(), ("False", "RolloutHeld"), ("False", "RolloutHeld"), "Stalled", True),
    ("some rolled back", failed(), ("False", "RunsFailed"), ("False", "RunsFailed"), "Stalled", True),
]


@pytest.mark.parametrize(
    ("known", "ready", "rolled_out", "also", "asks"), [r[1:] for r in ROWS], ids=[r[0] for r in ROWS]
)
def test_the_readiness_table_row_by_row(
    known: Fleet, ready: tuple[str, str], rolled_out: tuple[str, str], also: str, asks: bool
) -> None:
    """Given each row of the table, when the status is written, then its conditions are those of the row."""
    written = status(known)
    told = conditions(written)
    assert told["Ready"] == ready
    assert told["RolledOut"] == rolled_out
    assert {k for k in told if k in ("Reconciling", "Stalled")} == ({also} if also else set())
    assert (told["ActionRequired"][0] == "True") is asks
    if asks:
        [message] = [c["message"] for c in written["conditions"] if c["type"] == "ActionRequired"]
        assert COMMAND.search(message), message


@pytest.mark.parametrize(
    ("told", "ready", "valid", "available", "also"),
    [
        (Problem(Reason.INVALID_SPEC, "spec.x"), "InvalidSpec", "False", "True", "Stalled"),
        (Problem(Reason.VERSION_REUSED, "v1"), "VersionReused", "False", "True", "Stalled"),
        (Problem(Reason.DIGEST_MISMATCH, "x"), "DigestMismatch", "True", "False", "Stalled"),
    ],
)
def test_an_invalid_spec_is_stalled_and_the_last_valid_revision_is_served(
    told: Problem, ready: str, valid: str, available: str, also: str
) -> None:
    """Given a spec that is refused, when the status is written, then it says why and latestRevision stands."""
    written = status(fleet(runs(1, V2)), Published(V2, problem=told))
    seen = conditions(written)
    assert seen["Ready"] == ("False", ready)
    assert (seen["Valid"][0], seen["ArtifactAvailable"][0]) == (valid, available)
    assert also in seen
    assert written["latestRevision"] == "v2"
    [message] = [c["message"] for c in written["conditions"] if c["type"] == "ActionRequired"]
    assert COMMAND.search(message), message


def test_a_missing_artifact_is_reconciling_and_after_ten_minutes_stalled() -> None:
    """Given an image that cannot be pulled, when ten minutes have passed, then somebody is asked for."""
    missing = Published(V1, pending=Problem(Reason.ARTIFACT_UNAVAILABLE, "x:2 cannot be pulled"))
    known = fleet(runs(1, V1), wanted="v1")
    first = status(known, missing)
    assert conditions(first)["Ready"] == ("False", "ArtifactUnavailable")
    assert "Reconciling" in conditions(first)
    assert "Stalled" not in conditions(first)
    later = status(known._replace(now="2026-01-01T00:10:01Z"), missing, first)
    assert "Stalled" in conditions(later)
    assert "Reconciling" not in conditions(later)
    assert conditions(later)["ActionRequired"][0] == "True"


@pytest.mark.parametrize(
    ("stale", "settled"),
    [
        (run("r", V2, ended(Outcome.ROLLED_BACK), failed=True), True),
        (run("r", None, ended(Outcome.ABORTED)._replace(to_revision="v1"), failed=True), False),
        (run("r", None, asks="NoValidRevision"), False),
        (run("r", None, asks="ScenarioNotFound"), False),
        (run("r", None, asks="ParameterRequired"), False),
        (run("r", None, journal_grant="", journal_revisions=("", "v1"), waits=True), False),
    ],
    ids=[
        "it is on the old text again",
        "the first start of another version was taken back",
        "there was no version",
        "there was no Scenario",
        "the wanted version has a default",
        "another version does not start",
    ],
)
def test_what_a_run_said_before_the_wanted_revision_stalls_nobody(stale: RunFacts, *, settled: bool) -> None:
    """Given words of a run about a revision before, when a good one is wanted, then the Scenario is not Stalled."""
    told = conditions(status(fleet((stale,))))
    assert "Stalled" not in told
    assert told["Ready"][0] == ("True" if settled else "False")


@pytest.mark.parametrize(
    ("failing", "reason"),
    [
        (run("r", None, ended(Outcome.ABORTED)._replace(to_revision="v2"), failed=True), "RunsFailed"),
        (run("r", None, journal_grant="", journal_revisions=("", "v2"), waits=True), "RunsFailed"),
        (run("r", None, asks="UnknownParameter", parameters=(("odd", "1"),)), "PlansBlocked"),
        (run("r", None, asks="StateOutOfSync"), "PlansBlocked"),
    ],
)
def test_a_run_that_does_not_start_on_what_is_wanted_stalls_the_scenario(
    failing: RunFacts, reason: str
) -> None:
    """Given a new run that needs a person, then its Scenario is Stalled and leads to it."""
    written = status(fleet((failing, *runs(1, V2))))
    assert conditions(written)["Stalled"] == ("True", reason)
    [message] = [c["message"] for c in written["conditions"] if c["type"] == "ActionRequired"]
    assert COMMAND.search(message), message


@pytest.mark.parametrize(
    "held_back",
    [
        run("r", None, journal_grant="", journal_revisions=("", "v2"), waits=True, hold=True),
        run("r", None, hold=True, asks="Held"),
    ],
    ids=["in its plan", "before it"],
)
def test_a_first_start_that_its_user_holds_is_a_gate_of_a_person_and_names_the_way_on(
    held_back: RunFacts,
) -> None:
    """Given a hold, then the Scenario does not roll out for ever: nothing is wrong, somebody is asked."""
    told = status(fleet((held_back, *runs(1, V2))))
    assert conditions(told)["Ready"] == ("True", "Held")
    assert conditions(told)["RolledOut"] == ("False", "Held")
    assert not {"Reconciling", "Stalled"} & conditions(told).keys()
    assert "patch srun r" in asked(told)
    assert '"hold":null' in asked(told)


def asked(told: dict[str, Any]) -> str:
    """Return what a status asks of a person."""
    return next(str(c["message"]) for c in told["conditions"] if c["type"] == "ActionRequired")


def test_an_attempt_that_was_aborted_before_it_began_has_failed_nobody() -> None:
    """Given an attempt that nobody was granted in, when it is aborted, then no run has failed."""
    over = attempt(abort=True, finished=True, closed=True, phase=AttemptPhase.ABORTED)
    left = over._replace(reports=tuple(_never_granted(name) for name in ("r001", "r002")))
    told = status(fleet(runs(2, V1), [left]))
    assert conditions(told)["Stalled"] == ("True", "Aborted")
    assert COMMAND.search(asked(told))


def _never_granted(name: str) -> Report:
    return Report("ns", name, f"uid-{name}", "", "", ended(Outcome.ABORTED, grant=""))


def test_a_run_that_is_held_before_its_turn_does_not_keep_the_scenario_rolling_out() -> None:
    """Given one run that arrived and one that its user holds, then the rollout waits for that person, and says so."""
    told = status(fleet((run("a", V1, hold=True), run("b", V2)), [attempt()]))
    assert conditions(told)["Ready"] == ("True", "Held")
    assert "patch srun a" in asked(told)


def test_runs_that_all_wait_for_a_person_stall_the_scenario() -> None:
    """Given the last run of a rollout that waits for a person, then tools that wait for the Scenario hear it."""
    stuck = run("a", V1, journal_grant="s-1.1", journal_revisions=("v1", "v2"), waits=True)
    one = fleet((stuck, run("b", V2)), [attempt(active=(grant_of("a"),), granted=1)])
    assert conditions(status(one))["Stalled"] == ("True", "RunsStuck")


def test_a_plan_of_its_own_that_waits_for_a_person_stalls_the_scenario() -> None:
    """Given a restart that does not come to its end, then the Scenario names the run."""
    stuck = run("a", V2, journal_grant="", journal_revisions=("v2", "v2"), waits=True)
    told = status(fleet((stuck, run("b", V2))))
    assert conditions(told)["Stalled"] == ("True", "RunsStuck")
    assert "wait for a person: a" in asked(told)


@pytest.mark.parametrize(
    ("one", "reason"),
    [
        (destructive(), "ApprovalRequired"),
        (held(), "RolloutHeld"),
        (fleet(runs(1, V1), [attempt(suspend=True)]), "Suspended"),
        (fleet((run("a", V1, hold=True),), [attempt()]), "Held"),
    ],
    ids=["consent", "failures", "suspended", "held"],
)
def test_an_attempt_asks_for_itself_what_its_scenario_asks_for(one: Fleet, reason: str) -> None:
    """Given an attempt that waits for a person, then describing it shows the command."""
    [shown] = decide(one).attempts
    [told] = [a for a in assess(shown, one) if a.type is ConditionType.ACTION_REQUIRED]
    assert (told.status, told.reason.value) == ("True", reason)
    assert "kubectl -n ns " in told.message


def test_mixed_versions_are_said_and_pinned_runs_do_not_count() -> None:
    """Given runs on two versions, when one of them is pinned, then they are no mixture."""
    assert conditions(status(failed()))["MixedVersions"][0] == "True"
    pinned = fleet((run("p", V1, pinned=True), run("g", V2)))
    assert conditions(status(pinned))["MixedVersions"][0] == "False"


def test_counts_and_versions_tell_of_every_run() -> None:
    """Given all sorts of runs, when the status is written, then it counts them."""
    known = fleet(
        (
            run("a", V2),
            run("b", V1, pinned=True),
            run("c", V1, journal_grant="s-1.1"),
            run("d", V1, failed=True),
            run("e", None),
        ),
        [attempt(active=(grant_of("c"),), granted=1)],
    )
    written = status(known)
    assert written["runs"]["total"] == 5
    assert (written["runs"]["upgrading"], written["runs"]["failed"], written["runs"]["pinned"]) == (1, 1, 1)
    assert [(v["version"], v["runs"]) for v in written["versions"]] == [("2.0.0", 1), ("1.0.0", 3)]
    assert written["currentUpgrade"] == "s-1"


# --- activeRevision ---------------------------------------------------------------------------------------


def active(known: Fleet, before: str | None = "v1") -> str | None:
    """Return the activeRevision that is written after `before`."""
    found = status(known, old={"activeRevision": before} if before else {}).get("activeRevision")
    assert found is None or isinstance(found, str)
    return found


def _granted() -> Attempt:
    return attempt(active=(grant_of("r001"),), granted=1, suspend=True)


@pytest.mark.parametrize(
    ("known", "expected"),
    [
        (fleet(runs(1, V2), [OVER]), "v2"),
        (fleet(), "v2"),
        (fleet(runs(1, V1), [attempt()]), "v2"),
        (destructive(), "v1"),
        (destructive(suspend=True), "v1"),
        (fleet(suspend=True), "v1"),
        (fleet(runs(1, V1), [attempt(suspend=True)]), "v1"),
        (fleet(runs(1, V1)), "v1"),
        (fleet(runs(2, V1), [_granted()]), "v2"),
    ],
    ids=[
        "rolled out",
        "no runs",
        "granting",
        "awaiting approval",
        "suspended and unapproved",
        "suspended without runs",
        "attempt suspended",
        "attempt not opened yet",
        "suspended after a grant",
    ],
)
def test_new_runs_start_on_the_newest_released_revision(known: Fleet, expected: str) -> None:
    """Given a newest revision, when it is gated and nobody was granted, then new runs start on the one before."""
    assert active(known) == expected


def test_a_grant_id_that_was_only_used_up_releases_nothing() -> None:
    """Given an unapproved attempt beside a recompute, when its ids are used up as fences, then it stays gated."""
    assert active(destructive()._replace(attempts=(attempt(granted=3),))) == "v1"


def test_a_first_revision_that_is_suspended_has_nothing_to_start_on() -> None:
    """Given a staged first revision, when nothing was released before, then there is no activeRevision."""
    assert active(fleet(suspend=True), before=None) is None


def test_the_sequence_number_stands_and_currentupgrade_goes_with_the_last_attempt() -> None:
    """Given a finished rollout, when the status is written, then the number is kept and no attempt is current."""
    known, _ = passed(fleet(runs(1, V2), [OVER], sequence=1))
    written = status(known, old={"lastUpgradeSequence": 7})
    assert written["lastUpgradeSequence"] == 7
    assert "currentUpgrade" not in written
