"""Admission may put containers beside ours, and statuses are sorted by name: nothing is read by its place in a list."""

from __future__ import annotations

import ast
import json
from pathlib import Path
from typing import Any

import pytest
from tests.unit.manifests.build import RUN

from docs import prose
from scenario_operator.api import names
from scenario_operator.manifests.container import beside, status_of, termination_of
from scenario_operator.manifests.job import Job, read_job, reverting
from scenario_operator.manifests.pod import read_pods

READER = "operator/scenario_operator/manifests/container.py"
FIELDS = ("containerStatuses", "initContainerStatuses", "ephemeralContainerStatuses")
PROXY = {"name": "istio-proxy", "state": {"running": {"startedAt": "2026-01-01T00:00:00Z"}}}
PROXY_ENDED = {"name": "istio-proxy", "state": {"terminated": {"exitCode": 1, "message": "drained"}}}
SOURCES = {
    str(path.relative_to(prose.ROOT)): path.read_text(encoding="utf-8")
    for root in ("operator", "examples", "tools")
    for path in sorted((prose.ROOT / root).rglob("*.py"))
}


def ended(code: int, message: str = "", at: str = "2026-01-01T00:01:00Z") -> dict[str, Any]:
    """Return the status of our container that has ended."""
    return {
        "name": "scenario",
        "state": {"terminated": {"exitCode": code, "message": message, "finishedAt": at}},
    }


def test_only_one_module_of_the_operator_reads_lists_of_statuses() -> None:
    readers = {path for path, text in SOURCES.items() if any(field in text for field in FIELDS)}
    assert {path for path in readers if path.startswith("operator/")} == {READER}


def taken_by_place(text: str) -> list[int]:
    """Return the lines in which a container or its status is taken by its place in a list."""
    words = ("containers", "initContainers", *FIELDS)

    def names_them(node: ast.AST) -> bool:
        parts = ast.walk(node)
        return any(isinstance(part, ast.Constant) and part.value in words for part in parts)

    found = []
    for node in ast.walk(ast.parse(text)):
        match node:
            case ast.Subscript(value=value, slice=ast.Constant(value=int())) if names_them(value):
                found.append(node.lineno)
            case ast.Call(func=ast.Name(id="next"), args=[ast.Call(func=ast.Name(id="iter")) as inner, *_]):
                found += [node.lineno] if names_them(inner) else []
            case ast.Assign(targets=[ast.Tuple(elts=[_]) | ast.List(elts=[_])], value=value) if names_them(
                value
            ):
                found.append(node.lineno)
    return found


@pytest.mark.parametrize(
    "text",
    [
        's["containerStatuses"][0]',
        'next(iter(s.get("containerStatuses") or ()), {})',
        '(c,) = s["containers"]',
    ],
)
def test_what_is_forbidden_is_found(text: str) -> None:
    assert taken_by_place(text) == [1]


@pytest.mark.parametrize("path", [path for path in SOURCES if not Path(path).match("tools/beds/*")])
def test_no_container_is_taken_by_its_place(path: str) -> None:
    assert taken_by_place(SOURCES[path]) == []


def test_our_container_is_found_by_its_name() -> None:
    pod = {
        "status": {
            "containerStatuses": [PROXY_ENDED, ended(3)],
            "initContainerStatuses": [{"name": "istio-init"}],
        }
    }
    assert status_of(pod)["name"] == "scenario"
    assert termination_of(pod)["exitCode"] == 3
    assert beside(pod) == ("istio-init", "istio-proxy")


@pytest.mark.parametrize("pod", [{}, {"status": None}, {"status": {"containerStatuses": [PROXY_ENDED]}}])
def test_what_others_say_is_never_taken_for_ours(pod: dict[str, Any]) -> None:
    assert status_of(pod) == {}
    assert termination_of(pod) == {}


# --- Hooks ---------------------------------------------------------------------------------------


def seen(
    *statuses: Any, phase: str = "Running", uid: str = "j", deleted: bool = False, **conditions: str
) -> Job:
    """Read a revert Job with one pod; conditions by type, with their reasons."""
    metadata = {"name": "job-1", "uid": "j", "resourceVersion": "1"}
    stated = [
        {"type": kind, "status": "True", "reason": reason, "lastTransitionTime": "2026-01-01T00:05:00Z"}
        for kind, reason in conditions.items()
    ]
    status = {"conditions": stated, "startTime": "2026-01-01T00:00:00Z"}
    job = {"metadata": metadata, "spec": {"activeDeadlineSeconds": 300}, "status": status}
    return read_job(job, [hook_pod(*statuses, phase=phase, uid=uid, deleted=deleted)])


def hook_pod(*statuses: Any, phase: str = "Running", uid: str = "j", deleted: bool = False) -> dict[str, Any]:
    labels = {"batch.kubernetes.io/job-name": "job-1", "batch.kubernetes.io/controller-uid": uid}
    labels |= {names.LABEL_RUN_UID: RUN.uid, names.LABEL_HOOK: "revert"}
    gone = {"deletionTimestamp": "2026-01-01T00:05:00Z"} if deleted else {}
    return {
        "metadata": {"name": "job-1-x", "labels": labels, **gone},
        "spec": {},
        "status": {"phase": phase, "containerStatuses": list(statuses)},
    }


def test_a_hook_is_over_when_its_own_container_is() -> None:
    """Given a sidecar that runs for ever, when the hook has answered, then that counts and nothing is waited for."""
    job = seen(PROXY, ended(0, json.dumps({"reverted": 12})))
    assert (job.state, job.numbers) == ("Succeeded", (("reverted", 12),))
    assert list(reverting(RUN, [hook_pod(PROXY, ended(0))])) == []


def test_a_hook_that_works_is_not_over_because_a_sidecar_is() -> None:
    works = {"name": "scenario", "state": {"running": {"startedAt": "2026-01-01T00:00:00Z"}}}
    job = seen(PROXY_ENDED, works)
    assert (job.state, job.message.shown()) == ("Active", "")
    assert list(reverting(RUN, [hook_pod(PROXY_ENDED, works)])) == ["job-1"]


def test_a_hook_that_succeeded_beside_a_sidecar_that_failed_has_succeeded() -> None:
    job = seen(PROXY_ENDED, ended(0, '{"reverted": 1}'), phase="Failed", Failed="BackoffLimitExceeded")
    assert (job.state, job.numbers) == ("Succeeded", (("reverted", 1),))


def test_a_hook_that_failed_says_why_beside_a_sidecar_that_goes_on() -> None:
    job = seen(PROXY, ended(4, "no rights"))
    assert (job.state, job.message.shown(), job.numbers) == ("Failed", "exit code 4: no rights", ())


@pytest.mark.parametrize(
    ("at", "state"), [("2026-01-01T00:04:59Z", "Succeeded"), ("2026-01-01T00:05:00Z", "Failed")]
)
def test_a_hook_that_was_done_before_its_deadline_is_not_failed_by_a_sidecar_that_met_it(
    at: str, state: str
) -> None:
    job = seen(PROXY_ENDED, ended(0, at=at), phase="Failed", Failed="DeadlineExceeded")
    assert job.state == state


@pytest.mark.parametrize(
    ("at", "deleted"),
    [("2026-01-01T00:05:00Z", False), ("2026-01-01T00:05:01Z", False), ("2026-01-01T00:04:00Z", True)],
    ids=["at its deadline", "later", "told to end"],
)
def test_a_hook_that_was_told_to_end_and_ended_well_is_not_over_before_its_job_says_how(
    at: str, deleted: bool
) -> None:
    """Given a Job that deletes its pod before it says why, when the program ends well, then that is no success yet."""
    assert seen(ended(0, at=at), deleted=deleted).state == "Active"
    failed = seen(ended(0, at="2026-01-01T00:05:01Z"), deleted=deleted, FailureTarget="DeadlineExceeded")
    assert failed.state == "Failed"
    assert seen(ended(0, at=at), deleted=deleted, Complete="").state == "Succeeded"


def test_the_pod_of_an_earlier_job_of_that_name_says_nothing() -> None:
    """Given a Job that was deleted and made anew, when the old one's pod is still there, then it is not its answer."""
    assert seen(ended(137), uid="old").state == "Active"


# --- Workloads -----------------------------------------------------------------------------------


def test_a_workloads_report_is_read_beside_a_sidecar() -> None:
    report = '{"processedUntil": "2026-01-02T00:00:00Z", "stateVersion": "1"}'
    labels = {names.LABEL_RUN_UID: RUN.uid, names.LABEL_COMPONENT: "workload"}
    metadata = {"name": f"{RUN.name}-2-0", "labels": labels, "uid": "p", "resourceVersion": "1"}
    pod = {"metadata": metadata, "spec": {}, "status": {"containerStatuses": [PROXY_ENDED, ended(0, report)]}}
    (read,) = read_pods(RUN, [pod], frozenset())
    assert read.exit_code == 0
    assert read.report is not None
    assert read.report.processed_until == "2026-01-02T00:00:00Z"
