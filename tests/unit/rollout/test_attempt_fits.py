"""Attempts and Scenarios at their bounds: whatever they hold, the status that says it can be written."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from scenario_operator.api.common import MOST_COUNTED
from scenario_operator.api.outcomes import Outcome
from scenario_operator.api.scenario import ScenarioStatus
from scenario_operator.api.upgrade import AttemptPhase, UpgradeStatus
from scenario_operator.planning.stored import Applied, Ended, Loss
from scenario_operator.rollout.decide import decide
from scenario_operator.rollout.facts import Grant, Group, Report
from scenario_operator.rollout.groups import Planner
from scenario_operator.rollout.schedule import give_grants
from scenario_operator.rollout.standing import render, standing_of
from scenario_operator.rollout.wire import GROUPS, LISTED, dump_attempt

from .fleets import FRESH, NEVER, NOW, V1, V2, Published, attempt, fleet, run, runs

ANY = st.text(max_size=5000)
COUNT = st.none() | st.integers(0, MOST_COUNTED)
LOSSES = st.builds(
    Loss,
    state_age_seconds=COUNT,
    results_reverted=COUNT,
    results_kept=COUNT,
    results_not_revertible=COUNT,
    open_outputs=COUNT,
    reprocessed_from=st.none() | st.just(NOW),
    notifications_suppressed_until=st.none() | st.just(NOW),
    notes=st.lists(ANY, max_size=8).map(tuple),
)


@st.composite
def reports(draw: st.DrawFn) -> Report:
    ended = Ended(
        "", "s-1", draw(st.sampled_from(Outcome)), "RolledBack", draw(ANY), "1", "2", "InPlace", "h", NOW, NOW
    )
    return Report("n" * 63, "r" * 40, "u" * 36, "h", "a" * 256, ended._replace(loss=draw(LOSSES)))


GROUPS_FOUND = st.builds(
    Group,
    plan_hash=st.integers(0, 10**9).map(str),
    source_version=st.text("1a", min_size=1, max_size=64),
    source_state=st.just("1" * 64),
    strategy=st.just("ForwardOnly"),
    level=st.just("Replace"),
    steps=st.just(("s" * 128,) * 64),
    destroys=st.just(("d" * 128,) * 64),
    reversible=st.booleans(),
    point_of_no_return=st.just(""),
    attention=st.just(""),
    diff=st.just(("d" * 240,) * 32),
    notes=st.lists(ANY, max_size=5).map(tuple),
    runs=st.integers(0, 10**6),
    approved=st.booleans(),
    approver=st.just("a" * 256),
)


@settings(max_examples=40, deadline=None)
@given(
    st.lists(GROUPS_FOUND, max_size=4).map(tuple),
    st.lists(reports(), max_size=4).map(tuple),
    st.integers(1, 60),
    st.sampled_from(AttemptPhase),
)
def test_whatever_an_attempt_holds_fits(
    groups: tuple[Group, ...], reported: tuple[Report, ...], times: int, phase: AttemptPhase
) -> None:
    """Given very many groups and ends with very much said of each, then the status can be written."""
    one = attempt(groups=groups * times, reports=reported * times, phase=phase, closed=True)
    status = dump_attempt(one, fleet(), {}, 1)
    UpgradeStatus.model_validate(status)
    assert len(status["runs"]) <= LISTED
    assert status["counts"]["total"] == len(reported) * times


def test_groups_that_wait_for_consent_are_listed_first() -> None:
    """Given more groups than have room, then those that a person looks for are there, and that some are not is said."""
    group = Group("", "1.0.0", "", "", "Replace", (), ("DeleteState(live)",), False, "", "", (), ())
    approved = tuple(group._replace(plan_hash=f"a{n:03}", approved=True) for n in range(GROUPS))
    waits = tuple(group._replace(plan_hash=f"w{n:03}") for n in range(3))
    one = attempt(groups=(*approved, *waits), phase=AttemptPhase.AWAITING_APPROVAL, reason="AwaitingApproval")
    status = dump_attempt(one, fleet(), {}, 1)
    assert len(status["groups"]) == GROUPS
    assert [g["hash"] for g in status["groups"][:3]] == ["w000", "w001", "w002"]
    ready = next(c for c in status["conditions"] if c["type"] == "Ready")
    assert ready["message"].startswith("3 of 131 plans need consent, 128 are listed; w000")


def test_no_more_grants_are_open_than_an_attempt_can_list() -> None:
    """Given as many parked runs as may fail, when the pace is the highest, then grants and parked ones fit together."""
    pace = (500, 500)
    parked = tuple(Grant(f"s-1.{n}", f"p{n}", "ns", f"p{n}", "h", parked=True) for n in range(500))
    found = fleet(runs(700, FRESH["v1"]), revisions=FRESH, strategy=NEVER, pace=pace)
    one = give_grants(attempt(active=parked, granted=500, waiting=700), found, Planner(found), 0, frozenset())
    assert len(one.active) == 1000
    status = dump_attempt(one, found, {}, 1)
    UpgradeStatus.model_validate(status)
    all_parked = one._replace(active=tuple(g._replace(parked=True) for g in one.active))
    assert give_grants(all_parked, found, Planner(found), 0, frozenset()) == all_parked


def test_a_scenario_lists_the_newest_versions_only() -> None:
    """Given runs on a hundred revisions, then 64 are listed, and the runs are all counted."""
    on = [
        run(f"r{n}", V1)._replace(
            stored=run("x", V1).stored._replace(applied=Applied(f"s-r{n}", "1.0.0", "l", "c", "d", "1"))
        )
        for n in range(100)
    ]
    found = fleet(on)
    decision = decide(found)
    published = Published(V2)
    status = render(standing_of(published, found, decision), published, found, decision, {}, 1)
    ScenarioStatus.model_validate(status)
    assert [v["revision"] for v in status["versions"]] == [f"s-r{n}" for n in range(99, 35, -1)]
    assert status["runs"]["total"] == 100
