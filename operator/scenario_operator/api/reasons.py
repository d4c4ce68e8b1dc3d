"""The closed list of reasons: one word each for conditions, Events, logs and metrics.

Every reason carries its meaning and what to do; the documentation is made from these lines and a test
requires them.
"""

from scenario_operator.api.explained import Explained
from scenario_operator.api.strategy import TO_MAKE_FRESH


class Reason(Explained):
    """Why something is as it is."""

    # --- Nothing to do ----------------------------------------------------------------------------
    UP_TO_DATE = "UpToDate", "The run is on the wanted revision and works.", "Nothing."
    AVAILABLE = "Available", "The workload serves.", "Nothing."
    ROLLED_OUT = "RolledOut", "Every run is settled on the newest revision.", "Nothing."
    NO_RUNS = "NoRuns", "The Scenario has no runs.", "Nothing; create a ScenarioRun to use it."
    VALID = "Valid", "The Scenario's spec is valid.", "Nothing."
    RESOLVED = "Resolved", "The artifact was found and its digest is on record.", "Nothing."
    SUCCEEDED = "Succeeded", "Every run of the attempt arrived.", "Nothing."
    APPROVED = "Approved", "Every plan group has the consent it needs.", "Nothing."
    APPROVAL_NOT_REQUIRED = "ApprovalNotRequired", "No plan group needs consent.", "Nothing."
    SAME_VERSION = "SameVersion", "All runs are on the same revision.", "Nothing."
    NO_ACTION_REQUIRED = "NoActionRequired", "Nobody has to do anything.", "Nothing."

    # --- Under way --------------------------------------------------------------------------------
    RESOLVING = (
        "Resolving",
        "The artifact is being resolved or validated.",
        "Wait; what is in the way stands in the message, with the field to set.",
    )
    ROLLING_OUT = (
        "RollingOut",
        "Runs are being carried over.",
        "Wait; the ScenarioUpgrade shows the progress.",
    )
    PLANNING = "Planning", "Plans are being made.", "Wait."
    STARTING = (
        "Starting",
        "The workload was started and is not available yet.",
        "Wait; see its pod when it takes long.",
    )
    LEARNING = "Learning", "The run reads input without side effects until outputActionsFrom.", "Wait."
    NOT_READY = (
        "NotReady",
        "No pod of the run is ready: none is there, or its readiness probe does not succeed.",
        "See the pod and its logs.",
    )
    WAITING = "Waiting", "The run waits for its turn in the rollout.", "Wait, or raise rollout.maxConcurrent."
    PREFLIGHT = "Preflight", "The preflight hook of the new version runs.", "Wait."
    STOP = "Stop", "The old incarnation is being stopped.", "Wait."
    RESOLVE_WINDOW = "ResolveWindow", "The window of the new incarnation is being resolved.", "Wait."
    REVERT_RESULTS = "RevertResults", "The revert hook takes results back.", "Wait."
    DELETE_STATE = "DeleteState", "State that is no longer needed is being deleted.", "Wait."
    START = "Start", "The new incarnation is being started.", "Wait."
    VERIFY = "Verify", "The new incarnation must prove itself.", "Wait."
    COMMIT = "Commit", "The outcome is being recorded.", "Wait."
    MIXED_VERSIONS = (
        "MixedVersions",
        "Runs of the Scenario are on different revisions.",
        "See status.versions; when no rollout is under way, retry the runs that stayed behind.",
    )

    # --- Gates and wishes of people ---------------------------------------------------------------
    APPROVAL_REQUIRED = (
        "ApprovalRequired",
        "A plan needs consent that nobody has given.",
        "See the plan group; add its hash to spec.approvals of the attempt or to upgrade.approvedPlans.",
    )
    AWAITING_APPROVAL = (
        "AwaitingApproval",
        "The run or Scenario waits for consent to a plan.",
        "See the plan group; add its hash to spec.approvals of the attempt or to upgrade.approvedPlans.",
    )
    SUSPENDED = (
        "Suspended",
        "upgrade.suspend of the Scenario or suspend of the attempt is true.",
        "Set suspend to false to go on.",
    )
    PINNED = "Pinned", "The run stays on pinnedVersion.", "Remove spec.pinnedVersion to follow the Scenario."
    HELD = "Held", "spec.hold keeps automation off this run.", "Remove spec.hold to go on."
    STOPPED = "Stopped", "The user stopped the run.", "Set spec.desiredState to Running to start it."
    ABORTED = (
        "Aborted",
        "The plan was aborted and the run is where it was before.",
        "Change spec.retryNonce to try again, or publish a newer version.",
    )
    ABORT_IGNORED = (
        "AbortIgnored",
        "spec.abort is not the uid of this attempt, so nothing is aborted.",
        "Set it to metadata.uid of the attempt; the message has the command.",
    )
    REJECTED = (
        "Rejected",
        "Somebody rejected the attempt before it began; all runs stay as they are.",
        "Publish a newer version, or change spec.retryNonce of a run to ask again.",
    )
    ROLLED_BACK = (
        "RolledBack",
        "The upgrade failed and the run is where it was before.",
        "Mend the cause in the message, then change spec.retryNonce or publish a newer version.",
    )
    SUPERSEDED = (
        "Superseded",
        "A newer revision took this one's place.",
        "Nothing; the newer attempt goes on.",
    )
    CANCELLED = "Cancelled", "The run disappeared before its plan ended.", "Nothing."

    # --- A plan cannot be made or begun -----------------------------------------------------------
    STRATEGY_REQUIRED = (
        "StrategyRequired",
        "The state cannot be kept and no strategy says what may be done instead.",
        "Set upgrade.strategyRef of the Scenario or strategyRef of the run, or declare compatibility.",
    )
    STRATEGY_INSUFFICIENT = (
        "StrategyInsufficient",
        "The state cannot be kept and the strategy does not allow anything else.",
        f"Choose a strategy of type {TO_MAKE_FRESH}, or declare the version compatible.",
    )
    STRATEGY_INVALID = (
        "StrategyInvalid",
        "The plan that the strategy leads to would break a promise, so it is not made.",
        "Change the strategy; the message says what the plan would do.",
    )
    STRATEGY_NOT_FOUND = (
        "StrategyNotFound",
        "The UpgradeStrategy that strategyRef names does not exist in this namespace.",
        "Create it or correct strategyRef.",
    )
    PLAN_CHANGED = (
        "PlanChanged",
        "The run's plan is no longer the one that was granted.",
        "Wait: the run joins the group of its new plan, which may need consent.",
    )
    PLANS_BLOCKED = (
        "PlansBlocked",
        "Some runs have no plan that may begin.",
        "See the conditions of those runs; their messages end with the command.",
    )
    DOWNGRADE = (
        "Downgrade",
        "The wanted version is older than the one that runs.",
        "Set compatibility.allowDowngrade of the Scenario, or publish a newer version.",
    )
    DISPUTED = (
        "Disputed",
        "The version is declared compatible but does not accept the stored format.",
        "Correct compatibility or state.accepts, or approve the plan hash.",
    )
    TOO_MANY_INCARNATIONS = (
        "TooManyIncarnations",
        "So many incarnations of the run keep their state that its status has no room for another one.",
        "Let the run become Ready: the older ones then go. Or use a strategy of type ForwardOnly, which deletes them.",
    )
    PARAMETER_REQUIRED = (
        "ParameterRequired",
        "A required parameter has no value.",
        "Set it in spec.parameters of the run.",
    )
    PARAMETERS_TOO_LARGE = (
        "ParametersTooLarge",
        "The run's parameters, merged with the defaults of the version, are more than a pod can be told.",
        "Shorten values in spec.parameters of the run, or the defaults of the Scenario.",
    )
    UNKNOWN_PARAMETER = (
        "UnknownParameter",
        "The run sets a parameter that the Scenario does not define.",
        "Correct its name in spec.parameters or remove it; it is not passed on.",
    )
    PARAMETERS_CONFLICTING = (
        "ParametersConflicting",
        "A value that the user set differs from a default that changed.",
        "See status.parameters.conflicts; remove the user's value to follow the default.",
    )
    CLEAN_LOGIC_MISSING = (
        "CleanLogicMissing",
        "Reversible outputs must be taken back, but there is no revert hook.",
        "Add hooks.revert, or choose a strategy of type Continuation.",
    )
    OUTPUT_IDENTITY_CHANGED = (
        "OutputIdentityChanged",
        "The identity of an output changed, so that open outputs would never be closed.",
        "Close them by hand and approve the plan, or choose a strategy of type ForwardOnly.",
    )
    UNDECLARED_EDGE = (
        "UndeclaredEdge",
        "State would be lost by nobody's word: the policy asks nobody, and no entry is about the applied version.",
        "Approve the plan; or declare the edge or compatibility.undeclared, or set undeclaredEdge: Accept.",
    )
    STATE_NOT_ACCEPTED = (
        "StateNotAccepted",
        "The version does not accept a format that the stored state may have.",
        "Publish a version that accepts it, or recompute with spec.recomputeNonce.",
    )
    STATE_OUT_OF_SYNC = (
        "StateOutOfSync",
        "The claims or the revision do not match what is recorded about the run.",
        "Restore the claim, the revision or the record; nothing is started on state that is not the run's own.",
    )
    STOP_REPORT_MISSING = (
        "StopReportMissing",
        "The window depends on a stop report that does not exist.",
        "Abort, set ifMissing: ObservedStop in the strategy, then change spec.retryNonce.",
    )

    # --- A plan fails -----------------------------------------------------------------------------
    STOP_TIMEOUT = (
        "StopTimeout",
        "The workload did not stop within stopSeconds; nothing is deleted by force.",
        "Restore the node, or delete the pod by hand once it is certain that it no longer works.",
    )
    START_TIMEOUT = (
        "StartTimeout",
        "The workload did not start within startSeconds.",
        "See the pod's events and logs; raise timeouts.startSeconds if it needs longer.",
    )
    VERIFY_FAILED = (
        "VerifyFailed",
        "The new incarnation restarted, or did not prove itself within verifySeconds.",
        "See the pod's logs and the verify hook's message.",
    )
    STATUS_REFUSED = (
        "StatusRefused",
        "The API server does not take the status that the operator has to write; the message names the field.",
        "Apply the CRDs of the operator's version; if they are applied, report it with the field.",
    )
    REFUSED = (
        "Refused",
        "The API server refuses what has to be written next: a quota, an admission policy, a webhook, a right.",
        "Correct what the message names; it is tried again.",
    )
    HOOK_FAILED = (
        "HookFailed",
        "A hook ended with an error, or exceeded its own timeoutSeconds.",
        "See the message; correct the hook and retry.",
    )
    HOOK_TIMEOUT = (
        "HookTimeout",
        "The step of a hook did not end within its time.",
        "See the Job's pod; raise timeouts.preflightSeconds or revertSeconds if it needs longer.",
    )
    PAST_POINT_OF_NO_RETURN = (
        "PastPointOfNoReturn",
        "A step failed after something was done that cannot be undone; it is retried.",
        "Mend the cause in the message, or publish a newer version: the old one never starts again.",
    )
    ROLLBACK_FAILED = (
        "RollbackFailed",
        "A step of going back fails; it is retried.",
        "Mend the cause in the message.",
    )
    FAILED = "Failed", "The plan failed.", "See the message."
    RUNS_UNREADABLE = (
        "RunsUnreadable",
        "Every other run is settled; some cannot be read and were left out.",
        "See the conditions of those runs: each says which field it is.",
    )
    RUNS_FAILED = (
        "RunsFailed",
        "Some runs failed or went back.",
        "See their conditions; mend the cause, then retry them or publish a newer version.",
    )
    ROLLOUT_HELD = (
        "RolloutHeld",
        "More than rollout.maxFailed runs failed or wait for a human; the rest is held.",
        "Mend the cause, then retry the runs, raise maxFailed or publish a newer version.",
    )

    RUNS_STUCK = (
        "RunsStuck",
        "The runs that are left do not go on by themselves: each waits for a person.",
        "See the first of them in the message; its own message ends with the command.",
    )
    CANARY_FAILED = (
        "CanaryFailed",
        "A run that was to go first did not arrive at the new version; no other run is led on.",
        "See that run; publish a fixed version, or mend the cause and retry it, or set rollout.canary.runs to 0.",
    )

    # --- A run that worked does not serve, or does not get on ---------------------------------------
    CRASH_LOOPING = (
        "CrashLooping",
        "The container of a run that worked ends again and again, for ten minutes or more.",
        "See its last words in the message and its logs; publish a fixed version or mend what it needs.",
    )
    IMAGE_UNAVAILABLE = (
        "ImageUnavailable",
        "The image of a run that worked cannot be had on its node, for ten minutes or more.",
        "See the pod's events; push the image, or mend the registry or imagePullSecrets.",
    )
    CONTAINER_NOT_MADE = (
        "ContainerNotMade",
        "The kubelet cannot make or prepare the container, for ten minutes or more.",
        "See the pod's events: most often a Secret, a ConfigMap or a volume that it refers to is missing.",
    )
    UNSCHEDULABLE = (
        "Unschedulable",
        "No node takes the pod of a run that worked, for ten minutes or more.",
        "See the pod's events; add room, or mend what the workload asks of nodes.",
    )
    NODE_LOST = (
        "NodeLost",
        "The node of the pod no longer answers, or the pod is to end and does not, for ten minutes or more.",
        "Bring the node back; delete the pod by force only once it is certain that it no longer works.",
    )
    CLAIM_IN_USE = (
        "ClaimInUse",
        "A pod of somebody else mounts a claim of the run, for ten minutes or more; nothing is stopped for it.",
        "Let that pod end, or delete it; the plan goes on by itself.",
    )

    # --- The Scenario cannot be used --------------------------------------------------------------
    SCENARIO_NOT_FOUND = (
        "ScenarioNotFound",
        "The Scenario does not exist; the run keeps working as it is.",
        "Restore the Scenario or delete the run.",
    )
    REVISION_NOT_FOUND = (
        "RevisionNotFound",
        "No revision carries the pinned version, or a recorded revision is gone.",
        "Correct spec.pinnedVersion, or publish that version again.",
    )
    NO_VALID_REVISION = (
        "NoValidRevision",
        "The Scenario has no valid revision yet, or no attempt is opened until its spec is valid.",
        "See the Scenario's conditions.",
    )
    IN_USE = (
        "InUse",
        "The Scenario still has runs.",
        "Delete its runs first, or set deletionProtection to false.",
    )
    INVALID_SPEC = (
        "InvalidSpec",
        "The spec contradicts itself, or has a value that this operator cannot read.",
        "Correct the field that the message names.",
    )
    UNREADABLE = (
        "Unreadable",
        "An object has a field that this operator cannot read; a newer one or a hand wrote it. It is left as it is.",
        "Correct the field that the message names, or update the operator.",
    )
    INVALID_VERSION = (
        "InvalidVersion",
        "A version or range is not semantic versioning.",
        "Write versions such as 1.4.0 and ranges such as '>=1.0.0 <2.0.0'.",
    )
    VERSION_REUSED = (
        "VersionReused",
        "The same version label already stands for other logic.",
        "Give the changed logic a new spec.version.",
    )
    VALIDATION_FAILED = (
        "ValidationFailed",
        "The validate hook refused the artifact.",
        "See the hook's message; publish a corrected artifact.",
    )
    ARTIFACT_UNAVAILABLE = (
        "ArtifactUnavailable",
        "The image cannot be pulled; it is tried again.",
        "Push the image, or correct artifact.image or imagePullSecrets.",
    )
    DIGEST_MISMATCH = (
        "DigestMismatch",
        "The image does not have the declared digest.",
        "Correct artifact.digest, or push the image that was meant.",
    )
    DIGEST_UNPINNED = (
        "DigestUnpinned",
        "The image is used by its tag: it exists on nodes only, or they tell but the digest of a copy of it.",
        "Push it to a registry to have it pinned, or declare artifact.digest.",
    )
    CONFIG_MAP_MISSING = (
        "ConfigMapMissing",
        "The ConfigMap of the artifact does not exist.",
        "Create it or correct artifact.configMapRef.",
    )
    CONFIG_MAP_CHANGED = (
        "ConfigMapChanged",
        "The content of the artifact's ConfigMap changed under the same version.",
        "Restore it, or publish a new version with a new ConfigMap.",
    )
