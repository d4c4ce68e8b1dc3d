"""Every bound of a status cannot be passed: for each there is the longest that we ever write, or where it is cut.

A status that does not fit its schema cannot be written, and that it cannot be written could not be written either.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterator, Mapping
from enum import StrEnum
from functools import cache
from typing import Any, NamedTuple

import pytest
from tests.sim.setups import FORWARD, FRESH, applied_of
from tests.unit.api import test_conditions as conditions
from tests.unit.controllers import test_odd_input as odd
from tests.unit.execution import test_close as close
from tests.unit.execution import test_incarnations as incarnations
from tests.unit.execution import test_parameters_fit as parameters
from tests.unit.execution import test_wire as wire
from tests.unit.rollout import test_attempt_fits as attempts
from tests.unit.rollout import test_wire as attempt_wire

from scenario_operator.api import names
from scenario_operator.api.common import MOST_COUNTED, ApiModel, Level
from scenario_operator.api.conditions import MOST_CONDITIONS, ConditionType
from scenario_operator.api.journal import MAX_STEPS, Heading, Turn
from scenario_operator.api.outcomes import Outcome
from scenario_operator.api.reasons import Reason
from scenario_operator.api.run import RunSpec, RunStatus
from scenario_operator.api.scenario import ScenarioSpec, ScenarioStatus
from scenario_operator.api.strategy import StrategySpec, StrategyType, WindowMode
from scenario_operator.api.upgrade import AttemptPhase, UpgradeSpec, UpgradeStatus
from scenario_operator.execution.close import HISTORY
from scenario_operator.planning.compile import Case, plan_upgrade
from scenario_operator.planning.diff import LINES
from scenario_operator.planning.plan import PLANNER, Cause, Plan, digest_of
from scenario_operator.planning.stored import INCARNATIONS, LIVE, RETAINED, Incarnation, Stored
from scenario_operator.rollout.groups import STEPS
from scenario_operator.rollout.wire import GROUPS, LISTED

STATUSES: tuple[type[ApiModel], ...] = (RunStatus, ScenarioStatus, UpgradeStatus)
SPECS: tuple[type[ApiModel], ...] = (RunSpec, ScenarioSpec, UpgradeSpec, StrategySpec)
BOUNDS = ("maxLength", "maxItems", "maxProperties", "maximum")


def bounds(schema: Mapping[str, Any], defined: Mapping[str, Any], path: str) -> Iterator[tuple[str, int]]:
    """Yield every bound below a schema with its path: `[]` is an item of a list, `{}` a value of a map."""
    if "$ref" in schema:
        schema = {**defined[schema["$ref"].rpartition("/")[2]], **schema}
    for option in schema.get("anyOf", ()):
        yield from bounds(option, defined, path)
    yield from ((path, schema[word]) for word in BOUNDS if word in schema)
    for name, field in schema.get("properties", {}).items():
        yield from bounds(field, defined, f"{path}.{name}")
    for word, mark in (("items", "[]"), ("additionalProperties", "{}")):
        if isinstance(schema.get(word), dict):
            yield from bounds(schema[word], defined, path + mark)


@cache
def bounds_of(model: type[ApiModel]) -> dict[str, int]:
    """Return all bounds of a model by path."""
    schema = model.model_json_schema(by_alias=True)
    return dict(bounds(schema, schema.get("$defs", {}), model.__name__))


def in_spec(path: str) -> int:
    """Return the bound of what people state: what is copied from there is never longer."""
    return next(bounds_of(spec)[path] for spec in SPECS if path.partition(".")[0] == spec.__name__)


def longest(*words: type[StrEnum]) -> int:
    """Return the length of the longest word of closed lists."""
    return max(len(word.value) for kind in words for word in kind)


def crowded(strategy: Any) -> Plan:
    """Return the plan of a run of which as many incarnations keep state and results as there ever are."""
    v1, v2 = FRESH["v1"], FRESH["v2"]
    records = tuple(Incarnation(n, "1.0.0", "v1", RETAINED) for n in range(1, INCARNATIONS))
    live = Incarnation(INCARNATIONS, "1.0.0", "v1", LIVE)
    stored = Stored(applied_of(v1, ("1",)), live=INCARNATIONS, incarnations=(*records, live))
    plan = plan_upgrade(Case(stored, v1, v2, strategy))
    assert isinstance(plan, Plan)
    return plan


FULL = crowded(FORWARD)
STEP_ID = max(len(f"back-{d.id}") for d in FULL.steps)
TIME = len("2026-01-01T00:00:00.123456789Z")
NAME, NUMBER = names.MAX_NAME, 999_999_999
RUN, SCENARIO = "r" * NAME, "s" * NAME
REVISION = len(names.revision(SCENARIO, NUMBER))
ATTEMPT = len(names.upgrade(SCENARIO, NUMBER))
DIGEST = len("sha256:") + 64
VERSION, FORMAT = in_spec("ScenarioSpec.version"), in_spec("ScenarioSpec.state.version")
HASH = len(digest_of("")[:20])
UID = 36
IMAGE = in_spec("ScenarioSpec.artifact.image")
PERIOD = 7 * 86_400
COUNTER = NUMBER
"""One a second for thirty years: such a number only grows by what we do, and names with a longer one are not ours."""


class Row(NamedTuple):
    """Paths, the most that is ever written there, why, and the test that tries what is cut."""

    pattern: str
    most: int
    why: str
    test: Any = None


ROWS = [
    Row(
        r"\w+\.conditions",
        MOST_CONDITIONS,
        "others' are left out beyond",
        conditions.test_conditions_of_others_never_keep_ours_out,
    ),
    Row(r"\w+\.conditions\[\]\.type", longest(ConditionType), "a closed list; others' fit already"),
    Row(
        r".*(Time|\.at|Since|At|From|Until|\.since|\.time)",
        TIME,
        "RFC 3339, normalised, nine digits at most",
        odd.test_no_message_of_a_pod_raises,
    ),
    Row(r".*\.reason|.*\.attention", longest(Reason, Outcome), "closed lists"),
    Row(
        r".*((conditions|attempts|history|runs)\[\]|failure)\.message",
        1024,
        "cut",
        wire.test_whatever_was_said_fits,
    ),
    Row(r".*\.notes\[\]", 1024, "cut", attempts.test_whatever_an_attempt_holds_fits),
    Row(r".*\.loss\.notes", 8, "at most one of each kind", close.test_what_hooks_count_never_overflows),
    Row(r"\w+\.phase", longest(AttemptPhase), "closed lists"),
    Row(
        r"RunStatus\.(runID|incarnations\[\]\.(runID|supersededBy))",
        len(names.run_id(RUN, NUMBER)),
        "made from a name and a number",
        odd.test_a_name_with_a_number_that_no_status_takes_is_not_ours,
    ),
    Row(
        r".*(\.incarnation|\.number|\.live|\.next|\.plans|\.count|\.granted|Sequence)",
        COUNTER,
        "counts what we do",
        odd.test_a_name_with_a_number_that_no_status_takes_is_not_ours,
    ),
    Row(r".*\.planner", PLANNER, "a constant"),
    Row(r"(ScenarioStatus\.runs|UpgradeStatus\.counts)\.\w+|.*\[\]\.runs", COUNTER, "counts objects"),
    Row(r".*\.lastHandled\.\w+", in_spec("RunSpec.abortNonce"), "copied from the spec"),
    Row(
        r".*([vV]ersion|history\[\]\.(from|to)|runs\[\]\.(from|to)|UpgradeStatus\.to)",
        max(VERSION, FORMAT),
        "copied from a spec, or as a report or a stamp may spell it",
        odd.test_what_a_report_says_fits_the_schema_of_the_status,
    ),
    Row(r".*[rR]evision", REVISION, "made from a name and a number"),
    Row(r".*([hH]ash|\.group)", HASH, "cut from a digest"),
    Row(r".*(\.digest|Digest)", DIGEST, "a digest by its pattern, or none"),
    Row(r".*resolvedImage", IMAGE + 1 + DIGEST, "an image by its digest"),
    Row(r".*artifact\.image", IMAGE, "copied from the spec"),
    Row(
        r".*\.applied\.formats",
        in_spec("ScenarioSpec.state.accepts"),
        "a version that runs accepts all of them",
        odd.test_a_stamp_that_no_status_takes_is_none,
    ),
    Row(
        r".*\.applied\.formats\[\]",
        FORMAT,
        "as a stamp may spell it",
        odd.test_a_stamp_that_no_status_takes_is_none,
    ),
    Row(
        r".*\.parameters\.(\w+)",
        in_spec("ScenarioSpec.parameters"),
        "of the defaults and of the user's",
        parameters.test_parameters_at_the_bound_fit,
    ),
    Row(
        r".*\.parameters\.\w+(\[\]|\[\]\.name)",
        in_spec("ScenarioSpec.parameters[].name"),
        "copied from a spec",
    ),
    Row(
        r".*\.parameters\.\w+(\[\]\.(value|\w+Value|\w+Default)|\{\})",
        in_spec("ScenarioSpec.parameters[].default"),
        "copied from a spec",
        parameters.test_parameters_at_the_bound_fit,
    ),
    Row(
        r".*(openOutputs|results\w+|stateAgeSeconds)",
        MOST_COUNTED,
        "a count in a report, or cut",
        close.test_what_hooks_count_never_overflows,
    ),
    Row(r"RunStatus\.lastStop\.fault", 64, "fixed sentences", odd.test_what_is_wrong_with_a_report_fits),
    Row(r"RunStatus\.results\.claim", UID, "given by the API server"),
    Row(
        r"RunStatus\.results\.incarnations",
        INCARNATIONS + 1,
        "those on record",
        incarnations.test_results_are_remembered_of_incarnations_on_record_only,
    ),
    Row(r"RunStatus\.results\.incarnations\[\]", COUNTER, "counts what we do"),
    Row(r"RunStatus\.history", HISTORY, "the oldest go"),
    Row(r".*(grantID|active\[\]\.id)", ATTEMPT + 1 + 9, "made from a name and a number"),
    Row(r".*(\.attempt|currentUpgrade)", ATTEMPT, "made from a name and a number"),
    Row(r".*\.outcome", longest(Outcome), "a closed list"),
    Row(r".*\.strategy(\.type)?", longest(StrategyType), "a closed list"),
    Row(
        r"RunStatus\.incarnations",
        INCARNATIONS + 1,
        "the oldest are forgotten, or no plan is made",
        incarnations.test_continuations_of_which_none_becomes_ready_end_with_a_reason,
    ),
    Row(r"RunStatus\.(refused|upgrade\.desire)", len(digest_of("")[:16]), "cut from a digest"),
    Row(r"RunStatus\.upgrade\.id", len(f"p{NUMBER}"), "made from a number"),
    Row(
        r".*\.cause|.*\.turnedBy|.*\.level|.*\.heading", longest(Cause, Turn, Level, Heading), "closed lists"
    ),
    Row(
        r".*\.strategy\.(window\[\]\.(mode|field|ifMissing)|approval|undeclaredEdge|onFailure)",
        max(longest(WindowMode), len("outputActionsFrom")),
        "closed lists",
    ),
    Row(r".*\.strategy\.window", 3, "one for each bound"),
    Row(
        r".*\.strategy\.window\[\]\.seconds",
        in_spec("StrategySpec.window.startFrom.seconds"),
        "copied from a spec",
    ),
    Row(r".*\.strategy\.(\w+Seconds|maxAttempts)", PERIOD, "copied from a spec"),
    Row(
        r"RunStatus\.upgrade\.(steps|path)",
        len(FULL.steps),
        "of a run of which all that can be kept is kept",
        incarnations.test_the_plan_of_a_crowded_run_fits,
    ),
    Row(r".*\.(steps|path)\[\]\.needs", len(FULL.steps), "other steps"),
    Row(r".*(\.(steps|path|begun)\[\]\.id|needs\[\]|\.done\[\]|\.step)", STEP_ID, "constants and slots"),
    Row(r".*\.(begun|done|attempts)", 2 * len(FULL.steps), "the steps of both ways"),
    Row(r".*\.facts", 3 + 2 * len(FULL.steps), "three of the plan, and one or two of a step"),
    Row(r".*\.facts\[\]\.name", len("deleted:") + STEP_ID, "a word and a step"),
    Row(
        r".*\.facts\[\]\.value",
        147_456 + 8 * 64 + 32,
        "parameters are refused beyond, all else is shorter",
        parameters.test_parameters_at_the_bound_fit,
    ),
    Row(r".*(\.uid|UID|canaries\[\])", UID, "given by the API server"),
    Row(
        r"ScenarioStatus\.versions",
        64,
        "the newest are listed",
        attempts.test_a_scenario_lists_the_newest_versions_only,
    ),
    Row(r"UpgradeStatus\.from", 256, "cut", attempt_wire.test_long_words_are_cut_to_what_the_schema_takes),
    Row(
        r"UpgradeStatus\.groups",
        GROUPS,
        "those that wait for consent first",
        attempts.test_groups_that_wait_for_consent_are_listed_first,
    ),
    Row(
        r"UpgradeStatus\.groups\[\]\.(steps|destroys)",
        STEPS,
        "the rest is counted",
        incarnations.test_the_plan_of_a_crowded_run_fits,
    ),
    Row(
        r"UpgradeStatus\.groups\[\]\.((steps|destroys)\[\]|pointOfNoReturn)",
        128,
        "a kind and a slot",
        incarnations.test_the_plan_of_a_crowded_run_fits,
    ),
    Row(r"UpgradeStatus\.groups\[\]\.diff", LINES, "the rest is counted"),
    Row(r"UpgradeStatus\.groups\[\]\.diff\[\]", 240, "cut"),
    Row(r"UpgradeStatus\.groups\[\]\.notes", 8, "at most one of each kind"),
    Row(r".*\.approver", in_spec("UpgradeSpec.approvals[].approver"), "copied from the spec"),
    Row(r"UpgradeStatus\.progress", len(f"{NUMBER}/{NUMBER}"), "two numbers"),
    Row(
        r"UpgradeStatus\.active",
        in_spec("StrategySpec.rollout.maxConcurrent") + in_spec("StrategySpec.rollout.maxFailed"),
        "in flight, and parked",
        attempts.test_no_more_grants_are_open_than_an_attempt_can_list,
    ),
    Row(r"UpgradeStatus\.(active|runs)\[\]\.namespace", 63, "a name of Kubernetes"),
    Row(r"UpgradeStatus\.(active|runs)\[\]\.name", NAME, "the CRDs refuse longer ones"),
    Row(
        r"UpgradeStatus\.runs",
        LISTED,
        "successes are left out first",
        attempts.test_whatever_an_attempt_holds_fits,
    ),
    Row(
        r"UpgradeStatus\.wave\.canaries", in_spec("StrategySpec.rollout.canary.runs"), "copied from the spec"
    ),
]
ALL = [(path, bound) for status in STATUSES for path, bound in bounds_of(status).items()]


def rows_of(path: str) -> list[Row]:
    return [row for row in ROWS if re.fullmatch(row.pattern, path)]


@pytest.mark.parametrize(("path", "bound"), ALL, ids=[path for path, _ in ALL])
def test_a_bound_of_a_status_cannot_be_passed(path: str, bound: int) -> None:
    """Given a bounded field, then the most that is ever written there is known, and it fits."""
    rows = rows_of(path)
    assert rows, f"{path} may be at most {bound}: say in ROWS why nothing longer is ever written there"
    assert max(row.most for row in rows) <= bound, rows


@pytest.mark.parametrize("row", ROWS, ids=[row.pattern for row in ROWS])
def test_a_row_is_about_a_field_and_its_test_exists(row: Row) -> None:
    assert any(re.fullmatch(row.pattern, path) for path, _ in ALL)
    assert row.test is None or (inspect.isfunction(row.test) and row.test.__name__.startswith("test_"))


def test_a_plan_of_a_crowded_run_fits_both_ways() -> None:
    """Given a run of which 48 incarnations keep state and results, when they all go, then the plan fits the journal."""
    assert 2 * INCARNATIONS < len(FULL.steps) <= MAX_STEPS
