"""A real API server takes our CRDs and refuses, with a message that helps, what a user must not write.

Every rule of the CRDs is provoked by at least one case, and the last test counts them.
"""

import copy
import json
import random
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import yaml
from kubernetes import client, config
from kubernetes.client import ApiException
from tests.harness.cluster import Cluster
from tests.unit.api.samples import PARTS, example

from scenario_operator.api import crd, names, nodes
from scenario_operator.api.common import wire

ROOT = Path(__file__).parents[2]
SHA = "sha256:" + "ab" * 32
OTHER_SHA = "sha256:" + "cd" * 32

Body = dict[str, Any]

BASE: dict[str, Body] = {
    names.SCENARIO: {"version": "1.0.0", "artifact": {"image": "registry.example/watch:1.0.0"}},
    names.RUN: {"scenarioRef": {"name": "watch"}},
    names.STRATEGY: {"type": "ForwardOnly"},
    names.UPGRADE: {"scenarioRef": {"name": "watch"}, "revision": "watch-r1", "cause": "Revision"},
}


class Refused(NamedTuple):
    """Something that must not be written, and what the server must say."""

    kind: str
    spec: Body
    message: str
    before: Body | None = None
    name: str = "one"
    status: Body | None = None

    def __str__(self) -> str:
        return f"{self.kind}-{self.message[:60]}"


class Accepted(NamedTuple):
    """Something close to a refusal that must be possible."""

    kind: str
    spec: Body
    before: Body | None = None
    name: str = "one"
    status: Body | None = None

    def __str__(self) -> str:
        return f"{self.kind}-{json.dumps(self.spec)[:60]}"


def workload(**fields: Any) -> Body:
    return {"workload": fields}


def volume(**fields: Any) -> Body:
    return workload(volumes=[fields])


def mount(path: str, name: str = "data") -> Body:
    return workload(
        volumes=[{"name": "data", "emptyDir": {}}], volumeMounts=[{"name": name, "mountPath": path}]
    )


def probe(**fields: Any) -> Body:
    return workload(readinessProbe=fields)


def strategy(kind: str, **fields: Any) -> Body:
    return {"type": kind, **fields}


def window(**bounds: Any) -> Body:
    return {"window": bounds}


def at(time: str) -> Body:
    return {"mode": "At", "time": time}


def back(seconds: int) -> Body:
    return {"mode": "Lookback", "seconds": seconds}


def mode(name: str) -> Body:
    return {"mode": name}


EARLY, LATE = "2026-01-01T00:00:00Z", "2026-01-02T00:00:00Z"
# The same moment as LATE: times are compared as moments, not as text.
LATE_ELSEWHERE = "2026-01-02T05:00:00+05:00"
CLAIM = {"volume": {"size": "1Gi"}}
TCP = {"tcpSocket": {"port": "http"}}
S, R, U, A = names.SCENARIO, names.RUN, names.STRATEGY, names.UPGRADE
LONG = "x" * 41
ASKED: Body = {"name": "a", "uid": "u", "nonce": "1"}

ENV_SOURCE = "valueFrom must set exactly one of configMapKeyRef, secretKeyRef or fieldRef"
ENV_FROM = "envFrom must set exactly one of configMapRef or secretRef"
VOLUME = "a volume must set exactly one of configMap, secret, persistentVolumeClaim or emptyDir"
PROBE = "a probe must set exactly one of exec, httpGet, tcpSocket or grpc"
EDGE = "compatibility.from must set exactly one of versions or digest"
TIME = "time must be set exactly when mode is At: set time, or choose mode At"
SECONDS = "seconds must be set exactly when mode is Lookback: set seconds, or choose mode Lookback"
RESERVED_ENV = "env.name must not start with SCENARIO_"
RESERVED_PATH = "volumeMounts.mountPath must not lie in /scenario*, /tmp or /dev"
PLAIN_PATH = "volumeMounts.mountPath must be an absolute path other than /"
RESERVED_VOLUME = "volumes.name must not be state, results, artifact, tmp or start with scenario"
CONTINUED = "must lie after window.startFrom with type Continuation"
NAME_LETTERS = "metadata.name must start with a letter"

REFUSED = [
    # --- Scenario: the workload -----------------------------------------------------------------------
    Refused(S, workload(env=[{"name": "SCENARIO_RUN", "value": "x"}]), RESERVED_ENV),
    Refused(
        S,
        workload(
            env=[{"name": "A", "value": "x", "valueFrom": {"fieldRef": {"fieldPath": "metadata.name"}}}]
        ),
        "env must not set both value and valueFrom: remove one of them",
    ),
    Refused(S, workload(env=[{"name": "A", "valueFrom": {}}]), ENV_SOURCE),
    Refused(
        S,
        workload(
            env=[
                {
                    "name": "A",
                    "valueFrom": {
                        "configMapKeyRef": {"name": "a", "key": "b"},
                        "secretKeyRef": {"name": "a", "key": "b"},
                    },
                }
            ]
        ),
        ENV_SOURCE,
    ),
    Refused(S, workload(envFrom=[{}]), ENV_FROM),
    Refused(S, workload(envFrom=[{"configMapRef": {"name": "a"}, "secretRef": {"name": "a"}}]), ENV_FROM),
    Refused(
        S,
        workload(envFrom=[{"prefix": "SCENARIO_X_", "configMapRef": {"name": "a"}}]),
        "envFrom.prefix must not start with SCENARIO_",
    ),
    Refused(S, probe(periodSeconds=3), PROBE),
    Refused(S, probe(**TCP, grpc={"port": 80}), PROBE),
    Refused(
        S,
        workload(startupProbe={**TCP, "successThreshold": 2}),
        "startupProbe.successThreshold must be 1: remove it or set 1",
    ),
    Refused(
        S,
        workload(livenessProbe={**TCP, "successThreshold": 2}),
        "livenessProbe.successThreshold must be 1: remove it or set 1",
    ),
    Refused(S, volume(name="data"), VOLUME),
    Refused(S, volume(name="data", emptyDir={}, configMap={"name": "a"}), VOLUME),
    *(Refused(S, volume(name=name, emptyDir={}), RESERVED_VOLUME) for name in ("state", "tmp", "scenario-x")),
    Refused(
        S,
        volume(name="data", persistentVolumeClaim={"claimName": "state-other-run-3-0"}),
        "persistentVolumeClaim.claimName must not name the stored state of a run",
    ),
    *(Refused(S, mount(path), RESERVED_PATH) for path in ("/scenario", "/scenario/state", "/scenarios-x/a")),
    *(Refused(S, mount(path), RESERVED_PATH) for path in ("/tmp", "/tmp/", "/dev/shm")),
    *(
        Refused(S, mount(path), PLAIN_PATH)
        for path in ("/", "data", "//scenario", "/data/../scenario", "/./dev")
    ),
    Refused(S, mount("/data", name="other"), "volumeMounts.name must name an entry of volumes"),
    Refused(
        S,
        workload(volumeMounts=[{"name": "data", "mountPath": "/data"}]),
        "volumeMounts.name must name an entry of volumes",
    ),
    Refused(S, workload(podLabels={"scenarios.dev/run": "x"}), "podLabels must not set scenarios.dev/*"),
    Refused(S, workload(podLabels={"app.kubernetes.io/managed-by": "x"}), "podLabels must not set"),
    Refused(
        S, workload(podAnnotations={"scenarios.dev/stop": "x"}), "podAnnotations must not set scenarios.dev/*"
    ),
    Refused(
        S, workload(hookPodLabels={"scenarios.dev/run": "x"}), "hookPodLabels must not set scenarios.dev/*"
    ),
    Refused(
        S,
        workload(hookPodAnnotations={"scenarios.dev/stop": "x"}),
        "hookPodAnnotations must not set scenarios.dev/*",
    ),
    Refused(S, workload(terminationMessagePolicy="Never"), "spec.workload.terminationMessagePolicy"),
    Refused(S, workload(runAsUser=0), "spec.workload.runAsUser"),
    Refused(S, workload(terminationGracePeriodSeconds=-1), "spec.workload.terminationGracePeriodSeconds"),
    Refused(S, workload(resources={"limits": {"cpu": "much"}}), "spec.workload.resources.limits"),
    # --- Scenario: the rest ---------------------------------------------------------------------------
    Refused(
        S,
        {"artifact": {"image": f"registry.example/watch@{SHA}", "digest": OTHER_SHA}},
        "artifact.digest must equal the digest in artifact.image",
    ),
    Refused(S, {"artifact": {"image": "x", "digest": "sha256:abc"}}, "spec.artifact.digest"),
    Refused(
        S,
        {"state": {"version": "2", "accepts": ["1"]}},
        "state.accepts must contain state.version: add it, or remove accepts to accept only the own version",
    ),
    Refused(S, {"state": {"version": "2", "accepts": []}}, "state.accepts must contain state.version"),
    Refused(S, {"compatibility": {"from": [{"verdict": "Compatible"}]}}, EDGE),
    Refused(
        S, {"compatibility": {"from": [{"verdict": "Compatible", "versions": "1.x", "digest": SHA}]}}, EDGE
    ),
    Refused(
        S,
        {"compatibility": {"from": [{"verdict": "Incompatible", "versions": "1.x", "reversible": True}]}},
        "compatibility.from.reversible must not be true with verdict Incompatible",
    ),
    Refused(
        S, {"compatibility": {"from": [{"verdict": "Migratable", "versions": "1.x"}]}}, "supported values"
    ),
    Refused(
        S,
        {"parameters": [{"name": "a", "required": True, "default": ""}]},
        "parameters.default must not be set when required is true",
    ),
    Refused(S, {"parameters": [{"name": "a"}, {"name": "a"}]}, "Duplicate value"),
    Refused(S, {"hooks": {"revert": {"command": []}}}, "spec.hooks.revert.command"),
    Refused(
        S, {"hooks": {"revert": {"command": ["x"], "timeoutSeconds": -5}}}, "spec.hooks.revert.timeoutSeconds"
    ),
    Refused(
        S,
        {"upgrade": {"strategyRef": {"name": "a"}, "strategy": {"type": "InPlace"}}},
        "upgrade must not set both strategyRef and strategy: remove one of them",
    ),
    Refused(
        S,
        {"upgrade": {"strategy": {"type": "InPlace", "window": {}}}},
        "window must not be set with type InPlace",
    ),
    Refused(S, {"type": "TaskGraph"}, "supported values"),
    Refused(
        S,
        {"results": {"volume": {"size": "2Gi"}}},
        "results.volume is immutable once set: restore it, or create a new Scenario",
        before={"results": CLAIM},
    ),
    Refused(S, {}, "results.volume is immutable once set", before={"results": CLAIM}),
    Refused(S, {}, "metadata.name must have at most 40 characters: choose a shorter name", name=LONG),
    *(Refused(S, {}, NAME_LETTERS, name=name) for name in ("1st", "a.b")),
    # --- ScenarioRun ----------------------------------------------------------------------------------
    Refused(
        R,
        {"scenarioRef": {"name": "other"}},
        "scenarioRef is immutable: create a new ScenarioRun to follow another Scenario",
        before={},
    ),
    Refused(R, {"startFrom": mode("At")}, TIME),
    Refused(R, {"startFrom": {"mode": "Beginning", "time": EARLY}}, TIME),
    Refused(R, {"outputActionsFrom": {"mode": "Now", "seconds": 5}}, SECONDS),
    Refused(R, {"notificationsFrom": mode("Lookback")}, SECONDS),
    Refused(R, {"startFrom": mode("Now")}, "supported values"),
    Refused(R, {"startFrom": back(-5)}, "spec.startFrom.seconds"),
    Refused(R, {"startFrom": at("2026-01-01T00:00:00")}, "spec.startFrom.time"),
    Refused(R, {"startFrom": at("yesterday")}, "spec.startFrom.time"),
    *(
        Refused(R, {first: at(LATE), then: at(EARLY)}, f"{then}.time must not be before {first}.time")
        for first, then in [
            ("startFrom", "outputActionsFrom"),
            ("startFrom", "notificationsFrom"),
            ("outputActionsFrom", "notificationsFrom"),
        ]
    ),
    *(
        Refused(R, {first: back(5), then: back(6)}, f"{then}.seconds must not exceed {first}.seconds")
        for first, then in [
            ("startFrom", "outputActionsFrom"),
            ("startFrom", "notificationsFrom"),
            ("outputActionsFrom", "notificationsFrom"),
        ]
    ),
    *(
        Refused(
            R, {first: at(EARLY), then: mode("Beginning")}, f"{then}.mode must not be Beginning when {first}"
        )
        for first, then in [
            ("startFrom", "outputActionsFrom"),
            ("startFrom", "notificationsFrom"),
            ("outputActionsFrom", "notificationsFrom"),
        ]
    ),
    Refused(R, {"parameters": {"not a name": "1"}}, "parameters must have names of at most 63 letters"),
    Refused(R, {"parameters": {"x" * 64: "1"}}, "parameters must have names of at most 63 letters"),
    Refused(R, {"hold": ""}, "spec.hold"),
    Refused(R, {}, "metadata.name must have at most 40 characters", name=LONG),
    Refused(R, {}, NAME_LETTERS, name="a.b"),
    # --- UpgradeStrategy ------------------------------------------------------------------------------
    Refused(U, strategy("Drain"), "supported values"),
    Refused(
        U, strategy("InPlace", **window(startFrom=mode("Same"))), "window must not be set with type InPlace"
    ),
    Refused(U, window(startFrom={"mode": "Same", "time": EARLY}), TIME),
    Refused(U, window(startFrom={"mode": "Lookback"}), SECONDS),
    Refused(
        U,
        window(startFrom={"mode": "Now", "ifMissing": "Hold"}),
        "ifMissing must not be set unless mode is StoppedAt or Lookback",
    ),
    Refused(
        U,
        window(startFrom=at(LATE), notificationsFrom=at(EARLY)),
        "notificationsFrom.time must not be before",
    ),
    *(
        Refused(
            U,
            strategy("Continuation", **window(outputActionsFrom=mode(act))),
            f"window.outputActionsFrom {CONTINUED}, or outputs of the past are repeated: use StoppedAt",
        )
        for act in ("Same", "Beginning")
    ),
    *(
        Refused(
            U,
            strategy("Continuation", **window(startFrom=mode(start), outputActionsFrom=mode(act))),
            f"window.outputActionsFrom {CONTINUED}, or outputs of the past are repeated: choose an earlier startFrom",
        )
        for start, act in [
            ("Now", "Now"),
            ("Now", "StoppedAt"),
            ("ObservedStop", "ObservedStop"),
            ("ObservedStop", "StoppedAt"),
            ("StoppedAt", "StoppedAt"),
        ]
    ),
    Refused(
        U,
        strategy("Continuation", **window(startFrom=at(LATE), outputActionsFrom=at(LATE_ELSEWHERE))),
        f"window.outputActionsFrom.time {CONTINUED}",
    ),
    Refused(
        U,
        strategy("Continuation", **window(startFrom=back(60), outputActionsFrom=back(60))),
        f"window.outputActionsFrom.seconds {CONTINUED}",
    ),
    Refused(U, {"verify": {"stableSeconds": 300}}, "timeouts.verifySeconds must exceed verify.stableSeconds"),
    Refused(
        U, {"timeouts": {"verifySeconds": 10}}, "timeouts.verifySeconds must exceed verify.stableSeconds"
    ),
    Refused(U, {"timeouts": {"stopSeconds": -1}}, "spec.timeouts.stopSeconds"),
    Refused(U, {"verify": {"stableSeconds": -1}}, "spec.verify.stableSeconds"),
    Refused(U, {"retry": {"backoffSeconds": -1}}, "spec.retry.backoffSeconds"),
    Refused(U, {"rollout": {"maxConcurrent": 0}}, "spec.rollout.maxConcurrent"),
    Refused(U, {}, "metadata.name must have at most 40 characters", name=LONG),
    Refused(U, {}, NAME_LETTERS, name="a.b"),
    # --- ScenarioUpgrade ------------------------------------------------------------------------------
    Refused(A, {"scenarioRef": {"name": "other"}}, "scenarioRef is immutable: the operator opens", before={}),
    Refused(A, {"revision": "watch-r2"}, "revision is immutable: the operator opens", before={}),
    Refused(A, {"cause": "Retry"}, "cause is immutable: the operator opens", before={}),
    Refused(A, {"runs": ["a"]}, "runs is immutable: the operator opens", before={"runs": ["a", "b"]}),
    Refused(A, {}, "runs is immutable: the operator opens", before={"runs": ["a"]}),
    Refused(A, {"runs": ["a"]}, "runs is immutable: the operator opens", before={}),
    Refused(
        A,
        {"abort": "uid"},
        "spec is immutable once the attempt is finished",
        before={},
        status={"completionTime": LATE},
    ),
    Refused(A, {"asked": [ASKED]}, "asked is immutable: the operator opens", before={}),
    Refused(A, {}, "asked is immutable: the operator opens", before={"asked": [ASKED]}),
    Refused(
        A,
        {"asked": [{**ASKED, "nonce": "2"}]},
        "asked is immutable: the operator opens",
        before={"asked": [ASKED]},
    ),
    Refused(A, {"reject": "no"}, "spec.reject must be set before", before={}, status={"startTime": LATE}),
    Refused(A, {"reject": "yes"}, "spec.reject is immutable", before={"reject": "no"}),
    Refused(A, {}, "spec.reject is immutable", before={"reject": "no"}),
    Refused(A, {"runs": ["a/b/c"]}, "spec.runs[0] in body should match"),
    Refused(A, {"runs": ["B"]}, "spec.runs[0] in body should match"),
    Refused(A, {"asked": [ASKED, {**ASKED, "name": "b"}]}, "spec.asked[1]: Duplicate value"),
    Refused(A, {}, "metadata.name must have at most 52 characters", name="x" * 53),
    Refused(A, {}, NAME_LETTERS, name="a.b"),
]

# The type of a Scenario has one value so far: its rule cannot be provoked before there is a second.
NOT_YET = {"type is immutable: create a new Scenario for another type"}

ACCEPTED = [
    Accepted(S, {}, name="x" * 40),
    Accepted(
        S,
        workload(
            command=["watch"],
            env=[{"name": "MY_SCENARIO_A", "value": ""}, {"name": "B"}],
            resources={"limits": {"cpu": 1, "memory": "64Mi", "example.com/thing": 2}},
            ports=[{"name": "http", "containerPort": 80}],
            startupProbe={"httpGet": {"port": 80}},
            readinessProbe={"exec": {"command": ["true"]}, "successThreshold": 2},
            livenessProbe={"grpc": {"port": 80}},
            volumes=[
                {"name": "data", "emptyDir": {}},
                {"name": "more", "persistentVolumeClaim": {"claimName": "mine"}},
                {
                    "name": "keys",
                    "secret": {"secretName": "keys", "items": [{"key": "a", "path": "b", "mode": 256}]},
                },
            ],
            volumeMounts=[
                {"name": "data", "mountPath": "/tmpdata"},
                {"name": "data", "mountPath": "/data/scenario/..x"},
                {"name": "more", "mountPath": "/device/"},
            ],
            podLabels={"app.kubernetes.io/name": "x"},
            podAnnotations={"example.com/a": "b"},
            hookPodLabels={"sidecar.istio.io/inject": "false"},
            hookPodAnnotations={"linkerd.io/inject": "disabled"},
            terminationMessagePolicy="File",
            tolerations=[{"operator": "Exists"}],
            affinity={
                "podAntiAffinity": {
                    "requiredDuringSchedulingIgnoredDuringExecution": [
                        {
                            "topologyKey": "kubernetes.io/hostname",
                            "labelSelector": {"matchLabels": {"a": "b"}},
                        }
                    ]
                }
            },
        ),
    ),
    Accepted(
        S,
        {
            "artifact": {"image": f"registry.example/watch@{SHA}", "digest": SHA},
            "state": {"version": "2", "accepts": ["1", "2"], **CLAIM},
            "hooks": {"validate": {"command": ["check"]}},
            "compatibility": {"from": [{"verdict": "Compatible", "versions": "1.x", "reversible": True}]},
            "parameters": [{"name": "a", "required": True}, {"name": "b", "default": ""}],
            "outputs": [{"kind": "incidents", "class": "Reversible", "identity": "v2"}],
            "upgrade": {"strategy": {"type": "Continuation"}, "approvedPlans": ["abc"]},
        },
    ),
    Accepted(S, {"results": CLAIM, "description": "more"}, before={"results": CLAIM}),
    Accepted(S, {"results": CLAIM}, before={}),
    Accepted(A, {"reject": "no"}, before={}),
    Accepted(A, {"reject": "no", "suspend": True}, before={"reject": "no"}),
    Accepted(A, {"runs": ["a", "other/a"], "asked": [ASKED, {**ASKED, "namespace": "other", "uid": "v"}]}),
    Accepted(R, {"desiredState": "Stopped", "hold": "maintenance"}, before={}),
    Accepted(
        R, {"startFrom": at(EARLY), "outputActionsFrom": at(LATE), "notificationsFrom": at(LATE_ELSEWHERE)}
    ),
    Accepted(R, {"startFrom": back(60), "outputActionsFrom": mode("Now"), "parameters": {"threshold": "25"}}),
    Accepted(R, {"startFrom": mode("Beginning"), "notificationsFrom": mode("Beginning")}),
    Accepted(
        U, strategy("Continuation", **window(startFrom=mode("StoppedAt"), outputActionsFrom=mode("Now")))
    ),
    Accepted(
        U,
        strategy(
            "Continuation",
            **window(
                startFrom=back(60), outputActionsFrom={"mode": "StoppedAt", "ifMissing": "ObservedStop"}
            ),
        ),
    ),
    Accepted(U, strategy("Continuation", **window(startFrom=mode("Now")))),
    Accepted(U, strategy("ForwardOnly", **window(startFrom=mode("Run"), outputActionsFrom=mode("Same")))),
    Accepted(
        U, {"approveFrom": "Apply", "verify": {"stableSeconds": 400}, "timeouts": {"verifySeconds": 500}}
    ),
    Accepted(
        A,
        {
            "suspend": True,
            "abort": "uid",
            "approvals": [{"planHash": "abc", "approver": "ann"}],
            "runs": ["a"],
        },
        before={"runs": ["a"]},
        name="x" * 40 + "-12",
    ),
    Accepted(A, {"abort": "uid"}, before={}, status={"startTime": EARLY}),
    Accepted(A, {}, before={}, status={"completionTime": LATE}),
]


@pytest.fixture
def api(unserved_bed: Cluster) -> client.ApiClient:
    """A real API server with our CRDs."""
    return config.new_client_from_config(unserved_bed.kubeconfig)


def write(api: client.ApiClient, case: Refused | Accepted) -> None:
    """Create the object, or replace what was before; nothing is kept."""
    objects = client.CustomObjectsApi(api)
    where = (names.GROUP, names.VERSION, "default", names.PLURALS[case.kind])

    def body(spec: Body) -> Body:
        return {
            "apiVersion": names.API_VERSION,
            "kind": case.kind,
            "metadata": {"name": case.name},
            "spec": {**copy.deepcopy(BASE[case.kind]), **spec},
        }

    strict = {"dry_run": "All", "field_validation": "Strict"}
    if case.before is None:
        objects.create_namespaced_custom_object(*where, body(case.spec), **strict)
        return
    stored = objects.create_namespaced_custom_object(*where, body(case.before))
    try:
        if case.status is not None:
            stored = objects.replace_namespaced_custom_object_status(
                *where, case.name, {**stored, "status": case.status}
            )
        changed = body(case.spec)
        changed["metadata"]["resourceVersion"] = stored["metadata"]["resourceVersion"]
        objects.replace_namespaced_custom_object(*where, case.name, changed, **strict)
    finally:
        objects.delete_namespaced_custom_object(*where, case.name)


def test_crds_are_established_without_complaint(api: client.ApiClient) -> None:
    """No NonStructuralSchema, no rule that is too costly, no name that is taken."""
    found = client.ApiextensionsV1Api(api).list_custom_resource_definition().items
    conditions = {crd.metadata.name: {c.type: c.status for c in crd.status.conditions} for crd in found}

    assert conditions == {
        f"{kind.plural}.{names.GROUP}": {"NamesAccepted": "True", "Established": "True"} for kind in crd.KINDS
    }


@pytest.mark.parametrize("case", REFUSED, ids=str)
def test_refused(api: client.ApiClient, case: Refused) -> None:
    """The server refuses, and its message tells the user what to do."""
    with pytest.raises(ApiException) as refusal:
        write(api, case)

    assert refusal.value.status == 422
    assert case.message.lower() in json.loads(refusal.value.body)["message"].lower()


@pytest.mark.parametrize("kind", [S, R, U, A])
def test_a_field_that_nobody_knows_is_refused_by_its_path(api: client.ApiClient, kind: str) -> None:
    """A misspelt field must not be dropped in silence: kubectl asks for strict validation, and gets it."""
    with pytest.raises(ApiException) as refusal:
        write(api, Accepted(kind, {"misspelt": True}))

    assert refusal.value.status == 400
    assert 'unknown field "spec.misspelt"' in json.loads(refusal.value.body)["message"]


@pytest.mark.parametrize("case", ACCEPTED, ids=str)
def test_accepted(api: client.ApiClient, case: Accepted) -> None:
    """What is close to a refusal, but sound, passes strict validation."""
    write(api, case)


@pytest.mark.parametrize("kind", [S, R, A])
def test_an_object_that_no_controller_has_seen(api: client.ApiClient, kind: str) -> None:
    """kstatus must not take it for current."""
    objects = client.CustomObjectsApi(api)
    where = (names.GROUP, names.VERSION, "default", names.PLURALS[kind])
    body = {
        "apiVersion": names.API_VERSION,
        "kind": kind,
        "metadata": {"name": "unseen"},
        "spec": BASE[kind],
    }

    created = objects.create_namespaced_custom_object(*where, body, dry_run="All")

    assert created["status"] == {"observedGeneration": -1}


@pytest.mark.parametrize("seed", range(8))
@pytest.mark.parametrize("kind", [kind for kind in crd.KINDS if kind.name != U], ids=lambda kind: kind.name)
def test_a_status_comes_back_as_it_was_written(
    api: client.ApiClient, kind: crd.CustomKind, seed: int
) -> None:
    """Nothing is refused, pruned or filled in: else every pass would find something to write."""
    objects = client.CustomObjectsApi(api)
    where = (names.GROUP, names.VERSION, "default", kind.plural)
    rng = random.Random(seed)  # noqa: S311
    spec = BASE[kind.name]
    read = kind.model.read(
        {"metadata": {"name": "one"}, "spec": spec, "status": example(PARTS[kind.name]["status"], rng)}
    )
    status = wire(read)["status"]
    body = {
        "apiVersion": names.API_VERSION,
        "kind": kind.name,
        "metadata": {"name": f"recorded-{seed}"},
        "spec": spec,
    }

    stored = objects.create_namespaced_custom_object(*where, body)
    written = objects.replace_namespaced_custom_object_status(
        *where, f"recorded-{seed}", {**stored, "status": status}, field_validation="Strict"
    )

    objects.delete_namespaced_custom_object(*where, f"recorded-{seed}")
    assert written["status"] == status
    assert wire(kind.model.read(written))["status"] == status


EXAMPLES = [
    pytest.param(document, id=f"{path.relative_to(ROOT)}-{document['metadata']['name']}")
    for path in sorted((ROOT / "examples").rglob("*.yaml"))
    for document in yaml.safe_load_all(path.read_text(encoding="utf-8"))
    if document and document.get("apiVersion") == names.API_VERSION
]


@pytest.mark.parametrize("document", EXAMPLES)
def test_examples_pass_strict_validation(api: client.ApiClient, document: Body) -> None:
    """What we show to users is what the server takes."""
    objects = client.CustomObjectsApi(api)
    where = (names.GROUP, names.VERSION, "default", names.PLURALS[document["kind"]])

    objects.create_namespaced_custom_object(*where, document, dry_run="All", field_validation="Strict")


def test_every_rule_is_provoked() -> None:
    """A rule that no case provokes may be one that never fires."""
    rules: set[str] = set()
    for kind in crd.KINDS:
        for node in nodes.walk(crd.schema_of(kind)):
            rules |= {rule["message"] for rule in node.get(crd.RULES, [])}

    quiet = {rule for rule in rules if not any(case.message.lower() in rule.lower() for case in REFUSED)}

    assert quiet == NOT_YET
