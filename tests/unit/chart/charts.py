"""The chart as Helm renders it, once for all tests of a worker."""

from functools import cache
from typing import Any

from dist import render

Manifest = dict[str, Any]
HELMS = ("helm3", "helm4")
SETS: dict[str, tuple[str, ...]] = {
    "default": (),
    "namespaces": ("--set", "watchNamespaces={red,blue}"),
    "everything": (
        "--set",
        "metrics.serviceMonitor.enabled=true,networkPolicy.enabled=true,commonLabels.team=streams",
        "--set",
        "podLabels.a=b,podAnnotations.c=d,priorityClassName=high,nodeSelector.disk=fast",
        "--set",
        "imagePullSecrets[0].name=pull,tolerations[0].operator=Exists,serviceAccount.annotations.e=f",
        "--set",
        "operator.extraArgs={--context=here},operator.extraEnv[0].name=A,operator.extraEnv[0].value=b",
    ),
    "bare": (
        "--set",
        "crds.install=false,admissionPolicies.enabled=false,preDelete.enabled=false,replicas=1",
        "--set",
        "metrics.service.enabled=false,rbac.aggregate=false",
    ),
}


@cache
def rendered(values: str, helm: str = "helm4") -> tuple[Manifest, ...]:
    """All manifests, hooks included; a test without Helm fails with the command that builds it."""
    return tuple(render.helm_template(*SETS[values], helm=render.helm_binary(helm)))


def of_kind(kind: str, values: str = "default", helm: str = "helm4") -> list[Manifest]:
    return [each for each in rendered(values, helm) if each["kind"] == kind]


def one(kind: str, name: str, values: str = "default") -> Manifest:
    (found,) = [each for each in of_kind(kind, values) if each["metadata"]["name"] == name]
    return found


def pod_specs(values: str) -> list[Manifest]:
    """Of the Deployment and of the hook's Job."""
    return [
        each["spec"]["template"]["spec"] for each in rendered(values) if each["kind"] in {"Deployment", "Job"}
    ]
