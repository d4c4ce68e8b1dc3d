"""What each kind of step does: one module a kind, one row of the vocabulary.

A row trusts no earlier step (R4): it looks at the world, says whether its own goal is reached, and else which
effects lead there, establishing its own preconditions. No effects means: wait.
"""

from __future__ import annotations

from collections.abc import Mapping

from scenario_operator.api.journal import Kind
from scenario_operator.execution.steps.commit import Commit
from scenario_operator.execution.steps.delete_state import DeleteState
from scenario_operator.execution.steps.preflight import Preflight
from scenario_operator.execution.steps.resolve_window import ResolveWindow
from scenario_operator.execution.steps.revert_results import RevertResults
from scenario_operator.execution.steps.start import Start
from scenario_operator.execution.steps.step import Row
from scenario_operator.execution.steps.stop import Stop
from scenario_operator.execution.steps.verify import Verify
from scenario_operator.planning.steps import covering

VOCABULARY: Mapping[Kind, Row] = covering(
    "VOCABULARY",
    {
        Kind.PREFLIGHT: Preflight(),
        Kind.STOP: Stop(),
        Kind.RESOLVE_WINDOW: ResolveWindow(),
        Kind.REVERT_RESULTS: RevertResults(),
        Kind.DELETE_STATE: DeleteState(),
        Kind.START: Start(),
        Kind.VERIFY: Verify(),
        Kind.COMMIT: Commit(),
    },
)
