"""What a scenario author needs to keep the runtime contract (docs/runtime-contract.md).

Most programs need only `serve` (a service's main function), `run_hook` and `revert_results`. The parts they
are made of are public too, for programs with a shape of their own. Standard library only; knows nothing of
the operator, which in turn depends on the contract alone.
"""

from .checkpoint import Checkpoint, CheckpointStore
from .context import RunContext, Window
from .disk import Disk
from .errors import ContextError, ResultsRefusedError, ScenarioError, StateRefusedError, StateUnreadableError
from .hook import Answer, HookContext, done, failed, run_hook, work_required
from .places import Places
from .probe import Probe
from .report import MAX_REPORT_BYTES, Outputs, Queue, Report
from .results import ResultsWriter, read_results, run_ids
from .revert import OutputClass, Reverted, is_reverted, revert_results
from .service import Incarnation, serve
from .stop import Stop
from .times import format_time, parse_time

__all__ = [
    "MAX_REPORT_BYTES",
    "Answer",
    "Checkpoint",
    "CheckpointStore",
    "ContextError",
    "Disk",
    "HookContext",
    "Incarnation",
    "OutputClass",
    "Outputs",
    "Places",
    "Probe",
    "Queue",
    "Report",
    "ResultsRefusedError",
    "ResultsWriter",
    "Reverted",
    "RunContext",
    "ScenarioError",
    "StateRefusedError",
    "StateUnreadableError",
    "Stop",
    "Window",
    "done",
    "failed",
    "format_time",
    "is_reverted",
    "parse_time",
    "read_results",
    "revert_results",
    "run_hook",
    "run_ids",
    "serve",
    "work_required",
]
