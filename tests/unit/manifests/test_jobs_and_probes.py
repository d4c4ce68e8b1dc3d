"""Hook Jobs sleep until released and see what the contract's table says; probes run nothing."""

from __future__ import annotations

import json
from typing import Any

import pytest
from tests.unit.manifests.build import (
    PARAMETERS,
    RESULTS,
    RUN,
    SCENARIO,
    WINDOW,
    container_of,
    environment_of,
    pod_of,
    published,
    rendered,
    sources_by_path,
)

from scenario_operator.api import names
from scenario_operator.manifests.identity import ScenarioIdentity
from scenario_operator.manifests.job import HookCall, hook_job, validate_job
from scenario_operator.manifests.probe import probe_pod
from scenario_operator.planning.revision import Revision

COMMON = {"/scenario/run.json", "/tmp"}


def called(hook: str, revision: Revision | None = None, **more: Any) -> dict[str, Any]:
    call = HookCall("job-1", hook, revision or published(results=RESULTS), 2, WINDOW, PARAMETERS, 60, **more)
    return hook_job(RUN, call)


def test_a_hook_job_sleeps_runs_once_and_stays() -> None:
    job = called("preflight")

    assert job["metadata"]["name"] == "job-1"
    spec = {key: value for key, value in job["spec"].items() if key != "template"}
    assert spec == {
        "suspend": True,
        "backoffLimit": 0,
        "activeDeadlineSeconds": 60,
        "podReplacementPolicy": "Failed",
    }
    assert pod_of(job)["restartPolicy"] == "Never"


def test_a_hook_runs_its_own_command_in_the_surroundings_of_the_workload() -> None:
    revision = published(
        {
            "command": ["serve"],
            "args": ["--forever"],
            "env": [{"name": "LEVEL", "value": "info"}],
            "resources": {"limits": {"memory": "1Gi"}},
            "readinessProbe": {"exec": {"command": ["r"]}},
            "nodeSelector": {"disk": "ssd"},
        }
    )

    container = container_of(called("verify", revision))

    assert container["command"] == ["do", "verify"]
    assert not {"args", "readinessProbe", "ports"} & set(container)
    assert container["resources"] == {"limits": {"memory": "1Gi"}}
    assert pod_of(called("verify", revision))["nodeSelector"] == {"disk": "ssd"}
    assert container["env"][0] == {"name": "LEVEL", "value": "info"}


def test_a_hook_is_told_what_the_workload_is_told_and_which_hook_it_is() -> None:
    environment = environment_of(called("preflight", attempt="quake-watch-4"))

    more = {"SCENARIO_HOOK": "preflight", "SCENARIO_UPGRADE": "quake-watch-4"}
    assert environment == {**environment_of(rendered(published())), **more}


@pytest.mark.parametrize("hook", ["preflight", "verify"])
def test_hooks_beside_a_running_workload_mount_no_data(hook: str) -> None:
    assert set(sources_by_path(called(hook))) == COMMON


def test_revert_writes_results_and_reads_state_if_asked() -> None:
    without, with_state = called("revert"), called("revert", mounts_state=True)

    assert set(sources_by_path(without)) == COMMON | {"/scenario/results"}
    mounted = sources_by_path(with_state)
    assert mounted["/scenario/state"] == {
        "persistentVolumeClaim": {"claimName": "state-pacific-2-0"},
        "readOnly": True,
    }
    assert mounted["/scenario/results"]["readOnly"] is False


def test_a_hooks_pod_is_never_taken_for_the_workloads() -> None:
    job = called("verify", published({"podLabels": {"app": "served"}}))

    labels = job["spec"]["template"]["metadata"]["labels"]
    selector = rendered(published())["spec"]["selector"]["matchLabels"]
    assert not selector.items() <= labels.items()
    assert "app" not in labels
    assert labels[names.LABEL_HOOK] == "verify"
    assert labels[names.LABEL_RUN] == "pacific"


def test_a_hook_about_no_incarnation_has_no_run_id() -> None:
    job = hook_job(RUN, HookCall("job-1", "preflight", published(), 0, WINDOW, PARAMETERS, 60))

    assert names.LABEL_INCARNATION not in job["metadata"]["labels"]
    assert environment_of(job)["SCENARIO_RUN_ID"] == ""
    assert environment_of(job)["SCENARIO_INCARNATION"] == ""


def test_a_hook_that_is_not_declared_has_no_job() -> None:
    without = published(workload={})
    without = Revision(
        without.name,
        1,
        "1.0.0",
        without.artifact,
        "l",
        "c",
        without.spec.model_copy(update={"hooks": type(without.spec.hooks)()}),
    )

    with pytest.raises(ValueError, match="declares no verify hook"):
        called("verify", without)


def test_validate_belongs_to_its_scenario_and_has_no_run() -> None:
    job = validate_job(SCENARIO, "check-1", published())

    assert names.LABEL_RUN not in job["metadata"]["labels"]
    assert job["metadata"]["labels"][names.LABEL_SCENARIO] == "quake-watch"
    assert [o["kind"] for o in job["metadata"]["ownerReferences"]] == ["Scenario"]
    assert job["spec"]["activeDeadlineSeconds"] == 300
    annotations = job["spec"]["template"]["metadata"]["annotations"]
    told = json.loads(annotations[names.ANNOTATION_RUN_CONTEXT])
    assert (told["scenario"], told["run"], told["runID"]) == ("quake-watch", "", "")


def test_validate_reads_the_files_that_are_not_published_yet() -> None:
    revision = published(artifact={"image": "x:1", "configMapRef": {"name": "source"}})

    mounted = sources_by_path(validate_job(SCENARIO, "check-1", revision))

    assert mounted["/scenario/artifact"] == {"configMap": {"name": "source"}, "readOnly": True}


def test_without_a_uid_there_is_no_owner() -> None:
    job = validate_job(ScenarioIdentity("team", "quake-watch"), "check-1", published())

    assert "ownerReferences" not in job["metadata"]


@pytest.mark.parametrize("policy", ["Always", "Never"])
def test_a_probe_pulls_as_the_workload_would_and_runs_nothing(policy: Any) -> None:
    workload = published(
        {
            "serviceAccountName": "reader",
            "imagePullSecrets": [{"name": "pull"}],
            "nodeSelector": {"disk": "ssd"},
            "tolerations": [{"key": "k", "operator": "Exists"}],
            "runAsUser": 1000,
        }
    ).spec.workload

    pod = probe_pod(SCENARIO, "probe-1", "registry/x:1", workload, pull_policy=policy)

    (container,) = pod["spec"]["containers"]
    assert container["command"] == ["/.scenario-probe/ends"]
    (mounted,) = pod["spec"]["volumes"]
    assert mounted["downwardAPI"]["defaultMode"] == 0o555, (
        "CRI-O creates no container whose command is not there"
    )
    assert pod["metadata"]["annotations"] == {"scenarios.dev/probe": "#!/.scenario-probe/nothing\n"}
    assert container["imagePullPolicy"] == policy
    assert container["image"] == "registry/x:1"
    assert pod["spec"]["restartPolicy"] == "Never"
    assert pod["spec"]["imagePullSecrets"] == [{"name": "pull"}]
    assert pod["spec"]["serviceAccountName"] == "reader"
    assert pod["spec"]["automountServiceAccountToken"] is False
    assert pod["spec"]["securityContext"]["runAsUser"] == 1000
    assert pod["metadata"]["labels"] == {
        names.LABEL_MANAGED_BY: names.CONTROLLER,
        names.LABEL_SCENARIO: "quake-watch",
        names.LABEL_COMPONENT: "probe",
    }


ALOOF = {
    "podLabels": {"app": "served"},
    "podAnnotations": {"inject": "yes", "team": "blue"},
    "hookPodLabels": {"sidecar.istio.io/inject": "false"},
    "hookPodAnnotations": {"inject": "no"},
}


def test_an_injector_can_be_told_to_stay_away_from_pods_that_end_by_themselves() -> None:
    """Given labels and annotations for them, then hooks and probes bear them, and the pod that serves does not."""
    revision = published(ALOOF)
    for job in (called("preflight", revision), validate_job(SCENARIO, "check-1", revision)):
        made = job["spec"]["template"]["metadata"]
        assert made["labels"]["sidecar.istio.io/inject"] == "false"
        assert made["labels"][names.LABEL_COMPONENT] == "hook"
        assert (made["annotations"]["inject"], made["annotations"]["team"]) == ("no", "blue")
    probe = probe_pod(SCENARIO, "probe-1", "registry/x:1", revision.spec.workload)["metadata"]
    assert (probe["labels"]["sidecar.istio.io/inject"], probe["annotations"]["inject"]) == ("false", "no")
    assert "team" not in probe["annotations"]
    serving = rendered(revision)["spec"]["template"]["metadata"]
    assert "sidecar.istio.io/inject" not in serving["labels"]
    assert serving["annotations"]["inject"] == "yes"


def test_what_is_ours_is_never_taken_from_labels_for_hooks() -> None:
    """Given a snapshot that is older than the rule against it, then our labels win and our annotations are ours."""
    given = {names.LABEL_COMPONENT: "workload", names.LABEL_MANAGED_BY: "me"}
    revision = published({"hookPodLabels": given, "hookPodAnnotations": {names.ANNOTATION_RUN_CONTEXT: "{}"}})
    made = called("preflight", revision)["spec"]["template"]["metadata"]
    assert made["labels"][names.LABEL_COMPONENT] == "hook"
    assert made["labels"][names.LABEL_MANAGED_BY] == names.CONTROLLER
    assert json.loads(made["annotations"][names.ANNOTATION_RUN_CONTEXT])["scenario"] == "quake-watch"


@pytest.mark.parametrize(
    ("workload", "policy"),
    [({}, "FallbackToLogsOnError"), ({"terminationMessagePolicy": "File"}, "File")],
)
def test_the_last_words_of_a_crash_are_kept_unless_the_author_says_otherwise(
    workload: Any, policy: str
) -> None:
    revision = published(workload)
    for made in (rendered(revision), called("preflight", revision)):
        assert container_of(made)["terminationMessagePolicy"] == policy
