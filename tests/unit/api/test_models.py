"""The models read whatever the schemas admit, and nothing is lost on the way back."""

import random
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError
from tests.unit.api.samples import PARTS, example, refusals

from scenario_operator.api import crd
from scenario_operator.api.common import (
    Level,
    canonical,
    format_time,
    normalise_time,
    parse_time,
    wire,
    wire_name,
)
from scenario_operator.api.journal import Journal, JournalStep, Kind
from scenario_operator.api.run import Loss, RunStatus, ScenarioRun, Window
from scenario_operator.api.scenario import Scenario, ScenarioSpec
from scenario_operator.api.strategy import (
    Approval,
    ApproveFrom,
    OnFailure,
    StrategySpec,
    StrategyType,
    UpgradeStrategy,
)
from scenario_operator.api.upgrade import AttemptCause, ScenarioUpgrade, UpgradeStatus


def unknown(value: Any) -> Any:
    """Return a copy in which every object but the free map has a field of a newer version."""
    match value:
        case {"parameters": kept}:
            rest = {key: child for key, child in value.items() if key != "parameters"}
            return {**unknown(rest), "parameters": kept}
        case dict():
            return {**{key: unknown(child) for key, child in value.items()}, "fieldOfTomorrow": [{"a": 1}]}
        case list():
            return [unknown(child) for child in value]
    return value


class TestRoundTrip:
    """From the wire into a model and back."""

    @pytest.mark.parametrize("kind", crd.KINDS, ids=lambda kind: kind.name)
    @given(seed=st.integers(0, 2**32))
    @settings(max_examples=40, deadline=None)
    def test_models_read_what_the_schema_admits_and_wire_loses_nothing(
        self, kind: crd.CustomKind, seed: int
    ) -> None:
        rng = random.Random(seed)  # noqa: S311
        parts = PARTS[kind.name]
        body = {name: example(parts[name], rng) for name in ("spec", "status") if name in parts}
        body["metadata"] = {"name": "one"}

        read = kind.model.read(body)

        assert kind.model.read(wire(read)) == read

    @pytest.mark.parametrize("kind", crd.KINDS, ids=lambda kind: kind.name)
    @given(seed=st.integers(0, 2**32))
    @settings(max_examples=40, deadline=None)
    def test_wire_writes_nothing_that_the_schema_would_drop_or_refuse(
        self, kind: crd.CustomKind, seed: int
    ) -> None:
        rng = random.Random(seed)  # noqa: S311
        parts = PARTS[kind.name]
        name = "status" if "status" in parts else "spec"
        body = {
            "metadata": {"name": "one"},
            "spec": example(parts["spec"], rng),
            name: example(parts[name], rng),
        }

        written = wire(kind.model.read(body))[name]

        assert list(refusals(written, parts[name])) == []

    def test_a_newer_crd_may_have_fields_that_we_do_not_know(self) -> None:
        rng = random.Random(1)  # noqa: S311
        body = {
            "spec": example(PARTS["ScenarioRun"]["spec"], rng, 1.0),
            "metadata": {"name": "a"},
        }

        assert ScenarioRun.read({**body, "spec": unknown(body["spec"])}).spec.scenario_ref.name != ""

    @pytest.mark.parametrize("model", [Scenario, ScenarioRun, ScenarioUpgrade])
    def test_an_object_that_was_never_observed(
        self, model: type[Scenario | ScenarioRun | ScenarioUpgrade]
    ) -> None:
        assert model.model_fields["status"].default.observed_generation == -1

    def test_dumps_are_plain_json(self) -> None:
        """No enum, tuple or time object may reach the client."""
        strategy = StrategySpec(type=StrategyType.IN_PLACE, approve_from=ApproveFrom.RESTART)

        assert type(wire(strategy)["type"]) is str
        assert type(canonical(strategy)["type"]) is str


MINIMAL: dict[str, Any] = {"version": "1.0.0", "artifact": {"image": "x:1"}}


class TestCanonical:
    """What is hashed: the meaning, not the spelling."""

    def test_a_default_counts_the_same_written_filled_in_or_absent(self) -> None:
        spelled = {
            **MINIMAL,
            "type": "Service",
            "workload": {"terminationGracePeriodSeconds": 30, "env": []},
            "compatibility": {"allowDowngrade": False},
            "hooks": {},
            "deletionProtection": True,
        }

        assert canonical(ScenarioSpec.model_validate(spelled)) == canonical(
            ScenarioSpec.model_validate(MINIMAL)
        )
        assert canonical(ScenarioSpec.model_validate(MINIMAL)) == MINIMAL

    def test_what_differs_from_a_default_counts(self) -> None:
        graced = ScenarioSpec.model_validate({**MINIMAL, "workload": {"terminationGracePeriodSeconds": 31}})

        assert canonical(graced) == {**MINIMAL, "workload": {"terminationGracePeriodSeconds": 31}}

    def test_an_empty_object_that_says_something_stays(self) -> None:
        """`emptyDir: {}` and a present `state` are statements."""
        body = {
            **MINIMAL,
            "state": {"version": "1"},
            "workload": {"volumes": [{"name": "scratch", "emptyDir": {}}]},
        }

        assert canonical(ScenarioSpec.model_validate(body)) == body

    def test_order_and_own_version_in_accepts_do_not_count(self) -> None:
        def spec(state: dict[str, Any]) -> dict[str, Any]:
            return canonical(ScenarioSpec.model_validate({**MINIMAL, "state": state}))

        assert spec({"version": "2", "accepts": ["2", "1"]}) == spec({"version": "2", "accepts": ["1", "2"]})
        assert spec({"version": "2", "accepts": ["2"]}) == spec({"version": "2"})
        assert spec({"version": "2", "accepts": ["1", "2"]}) != spec({"version": "2"})

    def test_order_of_named_things_does_not_count(self) -> None:
        """Server-side apply may reorder a list with keys."""

        def spec(*names: str) -> dict[str, Any]:
            parameters = [{"name": name} for name in names]
            outputs = [{"kind": name, "class": "Retained"} for name in names]
            return canonical(
                ScenarioSpec.model_validate({**MINIMAL, "parameters": parameters, "outputs": outputs})
            )

        assert spec("a", "b") == spec("b", "a")

    def test_spelling_of_quantities_and_times_does_not_count(self) -> None:
        """YAML makes `cpu: 1` a number; the same moment has many offsets."""

        def limits(cpu: int | str) -> dict[str, Any]:
            workload = {"resources": {"limits": {"cpu": cpu}}}
            return canonical(ScenarioSpec.model_validate({**MINIMAL, "workload": workload}))

        def starts(time: str) -> dict[str, Any]:
            window = {"startFrom": {"mode": "At", "time": time}}
            return canonical(StrategySpec.model_validate({"type": "ForwardOnly", "window": window}))

        assert limits(1) == limits("1")
        assert starts("2026-01-31T13:00:00.0+01:00") == starts("2026-01-31T12:00:00Z")

    def test_defaults_of_this_version_never_change(self) -> None:
        """A default that changes would change what stored revisions and snapshots mean."""
        spec = wire(ScenarioSpec.model_validate(MINIMAL))

        assert spec == {
            **MINIMAL,
            "type": "Service",
            "workload": {"resources": {}, "terminationGracePeriodSeconds": 30},
            "hooks": {},
            "compatibility": {"allowDowngrade": False},
            "upgrade": {"suspend": False, "historyLimit": 10},
            "deletionProtection": True,
        }
        assert wire(StrategySpec(type=StrategyType.IN_PLACE)) == {
            "type": "InPlace",
            "approval": "Destructive",
            "onFailure": "RollBack",
            "rollout": {"maxConcurrent": 10, "maxFailed": 1},
            "timeouts": {
                "preflightSeconds": 300,
                "stopSeconds": 300,
                "revertSeconds": 600,
                "startSeconds": 600,
                "verifySeconds": 300,
            },
            "verify": {"stableSeconds": 10},
            "retry": {"maxAttempts": 3, "backoffSeconds": 10},
        }


class TestWire:
    """What is written: absent stays absent, zero stays zero."""

    def test_a_resolved_window_without_bounds_is_not_an_absent_one(self) -> None:
        assert wire(RunStatus(window=Window()))["window"] == {}
        assert "window" not in wire(RunStatus())

    def test_counts_show_zero(self) -> None:
        assert wire(UpgradeStatus())["counts"]["failed"] == 0

    def test_a_step_says_only_what_applies(self) -> None:
        step = JournalStep(id="stop", kind=Kind.STOP, incarnation=2, report=True)

        assert wire(step) == {"id": "stop", "kind": "Stop", "incarnation": 2, "report": True}

    def test_names_on_the_wire(self) -> None:
        journal = Journal(
            id="p1",
            plan_hash="h",
            cause="Upgrade",
            grant_id="g",
            to_revision="q-r2",
            to_version="2.0.0",
            level=Level.REPLACE,
            opened_at="2026-01-31T12:00:00Z",
        )

        assert wire(journal).keys() >= {"planHash", "grantID", "toRevision", "openedAt", "skipRevert"}
        assert (wire_name("run_uid"), wire_name("run_id"), wire_name("from_"), wire_name("uid")) == (
            "runUID",
            "runID",
            "from",
            "uid",
        )


class TestModels:
    """What holds for every model."""

    def test_models_are_frozen(self) -> None:
        loss = Loss()

        with pytest.raises(ValidationError, match="frozen"):
            loss.open_outputs = 1

    def test_a_strategy_is_hashable(self) -> None:
        body = {"type": "Continuation", "window": {"outputActionsFrom": {"mode": "StoppedAt"}}}

        assert len({StrategySpec.model_validate(body), StrategySpec.model_validate(body)}) == 1

    def test_python_names_work_too(self) -> None:
        strategy = UpgradeStrategy.read(
            {"metadata": {"name": "s"}, "spec": {"type": "InPlace", "on_failure": "Hold"}}
        )

        assert strategy.spec.on_failure is OnFailure.HOLD
        assert strategy.spec.approval is Approval.DESTRUCTIVE

    def test_words_are_their_text(self) -> None:
        assert f"{AttemptCause.REVISION} {Level.NONE}" == "Revision None"

    def test_levels_are_ordered(self) -> None:
        assert [level.depth for level in Level] == [0, 1, 2, 3, 4, 5]
        assert [ApproveFrom(level.value).level for level in list(Level)[1:]] == list(Level)[1:]

    def test_long_messages_are_cut_not_refused(self) -> None:
        """A status write must not fail because a program said too much."""
        loss = Loss(notes=("a" * 5000 + "z" * 640,))

        assert len(loss.notes[0]) == 1024
        assert loss.notes[0].startswith("aaa")
        assert loss.notes[0].endswith("a…" + "z" * 640)

    def test_accepted_formats(self) -> None:
        spec = ScenarioSpec.model_validate({**MINIMAL, "state": {"version": "2"}})
        wider = ScenarioSpec.model_validate({**MINIMAL, "state": {"version": "2", "accepts": ["1", "2"]}})

        assert spec.state is not None
        assert wider.state is not None
        assert sorted(spec.state.accepted) == ["2"]
        assert sorted(wider.state.accepted) == ["1", "2"]


MOMENTS = st.timedeltas(timedelta(0), timedelta(days=100_000)).map(
    lambda t: datetime(1900, 1, 1, tzinfo=UTC) + t
)


class TestTimes:
    """RFC 3339, one spelling for each moment."""

    @pytest.mark.parametrize(
        ("given_text", "stored"),
        [
            ("2026-01-31T12:00:00Z", "2026-01-31T12:00:00Z"),
            ("2026-01-31T12:00:00.000Z", "2026-01-31T12:00:00Z"),
            ("2026-01-31T12:00:00.120+00:00", "2026-01-31T12:00:00.12Z"),
            ("2026-01-31t14:30:00+02:30", "2026-01-31T12:00:00Z"),
            ("2026-01-01T00:30:00-01:00", "2026-01-01T01:30:00Z"),
            ("2026-01-31T12:00:00.123456789Z", "2026-01-31T12:00:00.123456789Z"),
        ],
    )
    def test_one_spelling(self, given_text: str, stored: str) -> None:
        assert normalise_time(given_text) == stored
        assert normalise_time(stored) == stored

    @pytest.mark.parametrize(
        "text",
        ["", "now", "2026-01-31", "2026-01-31T12:00:00", "2026-13-31T12:00:00Z", "2026-01-31T12:00:60Z"],
    )
    def test_refuses_what_is_no_moment(self, text: str) -> None:
        with pytest.raises(ValueError, match=r"RFC 3339|must be in|out of range"):
            normalise_time(text)

    def test_refuses_a_moment_without_a_zone(self) -> None:
        with pytest.raises(ValueError, match="time zone"):
            format_time(datetime(2026, 1, 31))  # noqa: DTZ001

    def test_a_moment_is_taken_as_well(self) -> None:
        moment = datetime(2026, 1, 31, 14, tzinfo=timezone(timedelta(hours=2)))

        assert Window(start_from=moment).start_from == "2026-01-31T12:00:00Z"  # type: ignore[arg-type]

    @given(MOMENTS)
    def test_reads_what_it_writes(self, moment: datetime) -> None:
        assert parse_time(format_time(moment)) == moment
        assert parse_time(str(normalise_time(moment))) == moment
