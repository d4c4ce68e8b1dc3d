"""What a program says and what somebody did to an object can be anything: nothing of it may stop a run."""

from __future__ import annotations

import json
from types import SimpleNamespace
from typing import Any

import pytest

from scenario_operator.api import names
from scenario_operator.api.reasons import Reason
from scenario_operator.api.run import LastStop, Loss
from scenario_operator.controllers.observe import Things, world_of
from scenario_operator.controllers.run import _is_held_for_another
from scenario_operator.controllers.surroundings import Strategy, strategy_for, told_by
from scenario_operator.execution import close
from scenario_operator.execution.view import Run, View, World
from scenario_operator.manifests.attempt import is_attempt
from scenario_operator.manifests.claim import incarnation_of
from scenario_operator.manifests.report import StopReport, read_numbers, read_report, read_uncounted
from scenario_operator.manifests.statefulset import incarnation_of as workload_of
from scenario_operator.planning.stored import Stored
from scenario_operator.rollout.gate import no_revision

RUN = Run("ns", "a", "uid-a", scenario="s")
MINE = {names.LABEL_RUN: "a", names.LABEL_RUN_UID: "uid-a", names.LABEL_COMPONENT: "workload"}
STATE = {"name": "state", "persistentVolumeClaim": {"claimName": "state-a-1-0"}}
RESULTS = {"name": "results", "persistentVolumeClaim": {"claimName": "results-a"}}


@pytest.mark.parametrize("position", ["1760000000.5", "5", "true", '["x"]'])
def test_a_position_that_is_no_text_is_no_report(position: str) -> None:
    """Given a program that reports epoch seconds, then that never becomes a fact that nobody can read."""
    assert read_report(f'{{"processedUntil": {position}}}').processed_until is None


@pytest.mark.parametrize(
    "text",
    [
        "[" * 4000,
        '{"processedUntil": "0001-01-01T00:00:00+14:00"}',
        '{"processedUntil": "9999-12-31T23:59:59-14:00"}',
    ],
    ids=["nested", "before time", "after time"],
)
def test_no_message_of_a_pod_raises(text: str) -> None:
    assert read_report(text).processed_until is None


def test_no_message_of_a_hook_raises() -> None:
    assert read_numbers("[" * 4000) == ()


@pytest.mark.parametrize(
    "text",
    [
        '{"outputs": {"open": true}}',
        '{"outputs": {"open": 100000000000000000000}}',
        '{"stateVersion": "not a version!"}',
        f'{{"stateVersion": "{"1" * 3000}"}}',
    ],
)
def test_what_a_report_says_fits_the_schema_of_the_status(text: str) -> None:
    """Given an odd report, then the write that closes the plan is not refused for it."""
    report = read_report(text)
    stop = LastStop(
        incarnation=1,
        clean=True,
        reported=True,
        open_outputs=report.open_outputs,
        state_version=report.state_version,
    )
    assert (stop.open_outputs, stop.state_version) == (0, None)


WHOLE = '{"processedUntil": "2026-01-02T00:00:00Z", "stateVersion": "1", "outputs": {"open": 2}}'


@pytest.mark.parametrize(
    "text",
    [
        '{"processedUntil": "2026-01-02T00:00:00Z"}',
        '{"stateVersion": "1", "outputs": {"open": 2}}',
        f"{WHOLE}\n{WHOLE}",
        f"a line of a log\n{WHOLE}",
        f"[{WHOLE}]",
        "Traceback (most recent call last):",
    ],
)
@pytest.mark.parametrize("exit_code", [1, 137, None])
def test_the_end_of_a_log_is_no_report(text: str, exit_code: int | None) -> None:
    """Given a program that failed, when its last words are not one object with position and format, then no report."""
    assert read_report(text, exit_code)._replace(fault="") == StopReport()


def test_a_report_counts_also_when_the_program_failed_after_writing_it() -> None:
    report = read_report(WHOLE, 1)
    assert report == read_report(WHOLE, 0) == StopReport("2026-01-02T00:00:00Z", "1", 2)


@pytest.mark.parametrize("number", ["-1", "100000000000000000000"])
def test_what_a_hook_says_fits_the_schema_of_the_status(number: str) -> None:
    numbers = dict(read_numbers(f'{{"reverted": {number}}}'))
    assert Loss(results_reverted=close._total([numbers], "reverted")).results_reverted is None


def test_a_pod_without_its_incarnation_label_still_counts_for_the_claim_it_mounts() -> None:
    """Given a stripped label, then no revert hook and no deletion comes beside the pod."""
    assert [p.foreign for p in seen(MINE, STATE).of(1)] == [False]


@pytest.mark.parametrize("volumes", [(), (RESULTS,)], ids=["no volume", "results"])
def test_a_pod_without_any_label_is_known_by_its_name(volumes: tuple[dict[str, Any], ...]) -> None:
    assert [p.foreign for p in seen({}, *volumes).of(1)] == [True]


def test_a_reason_of_a_newer_operator_is_told_as_resolving() -> None:
    stated = {"type": "Ready", "status": "False", "reason": "BrandNew", "message": ""}
    view = View(RUN, Stored(), None, None, None, {}, World(), 0.0)
    gate = no_revision(told_by({"status": {"conditions": [stated]}}), view)
    assert gate.reason == Reason.RESOLVING.value


def test_a_strategy_that_only_a_newer_operator_can_read_is_not_taken_for_missing() -> None:
    """Given a type that we do not know, then the strategy is there and cannot be read: the message names the field."""
    odd = {"metadata": {"uid": "u", "resourceVersion": "1"}, "spec": {"type": "Teleport"}}
    context: Any = SimpleNamespace(store=SimpleNamespace(get=lambda *_: odd))
    run = {"metadata": {"namespace": "ns"}, "spec": {"strategyRef": {"name": "x"}}}
    found = strategy_for(context, run, None)
    assert (found.spec, found.missing) == (None, "")
    assert found.unread.startswith("UpgradeStrategy x cannot be read: spec.type: ")
    context.store.get = lambda *_: None
    assert strategy_for(context, run, None) == Strategy(missing="x")


def seen(labels: dict[str, str], *volumes: dict[str, Any]) -> World:
    """Return the world in which there is but one running pod."""
    pod = {
        "metadata": {"name": "a-1-0", "uid": "p", "resourceVersion": "1", "labels": labels},
        "spec": {"volumes": list(volumes)},
        "status": {"phase": "Running"},
    }
    return world_of(RUN, Things({}, (), (pod,), (), ()), {})


@pytest.mark.parametrize(
    ("label", "run", "another"),
    [
        ("uid-a", "uid-a", False),
        ("uid-old", "uid-a", True),
        (None, "uid-a", False),
        ("uid-a", None, True),
        (None, None, True),
    ],
    ids=[
        "its own",
        "one of a run before it",
        "its own, stripped",
        "of a run that is gone",
        "stripped, run gone",
    ],
)
def test_a_held_pod_is_let_go_only_when_it_cannot_be_this_runs(
    label: str | None, run: str | None, another: bool
) -> None:
    """Given a held pod, then its report is given up only if no run is there that waits for it."""
    labels = {names.LABEL_RUN_UID: label} if label else {}
    pod = {"metadata": {"labels": labels, "finalizers": [names.FINALIZER_REPORT]}}
    assert _is_held_for_another(pod, run) is another
    assert not _is_held_for_another({"metadata": {"labels": labels}}, run)


@pytest.mark.parametrize(
    ("owner", "deleting", "told"),
    [("uid-a", False, "ours"), ("uid-b", False, "foreign"), ("uid-b", True, "deleting")],
)
def test_a_results_claim_that_goes_is_waited_for_whoever_had_it(
    owner: str, deleting: bool, told: str
) -> None:
    """Given a run made again under its name, then what is left of the old one is in its way for a while only."""
    metadata = {"name": "results-a", "labels": {names.LABEL_RUN_UID: owner}}
    gone = {"deletionTimestamp": "2026-01-01T00:00:00Z"} if deleting else {}
    claim = {"metadata": {**metadata, **gone}}
    assert world_of(RUN, Things({}, (), (), (claim,), ()), {}).results == told


@pytest.mark.parametrize(
    "formats",
    [[], ["not a format!"], ["1" * 65], [1], [str(n) for n in range(33)]],
    ids=["none", "odd", "long", "number", "many"],
)
def test_a_stamp_that_no_status_takes_is_none(formats: list[Any]) -> None:
    """Given a claim whose stamp somebody has edited, then it is not ours, and no status is made of it."""
    metadata = {
        "name": "state-a-1-0",
        "uid": "c",
        "resourceVersion": "1",
        "labels": MINE,
        "annotations": {names.ANNOTATION_STATE_FORMATS: json.dumps(formats)},
    }
    [claim] = world_of(RUN, Things({}, (), (), ({"metadata": metadata},), ()), {}).claims
    assert not claim.ours


@pytest.mark.parametrize("digits", [10, 200])
def test_a_name_with_a_number_that_no_status_takes_is_not_ours(digits: int) -> None:
    """Given objects that somebody named like ours, but with a number beyond all, then nothing counts on from it."""
    number = "9" * digits
    assert names.revision_number(f"s-r{number}") == 0
    assert incarnation_of("a", f"state-a-{number}-0") is None
    assert workload_of("a", {"metadata": {"name": f"a-{number}"}}) == 0
    spec = {"scenarioRef": {"name": "s"}}
    assert not is_attempt({"metadata": {"name": f"s-{number}"}, "spec": spec})
    assert is_attempt({"metadata": {"name": "s-999999999"}, "spec": spec})


@pytest.mark.parametrize(
    ("text", "odd"),
    [
        ('{"reverted": 1000000000000000, "kept": 0, "x": -1}', ()),
        ('{"reverted": 1000000000000001}', ("reverted",)),
        ('{"reverted": 1.5, "kept": -1, "notRevertible": "7"}', ("kept", "notRevertible", "reverted")),
        ('{"reverted": true}', ("reverted",)),
        ("[1]", ()),
        ("[" * 4000, ()),
    ],
)
def test_a_count_that_is_none_is_named(text: str, odd: tuple[str, ...]) -> None:
    """Given an answer of a revert hook, then what is no whole number from 0 to 10^15 is not counted, and is named."""
    assert read_uncounted(text) == odd
    assert not {*odd} & dict(read_numbers(text)).keys()


@pytest.mark.parametrize("text", ["", "[]", "no", '{"processedUntil": 1}', '{"processedUntil": "x"}', "{}"])
@pytest.mark.parametrize("code", [None, 0, 1, -(2**31)])
def test_what_is_wrong_with_a_report_fits(text: str, code: int | None) -> None:
    assert len(read_report(text, code).fault) <= 64
