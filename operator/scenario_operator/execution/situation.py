"""What a decision says about the run: one reasoned word, from which all conditions follow."""

from __future__ import annotations

import re
from enum import StrEnum
from typing import NamedTuple

from scenario_operator.api import names
from scenario_operator.api.reasons import Reason
from scenario_operator.execution.view import View

CLI = f"--field-manager={names.CLI_FIELD_MANAGER}"
_BY_ADMISSION = re.compile(r"webhook|AdmissionPolicy")
_WITHOUT_RIGHT = re.compile(r'is forbidden: User "([^"]+)" cannot ')


class Standing(StrEnum):
    """Which row of the readiness table applies (docs/conditions.md)."""

    SETTLED = "Settled"
    WAITING = "Waiting"
    BLOCKED = "Blocked"
    WORKING = "Working"
    LEARNING = "Learning"
    STARTING = "Starting"
    ROLLED_BACK = "RolledBack"
    STALLED = "Stalled"
    PAST_RETURN = "PastReturn"
    STOPPED = "Stopped"


class Situation(NamedTuple):
    """The standing, its reason and message; `attention` is what a person has to do, ending with a command."""

    standing: Standing
    reason: str
    message: str
    attention: str = ""
    degraded: str = ""


def patch_command(view: View, patch: str) -> str:
    """Return the command that changes a field of this run, such that GitOps tools do not take it back."""
    run = view.run
    return f"kubectl -n {run.namespace} patch srun {run.name} --type=merge {CLI} -p '{patch}'"


def edit_command(view: View, kind: str = "srun", name: str = "") -> str:
    """Return the command that opens an object of the run's namespace in an editor."""
    return f"kubectl -n {view.run.namespace} edit {kind} {name or view.run.name} {CLI}"


def claims_command(view: View) -> str:
    """Return the command that lists the workloads and claims of this run."""
    return f"kubectl -n {view.run.namespace} get sts,pvc -l {names.LABEL_RUN}={view.run.name}"


def keep_volume_command(view: View) -> str:
    """Return the command that lets a live volume outlive its claim, whose deletion cannot be taken back."""
    results = view.world.results == "deleting"
    claim = (
        names.results_claim(view.run.name) if results else names.state_claim(view.run.name, view.stored.live)
    )
    volume = f"kubectl -n {view.run.namespace} get pvc {claim} -o jsonpath={{.spec.volumeName}}"
    patch = '{"spec":{"persistentVolumeReclaimPolicy":"Retain"}}'
    return f"{volume} | xargs kubectl patch pv {CLI} --type=merge -p '{patch}'"


def unhold_command(view: View) -> str:
    """Return the command that takes a hold off."""
    return patch_command(view, '{"spec":{"hold":null}}')


def retry_command(view: View) -> str:
    """Return the command that asks for another try, with a nonce that was not used for this plan."""
    prefix = f"{view.stored.plans}-"
    handled = view.stored.handled.retry or ""
    used = handled.removeprefix(prefix) if handled.startswith(prefix) else "0"
    number = int(used) + 1 if used.isdigit() else 1
    return patch_command(view, f'{{"spec":{{"retryNonce":"{prefix}{number}"}}}}')


def abort_command(view: View, attempt: str) -> str:
    """Return the command that takes a plan back, of an attempt or of the run's own."""
    run = view.run
    if not attempt:
        return patch_command(view, f'{{"spec":{{"abortNonce":"{view.stored.plans}"}}}}')
    uid = f"$(kubectl -n {run.namespace} get supg {attempt} -o jsonpath={{.metadata.uid}})"
    patch = f'{{\\"spec\\":{{\\"abort\\":\\"{uid}\\"}}}}'
    return f'kubectl -n {run.namespace} patch supg {attempt} --type=merge {CLI} -p "{patch}"'


def skip_command(view: View, attempt: str) -> str:
    """Return the command that gives up a revert hook, for all runs of an attempt."""
    patch = '{"spec":{"skipRevert":true}}'
    return f"kubectl -n {view.run.namespace} patch supg {attempt} --type=merge {CLI} -p '{patch}'"


def refusal_command(namespace: str, refusal: str) -> str:
    """Return the command that shows what stands behind a refusal of the API server, by its words."""
    look = f"kubectl -n {namespace}"
    if "exceeded quota" in refusal:
        return f"{look} describe resourcequota"
    if user := _WITHOUT_RIGHT.search(refusal):
        return f"{look} auth can-i --list --as={user[1]}"
    if _BY_ADMISSION.search(refusal):
        kinds = "validatingadmissionpolicies,validatingwebhookconfigurations,mutatingwebhookconfigurations"
        return f"{look} get {kinds}"
    return f"{look} get events --field-selector=type=Warning"


def refused(view: View, situation: Situation, refusal: str) -> Situation:
    """Return the situation of a run for which the API server refuses what has to be done next.

    What was pressing already keeps its word; else the refusal is the word, since nothing moves until it is gone.
    """
    message = situation.message if refusal in situation.message else f"{situation.message}: {refusal}"
    look = refusal_command(view.run.namespace, refusal)
    if situation.attention:
        attention = f"{refusal}; see: {look}; {situation.attention}"
        return situation._replace(message=message, attention=attention, degraded=message)
    attention = f"{message}; it is tried again, correct what refuses it; see: {look}"
    return Situation(Standing.STALLED, Reason.REFUSED, message, attention, message)


def waiting(reason: Reason | str, message: str) -> Situation:
    """Make the situation of a run that waits and needs nobody."""
    return Situation(Standing.WAITING, str(reason), message)
