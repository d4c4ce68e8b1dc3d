"""An attempt that nobody wants is closed before it begins, and its revision is for nobody who does not ask."""

from __future__ import annotations

from typing import Any

from scenario_operator.api.conditions import ConditionType
from scenario_operator.api.foreign import Foreign
from scenario_operator.rollout.decide import Opening, decide
from scenario_operator.rollout.facts import Attempt, Fleet
from scenario_operator.rollout.wire import assess, load_attempt

from .fleets import (
    FRESH,
    NEVER,
    V1,
    Published,
    asked_by,
    attempt,
    fleet,
    granted,
    named,
    run,
    runs,
    settled,
    status,
    words,
)

ALWAYS = NEVER._replace(approval="Always")


def rejected(**more: Any) -> Fleet:
    """Return a fleet whose only attempt was rejected, after all has settled."""
    of = attempt(reject=Foreign("breaks the reports"), phase="AwaitingApproval")
    return settled(fleet(runs(2, V1), [of], revisions=FRESH, strategy=ALWAYS, sequence=1, **more))


def last(known: Fleet) -> Attempt:
    return known.attempts[-1]


def test_what_is_rejected_ends_before_it_begins_and_every_run_stays() -> None:
    """Given an attempt that waits for consent, when it is rejected, then it is over and says why to each run."""
    over = last(rejected())
    assert (over.finished, over.phase, granted(over)) == (True, "Rejected", [])
    assert words(over) == {"r001": "Skipped", "r002": "Skipped"}
    assert {(r.ended.reason, r.ended.message) for r in over.reports} == {
        ("Rejected", "the attempt was rejected: breaks the reports")
    }


def test_nothing_is_opened_again_unasked_also_not_for_newcomers() -> None:
    known = rejected()
    assert decide(known).opening is None
    more = known._replace(runs=(*known.runs, run("new", V1)))
    assert decide(more).opening is None
    assert not decide(more).released


def test_a_newer_revision_opens_an_attempt() -> None:
    known = rejected()
    newer = known._replace(wanted=FRESH["v3"])
    assert decide(newer).opening == Opening("v3", "Revision")


def test_a_retry_opens_one_for_the_run_that_asks() -> None:
    known = rejected()
    first, second = known.runs
    asking = known._replace(runs=(first._replace(retry_nonce="1"), second))
    assert decide(asking).opening == Opening("v2", "Retry", named("r001"), asked_by("r001"))


def test_the_scenario_is_ready_and_says_why_it_is_not_rolled_out() -> None:
    told = {c["type"]: c for c in status(rejected(), Published(FRESH["v2"]))["conditions"]}
    assert (told["Ready"]["status"], told["Ready"]["reason"]) == ("True", "Rejected")
    assert (told["RolledOut"]["status"], told["RolledOut"]["reason"]) == ("False", "Rejected")
    assert "breaks the reports" in told["Ready"]["message"]
    assert told["ActionRequired"]["status"] == "False"


def loaded(spec: dict[str, Any], **status: Any) -> Attempt:
    stated = {"scenarioRef": {"name": "s"}, "revision": "v2", "cause": "Revision", **spec}
    metadata = {"name": "s-1", "namespace": "ns", "uid": "u"}
    return load_attempt({"metadata": metadata, "spec": stated, "status": status})


def test_a_rejection_that_comes_after_the_first_grant_says_nothing() -> None:
    assert loaded({"reject": "no"}).reject == Foreign("no")
    assert not loaded({"reject": "no"}, startTime="2026-01-01T00:00:00Z").reject


def test_an_abort_by_another_uid_aborts_nothing_and_says_so() -> None:
    """Given an abort that was written for an earlier attempt, then this one goes on and has the right command."""
    of = loaded({"abort": "another"})
    assert not of.abort
    told = {a.type: a for a in assess(of, fleet())}[ConditionType.ACTION_REQUIRED]
    assert told.reason == "AbortIgnored"
    assert "patch supg s-1" in told.message
    right = {a.type: a for a in assess(loaded({"abort": "u"}), fleet())}
    assert right[ConditionType.ACTION_REQUIRED].status == "False"
