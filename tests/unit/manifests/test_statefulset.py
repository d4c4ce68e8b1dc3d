"""What an incarnation's StatefulSet promises to Kubernetes, to its container and to us."""

from __future__ import annotations

import json

import pytest
from tests.unit.manifests.build import (
    PARAMETERS,
    RENDERER,
    RESULTS,
    RUN,
    WINDOW,
    container_of,
    environment_of,
    pod_of,
    published,
    rendered,
    sources_by_path,
)

from scenario_operator.api import names
from scenario_operator.manifests.context import Upgrade
from scenario_operator.manifests.statefulset import statefulset

CLAIM = {"persistentVolumeClaim": {"claimName": "state-pacific-2-0"}, "readOnly": False}
EMPTY = {"emptyDir": {}, "readOnly": False}


def test_it_is_created_asleep() -> None:
    assert rendered(published())["spec"]["replicas"] == 0


def test_nothing_but_us_ever_makes_a_pod_again() -> None:
    spec = rendered(published())["spec"]

    assert spec["updateStrategy"] == {"type": "OnDelete"}
    assert spec["podManagementPolicy"] == "Parallel"


def test_the_statefulset_controller_can_never_create_a_claim() -> None:
    workload = rendered(published(results=RESULTS))

    assert "volumeClaimTemplates" not in workload["spec"]
    assert sources_by_path(workload)["/scenario/state"] == CLAIM


def test_it_belongs_to_the_run_and_blocks_nobody() -> None:
    metadata = rendered(published())["metadata"]

    assert metadata["name"] == "pacific-2"
    assert "generateName" not in metadata
    assert metadata["ownerReferences"] == [
        {
            "apiVersion": "scenarios.dev/v1alpha1",
            "kind": "ScenarioRun",
            "name": "pacific",
            "uid": "uid-of-pacific",
            "controller": True,
            "blockOwnerDeletion": False,
        }
    ]


def test_workload_and_pod_carry_the_same_labels_of_ours() -> None:
    workload = rendered(published())

    expected = {
        names.LABEL_MANAGED_BY: names.CONTROLLER,
        names.LABEL_SCENARIO: "quake-watch",
        names.LABEL_RUN: "pacific",
        names.LABEL_RUN_UID: "uid-of-pacific",
        names.LABEL_INCARNATION: "2",
        names.LABEL_REVISION: "quake-watch-r1",
        names.LABEL_COMPONENT: "workload",
    }
    assert workload["metadata"]["labels"] == expected
    assert workload["spec"]["template"]["metadata"]["labels"] == expected


def test_the_selector_holds_what_never_changes_and_is_on_the_pods() -> None:
    spec = rendered(published())["spec"]

    selected = spec["selector"]["matchLabels"]
    assert set(selected) == {names.LABEL_RUN_UID, names.LABEL_INCARNATION, names.LABEL_COMPONENT}
    assert selected.items() <= spec["template"]["metadata"]["labels"].items()


def test_our_labels_and_annotations_win_over_the_users() -> None:
    theirs = {
        "app": "x",
        names.LABEL_RUN: "stolen",
        names.LABEL_MANAGED_BY: "helm",
        names.LABEL_HOOK: "revert",
    }
    noted = {"note": "n", names.ANNOTATION_RUN_CONTEXT: "{}", names.ANNOTATION_STEP: "held"}

    metadata = rendered(published({"podLabels": theirs, "podAnnotations": noted}))["spec"]["template"][
        "metadata"
    ]

    assert metadata["labels"]["app"] == "x"
    assert metadata["labels"][names.LABEL_RUN] == "pacific"
    assert metadata["labels"][names.LABEL_MANAGED_BY] == names.CONTROLLER
    assert names.LABEL_HOOK not in metadata["labels"]
    assert set(metadata["annotations"]) == {"note", names.ANNOTATION_RUN_CONTEXT}
    assert json.loads(metadata["annotations"][names.ANNOTATION_RUN_CONTEXT])["run"] == "pacific"


def test_the_report_finalizer_is_never_in_the_template() -> None:
    assert "finalizers" not in rendered(published())["spec"]["template"]["metadata"]


def test_the_container_runs_what_the_revision_resolved() -> None:
    container = container_of(rendered(published()))

    assert container["name"] == "scenario"
    assert container["image"] == "quake-watch@sha256:" + "a" * 64


def test_the_security_context_is_the_restricted_standard() -> None:
    workload = rendered(published({"runAsUser": 1000, "runAsGroup": 0, "fsGroup": 10}))

    assert container_of(workload)["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "capabilities": {"drop": ["ALL"]},
        "readOnlyRootFilesystem": True,
        "runAsNonRoot": True,
        "seccompProfile": {"type": "RuntimeDefault"},
    }
    assert pod_of(workload)["securityContext"] == {
        "runAsNonRoot": True,
        "seccompProfile": {"type": "RuntimeDefault"},
        "runAsUser": 1000,
        "runAsGroup": 0,
        "fsGroup": 10,
        "fsGroupChangePolicy": "OnRootMismatch",
    }


@pytest.mark.parametrize(("account", "mounted"), [(None, False), ("reader", True)])
def test_a_token_is_mounted_only_for_an_account_that_the_user_names(
    account: str | None, mounted: bool
) -> None:
    pod = pod_of(rendered(published({"serviceAccountName": account} if account else {})))

    assert pod["automountServiceAccountToken"] is mounted
    assert pod.get("serviceAccountName") == account


def test_everything_is_mounted_where_the_contract_says() -> None:
    artifact = {"image": "x:1", "configMapRef": {"name": "source"}}

    mounted = sources_by_path(rendered(published(results=RESULTS, artifact=artifact)))

    context = {"fieldPath": "metadata.annotations['scenarios.dev/run-context']"}
    assert mounted == {
        "/scenario/run.json": {
            "downwardAPI": {"items": [{"path": "run.json", "fieldRef": context}]},
            "readOnly": True,
        },
        "/tmp": EMPTY,
        "/scenario/artifact": {"configMap": {"name": "quake-watch-r1-artifact"}, "readOnly": True},
        "/scenario/state": CLAIM,
        "/scenario/results": {"persistentVolumeClaim": {"claimName": "results-pacific"}, "readOnly": False},
    }


def test_state_without_a_volume_is_scratch_space_at_the_same_place() -> None:
    assert sources_by_path(rendered(published(state={"version": "1"})))["/scenario/state"] == EMPTY


def test_without_state_there_is_no_state_directory() -> None:
    assert set(sources_by_path(rendered(published(state=None)))) == {"/scenario/run.json", "/tmp"}


def test_run_json_and_environment_say_the_same() -> None:
    workload = rendered(published(description="swarms"), upgrade=Upgrade("0.9.0", "1.0.0", "InPlace"))

    annotations = workload["spec"]["template"]["metadata"]["annotations"]
    assert json.loads(annotations[names.ANNOTATION_RUN_CONTEXT]) == {
        "scenario": "quake-watch",
        "version": "1.0.0",
        "description": "swarms",
        "run": "pacific",
        "runID": "pacific-2",
        "incarnation": 2,
        "window": {
            "startFrom": "2026-01-01T00:00:00Z",
            "outputActionsFrom": "2026-01-02T00:00:00Z",
            "notificationsFrom": None,
        },
        "parameters": {"quiet": "3", "threshold": "25"},
        "stateVersion": "1",
        "upgrade": {"from": "0.9.0", "to": "1.0.0", "strategy": "InPlace"},
    }
    assert environment_of(workload) == {
        "SCENARIO_NAME": "quake-watch",
        "SCENARIO_VERSION": "1.0.0",
        "SCENARIO_RUN": "pacific",
        "SCENARIO_RUN_ID": "pacific-2",
        "SCENARIO_INCARNATION": "2",
        "SCENARIO_START_FROM": "2026-01-01T00:00:00Z",
        "SCENARIO_OUTPUT_ACTIONS_FROM": "2026-01-02T00:00:00Z",
        "SCENARIO_NOTIFICATIONS_FROM": "",
        "SCENARIO_STATE_VERSION": "1",
    }


def test_a_start_that_is_no_upgrade_tells_of_none() -> None:
    annotations = rendered(published())["spec"]["template"]["metadata"]["annotations"]

    assert "upgrade" not in json.loads(annotations[names.ANNOTATION_RUN_CONTEXT])


def test_the_contracts_variables_come_last_and_cannot_be_overridden() -> None:
    theirs = [{"name": "SCENARIO_RUN", "value": "other"}, {"name": "LEVEL", "value": "info"}]

    env = container_of(rendered(published({"env": theirs})))["env"]

    assert env[0] == {"name": "LEVEL", "value": "info"}
    assert [v["value"] for v in env if v["name"] == "SCENARIO_RUN"] == ["pacific"]


def test_what_the_user_sets_reaches_the_pod_in_kubernetes_shape() -> None:
    term = {"matchExpressions": [{"key": "a", "operator": "In", "values": ["b"]}]}
    required = {"requiredDuringSchedulingIgnoredDuringExecution": {"nodeSelectorTerms": [term]}}
    spread = [{"maxSkew": 1, "topologyKey": "zone", "whenUnsatisfiable": "DoNotSchedule"}]
    container = {
        "command": ["python3"],
        "args": ["-m", "x"],
        "envFrom": [{"prefix": "P_", "secretRef": {"name": "s", "optional": True}}],
        "resources": {"limits": {"memory": "1Gi"}, "requests": {"cpu": "20m"}},
        "ports": [{"name": "http", "containerPort": 80, "protocol": "TCP"}],
        "startupProbe": {"exec": {"command": ["up"]}, "failureThreshold": 30},
        "readinessProbe": {"httpGet": {"path": "/r", "port": "http", "scheme": "HTTP"}},
        "livenessProbe": {"tcpSocket": {"port": 80}},
    }
    pod = {
        "terminationGracePeriodSeconds": 9,
        "imagePullSecrets": [{"name": "pull"}],
        "nodeSelector": {"disk": "ssd"},
        "tolerations": [{"key": "k", "operator": "Exists"}],
        "affinity": {"nodeAffinity": required},
        "topologySpreadConstraints": spread,
        "priorityClassName": "high",
    }
    volumes = [{"name": "cache", "emptyDir": {"sizeLimit": "1Gi"}}]
    mounts = [{"name": "cache", "mountPath": "/cache", "readOnly": False}]

    workload = rendered(published({**container, **pod, "volumes": volumes, "volumeMounts": mounts}))

    assert container.items() <= container_of(workload).items()
    assert pod.items() <= pod_of(workload).items()
    assert pod_of(workload)["volumes"][:1] == volumes
    assert container_of(workload)["volumeMounts"][:1] == mounts


def test_what_nobody_set_is_not_rendered() -> None:
    pod, container = pod_of(rendered(published())), container_of(rendered(published()))

    ours = {"name", "image", "imagePullPolicy", "env", "volumeMounts", "securityContext"}
    assert set(container) == ours | {"terminationMessagePolicy"}
    assert not {"nodeSelector", "tolerations", "affinity", "imagePullSecrets"} & set(pod)


def test_the_order_of_parameters_makes_no_difference() -> None:
    one, other = (
        statefulset(RUN, 2, published(), WINDOW, given, renderer=RENDERER)
        for given in (PARAMETERS, PARAMETERS[::-1])
    )

    assert json.dumps(one) == json.dumps(other)


def test_a_template_says_which_code_rendered_it() -> None:
    annotations = rendered(published())["metadata"]["annotations"]

    assert annotations[names.ANNOTATION_RENDERER] == str(RENDERER)
    assert json.loads(annotations[names.ANNOTATION_TEMPLATE]) == {
        "revision": "quake-watch-r1",
        "window": {"startFrom": "2026-01-01T00:00:00Z", "outputActionsFrom": "2026-01-02T00:00:00Z"},
        "parameters": {"quiet": "3", "threshold": "25"},
    }
