"""Every plan shape, explored exhaustively: no promise is broken, and from every state a goal can be reached."""

from __future__ import annotations

import pytest

from .aged import DEEP_LAGS, QUICK_LAGS
from .coverage import WHERE
from .golden import Recorder, kept
from .mutants import MUTANTS, Mutant
from .search import Explorer
from .setups import DEEP, QUICK, begin
from .signals import DEEP_SIGNALS, QUICK_SIGNALS, Signal
from .states import Rules, Setup, Violation

BY_NAME = {setup.name: setup for setup in (*QUICK, *DEEP, *QUICK_LAGS, *DEEP_LAGS)}
BY_NAME |= {setup.name: setup for signal in QUICK_SIGNALS for setup in signal.setups}


def _id(one: Setup | Mutant | Signal) -> str:
    return one.name.replace(" ", "-").replace(",", "")


@pytest.mark.parametrize("setup", QUICK, ids=_id)
def test_no_luck_breaks_a_promise_and_every_state_can_reach_a_goal(setup: Setup) -> None:
    """Given a plan shape, when everything that may happen happens, then promises hold and words stay the same."""
    recorder = Recorder(setup)
    found = recorder.explore(begin(setup))
    assert found.goals > 0
    assert found.states > 100, "too few states: the model does not move"
    assert WHERE.get(setup.name, frozenset()) <= found.met
    assert setup.broken or not found.unmet, "what is planned is never reached, although the new version works"
    assert recorder.digest() == kept(setup)["digest"], "what is written is not what always was: see golden.py"


@pytest.mark.parametrize("signal", QUICK_SIGNALS, ids=_id)
def test_no_change_of_mind_at_any_moment_breaks_a_promise(signal: Signal) -> None:
    """Given each plan shape, when people change their minds at any moment, then all promises hold."""
    for setup in signal.setups:
        assert Explorer(setup).explore(begin(setup)).goals > 0, setup.name


@pytest.mark.parametrize("setup", QUICK_LAGS, ids=_id)
def test_views_of_different_age_break_no_promise(setup: Setup) -> None:
    """Given a view whose kinds of objects were seen at different moments, when it is acted on, then promises hold."""
    assert Explorer(setup).explore(begin(setup)).goals > 0


TORN = ("keep, abort", "keep that never starts, rolled back", "Continuation", "ForwardOnly, abort", "restart")


@pytest.mark.parametrize("name", TORN)
def test_a_world_that_is_read_after_the_run_breaks_no_promise(name: str) -> None:
    """Given reads that are not atomic, when the run is looked at again after the world, then all promises hold."""
    found = Explorer(BY_NAME[name], Rules(torn=True)).explore(begin(BY_NAME[name]))
    assert found.goals > 0


@pytest.mark.slow
@pytest.mark.parametrize("setup", [*DEEP, *DEEP_LAGS], ids=_id)
def test_no_combination_of_luck_breaks_a_promise(setup: Setup) -> None:
    """Given a plan shape, when much goes wrong at once, then all promises hold."""
    found = Explorer(setup).explore(begin(setup))
    print(f"{setup.name}: {found.states} states, {found.goals} goals, {found.longest} moves deep")


@pytest.mark.slow
@pytest.mark.parametrize("signal", DEEP_SIGNALS, ids=_id)
def test_no_combination_of_changes_of_mind_breaks_a_promise(signal: Signal) -> None:
    """Given each plan shape, when people change their minds and a leader is late, then all promises hold."""
    for setup in signal.setups:
        found = Explorer(setup).explore(begin(setup))
        print(f"{setup.name}: {found.states} states, {found.goals} goals, {found.longest} moves deep")


@pytest.mark.parametrize("mutant", MUTANTS, ids=_id)
def test_an_executor_that_breaks_a_rule_is_caught(mutant: Mutant, monkeypatch: pytest.MonkeyPatch) -> None:
    """Given an executor with one broken rule, when it is explored, then a readable trace shows a broken promise."""
    mutant.patch(monkeypatch)
    with pytest.raises(Violation) as caught:
        mutant.explore(BY_NAME)
    assert mutant.breaks in caught.value.promise
    assert caught.value.trace, "a violation without a trace helps nobody"


def test_two_runs_of_an_exploration_find_the_same() -> None:
    """Given a setup, when it is explored twice, then the counts are equal: nothing depends on chance."""
    setup = QUICK[0]
    first = Explorer(setup, Rules()).explore(begin(setup))
    assert first == Explorer(setup, Rules()).explore(begin(setup))
