"""What a human consents to is in the hash and in the diff, and nothing else is."""

from __future__ import annotations

from tests.unit.planning.build import (
    CONTINUATION,
    FORWARD_ONLY,
    INCIDENT,
    REVERT,
    V1,
    VOLUME,
    case,
    compatible,
    incompatible,
    planned,
    revision,
    stored,
)

from scenario_operator.api.strategy import WindowMode
from scenario_operator.planning.plan import Cause
from scenario_operator.planning.windows import Bound, Bounds


def test_equal_runs_share_one_hash_whatever_their_numbers() -> None:
    target = incompatible()
    young = planned(case(V1, target, FORWARD_ONLY))
    older = stored(V1, live=7)
    old = planned(case(V1, target, FORWARD_ONLY)._replace(stored=older))
    assert young.plan_hash == old.plan_hash


def test_what_the_user_sets_is_not_part_of_the_hash() -> None:
    target = compatible(parameters=[{"name": "city", "default": "Oslo"}])
    assert planned(case(V1, target)).plan_hash == planned(case(V1, target, user={"city": "Bergen"})).plan_hash


def test_the_order_of_the_input_does_not_change_the_hash() -> None:
    definitions = [{"name": "a", "default": "1"}, {"name": "b", "default": "2"}]
    outputs = [INCIDENT, {"kind": "mail", "class": "Irreversible"}]
    one = compatible(parameters=definitions, outputs=outputs)
    other = compatible(parameters=definitions[::-1], outputs=outputs[::-1])
    assert planned(case(V1, one)).plan_hash == planned(case(V1, other)).plan_hash


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
        "window": case(V1, target, forward._replace(window=Bounds(Bound(WindowMode.BEGINNING)))),
        "if missing": case(
            V1, target, forward._replace(window=Bounds(None, None, Bound(WindowMode.STOPPED_AT)))
        ),
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
    hashes = {name: planned(given_).plan_hash for name, given_ in different.items()}
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
