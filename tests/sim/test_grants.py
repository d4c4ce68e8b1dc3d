"""Grants, explored exhaustively: bounded, never revoked, each returned and reported once, and never stuck."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import pytest

from scenario_operator.api.outcomes import ENDED_BADLY, SUCCESSES
from scenario_operator.rollout import canary, schedule
from scenario_operator.rollout import decide as deciding
from scenario_operator.rollout.consent import Consent
from scenario_operator.rollout.facts import Attempt, Fleet

from .fleets import (
    ABORTED,
    CANARY,
    CONSENT,
    DEEP,
    NEWER,
    PARKED,
    QUICK,
    RECOMPUTE,
    REFUSED,
    REMOVED,
    STRAY,
    TAKEN_OVER,
)
from .grant_states import Rules, Setup
from .grants import GrantExplorer
from .states import Violation


class Mutant(NamedTuple):
    """One broken rule, the setup that should notice, and a word of the promise that it breaks."""

    name: str
    setup: Setup
    breaks: str
    patch: Callable[[pytest.MonkeyPatch], None] = lambda _: None
    rules: Rules = Rules()


def _revokes(patch: pytest.MonkeyPatch) -> None:
    """A closed attempt takes back what has not begun."""
    real = schedule.settle

    def revoke(attempt: Attempt, fleet: Fleet) -> Attempt:
        begun = {run.journal_grant for run in fleet.runs} | {g for run in fleet.runs for g in run.ended}
        kept = tuple(e for e in attempt.active if e.id in begun)
        return real(attempt._replace(active=kept) if attempt.closed else attempt, fleet)

    patch.setattr(schedule, "settle", revoke)


def _ungated(patch: pytest.MonkeyPatch) -> None:
    """An attempt grants before its predecessors are closed on record."""
    patch.setattr(deciding, "_predecessors_closed", lambda attempt, known: True)


def _unfenced_attempts(patch: pytest.MonkeyPatch) -> None:
    """An attempt grants without a write to the others of the same revision."""
    patch.setattr(deciding, "_fenced", lambda attempt, again: attempt)


def _parked_count(patch: pytest.MonkeyPatch) -> None:
    """Runs that wait for people keep their place."""
    patch.setattr(deciding, "in_flight", lambda attempts, runs: sum(len(a.active) for a in attempts))


def _unparks(patch: pytest.MonkeyPatch) -> None:
    """A run that goes on after it was parked counts again, though its place is taken."""
    real = schedule.settle

    def forgetful(attempt: Attempt, fleet: Fleet) -> Attempt:
        return real(attempt._replace(active=tuple(e._replace(parked=False) for e in attempt.active)), fleet)

    patch.setattr(schedule, "settle", forgetful)


def _reuses_ids(patch: pytest.MonkeyPatch) -> None:
    """A grant takes its number from how many are out."""
    real = deciding.give_grants

    def reuse(attempt: Attempt, *more: Any) -> Attempt:
        return real(attempt._replace(granted=len(attempt.active)), *more)

    patch.setattr(deciding, "give_grants", reuse)


def _forgets(patch: pytest.MonkeyPatch) -> None:
    """A returned grant is not reported."""
    real = schedule.settle

    def silent(attempt: Attempt, fleet: Fleet) -> Attempt:
        return real(attempt, fleet)._replace(reports=attempt.reports)

    patch.setattr(schedule, "settle", silent)


def _insists(patch: pytest.MonkeyPatch) -> None:
    """A nonce whose attempt was aborted asks for another one."""
    patch.setattr(deciding, "_taken_back", lambda run, cause, fleet: False)


def _repeats(patch: pytest.MonkeyPatch) -> None:
    """An attempt carries out a wish that another one has carried out."""
    patch.setattr(schedule, "_still_asks", lambda run, attempt: True)


def _takes_all(patch: pytest.MonkeyPatch) -> None:
    """Any later attempt takes over a recompute, so that it is opened again."""
    patch.setattr(schedule, "_takes_over", lambda later, attempt: not later.only)


def _forgets_strays(patch: pytest.MonkeyPatch) -> None:
    """A plan whose attempt was deleted takes no slot."""
    patch.setattr(deciding, "in_flight", lambda attempts, runs: schedule.in_flight(attempts, ()))


def _counts_waiting_strays(patch: pytest.MonkeyPatch) -> None:
    """A plan whose attempt was deleted takes a slot also while it waits for a person."""
    real = schedule.in_flight

    def all_strays(attempts: Any, runs: Any) -> int:
        return real(attempts, tuple(run._replace(waits=False) for run in runs))

    patch.setattr(deciding, "in_flight", all_strays)


def _presumes(patch: pytest.MonkeyPatch) -> None:
    """Whoever was asked for consent has given it."""
    patch.setattr(schedule, "consent", lambda plan, attempt, fleet: Consent(True))


def _overtakes(patch: pytest.MonkeyPatch) -> None:
    """Nobody waits for a canary."""
    patch.setattr(schedule, "choose", lambda attempt, fleet, able: None)


def _shrugs(patch: pytest.MonkeyPatch) -> None:
    """A canary that failed has shown what it was to show."""
    patch.setattr(schedule, "failed_canaries", lambda attempt, fleet: ())
    patch.setattr(canary, "ENDED_BADLY", frozenset())
    patch.setattr(canary, "SUCCESSES", SUCCESSES | ENDED_BADLY)


MUTANTS = (
    Mutant("a canary is overtaken", CANARY, "before a canary", _overtakes),
    Mutant("a failed canary is followed", CANARY, "after its canary failed", _shrugs),
    Mutant("strays take no slot", REMOVED, "in flight", _forgets_strays),
    Mutant("strays that wait keep their slot", STRAY, "without a reason", _counts_waiting_strays),
    Mutant("granted without consent", CONSENT, "without consent", _presumes),
    Mutant("revoked grant", NEWER, "revoked", _revokes),
    Mutant("ungated second attempt", NEWER, "in flight", _ungated, Rules(predecessors_first=False)),
    Mutant("two attempts of one revision unfenced", RECOMPUTE, "in flight", _unfenced_attempts),
    Mutant("unfenced write", NEWER, "", rules=Rules(fenced=False)),
    Mutant("parked runs keep their place", PARKED, "without a reason", _parked_count),
    Mutant("parked runs come back", PARKED, "in flight", _unparks),
    Mutant("grant ids used again", REFUSED, "without a reason", _reuses_ids),
    Mutant("aborted recompute asked for again", ABORTED, "was aborted", _insists),
    Mutant("recompute taken over", ABORTED, "was aborted", _takes_all),
    Mutant("wish carried out twice", TAKEN_OVER, "for one wish", _repeats),
    Mutant("outcome not reported", NEWER, "reported 0 times", _forgets),
)


def _id(one: Setup | Mutant) -> str:
    return one.name.replace(" ", "-").replace(",", "")


@pytest.mark.parametrize("setup", QUICK, ids=_id)
def test_no_luck_breaks_a_promise_of_grants_and_every_state_comes_to_rest(setup: Setup) -> None:
    """Given a fleet, when everything that may happen happens, then all promises of grants hold."""
    found = GrantExplorer(setup).explore()
    assert found.goals > 0
    assert found.states > 100, "too few states: the model does not move"


@pytest.mark.slow
@pytest.mark.parametrize("setup", DEEP, ids=_id)
def test_no_combination_of_luck_breaks_a_promise_of_grants(setup: Setup) -> None:
    """Given a fleet, when much goes wrong at once, then all promises of grants hold."""
    found = GrantExplorer(setup).explore()
    print(f"{setup.name}: {found.states} states, {found.goals} at rest")


@pytest.mark.parametrize("mutant", MUTANTS, ids=_id)
def test_a_scheduler_that_breaks_a_rule_is_caught(mutant: Mutant, monkeypatch: pytest.MonkeyPatch) -> None:
    """Given a scheduler with one broken rule, when it is explored, then a trace shows the broken promise."""
    mutant.patch(monkeypatch)
    with pytest.raises(Violation) as caught:
        GrantExplorer(mutant.setup, mutant.rules).explore()
    assert mutant.breaks in caught.value.promise
    assert caught.value.trace, "a violation without a trace helps nobody"


def test_two_explorations_of_grants_find_the_same() -> None:
    """Given a fleet, when it is explored twice, then the counts are equal: nothing depends on chance."""
    assert GrantExplorer(NEWER).explore() == GrantExplorer(NEWER).explore()
