"""Renders the chart with its default values as plain manifests, for `kubectl apply`.

`install.yaml` is everything but hooks, with its namespace; `uninstall.yaml` is the pre-delete hook as an
ordinary Job. Both are parsed and written again, so that any Helm gives the same bytes, and what only Helm
understands is left out.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import yaml

ROOT: Final = Path(__file__).resolve().parents[2]
CHART: Final = ROOT / "charts" / "scenario-operator"
NAME: Final = "scenario-operator"
NAMESPACE: Final = "scenario-operator"
#: Only fixes what `helm template` assumes; the chart does not branch on it.
KUBE_VERSION: Final = "1.35.0"
#: What stands in the file when nobody says where the image is; no registry has it.
IMAGE: Final = "scenario-operator"
HELP: Final = "there is no helm; run: tools/bed build --for helm"

Manifest = dict[str, Any]

_LOADER: Final = getattr(yaml, "CSafeLoader", yaml.SafeLoader)  # eight times as fast, where it was built
_ORDER: Final = (
    "Namespace",
    "CustomResourceDefinition",
    "ServiceAccount",
    "ClusterRole",
    "ClusterRoleBinding",
    "Role",
    "RoleBinding",
    "ValidatingAdmissionPolicy",
    "ValidatingAdmissionPolicyBinding",
    "Service",
    "Deployment",
    "PodDisruptionBudget",
    "Job",
)
_HEADER: Final = (
    "# Generated from charts/scenario-operator by `python tools/dist`; docs/install.md says how to use it.\n"
)


class RenderError(Exception):
    """Helm is missing or refused; the message is for people."""


class _PlainDumper(yaml.SafeDumper):
    """YAML without anchors: the same subschema occurs in many places."""

    def ignore_aliases(self, data: Any) -> bool:
        return True


def helm_binary(name: str = "helm") -> str:
    """The Helm that tools/bed built, else the one in PATH."""
    base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    cache = Path(os.environ.get("SCENARIO_CACHE") or Path(base) / "scenario-operator")
    built = cache / "bin" / name
    found = str(built) if built.exists() else shutil.which(name)
    if found is None:
        raise RenderError(HELP)
    return found


def helm_template(*arguments: str, helm: str | None = None) -> list[Manifest]:
    """The manifests of the chart, hooks included; of `IMAGE`, unless an argument says otherwise.

    Raises `RenderError` with Helm's words.
    """
    command = [
        *(helm or helm_binary(), "template", NAME, str(CHART), "--namespace", NAMESPACE),
        *("--kube-version", KUBE_VERSION, "--set", f"image.repository={IMAGE}", *arguments),
    ]
    done = subprocess.run(command, check=False, capture_output=True, text=True)
    if done.returncode:
        raise RenderError(done.stderr.strip())
    return [document for document in yaml.load_all(done.stdout, Loader=_LOADER) if document]


def is_hook(manifest: Manifest) -> bool:
    """Whether Helm would run it instead of installing it."""
    return "helm.sh/hook" in (manifest["metadata"].get("annotations") or {})


def namespace() -> Manifest:
    """The operator's namespace, under the strictest Pod Security Standard."""
    labels = {
        "app.kubernetes.io/name": NAME,
        "app.kubernetes.io/component": "namespace",
        "pod-security.kubernetes.io/enforce": "restricted",
    }
    return {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": NAMESPACE, "labels": labels}}


def plain(manifest: Manifest) -> Manifest:
    """Without what only Helm understands."""
    metadata = dict(manifest["metadata"])
    for field in ("labels", "annotations"):
        kept = {
            key: value for key, value in (metadata.pop(field, None) or {}).items() if "helm.sh/" not in key
        }
        kept.pop("app.kubernetes.io/managed-by", None)
        if kept:
            metadata[field] = kept
    plain_manifest = {**manifest, "metadata": metadata}
    template = (manifest.get("spec") or {}).get("template")
    if template is not None:
        plain_manifest["spec"] = {**manifest["spec"], "template": plain(template)}
    return plain_manifest


def document(manifests: Sequence[Manifest]) -> str:
    """One file, in the order in which things need each other."""
    ordered = sorted(
        map(plain, manifests),
        key=lambda each: (
            _ORDER.index(each["kind"]),
            each["metadata"].get("namespace", ""),
            each["metadata"]["name"],
        ),
    )
    texts = [
        yaml.dump(each, Dumper=_PlainDumper, sort_keys=False, width=200, allow_unicode=True)
        for each in ordered
    ]
    return _HEADER + "---\n".join(["", *texts])


def files(*arguments: str, helm: str | None = None) -> dict[str, str]:
    """What is shipped, by file name."""
    manifests = helm_template(*arguments, helm=helm)
    return {
        "install.yaml": document([namespace(), *(each for each in manifests if not is_hook(each))]),
        "uninstall.yaml": document([each for each in manifests if is_hook(each)]),
    }


def main(arguments: Sequence[str] | None = None) -> int:
    """Entry point."""
    parser = argparse.ArgumentParser(
        prog="python tools/dist", description="Render the chart as plain manifests."
    )
    parser.add_argument("--out", type=Path, default=ROOT / "dist", help="folder (default: dist)")
    parser.add_argument(
        "--image", metavar="REPOSITORY[:TAG]", help=f"the operator's image (default: {IMAGE})"
    )
    options = parser.parse_args(arguments)
    settings = []
    if options.image:
        repository, colon, tag = options.image.rpartition(":")
        if not colon or "/" in tag:
            repository, tag = options.image, ""
        settings = ["--set-string", f"image.repository={repository},image.tag={tag}"]
    try:
        rendered = files(*settings)
    except RenderError as error:
        print(error, file=sys.stderr)
        return 1
    options.out.mkdir(parents=True, exist_ok=True)
    for name, text in rendered.items():
        (options.out / name).write_text(text, encoding="utf-8")
        print(options.out / name)
    return 0
