"""What the chart installs: nothing more than needed, and the same with every Helm."""

import hashlib
import json
import shutil
import subprocess
from typing import Any

import pytest
import yaml
from tests.unit.chart.charts import HELMS, SETS, Manifest, of_kind, one, pod_specs, rendered

from dist import render, sync_chart
from scenario_operator import __main__ as program
from scenario_operator.api import crd, names
from scenario_operator.cli import release
from scenario_operator.cluster import kinds

SHA = "sha256:" + "ab" * 32


def rules(values: str, *, hooks: bool = False) -> list[Manifest]:
    """Rules of what the operator (or the hook) is bound to."""
    return [
        rule
        for role in rendered(values)
        if role["kind"] in {"Role", "ClusterRole"} and render.is_hook(role) == hooks
        if role["metadata"]["labels"]["app.kubernetes.io/component"] in {"operator", "pre-delete"}
        for rule in role["rules"]
    ]


def allowed(values: str, kind: kinds.ResourceKind, subresource: str = "", *, hooks: bool = False) -> set[str]:
    """Verbs on a kind, whatever the scope."""
    resource = f"{kind.plural}/{subresource}" if subresource else kind.plural
    return {
        verb
        for rule in rules(values, hooks=hooks)
        if kind.group in rule["apiGroups"] and resource in rule["resources"]
        for verb in rule["verbs"]
    }


# --- The same for everybody -----------------------------------------------------------------------


@pytest.mark.parametrize("values", SETS)
def test_both_helms_render_the_same(values: str) -> None:
    def order(manifest: Manifest) -> tuple[str, ...]:
        metadata = manifest["metadata"]
        return manifest["kind"], metadata.get("namespace", ""), metadata["name"]

    first, second = (sorted(rendered(values, helm), key=order) for helm in HELMS)

    assert first == second


@pytest.mark.parametrize("values", SETS)
def test_nothing_is_rendered_twice_or_without_labels(values: str) -> None:
    places = [
        (each["kind"], each["metadata"].get("namespace"), each["metadata"]["name"])
        for each in rendered(values)
    ]

    assert len(places) == len(set(places))
    assert all("app.kubernetes.io/component" in each["metadata"]["labels"] for each in rendered(values))


def test_common_labels_reach_everything() -> None:
    assert all(each["metadata"]["labels"]["team"] == "streams" for each in rendered("everything"))


# --- The kinds ------------------------------------------------------------------------------------


def test_the_copy_of_the_crds_is_up_to_date() -> None:
    """Else run: python tools/dist/sync_chart.py."""
    assert sync_chart.differences() == []


@pytest.mark.parametrize("helm", HELMS)
@pytest.mark.parametrize("kind", crd.KINDS, ids=lambda kind: kind.plural)
def test_the_crds_come_through_unchanged(kind: crd.CustomKind, helm: str) -> None:
    """To the type of every number; and the cluster keeps them when the release goes."""
    (found,) = [
        each
        for each in of_kind("CustomResourceDefinition", helm=helm)
        if each["spec"]["names"]["plural"] == kind.plural
    ]
    source = (sync_chart.COPY / f"{kind.plural}.yaml").read_text(encoding="utf-8")
    (wanted,) = yaml.safe_load_all(source)

    assert json.dumps(found["spec"], sort_keys=True) == json.dumps(wanted["spec"], sort_keys=True)
    assert found["metadata"]["name"] == wanted["metadata"]["name"]
    assert found["metadata"]["annotations"] == {"helm.sh/resource-policy": "keep"}


def test_braces_in_a_crd_are_text(tmp_path: Any) -> None:
    """A description may show a template without Helm carrying it out."""
    copy = tmp_path / "scenario-operator"
    shutil.copytree(render.CHART, copy)
    path = copy / "files" / "crds" / "upgradestrategies.yaml"
    text = path.read_text(encoding="utf-8")
    word = "description: '{{ .Values.replicas }} {{ nonsense'"
    path.write_text(text.replace("description: Kind of this object.", word), encoding="utf-8")
    command = [render.helm_binary(), "template", "x", str(copy), "--kube-version", render.KUBE_VERSION]
    command += ["--set", "image.repository=x"]
    done = subprocess.run(command, check=True, capture_output=True, text=True)

    assert "{{ .Values.replicas }} {{ nonsense" in done.stdout


def test_crds_can_be_left_out() -> None:
    assert of_kind("CustomResourceDefinition", "bare") == []


# --- Rights ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("values", SETS)
def test_no_wildcards_no_secrets(values: str) -> None:
    """Nor anything by which one could get at them: impersonation, exec, binding of roles, tokens."""
    found = [rule for each in rendered(values) if "Role" in each["kind"] for rule in each.get("rules", ())]
    words = {word for rule in found for part in rule.values() for word in part}

    assert len(found) >= 3
    assert not any("*" in word for word in words)
    assert not words & {
        *("secrets", "serviceaccounts", "serviceaccounts/token", "users", "groups", "nodes", "webhooks"),
        *("pods/exec", "pods/attach", "pods/ephemeralcontainers", "pods/log", "roles", "clusterroles"),
        *(
            "rolebindings",
            "clusterrolebindings",
            "escalate",
            "bind",
            "impersonate",
            "customresourcedefinitions",
        ),
    }
    assert not any("nonResourceURLs" in rule for rule in found)


@pytest.mark.parametrize("values", ["default", "namespaces"])
def test_everything_that_is_watched_may_be_watched(values: str) -> None:
    """A watch that is refused ends the process."""
    for kind in kinds.WATCHED_KINDS:
        assert allowed(values, kind) >= {"get", "list", "watch"}, kind


def test_verbs_by_kind() -> None:
    """The whole of it: a right more or less is a decision, not an accident."""
    read = {"get", "list", "watch"}
    child = {*read, "create", "patch", "delete"}

    assert {
        kind.kind: allowed("default", kind) for kind in (*kinds.WATCHED_KINDS, kinds.LEASE, kinds.EVENT)
    } == {
        "Scenario": read,
        "ScenarioRun": read,
        "UpgradeStrategy": read,
        "ScenarioUpgrade": {*read, "create", "delete"},
        "StatefulSet": {*child, "update"},
        "Pod": child,
        "Job": child,
        "PersistentVolumeClaim": child,
        "ConfigMap": {*read, "create"},
        "ControllerRevision": child - {"patch"},
        "Lease": {"get", "create", "update"},
        "Event": {"list", "create"},
    }
    for kind in (kinds.SCENARIO, kinds.RUN, kinds.UPGRADE):
        assert allowed("default", kind, "status") == {"patch"}
    below = {name for rule in rules("default") for name in rule["resources"] if "/" in name}
    assert below == {f"{kind.plural}/status" for kind in (kinds.SCENARIO, kinds.RUN, kinds.UPGRADE)}
    known = {kind.plural for kind in (*kinds.WATCHED_KINDS, kinds.LEASE, kinds.EVENT)}
    assert {name for rule in rules("default") for name in rule["resources"]} == known | below


def test_with_namespaces_nothing_reaches_beyond_them() -> None:
    roles = [
        each for each in of_kind("Role", "namespaces") if each["metadata"]["name"] == "scenario-operator"
    ]
    everywhere = one("ClusterRole", "scenario-operator")

    assert "scenario-operator" not in [
        each["metadata"]["name"] for each in of_kind("ClusterRole", "namespaces")
    ]
    assert [each["metadata"]["namespace"] for each in roles] == ["red", "blue"]
    for role in roles:
        assert role["rules"] == everywhere["rules"]


def test_the_lease_is_the_one_that_is_asked_for() -> None:
    options = program._parser().parse_args(container("default")["args"])
    role = one("Role", "scenario-operator-lease")

    assert role["metadata"]["namespace"] == options.lease_namespace
    assert [rule.get("resourceNames") for rule in role["rules"]] == [None, [options.lease_name]]


def test_every_binding_leads_to_a_role_and_an_account() -> None:
    for values in ("default", "namespaces"):
        roles = {
            (each["kind"], each["metadata"].get("namespace"), each["metadata"]["name"])
            for each in rendered(values)
        }
        bindings = [each for each in rendered(values) if each["kind"].endswith("RoleBinding")]

        assert bindings
        for each in bindings:
            ref, place = each["roleRef"], each["metadata"].get("namespace")
            assert (ref["kind"], place if ref["kind"] == "Role" else None, ref["name"]) in roles
            for subject in each["subjects"]:
                assert ("ServiceAccount", subject["namespace"], subject["name"]) in roles


def test_users_are_served_by_aggregation() -> None:
    found = {each["metadata"]["name"]: each for each in of_kind("ClusterRole")}

    def verbs(role: str, plural: str) -> set[str]:
        return {
            verb for rule in found[role]["rules"] if plural in rule["resources"] for verb in rule["verbs"]
        }

    for plural in names.PLURALS.values():
        assert verbs("scenario-operator-view", plural) == {"get", "list", "watch"}
    assert verbs("scenario-operator-edit", names.UPGRADES) == {"update", "patch"}
    assert verbs("scenario-operator-admin", names.UPGRADES) == {"delete", "deletecollection"}
    for level in ("view", "edit", "admin"):
        labels = found[f"scenario-operator-{level}"]["metadata"]["labels"]
        assert labels[f"rbac.authorization.k8s.io/aggregate-to-{level}"] == "true"
    assert not any("status" in word for role in found for word in verbs(role, "scenarios/status"))


# --- Pods -----------------------------------------------------------------------------------------


def container(values: str) -> Manifest:
    (deployment,) = of_kind("Deployment", values)
    (found,) = deployment["spec"]["template"]["spec"]["containers"]
    return dict(found)


@pytest.mark.parametrize("values", SETS)
def test_pods_are_restricted(values: str) -> None:
    """The restricted Pod Security Standard, and a root file system that nobody writes to."""
    specs = pod_specs(values)

    assert specs
    for spec in specs:
        assert spec["securityContext"]["runAsNonRoot"] is True
        assert spec["securityContext"]["runAsUser"] > 0
        assert spec["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
        assert not {"hostNetwork", "hostPID", "hostIPC"} & spec.keys()
        assert all(set(volume) == {"name", "emptyDir"} for volume in spec["volumes"])
        for each in spec["containers"]:
            assert each["securityContext"] == {
                "allowPrivilegeEscalation": False,
                "readOnlyRootFilesystem": True,
                "capabilities": {"drop": ["ALL"]},
            }
            assert each["resources"]["requests"].keys() == {"cpu", "memory"}
            assert "memory" in each["resources"]["limits"]


@pytest.mark.parametrize("values", SETS)
def test_the_arguments_are_those_of_the_program(values: str) -> None:
    """Parsed by its own parser: an argument that it does not know would end the process."""
    options = program._parser().parse_args(container(values)["args"])

    assert options.command == "run"
    assert options.namespace == (["red", "blue"] if values == "namespaces" else [])
    assert options.port == container(values)["ports"][0]["containerPort"]


def test_the_defaults_are_those_of_the_program() -> None:
    """Installing by chart or starting by hand makes no difference."""
    ours = vars(program._parser().parse_args(container("default")["args"]))
    bare = vars(program._parser().parse_args(["run", "--lease-namespace", render.NAMESPACE]))

    assert ours == bare


def test_the_lease_terms_are_sound() -> None:
    """`__main__` derives the margin; the values must satisfy it."""
    options = program._parser().parse_args(container("default")["args"])
    margin = options.lease_duration_seconds / 5

    assert 0 < options.lease_retry_seconds <= options.lease_renew_seconds
    assert options.lease_renew_seconds < options.lease_duration_seconds - margin


def test_probes_ask_what_the_program_serves() -> None:
    paths = {
        probe: container("default")[probe]["httpGet"]["path"]
        for probe in ("startupProbe", "livenessProbe", "readinessProbe")
    }

    assert paths == {"startupProbe": "/healthz", "livenessProbe": "/healthz", "readinessProbe": "/readyz"}


def test_the_hooks_arguments_are_those_of_its_program() -> None:
    for values, namespaces in (("default", []), ("namespaces", ["red", "blue"])):
        (job,) = of_kind("Job", values)
        (each,) = job["spec"]["template"]["spec"]["containers"]
        options = release.parser().parse_args(each["args"])
        (deployment,) = of_kind("Deployment", values)

        assert each["command"] == ["python3", "-m", release.__name__]
        assert options.namespace == namespaces
        assert [(ref.namespace, ref.name) for ref in options.deployment] == [
            (deployment["metadata"]["namespace"], deployment["metadata"]["name"])
        ]
        assert options.wait_seconds < job["spec"]["activeDeadlineSeconds"]


def test_the_hook_may_do_what_it_does_and_no_more() -> None:
    for kind in (kinds.POD, kinds.RUN):
        assert allowed("default", kind, hooks=True) == {"get", "list", "patch"}
    assert allowed("default", release.DEPLOYMENT, hooks=True) == {"get"}
    assert allowed("default", release.DEPLOYMENT, "scale", hooks=True) == {"get", "patch"}
    assert {resource for rule in rules("default", hooks=True) for resource in rule["resources"]} == {
        "pods",
        "scenarioruns",
        "deployments",
        "deployments/scale",
    }


def test_hooks_belong_to_the_uninstall_only() -> None:
    hooks = [each for each in rendered("default") if render.is_hook(each)]

    assert len(hooks) == 6
    for each in hooks:
        assert each["metadata"]["annotations"]["helm.sh/hook"] == "pre-delete"
        assert each["metadata"]["annotations"]["helm.sh/hook-delete-policy"] == (
            "before-hook-creation,hook-succeeded"
        )


def test_what_the_hook_lists_is_shown_before_its_job_is_removed() -> None:
    """Its log is the only place that names results which nobody takes back any more."""
    (job,) = of_kind("Job")

    assert job["metadata"]["annotations"]["helm.sh/hook-output-log-policy"] == "hook-succeeded,hook-failed"


def test_a_digest_wins_over_a_tag() -> None:
    def image(*settings: str) -> str:
        manifests = render.helm_template("--set", ",".join(settings))
        (deployment,) = [each for each in manifests if each["kind"] == "Deployment"]
        return str(deployment["spec"]["template"]["spec"]["containers"][0]["image"])

    assert image("image.repository=here/op") == "here/op:0.1.0"
    assert image("image.repository=here/op", "image.tag=v9") == "here/op:v9"
    assert image("image.repository=here/op", "image.tag=v9", f"image.digest={SHA}") == f"here/op@{SHA}"


def test_two_replicas_are_kept_apart_and_guarded() -> None:
    (deployment,) = of_kind("Deployment")
    (budget,) = of_kind("PodDisruptionBudget")
    (service,) = of_kind("Service")
    labels = deployment["spec"]["template"]["metadata"]["labels"].items()

    assert deployment["spec"]["replicas"] == 2
    assert budget["spec"]["maxUnavailable"] == 1
    for selector in (
        deployment["spec"]["selector"]["matchLabels"],
        budget["spec"]["selector"]["matchLabels"],
        service["spec"]["selector"],
    ):
        assert selector.items() <= labels
    assert of_kind("PodDisruptionBudget", "bare") == []


def test_the_hooks_pod_is_not_taken_for_the_operator() -> None:
    """It waits until no pod of the Deployment is left."""
    (deployment,), (job,) = of_kind("Deployment"), of_kind("Job")
    labels = job["spec"]["template"]["metadata"]["labels"]

    assert not deployment["spec"]["selector"]["matchLabels"].items() <= labels.items()


def test_a_monitor_finds_its_service() -> None:
    (monitor,) = of_kind("ServiceMonitor", "everything")
    (service,) = of_kind("Service", "everything")

    assert monitor["spec"]["selector"]["matchLabels"].items() <= service["metadata"]["labels"].items()
    assert monitor["spec"]["endpoints"][0]["port"] == service["spec"]["ports"][0]["name"]
    assert of_kind("ServiceMonitor") == []


# --- Values ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("setting", "complaint"),
    [
        ("replica=3", "additional properties 'replica' not allowed"),
        ("image.registry=x", "additional properties 'registry' not allowed"),
        ("operator.lease.seconds=3", "additional properties 'seconds' not allowed"),
        ("operator.logLevel=LOUD", "/operator/logLevel"),
        ("replicas=many", "/replicas"),
        ("watchNamespaces={Not_A_Name}", "/watchNamespaces/0"),
        ("image.digest=latest", "/image/digest"),
        ("port=80", "/port"),
        (
            "metrics.service.enabled=false,metrics.serviceMonitor.enabled=true",
            "needs metrics.service.enabled",
        ),
        ("serviceAccount.create=false", "serviceAccount.name must be set"),
    ],
)
def test_mistakes_in_values_are_refused(setting: str, complaint: str) -> None:
    with pytest.raises(render.RenderError, match=complaint):
        render.helm_template("--set", setting)


@pytest.mark.parametrize("helm", HELMS)
@pytest.mark.parametrize(
    "values", [(), ("--set", f"image.digest={SHA}"), ("--set", "preDelete.enabled=false")]
)
def test_without_an_image_helm_says_what_to_set(values: tuple[str, ...], helm: str) -> None:
    """Nobody installs a Deployment that can never pull: there is no public image."""
    command = [render.helm_binary(helm), "template", "x", str(render.CHART), *values]
    command += ["--kube-version", render.KUBE_VERSION]
    done = subprocess.run(command, check=False, capture_output=True, text=True)

    assert done.returncode
    assert "image.repository must be set to where you keep the operator's image" in done.stderr


def test_the_notes_lead_to_whoever_needs_a_person() -> None:
    """Attempts alone would not do: a blocked plan, an invalid spec and a held run have none."""
    command = [render.helm_binary("helm4"), "install", "x", str(render.CHART), "--dry-run=client"]
    command += ["--set", "image.repository=x"]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    notes = done.stdout.split("NOTES:")[1]

    assert "get scenarios,scenarioruns -A -o jsonpath=" in notes
    assert '?(@.type=="ActionRequired")' in notes
    assert "waits for a person" in " ".join(notes.split())


def test_the_schema_describes_every_value() -> None:
    """And knows no value that the chart does not have."""
    values = yaml.safe_load((render.CHART / "values.yaml").read_text(encoding="utf-8"))
    schema = json.loads((render.CHART / "values.schema.json").read_text(encoding="utf-8"))

    def compare(value: Any, node: Manifest, path: str) -> None:
        assert node.get("description"), f"{path} is not described"
        closed = node.get("additionalProperties") is False
        if isinstance(value, dict) and closed and not path.startswith((".probes.", ".resources")):
            assert value.keys() == node["properties"].keys() - {"global"}, path
            for key in value:
                compare(value[key], node["properties"][key], f"{path}.{key}")

    assert schema["additionalProperties"] is False
    compare(values, schema, "")


# --- install.yaml ---------------------------------------------------------------------------------


def test_install_yaml_is_the_same_with_both_helms_and_twice() -> None:
    texts = [json.dumps(render.files(helm=render.helm_binary(helm))) for helm in (*HELMS, HELMS[0])]

    assert len({hashlib.sha256(text.encode()).hexdigest() for text in texts}) == 1


def test_install_yaml_is_the_chart_without_helm() -> None:
    rendered_files = render.files()
    install = list(yaml.safe_load_all(rendered_files["install.yaml"]))
    uninstall = list(yaml.safe_load_all(rendered_files["uninstall.yaml"]))

    def places(manifests: list[Manifest]) -> set[tuple[str, str]]:
        return {(each["kind"], each["metadata"]["name"]) for each in manifests}

    chart = rendered("default")
    assert places(install) == {
        ("Namespace", render.NAMESPACE),
        *places([each for each in chart if not render.is_hook(each)]),
    }
    assert places(uninstall) == places([each for each in chart if render.is_hook(each)])
    assert install[0]["kind"] == "Namespace"
    assert install[0]["metadata"]["labels"]["pod-security.kubernetes.io/enforce"] == "restricted"
    assert "helm.sh/" not in rendered_files["install.yaml"] + rendered_files["uninstall.yaml"]
    assert "Helm" not in rendered_files["install.yaml"].replace("any Helm", "")


def test_the_crds_of_install_yaml_can_be_told_apart() -> None:
    """So that an uninstall can leave them: docs/install.md selects by this label."""
    install = yaml.safe_load_all(render.files()["install.yaml"])

    for each in install:
        is_crd = each["kind"] == "CustomResourceDefinition"
        assert (each["metadata"]["labels"]["app.kubernetes.io/component"] == "crds") is is_crd


def test_a_missing_helm_is_named_with_its_remedy(monkeypatch: pytest.MonkeyPatch, tmp_path: Any) -> None:
    monkeypatch.setenv("SCENARIO_CACHE", str(tmp_path))
    monkeypatch.setenv("PATH", str(tmp_path))

    with pytest.raises(render.RenderError, match="tools/bed build --for helm"):
        render.helm_binary()
