"""From what a run has and what is wanted to a plan, or to the reason why there is none."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.unit.planning.build import (
    CONTINUATION,
    FORWARD_ONLY,
    IN_PLACE,
    INCIDENT,
    REVERT,
    STOP,
    STRATEGIES,
    case,
    compatible,
    edge,
    incompatible,
    kinds,
    revision,
    stored,
    titles,
)

from scenario_operator.api.journal import Kind
from scenario_operator.api.reasons import Reason
from scenario_operator.planning import windows
from scenario_operator.planning.compile import (
    Blocked,
    Case,
    plan_restart,
    plan_resume,
    plan_start,
    plan_stop,
    plan_upgrade,
)
from scenario_operator.planning.legality import violations
from scenario_operator.planning.plan import Cause, Plan, Snapshot
from scenario_operator.planning.revision import Revision
from scenario_operator.planning.steps import Slot, Step
from scenario_operator.planning.stored import DELETED, KEPT, RETAINED, REVERTED, Incarnation, LastStop, Stored
from scenario_operator.planning.windows import Bound, Bounds, Mode, Window

V1 = revision()
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
DESTRUCTIVE = (Kind.REVERT_RESULTS, Kind.DELETE_STATE)


def planned(given_: Case) -> Plan:
    """Return the plan of a case, which must have one and break no promise."""
    found = plan_upgrade(given_)
    assert isinstance(found, Plan), found
    assert broken(given_, found) == ()
    return found


def blocked(given_: Case) -> Blocked:
    found = plan_upgrade(given_)
    assert isinstance(found, Blocked), titles(found)
    return found


def broken(given_: Case, plan: Plan) -> tuple[str, ...]:
    before = given_.stored
    formats = before.applied.formats if before.applied else ()
    running = before.applied is not None and bool(before.live) and not before.stopped
    return violations(plan, running=running, accepted=given_.target.accepts(formats))


# --- The reach of strategies ----------------------------------------------------------------------

RELABELLED = revision("1.0.1", digest="sha256:1.0.0")
NEW_ENV = revision("1.0.0", name="x-1b", workload={"env": [{"name": "LEVEL", "value": "debug"}]})
REACH: dict[str, tuple[Revision, dict[str, Any]]] = {
    "None": (RELABELLED, {"": KEEP, "InPlace": KEEP, "Continuation": KEEP, "ForwardOnly": KEEP}),
    "Restart by config": (NEW_ENV, {"": KEEP, "InPlace": KEEP, "Continuation": KEEP, "ForwardOnly": KEEP}),
    "Restart by a Compatible edge": (
        compatible(),
        {"": KEEP, "InPlace": KEEP, "Continuation": KEEP, "ForwardOnly": KEEP},
    ),
    "Replace of the state": (
        incompatible(),
        {
            "": Reason.STRATEGY_REQUIRED,
            "InPlace": Reason.STRATEGY_INSUFFICIENT,
            "Continuation": CONTINUE,
            "ForwardOnly": FORWARD,
        },
    ),
}


@pytest.mark.parametrize("strategy", STRATEGIES, ids=lambda s: s.type if s else "no strategy")
@pytest.mark.parametrize("level", REACH)
def test_reach_of_strategies(level: str, strategy: Snapshot | None) -> None:
    target, expected = REACH[level]
    found = plan_upgrade(case(V1, target, strategy))
    outcome = expected[strategy.type if strategy else ""]
    if isinstance(outcome, Reason):
        assert isinstance(found, Blocked)
        assert found.reason is outcome
    else:
        assert isinstance(found, Plan)
        assert titles(found) == outcome
        assert found.level == level.split()[0]
        assert broken(case(V1, target, strategy), found) == ()


def test_a1_a_compatible_reversible_version_keeps_the_state_and_can_go_back_from_every_step() -> None:
    plan = planned(case(V1, compatible(reversible=True)))
    assert titles(plan) == KEEP
    assert (plan.reversible, plan.point_of_no_return, plan.destructive) == (True, "", ())


def test_a_compatible_version_that_is_not_declared_reversible_has_its_start_as_point_of_no_return() -> None:
    plan = planned(case(V1, compatible(reversible=False)))
    assert (plan.reversible, plan.point_of_no_return, plan.destructive) == (False, "Start(live)", ())


def test_reversible_counts_only_if_the_old_version_reads_what_the_new_one_writes() -> None:
    state = {"version": "2", "accepts": ["1", "2"], "volume": VOLUME}
    target = compatible(reversible=True, state=state)
    assert not planned(case(V1, target)).reversible
    reads_both = revision(state={"version": "1", "accepts": ["1", "2"], "volume": VOLUME})
    assert planned(case(reads_both, target)).reversible


def test_a_version_without_stored_state_can_always_go_back() -> None:
    bare: dict[str, Any] = {"state": None}
    assert planned(case(revision(**bare), compatible(reversible=False, **bare))).reversible


def test_a3_forward_only_reverts_deletes_and_only_then_starts_anew() -> None:
    plan = planned(case(V1, incompatible(), FORWARD_ONLY))
    assert titles(plan) == FORWARD
    assert plan.destructive == ("RevertResults(live)", "DeleteState(live)")
    assert plan.point_of_no_return == "RevertResults(live)"
    assert not plan.reversible


def test_continuation_retires_the_state_later_so_it_is_destructive_but_has_no_point_of_no_return() -> None:
    plan = planned(case(V1, incompatible(), CONTINUATION))
    assert plan.destructive == ("the state of live, when the new version is Ready",)
    assert (plan.reversible, plan.point_of_no_return) == (True, "")


def test_a11_a_downgrade_needs_the_authors_word() -> None:
    target = compatible("0.9.0")
    found = blocked(case(V1, target, FORWARD_ONLY))
    assert found.reason is Reason.DOWNGRADE
    assert "spec.compatibility.allowDowngrade" in found.message
    allowed = revision("0.9.0", compatibility={"from": [edge("Compatible")], "allowDowngrade": True})
    assert titles(planned(case(V1, allowed))) == KEEP


@pytest.mark.parametrize("strategy", [None, IN_PLACE], ids=["no strategy", "InPlace"])
def test_a33_a_declaration_that_the_formats_contradict_is_disputed_and_nothing_is_done(
    strategy: Snapshot | None,
) -> None:
    found = blocked(case(V1, compatible(state={"version": "2", "volume": VOLUME}), strategy))
    assert found.reason is Reason.DISPUTED
    assert "spec.state.accepts" in found.message


@pytest.mark.parametrize("strategy", [CONTINUATION, FORWARD_ONLY], ids=lambda s: s.type)
def test_a33_a_disputed_plan_waits_for_a_human_whatever_the_policy(strategy: Snapshot) -> None:
    target = compatible(state={"version": "2", "volume": VOLUME})
    plan = planned(case(V1, target, strategy._replace(approval="Never")))
    assert plan.attention == Reason.DISPUTED
    assert plan.notes


def test_a_claim_that_may_have_one_unreadable_format_is_disputed_too() -> None:
    target = compatible(state={"version": "2", "volume": VOLUME})
    plan = planned(case(V1, target, FORWARD_ONLY, applied=stored(V1, "1", "2").applied))
    assert plan.attention == Reason.DISPUTED
    assert "none" not in plan.notes[0]


def test_a36_in_place_never_falls_through_to_forward_only() -> None:
    found = blocked(case(V1, incompatible(), IN_PLACE))
    assert found.reason is Reason.STRATEGY_INSUFFICIENT
    assert "Continuation or ForwardOnly" in found.message


def test_a_replace_without_a_strategy_names_what_differs_and_every_way_out() -> None:
    found = blocked(case(V1, incompatible()))
    assert found.reason is Reason.STRATEGY_REQUIRED
    assert "needs level Replace (artifact: " in found.message
    for way in ("spec.compatibility.from", "spec.upgrade.strategy.type", "spec.upgrade.strategyRef"):
        assert way in found.message


def test_a49_forward_only_keeps_what_a_compatible_version_can_keep() -> None:
    plan = planned(case(V1, compatible(), FORWARD_ONLY))
    assert titles(plan) == KEEP
    assert plan.destructive == ()


def test_a50_a_changed_env_restarts_on_the_same_state_and_destroys_nothing() -> None:
    plan = planned(case(V1, NEW_ENV, FORWARD_ONLY))
    assert (plan.level, titles(plan), plan.destructive, plan.reversible) == ("Restart", KEEP, (), True)


def test_a_new_artifact_under_declared_incompatibility_is_a_replace_even_with_equal_formats() -> None:
    target = revision("2.0.0", compatibility={"from": [edge("Incompatible")]})
    assert planned(case(V1, target, FORWARD_ONLY)).level == "Replace"


def test_a_source_revision_that_is_gone_is_unknown_and_nothing_of_it_is_kept() -> None:
    given_ = case(V1, compatible(), CONTINUATION)._replace(source=None)
    assert titles(planned(given_)) == CONTINUE


@pytest.mark.parametrize("direction", ["added", "removed"])
def test_a_state_volume_that_comes_or_goes_by_config_alone_cannot_be_kept(direction: str) -> None:
    """No claim can be mounted that was never made: the level is Replace, not Restart."""
    without = revision(state={"version": "1"})
    source, target = (without, V1) if direction == "added" else (V1, without)
    assert source.logic_hash == target.logic_hash
    assert blocked(case(source, target)).reason is Reason.STRATEGY_REQUIRED
    assert planned(case(source, target, CONTINUATION)).level == "Replace"


# --- Keeping --------------------------------------------------------------------------------------


def test_a_stop_of_a_keep_holds_the_report_only_while_the_format_is_ambiguous() -> None:
    target = compatible(state={"version": "1", "accepts": ["1", "2"], "volume": VOLUME})
    certain = planned(case(V1, target))
    ambiguous = planned(case(V1, target, applied=stored(V1, "1", "2").applied))
    assert [d.args.report for d in certain.steps if d.kind is Kind.STOP] == [False]
    assert [d.args.report for d in ambiguous.steps if d.kind is Kind.STOP] == [True]


def test_preflight_runs_before_anything_is_stopped_and_verify_runs_the_hook() -> None:
    hooks = {**REVERT, "preflight": {"command": ["p"]}, "verify": {"command": ["v"]}}
    for plan in (
        planned(case(V1, compatible(hooks=hooks))),
        planned(case(V1, incompatible(hooks=hooks), FORWARD_ONLY)),
    ):
        assert titles(plan)[:2] == ["Preflight", "Stop(live)"]
        assert [d.args.hook for d in plan.steps if d.kind is Kind.VERIFY] == [True]


@pytest.mark.parametrize("reversible", [True, False])
def test_a_stopped_run_that_keeps_its_state_only_changes_its_record(reversible: bool) -> None:
    plan = planned(case(V1, compatible(reversible=reversible), stopped=True, last_stop=STOP))
    assert titles(plan) == ["Commit"]


def test_a_stopped_run_is_planned_like_the_others_and_is_not_started() -> None:
    plan = planned(case(V1, incompatible(), FORWARD_ONLY, stopped=True, last_stop=STOP))
    assert titles(plan) == ["ResolveWindow", "RevertResults(live)", "DeleteState(live)", "Commit"]


def test_continuation_of_a_stopped_run_has_nowhere_to_start_and_deletes_its_state_on_record() -> None:
    plan = planned(case(V1, incompatible(), CONTINUATION, stopped=True, last_stop=STOP))
    assert titles(plan) == ["ResolveWindow", "DeleteState(live)", "Commit"]
    assert plan.destructive == ("DeleteState(live)",)
    assert not plan.reversible


@pytest.mark.parametrize("stop", [None, LastStop(1, None, None, None, clean=False, reported=False)])
def test_a_stopped_run_without_a_report_says_so_before_anything_is_touched(stop: LastStop | None) -> None:
    found = blocked(case(V1, incompatible(), CONTINUATION, stopped=True, last_stop=stop))
    assert found.reason is Reason.STOP_REPORT_MISSING
    assert "spec.window" in found.message
    assert "ifMissing: ObservedStop" in found.message


def test_a_stopped_run_without_a_report_goes_on_when_the_strategy_takes_the_observed_stop() -> None:
    observed = Bound(Mode.STOPPED_AT, if_missing="ObservedStop")
    lenient = CONTINUATION._replace(window=Bounds(None, observed, observed))
    assert planned(case(V1, incompatible(), lenient, stopped=True))
    assert planned(case(V1, incompatible(), FORWARD_ONLY, stopped=True))


def test_a_run_whose_state_is_gone_only_changes_its_record() -> None:
    given_ = case(V1, incompatible(), live=0, incarnations=(Incarnation(1, "1.0.0", "x-1.0.0", DELETED),))
    assert titles(planned(given_)) == ["Commit"]


# --- Giving up state ------------------------------------------------------------------------------


def test_every_incarnation_whose_results_are_kept_is_reverted_newest_first() -> None:
    incarnations = (
        Incarnation(1, "0.8.0", "a", DELETED, REVERTED),
        Incarnation(2, "0.9.0", "b", DELETED, superseded_by=3),
        Incarnation(3, "0.9.5", "c", RETAINED, superseded_by=4),
        Incarnation(4, V1.version, V1.name),
    )
    plan = planned(case(V1, incompatible(), FORWARD_ONLY, live=4, incarnations=incarnations))
    assert titles(plan)[2:7] == [
        "RevertResults(live)",
        "RevertResults(live-1)",
        "RevertResults(live-2)",
        "DeleteState(live)",
        "DeleteState(live-1)",
    ]


def test_reversible_outputs_without_a_revert_hook_stop_the_plan() -> None:
    found = blocked(case(revision(hooks={}), incompatible(), FORWARD_ONLY))
    assert found.reason is Reason.CLEAN_LOGIC_MISSING
    assert "spec.hooks.revert" in found.message
    assert titles(planned(case(revision(hooks={}), incompatible(), CONTINUATION))) == CONTINUE


def test_a_source_that_is_gone_took_its_revert_logic_with_it() -> None:
    found = blocked(case(V1, incompatible(), FORWARD_ONLY)._replace(source=None))
    assert found.reason is Reason.CLEAN_LOGIC_MISSING
    assert "Continuation" in found.message


@pytest.mark.parametrize("class_", ["Irreversible", "Retained"])
def test_outputs_that_cannot_be_taken_back_are_left_and_the_plan_says_so(class_: str) -> None:
    source = revision(outputs=[{"kind": "mail", "class": class_}], hooks={})
    plan = planned(case(source, incompatible(), FORWARD_ONLY))
    assert "RevertResults" not in kinds(plan)
    assert plan.point_of_no_return == "DeleteState(live)"
    assert plan.notes


def test_continuing_across_a_changed_output_identity_needs_a_human() -> None:
    target = incompatible(outputs=[{**INCIDENT, "identity": "v2"}])
    plan = planned(case(V1, target, CONTINUATION._replace(approval="Never")))
    assert plan.attention == Reason.OUTPUT_IDENTITY_CHANGED
    assert "incident" in plan.notes[0]
    assert planned(case(V1, target, FORWARD_ONLY)).attention == ""


def test_a_disputed_continuation_tells_of_the_changed_identity_as_well() -> None:
    target = compatible(state={"version": "2", "volume": VOLUME}, outputs=[{**INCIDENT, "identity": "v2"}])
    plan = planned(case(V1, target, CONTINUATION))
    assert plan.attention == Reason.DISPUTED
    assert any("incident" in note for note in plan.notes)


def test_the_window_of_a_fresh_plan_is_the_presets_where_the_strategy_states_nothing() -> None:
    at = Bound(Mode.AT, "2026-01-01T00:00:00Z")
    plan = planned(case(V1, incompatible(), CONTINUATION._replace(window=Bounds(at))))
    hand_over = Bound(Mode.STOPPED_AT)
    assert plan.strategy.window == Bounds(at, hand_over, hand_over)


# --- Recompute ------------------------------------------------------------------------------------


@pytest.mark.parametrize("strategy", STRATEGIES, ids=lambda s: s.type if s else "no strategy")
def test_a_recompute_is_forward_only_to_the_wanted_revision_whatever_the_strategy(
    strategy: Snapshot | None,
) -> None:
    plan = planned(case(V1, compatible(), strategy, cause=Cause.RECOMPUTE))
    assert titles(plan) == FORWARD
    assert (plan.cause, plan.level, plan.strategy.type) == (Cause.RECOMPUTE, "Replace", "ForwardOnly")
    assert plan.target.version == "2.0.0"


def test_a_recompute_on_the_same_version_is_a_plan_too() -> None:
    assert titles(planned(case(V1, V1, cause=Cause.RECOMPUTE))) == FORWARD


def test_a_recompute_does_not_take_over_the_window_of_another_strategy_type() -> None:
    stated = CONTINUATION._replace(window=Bounds(Bound(Mode.SAME), Bound(Mode.NOW), Bound(Mode.NOW)))
    plan = planned(case(V1, V1, stated, cause=Cause.RECOMPUTE))
    assert plan.strategy.window.start_from == Bound(Mode.RUN)
    own = FORWARD_ONLY._replace(window=Bounds(Bound(Mode.BEGINNING)))
    assert planned(case(V1, V1, own, cause=Cause.RECOMPUTE)).strategy.window.start_from == Bound(
        Mode.BEGINNING
    )


# --- Own plans ------------------------------------------------------------------------------------


def test_a_run_that_never_started_starts_on_the_version_whatever_it_declares() -> None:
    plan = planned(Case(Stored(), None, incompatible(), None))
    assert titles(plan) == ["ResolveWindow", "Start(next)", "Verify(next)", "Commit"]
    assert (plan.cause, plan.reversible, plan.point_of_no_return) == (Cause.START, True, "")


def test_a_start_on_an_only_copy_that_a_replaced_version_left_cannot_be_undone() -> None:
    left = stored(V1)._replace(applied=None)
    plan = plan_start(Case(left, None, compatible(), None))
    assert isinstance(plan, Plan)
    assert titles(plan) == ["ResolveWindow", "Start(live)", "Verify(live)", "Commit"]
    assert (plan.reversible, plan.point_of_no_return) == (False, "Start(live)")


def test_stop_resume_and_restart_destroy_nothing() -> None:
    given_ = case(V1, V1)
    assert titles(plan_stop(given_)) == ["Stop(live)", "Commit"]
    resumed = plan_resume(case(V1, V1, stopped=True))
    assert isinstance(resumed, Plan)
    assert titles(resumed) == ["Start(live)", "Verify(live)", "Commit"]
    for cause in (Cause.RESTART, Cause.PARAMETERS):
        restarted = plan_restart(given_._replace(cause=cause), cause)
        assert isinstance(restarted, Plan)
        assert titles(restarted) == KEEP


def test_a_users_stop_asks_for_the_report() -> None:
    assert plan_stop(case(V1, V1)).steps[0].args.report


def test_no_plan_starts_a_version_without_its_required_parameter() -> None:
    needs: dict[str, Any] = {"parameters": [{"name": "city", "required": True}]}
    target = compatible(**needs)
    for strategy in STRATEGIES:
        found = blocked(case(V1, target, strategy))
        assert found.reason is Reason.PARAMETER_REQUIRED
        assert "spec.parameters.city" in found.message
    for found_ in (
        plan_start(Case(Stored(), None, target, None)),
        plan_resume(case(target, target, stopped=True)),
        plan_restart(case(target, target), Cause.RESTART),
    ):
        assert isinstance(found_, Blocked)
        assert found_.reason is Reason.PARAMETER_REQUIRED
    assert titles(plan_stop(case(target, target)))
    assert planned(case(V1, target, user={"city": "Oslo"}))


# --- Hash and binding -----------------------------------------------------------------------------


def test_equal_runs_share_one_hash_whatever_their_numbers() -> None:
    target = incompatible()
    young = planned(case(V1, target, FORWARD_ONLY))
    older = stored(V1, live=7)
    old = planned(case(V1, target, FORWARD_ONLY)._replace(stored=older))
    assert young.hash == old.hash


def test_what_the_user_sets_is_not_part_of_the_hash() -> None:
    target = compatible(parameters=[{"name": "city", "default": "Oslo"}])
    assert planned(case(V1, target)).hash == planned(case(V1, target, user={"city": "Bergen"})).hash


def test_the_order_of_the_input_does_not_change_the_hash() -> None:
    definitions = [{"name": "a", "default": "1"}, {"name": "b", "default": "2"}]
    outputs = [INCIDENT, {"kind": "mail", "class": "Irreversible"}]
    one = compatible(parameters=definitions, outputs=outputs)
    other = compatible(parameters=definitions[::-1], outputs=outputs[::-1])
    assert planned(case(V1, one)).hash == planned(case(V1, other)).hash


def test_whatever_a_human_consents_to_changes_the_hash() -> None:
    target = incompatible()
    forward = FORWARD_ONLY
    hooks = {**REVERT, "preflight": {"command": ["p"]}}
    different = {
        "as it is": case(V1, target, forward),
        "type": case(V1, target, CONTINUATION),
        "digest": case(V1, incompatible(digest="sha256:other"), forward),
        "source digest": case(revision(digest="sha256:other"), target, forward),
        "source version": case(revision("1.1.0"), target, forward),
        "target label": case(V1, incompatible("2.0.1", digest="sha256:2.0.0"), forward),
        "state format": case(V1, incompatible(state={"version": "3", "volume": VOLUME}), forward),
        "window": case(V1, target, forward._replace(window=Bounds(Bound(Mode.BEGINNING)))),
        "if missing": case(V1, target, forward._replace(window=Bounds(None, None, Bound(Mode.STOPPED_AT)))),
        "approval": case(V1, target, forward._replace(approval="Never")),
        "approve from": case(V1, target, forward._replace(approve_from="Restart")),
        "on failure": case(V1, target, forward._replace(on_failure="Hold")),
        "timeouts": case(V1, target, forward._replace(timeouts=forward.timeouts._replace(stop=1))),
        "stable": case(V1, target, forward._replace(stable_seconds=0)),
        "attempts": case(V1, target, forward._replace(max_attempts=1)),
        "backoff": case(V1, target, forward._replace(backoff_seconds=1)),
        "steps": case(V1, incompatible(hooks=hooks), forward),
        "parameters": case(V1, incompatible(parameters=[{"name": "p", "default": "1"}]), forward),
        "cause": case(V1, target, forward, cause=Cause.RECOMPUTE),
        "disputed": case(V1, compatible(state={"version": "2", "volume": VOLUME}), forward),
    }
    hashes = {name: planned(given_).hash for name, given_ in different.items()}
    assert len(set(hashes.values())) == len(hashes), hashes


def test_a_plan_shows_what_changes() -> None:
    source = revision(parameters=[{"name": "gone", "default": "1"}, {"name": "same", "default": "1"}])
    target = incompatible(
        parameters=[{"name": "new", "default": "1"}, {"name": "same", "default": "2"}],
        workload={"env": [{"name": "LEVEL", "value": "debug"}]},
    )
    diff = planned(case(source, target, CONTINUATION)).diff
    assert "version: 1.0.0 → 2.0.0" in diff
    assert "state format: 1 → 2" in diff
    assert {"parameter gone: removed", "parameter new: added", "parameter same: changed"} <= set(diff)
    assert "env LEVEL: added" in diff


def test_the_shown_diff_is_bounded() -> None:
    many = [{"name": f"p{i}", "default": "1"} for i in range(64)]
    assert len(planned(case(V1, compatible(parameters=many))).diff) <= 64


def test_binding_gives_numbers_revisions_and_a_chain() -> None:
    incarnations = (Incarnation(2, "0.9.0", "old", DELETED), Incarnation(4, V1.version, V1.name))
    plan = planned(case(V1, incompatible(), FORWARD_ONLY, live=4, incarnations=incarnations))
    steps = plan.bind(live=4, upcoming=6)
    found = {s.id: (s.args.incarnation, s.args.revision) for s in steps}
    assert found["stop"] == (4, "")
    assert found["revert-live"] == (4, "")
    assert found["revert-live-2"] == (2, "")
    assert found["start"] == (6, "x-2.0.0")
    assert found["verify"] == (6, "x-2.0.0")
    assert [s.needs for s in steps] == [(), *((s.id,) for s in steps[:-1])]
    assert all(isinstance(s, Step) for s in steps)


def test_a_slot_counts_back_from_the_live_incarnation() -> None:
    assert (str(Slot("live")), str(Slot("live", 2)), str(Slot("next"))) == ("live", "live-2", "next")
    assert (Slot("live", 2).number(5, 8), Slot("next").number(5, 8)) == (3, 8)


# --- What holds for every pair of versions --------------------------------------------------------

FORMATS = ("1", "2", "3")
hooks = st.fixed_dictionaries(
    {}, optional={name: st.just({"command": [name]}) for name in ("preflight", "revert", "verify")}
)
outputs = st.lists(
    st.builds(
        lambda kind, class_, identity: {"kind": kind, "class": class_, "identity": identity},
        st.sampled_from(["incident", "mail"]),
        st.sampled_from(["Reversible", "Irreversible", "Retained"]),
        st.sampled_from(["v1", "v2"]),
    ),
    max_size=2,
    unique_by=lambda o: o["kind"],
)
states = st.none() | st.builds(
    lambda version, also, volume: {
        "version": version,
        "accepts": sorted({version, *also}),
        **({"volume": VOLUME} if volume else {}),
    },
    st.sampled_from(FORMATS),
    st.sets(st.sampled_from(FORMATS)),
    st.booleans(),
)
edges = st.builds(
    lambda verdict, versions, reversible: edge(
        verdict, versions=versions, reversible=reversible and verdict == "Compatible"
    ),
    st.sampled_from(["Compatible", "Incompatible"]),
    st.sampled_from(["*", "1.x", ">=2.0.0", "nonsense"]),
    st.booleans(),
)
parameters = st.lists(
    st.builds(
        lambda name, rest: {"name": name, **rest},
        st.sampled_from("pq"),
        st.sampled_from([{"required": True}, {"default": "a"}, {"default": "b"}, {}]),
    ),
    max_size=2,
    unique_by=lambda p: p["name"],
)
specs = st.fixed_dictionaries(
    {
        "state": states,
        "hooks": hooks,
        "outputs": outputs,
        "parameters": parameters,
        "compatibility": st.builds(
            lambda from_, undeclared, down: {"from": from_, "undeclared": undeclared, "allowDowngrade": down},
            st.lists(edges, max_size=2),
            st.sampled_from(["Compatible", "Incompatible"]),
            st.booleans(),
        ),
    }
)
revisions = st.builds(
    lambda version, digest, given_: revision(version, digest=digest, **given_),
    st.sampled_from(["1.0.0", "2.0.0", "3.0.0-rc.1", "summer"]),
    st.sampled_from(["sha256:a", "sha256:b"]),
    specs,
)
bound = st.none() | st.builds(
    Bound,
    st.sampled_from([Mode.SAME, Mode.RUN, Mode.BEGINNING, Mode.STOPPED_AT, Mode.NOW]),
    if_missing=st.sampled_from(["Hold", "ObservedStop"]),
)
strategies = st.none() | st.builds(
    Snapshot,
    st.sampled_from(["InPlace", "Continuation", "ForwardOnly"]),
    st.builds(Bounds, bound, bound, bound),
    st.sampled_from(["Never", "Destructive", "Always"]),
)
stops = st.none() | st.builds(
    LastStop,
    st.just(3),
    st.none() | st.just("2026-01-01T00:00:00Z"),
    st.none() | st.sampled_from(FORMATS),
    st.none() | st.just("2026-01-01T00:00:05Z"),
    st.booleans(),
    st.booleans(),
)


results = st.sampled_from([KEPT, REVERTED])


@st.composite
def cases(draw: st.DrawFn) -> Case:
    """Return a run in any state that the executor can leave it in, and any two versions."""
    source, target = draw(revisions), draw(revisions)
    formats = draw(st.sets(st.sampled_from(FORMATS))) | {source.state_version}
    earlier = tuple(
        Incarnation(n, "0.9.0", "old", draw(st.sampled_from([RETAINED, DELETED])), draw(results))
        for n in draw(st.sets(st.sampled_from([1, 2])))
    )
    live = draw(st.sampled_from([0, 3, 3, 3]))
    failed = Incarnation(4, "2.0.0", "failed", DELETED, REVERTED)
    given_ = stored(
        source,
        *(sorted(formats) if source.has_state else ()),
        live=live,
        incarnations=tuple(sorted((*earlier, Incarnation(3, source.version, source.name), failed))),
        stopped=draw(st.booleans()),
        last_stop=draw(stops),
        window=draw(st.none() | st.just(Window())),
    )
    if draw(st.integers(0, 9)) == 0:
        given_ = given_._replace(applied=None)
    known = None if draw(st.integers(0, 9)) == 0 else source
    user = tuple(draw(st.dictionaries(st.sampled_from("pqr"), st.sampled_from("ab"))).items())
    cause = draw(st.sampled_from([Cause.UPGRADE, Cause.UPGRADE, Cause.RECOMPUTE]))
    return Case(given_, known, target, draw(strategies), user, cause)


@given(cases())
def test_planning_always_answers_and_no_plan_breaks_a_promise(given_: Case) -> None:
    found = plan_upgrade(given_)
    if isinstance(found, Blocked):
        assert found.message
        assert isinstance(found.reason, Reason)
        return
    assert broken(given_, found) == ()
    assert plan_upgrade(given_) == found
    bound_ = found.bind(given_.stored.live, given_.stored.next_incarnation())
    assert len({s.id for s in bound_}) == len(bound_)
    assert all(s.args.incarnation >= 0 for s in bound_)


@given(cases())
def test_a_plan_with_a_point_of_no_return_never_claims_to_be_reversible(given_: Case) -> None:
    found = plan_upgrade(given_)
    if isinstance(found, Blocked):
        return
    assert not (found.point_of_no_return and found.reversible)


@given(cases())
def test_a_plan_that_destroys_says_what(given_: Case) -> None:
    found = plan_upgrade(given_)
    if isinstance(found, Blocked):
        return
    destroying = [d.title() for d in found.steps if d.kind in DESTRUCTIVE]
    assert set(destroying) <= set(found.destructive)
    fresh = any(d.kind is Kind.RESOLVE_WINDOW for d in found.steps) and found.cause is not Cause.START
    assert bool(found.destructive) == fresh


@st.composite
def keepable_cases(draw: st.DrawFn) -> Case:
    """Return a run and a version that is declared Compatible and reads every format the state can have."""
    given_ = draw(cases())
    source = given_.source or draw(revisions)
    state: dict[str, Any] = {"version": draw(st.sampled_from(FORMATS)), "accepts": list(FORMATS)}
    if source.has_state:
        state["volume"] = VOLUME
    version = draw(st.sampled_from(["2.0.0", "3.0.0-rc.1", "winter"]))
    entry = edge("Compatible", versions="1.x", reversible=draw(st.booleans()))
    declared = {"from": [entry], "undeclared": "Compatible"}
    more: dict[str, Any] = {**draw(specs), "state": state, "compatibility": declared}
    target = revision(version, **more)
    on = given_.stored.applied
    before = stored(source, *(on.formats if on and source.has_state else ())).applied
    return given_._replace(
        stored=given_.stored._replace(applied=before), source=source, target=target, cause=Cause.UPGRADE
    )


@given(keepable_cases())
def test_state_that_can_be_kept_is_kept_whatever_the_strategy(given_: Case) -> None:
    """Promise 2: a Compatible change whose formats are accepted never destroys."""
    for strategy in (given_.strategy, CONTINUATION, FORWARD_ONLY):
        found = plan_upgrade(given_._replace(strategy=strategy))
        if isinstance(found, Plan):
            assert not [d for d in found.steps if d.kind in DESTRUCTIVE or d.args.create]
            assert (found.destructive, found.attention) == ((), "")
        else:
            assert found.reason in (Reason.DOWNGRADE, Reason.PARAMETER_REQUIRED)


@given(cases())
def test_the_strategy_never_widens_what_is_done_to_kept_state(given_: Case) -> None:
    """Without a strategy that reaches Replace, nothing is ever destroyed."""
    given_ = given_._replace(cause=Cause.UPGRADE)
    for narrow in (None, IN_PLACE):
        found = plan_upgrade(given_._replace(strategy=narrow))
        if isinstance(found, Plan):
            assert not [d for d in found.steps if d.kind in DESTRUCTIVE]
            assert found.destructive == ()


@given(cases())
def test_every_fresh_start_can_resolve_its_window_or_holds_for_a_human(given_: Case) -> None:
    found = plan_upgrade(given_)
    if isinstance(found, Blocked) or found.cause is Cause.START:
        return
    resolves = any(d.kind is Kind.RESOLVE_WINDOW for d in found.steps)
    if resolves and given_.stored.stopped and windows.needs_report(found.strategy.window):
        assert given_.stored.last_stop is not None
        assert given_.stored.last_stop.processed_until is not None
