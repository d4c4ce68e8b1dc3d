"""Every kubectl command that a message ends with, from plain namespaces and names; no other module spells one.

Foreign text never enters one, since it is of another type: what the API server, a hook or an author says only chooses
between commands. The one word that is taken over, the user whom the API server names, is taken only if it is made of
the signs of a user's name.
"""

from __future__ import annotations

import json
import re
import shlex
from typing import Literal

from scenario_operator.api import names
from scenario_operator.api.foreign import Foreign
from scenario_operator.api.names import PlainName

Kind = Literal["scn", "srun", "supg", "ustrat", "pod", "pvc"]
"""The short names of kinds that a reader is led to."""

CLI = f"--field-manager={names.CLI_FIELD_MANAGER}"
"""Edits by these commands are a person's, so that GitOps tools do not take them back."""
_BY_QUOTA = re.compile(r"exceeded quota")
_BY_ADMISSION = re.compile(r"webhook|AdmissionPolicy")
_WITHOUT_RIGHT = re.compile(r'is forbidden: User "([A-Za-z0-9][A-Za-z0-9:._@-]{0,252})" cannot ')


def patch(kind: Kind, namespace: PlainName, name: PlainName, content: object) -> str:
    """Return the command that merges `content` into an object; it is written as JSON and quoted."""
    text = json.dumps(content, separators=(",", ":"))
    return f"kubectl -n {namespace} patch {kind} {name} --type=merge {CLI} -p {shlex.quote(text)}"


def patch_run(namespace: PlainName, name: PlainName, **spec: str | bool | None) -> str:
    """Return the command that changes fields of a run's spec, named as on the wire."""
    return patch("srun", namespace, name, {"spec": spec})


def edit(kind: Kind, namespace: PlainName, name: PlainName) -> str:
    """Return the command that opens an object in an editor."""
    return f"kubectl -n {namespace} edit {kind} {name} {CLI}"


def show(kind: Kind, namespace: PlainName, name: PlainName) -> str:
    """Return the command that shows an object as it is stored."""
    return f"kubectl -n {namespace} get {kind} {name} -o yaml"


def describe(kind: Kind, namespace: PlainName, name: PlainName) -> str:
    """Return the command that shows an object with its Events."""
    return f"kubectl -n {namespace} describe {kind} {name}"


def logs_before(namespace: PlainName, pod: PlainName) -> str:
    """Return the command that shows what the container of a run said before it ended last."""
    return f"kubectl -n {namespace} logs {pod} -c scenario --previous"


def listing(kind: Kind, namespace: PlainName) -> str:
    """Return the command that lists the objects of a kind."""
    return f"kubectl -n {namespace} get {kind}"


def revisions_of(namespace: PlainName, scenario: PlainName) -> str:
    """Return the command that lists the published revisions of a Scenario."""
    return f"kubectl -n {namespace} get controllerrevisions -l {names.LABEL_SCENARIO}={scenario}"


def install_definitions() -> str:
    """Return the command that installs our kinds."""
    return "kubectl apply -f crds/"


def claims_of(namespace: PlainName, run: PlainName) -> str:
    """Return the command that lists the workloads and claims of a run."""
    return f"kubectl -n {namespace} get sts,pvc -l {names.LABEL_RUN}={run}"


def keep_volume(namespace: PlainName, claim: PlainName) -> str:
    """Return the command that lets a volume outlive its claim, whose deletion cannot be taken back."""
    volume = f"kubectl -n {namespace} get pvc {claim} -o jsonpath={{.spec.volumeName}}"
    retain = '{"spec":{"persistentVolumeReclaimPolicy":"Retain"}}'
    return f"{volume} | xargs kubectl patch pv {CLI} --type=merge -p '{retain}'"


def abort(namespace: PlainName, attempt: PlainName) -> str:
    """Return the command that aborts an attempt; it reads the uid that says which one is meant."""
    uid = f"$(kubectl -n {namespace} get supg {attempt} -o jsonpath={{.metadata.uid}})"
    content = f'{{\\"spec\\":{{\\"abort\\":\\"{uid}\\"}}}}'
    return f'kubectl -n {namespace} patch supg {attempt} --type=merge {CLI} -p "{content}"'


def skip_revert(namespace: PlainName, attempt: PlainName) -> str:
    """Return the command that gives up a revert hook, for all runs of an attempt."""
    return patch("supg", namespace, attempt, {"spec": {"skipRevert": True}})


def approve(namespace: PlainName, attempt: PlainName, plan_hash: PlainName, *, first: bool) -> str:
    """Return the command that approves a plan beside those approved already; the approver is who runs it."""
    who = "'\"$(kubectl auth whoami -o jsonpath={.status.userInfo.username})\"'"
    approval = f'{{"planHash":"{plan_hash}","approver":"{who}"}}'
    kind, content = "merge", f'{{"spec":{{"approvals":[{approval}]}}}}'
    if not first:
        kind, content = "json", f'[{{"op":"add","path":"/spec/approvals/-","value":{approval}}}]'
    return f"kubectl -n {namespace} patch supg {attempt} --type={kind} {CLI} -p '{content}'"


def behind_refusal(namespace: PlainName, refusal: Foreign) -> str:
    """Return the command that shows what stands behind a refusal of the API server, chosen by its words."""
    look = f"kubectl -n {namespace}"
    if refusal.says(_BY_QUOTA):
        return f"{look} describe resourcequota"
    if user := refusal.word(_WITHOUT_RIGHT):
        return f"{look} auth can-i --list --as={user}"
    if refusal.says(_BY_ADMISSION):
        kinds = "validatingadmissionpolicies,validatingwebhookconfigurations,mutatingwebhookconfigurations"
        return f"{look} get {kinds}"
    return f"{look} get events --field-selector=type=Warning"
