"""Which run is meant: two runs of one name in two namespaces are two runs."""

from __future__ import annotations

from typing import Any

import pytest

from scenario_operator.api.outcomes import Outcome
from scenario_operator.api.upgrade import MAX_NAMED_RUNS
from scenario_operator.rollout import facts
from scenario_operator.rollout.decide import decide
from scenario_operator.rollout.facts import Asked, RunFacts, RunName
from scenario_operator.rollout.schedule import waiting_runs
from scenario_operator.rollout.wire import load_attempt

from .fleets import V1, V2, asked_by, attempt, ended, fleet, named, run


def elsewhere(found: RunFacts) -> RunFacts:
    return found._replace(namespace="other", uid=f"{found.uid}-other")


def loaded(**spec: Any) -> facts.Attempt:
    """Return an attempt of the namespace `ns` as it is read."""
    stated = {"scenarioRef": {"name": "s"}, "revision": "v2", "cause": "Retry", **spec}
    return load_attempt({"metadata": {"name": "s-1", "namespace": "ns", "uid": "u"}, "spec": stated})


@pytest.mark.parametrize(
    ("text", "meant"),
    [("r", RunName("ns", "r")), ("other/r", RunName("other", "r")), ("ns/r", RunName("ns", "r"))],
)
def test_a_bare_name_means_the_namespace_of_the_attempt(text: str, meant: RunName) -> None:
    assert loaded(runs=[text]).only == (meant,)


def test_who_asked_is_in_the_attempts_namespace_unless_it_says_another() -> None:
    here, there = (
        {"name": "r", "uid": "1", "nonce": "a"},
        {"name": "r", "uid": "2", "nonce": "a", "namespace": "other"},
    )
    assert loaded(asked=[here, there]).asked == (Asked("ns", "r", "1", "a"), Asked("other", "r", "2", "a"))


def test_an_attempt_over_one_run_leads_on_no_run_of_that_name_elsewhere() -> None:
    """Given a run `r` here and one elsewhere, when an attempt is about the one here, then only that one waits in it."""
    here = run("r", V1)
    known = fleet((here, elsewhere(here)))
    assert waiting_runs(attempt(cause="Retry", only=named("r")), known) == (here,)


def test_a_run_elsewhere_is_retried_although_an_attempt_here_covers_its_name() -> None:
    """Given a retry of `r`, when a run `r` elsewhere asks for one, then an attempt about that one is opened."""
    failed = ended(Outcome.ROLLED_BACK, "s-0", "s-0.1")
    here = run("r", V1, failed, retry_nonce="1")
    there = elsewhere(here)
    under_way = attempt(cause="Retry", only=named("r"), asked=asked_by("r"))
    made = decide(
        fleet((here, there), [attempt(0, finished=True, closed=True), under_way], sequence=1)
    ).opening
    assert made is not None
    assert made.only == (RunName("other", "r"),)
    assert made.asked == (Asked("other", "r", there.uid, "1"),)


def test_a_recompute_elsewhere_does_not_wait_for_one_of_the_same_name() -> None:
    here = run("r", V2, recompute_nonce="1")
    under_way = attempt(cause="Recompute", only=named("r"), asked=asked_by("r"))
    made = decide(fleet((here, elsewhere(here)), [under_way], sequence=1)).opening
    assert made is not None
    assert made.only == (RunName("other", "r"),)


def test_more_retries_than_one_attempt_names_take_several_attempts() -> None:
    """Given more runs that ask than an attempt names, when attempts are opened, then each run is in one of them."""
    count = MAX_NAMED_RUNS + 2
    failed = ended(Outcome.ROLLED_BACK, "s-0", "s-0.1")
    asking = tuple(run(f"r{n:04}", V1, failed, retry_nonce="1") for n in range(count))
    known = fleet(asking, [attempt(0, finished=True, closed=True)], sequence=0)
    first = decide(known).opening
    assert first is not None
    assert len(first.only) == len(first.asked) == MAX_NAMED_RUNS
    opened = attempt(1, cause="Retry", only=first.only, asked=first.asked)
    second = decide(known._replace(attempts=(*known.attempts, opened))).opening
    assert second is not None
    assert {*first.only, *second.only} == {r.full_name for r in asking}
    assert not {*first.only} & {*second.only}
