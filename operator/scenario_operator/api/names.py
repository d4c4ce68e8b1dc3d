"""Every name we give: group, kinds, labels, annotations, finalizers, reserved places and derived object
names.

Names of users' objects are at most 40 characters, so every derived name is valid; names are derived, never
generated, so that a repeated create finds what the first one made.
"""

import hashlib
import re
from typing import Final, NewType

GROUP: Final = "scenarios.dev"
VERSION: Final = "v1alpha1"
API_VERSION: Final = f"{GROUP}/{VERSION}"
CATEGORY: Final = "scenario-operator"

SCENARIO: Final = "Scenario"
RUN: Final = "ScenarioRun"
STRATEGY: Final = "UpgradeStrategy"
UPGRADE: Final = "ScenarioUpgrade"
SCENARIOS: Final = "scenarios"
RUNS: Final = "scenarioruns"
STRATEGIES: Final = "upgradestrategies"
UPGRADES: Final = "scenarioupgrades"
PLURALS: Final = {SCENARIO: SCENARIOS, RUN: RUNS, STRATEGY: STRATEGIES, UPGRADE: UPGRADES}

CONTROLLER: Final = "scenario-operator"
FIELD_MANAGER: Final = "scenario-operator"
CLI_FIELD_MANAGER: Final = "scenario-cli"

# --- Labels, on what we own -----------------------------------------------------------------------

LABEL_MANAGED_BY: Final = "app.kubernetes.io/managed-by"
LABEL_SCENARIO: Final = f"{GROUP}/scenario"
LABEL_RUN: Final = f"{GROUP}/run"
LABEL_RUN_UID: Final = f"{GROUP}/run-uid"
LABEL_INCARNATION: Final = f"{GROUP}/incarnation"
LABEL_REVISION: Final = f"{GROUP}/revision"
LABEL_COMPONENT: Final = f"{GROUP}/component"
LABEL_HOOK: Final = f"{GROUP}/hook"

# --- Annotations, on what we own ------------------------------------------------------------------

ANNOTATION_RUN_CONTEXT: Final = f"{GROUP}/run-context"
"""The run context as JSON; the pod's /scenario/run.json."""
ANNOTATION_STATE_FORMATS: Final = f"{GROUP}/state-formats"
"""The formats that the state in a claim may have."""
ANNOTATION_STOP: Final = f"{GROUP}/stop"
"""The journal stamp that every Stop writes, even when nothing runs."""
ANNOTATION_RENDERER: Final = f"{GROUP}/renderer"
"""Version of the code that rendered a template."""
ANNOTATION_TEMPLATE: Final = f"{GROUP}/template"
"""What a template was rendered from, as JSON: revision, window, parameters."""
ANNOTATION_STEP: Final = f"{GROUP}/step"
"""Journal and step that a hook Job belongs to."""

FINALIZER_REPORT: Final = f"{GROUP}/report"
"""Holds a stopped pod until its report is in the journal."""

# --- Reserved by the operator in a workload (the CRD refuses them) --------------------------------

ENV_PREFIX: Final = "SCENARIO_"
RESERVED_VOLUMES: Final = frozenset({"state", "results", "artifact", "tmp"})
RESERVED_VOLUME_PREFIX: Final = "scenario"

# --- Names that may stand in a command ------------------------------------------------------------

PlainName = NewType("PlainName", str)
"""A name or hash made of nothing but a-z, 0-9, - and . so that no shell reads more into it."""
_PLAIN = re.compile(r"[a-z0-9]([-a-z0-9.]{0,251}[a-z0-9])?")


def plain(text: str) -> PlainName:
    """Return a name as one that may stand in a command; raises ValueError if it has signs of a shell."""
    if not _PLAIN.fullmatch(text):
        raise ValueError(f"{text!r} is not the name of an object")
    return PlainName(text)


# --- Derived names --------------------------------------------------------------------------------

MAX_NAME: Final = 40
_MAX_LABEL: Final = 63
_JOB_DIGEST: Final = 10
_DIGITS: Final = 9


def run_id(run: str, incarnation: int) -> str:
    """Return the identity of one incarnation; results are tagged with it."""
    return f"{run}-{incarnation}"


def statefulset(run: str, incarnation: int) -> str:
    """Return the name of an incarnation's StatefulSet."""
    return f"{run}-{incarnation}"


def pod(run: str, incarnation: int) -> str:
    """Return the name of an incarnation's pod."""
    return f"{statefulset(run, incarnation)}-0"


def state_claim(run: str, incarnation: int) -> str:
    """Return the name of an incarnation's state claim, as its StatefulSet expects it."""
    return f"state-{pod(run, incarnation)}"


def run_of_claim(claim: str) -> str:
    """Return the run whose claim has such a name, "" for a name of another kind."""
    found = re.fullmatch(r"results-(?P<all>.+)|state-(?P<one>.+)-[0-9]+-0", claim)
    return (found["all"] or found["one"]) if found else ""


def results_claim(run: str) -> str:
    """Return the name of a run's results claim."""
    return f"results-{run}"


def job(run: str, journal_id: str, step_id: str) -> str:
    """Return the name of the Job of one step: always the same for the same step, at most 63 characters."""
    digest = hashlib.sha256(f"{run}\n{journal_id}\n{step_id}".encode()).hexdigest()[:_JOB_DIGEST]
    step = re.sub(r"[^a-z0-9]+", "-", step_id.lower()).strip("-")
    room = _MAX_LABEL - len(run) - _JOB_DIGEST - 2
    return "-".join(part for part in (run, step[:room].strip("-"), digest) if part)


def revision(scenario: str, number: int) -> str:
    """Return the name of a revision's ControllerRevision."""
    return f"{scenario}-r{number}"


def revision_number(name: str) -> int:
    """Return the number in the name of a revision, 0 when it is not one of ours."""
    return number(name.rpartition("-r")[2])


def number(text: str) -> int:
    """Return the number that a part of a name is, 0 when it is none: `²` is a digit to Python, and no number.

    One with more digits than a status takes is none of ours: somebody else gave the name.
    """
    return int(text) if text.isascii() and text.isdigit() and len(text) <= _DIGITS else 0


def artifact_copy(revision_name: str) -> str:
    """Return the name of the immutable ConfigMap that holds a revision's artifact files."""
    return f"{revision_name}-artifact"


def upgrade(scenario: str, sequence: int) -> str:
    """Return the name of a rollout attempt."""
    return f"{scenario}-{sequence}"
