"""The promises of planning, for every pair of versions and every state of a run."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from tests.unit.planning.build import (
    CONTINUATION,
    FORWARD_ONLY,
    IN_PLACE,
    VOLUME,
    broken,
    edge,
    revision,
    stored,
)

from scenario_operator.api.journal import Kind
from scenario_operator.api.reasons import Reason
from scenario_operator.api.strategy import WindowMode
from scenario_operator.planning import compatibility, windows
from scenario_operator.planning.compile import Blocked, Case, plan_upgrade
from scenario_operator.planning.plan import Cause, Plan, Snapshot
from scenario_operator.planning.stored import DELETED, KEPT, RETAINED, REVERTED, Incarnation, LastStop
from scenario_operator.planning.windows import Bound, Bounds, Window

DESTRUCTIVE = (Kind.REVERT_RESULTS, Kind.DELETE_STATE)
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
            st.sampled_from(["Compatible", "Incompatible", None]),
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
    st.sampled_from(
        [WindowMode.SAME, WindowMode.RUN, WindowMode.BEGINNING, WindowMode.STOPPED_AT, WindowMode.NOW]
    ),
    if_missing=st.sampled_from(["Hold", "ObservedStop"]),
)
strategies = st.none() | st.builds(
    Snapshot,
    st.sampled_from(["InPlace", "Continuation", "ForwardOnly"]),
    st.builds(Bounds, bound, bound, bound),
    st.sampled_from(["Never", "Destructive", "Always"]),
    undeclared_edge=st.sampled_from(["", "Accept"]),
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
    assert not (found.destructive and found.reversible)


@given(cases())
def test_state_never_goes_by_nobodys_word(given_: Case) -> None:
    """Given a policy that asks nobody, when the author said nothing of new logic, then a person is asked."""
    found = plan_upgrade(given_)
    on = given_.stored.applied
    if isinstance(found, Blocked) or on is None or given_.cause is Cause.RECOMPUTE or not found.destructive:
        return
    declared = given_.target.spec.compatibility
    silent = (
        compatibility.edge(given_.target.spec, on.version, on.digest).entry < 0 and not declared.undeclared
    )
    new_logic = on.logic_hash != given_.target.logic_hash
    unasked = found.strategy.approval == "Never" and found.strategy.undeclared_edge != "Accept"
    if unasked and silent and new_logic:
        assert found.attention
    elif found.attention == Reason.UNDECLARED_EDGE:
        raise AssertionError("asked about what was said, or what asks already")


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
