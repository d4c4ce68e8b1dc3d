"""Every reason is one word with a meaning and a remedy."""

import re

import pytest

from scenario_operator.api.reasons import Reason

DESIGN = re.findall(
    r"\w+",
    """
StrategyRequired StrategyInsufficient StrategyInvalid StrategyNotFound ApprovalRequired AwaitingApproval Waiting
Suspended Pinned Held PlanChanged Downgrade Disputed VersionReused InvalidVersion InvalidSpec
ParameterRequired UnknownParameter CleanLogicMissing OutputIdentityChanged StateOutOfSync
StateNotAccepted StopReportMissing StopTimeout StartTimeout VerifyFailed HookFailed HookTimeout
PastPointOfNoReturn RollbackFailed RolledBack Aborted ScenarioNotFound InUse ArtifactUnavailable
DigestMismatch DigestUnpinned ConfigMapMissing ConfigMapChanged ValidationFailed
NoRuns UpToDate Learning Stopped Starting RolloutHeld RunsFailed RollingOut Resolving MixedVersions
PlansBlocked Cancelled Superseded
    """,
)

NOTHING_EXISTS_YET = {
    "NoMigrationPath",
    "MigrationNotConverging",
    "RemovedItemsBlocked",
    "NamespaceNotAllowed",
    "UncleanStop",
}


@pytest.mark.parametrize("word", DESIGN)
def test_the_words_of_the_design_exist(word: str) -> None:
    """The same words serve conditions, Events, logs and metrics."""
    assert Reason(word).value == word


@pytest.mark.parametrize("reason", Reason)
def test_a_reason_says_what_it_means_and_what_to_do(reason: Reason) -> None:
    """The documentation is made from these lines."""
    assert reason == reason.value
    assert re.fullmatch(r"[A-Z][A-Za-z]+", reason.value)
    assert reason.name == re.sub(r"(?<!^)(?=[A-Z])", "_", reason.value).upper()
    assert re.fullmatch(r"[A-Za-z].*[.]", reason.meaning)
    assert re.fullmatch(r"[A-Z].*[.]", reason.remedy)


def test_no_reason_comes_before_its_behaviour() -> None:
    """Migrations, copies of state, items and other namespaces arrive later, with their reasons."""
    assert {reason.value for reason in Reason}.isdisjoint(NOTHING_EXISTS_YET)
