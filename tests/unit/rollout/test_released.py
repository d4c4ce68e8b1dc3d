"""Which revision a run that has nothing starts on: the newest released one, or what replaced its own."""

from __future__ import annotations

from typing import Any

import pytest

from scenario_operator.api.outcomes import Outcome
from scenario_operator.execution.view import Run, View, World
from scenario_operator.planning.stored import Stored
from scenario_operator.rollout.decide import decide
from scenario_operator.rollout.facts import Attempt, RunFacts
from scenario_operator.rollout.gate import Around, Told, entry_of, gate_of

from .fleets import FRESH, KEEP_SAME, NEVER, V1, V2, V3, attempt, ended, fleet, grant_of, run, runs

ALWAYS = NEVER._replace(approval="Always")


def unborn(window: Any = None, **spec: Any) -> View:
    """Return the view of a run with nothing applied; a window is what a replaced plan leaves behind."""
    stored = Stored(window=window)
    return View(Run("ns", "r", "u", scenario="s", **spec), stored, None, None, V3, KEEP_SAME, World(), 0.0)


def replaced(**spec: Any) -> View:
    return unborn(run("r", V1).stored.window, **spec)


def around(*attempts: Attempt, **more: Any) -> Around:
    return Around(Told(), attempts, active=V2, labelled=V1, **more)


WAITING = attempt(3, "v3", phase="AwaitingApproval")


def test_a_new_run_starts_on_what_is_released() -> None:
    assert entry_of(unborn(), around(WAITING)) == V2


def test_a_run_whose_version_was_replaced_starts_on_what_is_wanted_and_never_again_on_what_failed() -> None:
    """Given a fix whose attempt waits for consent, when the broken version is gone, then the fix starts, unasked."""
    assert entry_of(replaced(), around(WAITING)) == V3


def test_a_pin_counts_for_a_replaced_run_too() -> None:
    assert entry_of(replaced(pinned="1.0.0"), around()) == V1


@pytest.mark.parametrize(
    "suspended",
    [around(suspended=True), around(attempt(3, "v3", suspend=True))],
    ids=["the Scenario", "the attempt"],
)
def test_a_replaced_run_waits_for_a_rollout_that_is_suspended_and_says_so(suspended: Around) -> None:
    view = replaced()
    assert entry_of(view, suspended) is None
    gate = gate_of(view, suspended)
    assert gate is not None
    assert (gate.reason, gate.attention) == ("Suspended", False)
    assert "3.0.0" in gate.message


def test_nothing_starts_without_a_scenario() -> None:
    assert entry_of(replaced(), Around(None, active=V2)) is None


def released(*attempts: Attempt, found: tuple[RunFacts, ...] | None = None, **more: Any) -> bool:
    behind = runs(2, V1) if found is None else found
    return decide(fleet(behind, attempts, revisions=FRESH, **more)).released


@pytest.mark.parametrize(
    ("attempts", "expected"),
    [
        ([], False),
        ([attempt(finished=True, closed=True, abort=True)], False),
        ([attempt(suspend=True)], False),
        ([attempt(active=(grant_of("r001"),))], True),
        (
            [attempt(finished=True, closed=True, abort=True, unlisted=attempt().unlisted._replace(failed=1))],
            True,
        ),
    ],
    ids=["no attempt", "aborted before a grant", "suspended", "granted", "aborted after a grant"],
)
def test_what_needs_consent_is_released_by_a_grant_only(attempts: list[Attempt], expected: bool) -> None:
    """Given a policy that asks a person, when nothing was granted, then new runs do not start on the revision."""
    assert released(*attempts, strategy=ALWAYS) is expected


def test_what_needs_no_consent_is_released_with_its_attempt() -> None:
    assert not released(strategy=NEVER)  # An attempt is opened first: somebody may suspend it.
    assert released(attempt(), strategy=NEVER)


def test_what_is_behind_nothing_is_released_at_once() -> None:
    assert released(found=(), strategy=ALWAYS)


def test_a_suspended_scenario_releases_nothing() -> None:
    assert not released(found=(), suspend=True)


def test_no_attempt_is_opened_for_a_run_on_its_way_to_another_revision() -> None:
    """Given a plan under way, when a newer revision comes, then it is planned for when that plan is over."""
    busy = run("r", V1, journal_grant="s-1.1", journal_revisions=("v1", "v2"))
    under_way = attempt(active=(grant_of("r"),))
    known = fleet((busy,), [under_way], revisions=FRESH, wanted="v3", strategy=ALWAYS, sequence=1)
    made = decide(known)
    assert made.opening is None
    assert not made.released
    over = run("r", V1, ended(Outcome.ROLLED_BACK, grant="s-1.1"))
    assert decide(known._replace(runs=(over,))).opening is not None
