"""Parameters at their bounds: what is let in can be written, in the status and on a pod, and what cannot says why."""

from __future__ import annotations

import json

import pytest
from tests.sim.setups import KEEP_SAME, applied_of
from tests.unit.execution.life import Life

from scenario_operator.api.reasons import Reason
from scenario_operator.api.run import RunStatus
from scenario_operator.api.scenario import ParameterDefinition, ScenarioSpec
from scenario_operator.execution import facts, wire
from scenario_operator.execution.decide import Record
from scenario_operator.manifests.context import RunContext
from scenario_operator.manifests.stamp import Template, stamp_annotations
from scenario_operator.planning.compile import Blocked, Case, Plan, plan_start, plan_upgrade
from scenario_operator.planning.parameters import HEAVIEST, Parameters, merge, weight
from scenario_operator.planning.revision import Revision, make
from scenario_operator.planning.stored import Stored
from scenario_operator.planning.validity import problem_of
from scenario_operator.planning.windows import Window

ETCD = 1_572_864
"""Bytes of a request that etcd takes by default."""
ANNOTATIONS = 262_144
LONG = "p" * 61
LET_IN = ["x", '"', "\\"]
TOO_HEAVY = ["\u0001", "<", "\U0001f30b", "\u2028"]


def values(text: str, first: str) -> dict[str, str]:
    """Return 64 parameters with the longest names and values."""
    return {f"{LONG}{n:02}": first + text * 1023 for n in range(64)}


def with_defaults(defaults: dict[str, str], of: str = "v2") -> Revision:
    """Return a version with parameters that have these defaults."""
    found = KEEP_SAME[of]
    parameters = tuple(ParameterDefinition(name=k, default=v) for k, v in defaults.items())
    return make(of, found.number, found.spec.model_copy(update={"parameters": parameters}), found.artifact)


def before(text: str) -> Parameters:
    """Return the merge before: other defaults, of which the user's values won over each."""
    definitions = tuple(ParameterDefinition(name=k, default=v) for k, v in values(text, "e").items())
    return merge(Parameters(), values(text, "a"), definitions).parameters


@pytest.mark.parametrize("text", LET_IN)
def test_parameters_at_the_bound_fit(text: str) -> None:
    """Given 64 values of 1,024 characters, each another than a default that changed, then every record has room."""
    target = with_defaults(values(text, "d"))
    user = tuple(sorted(values(text, "a").items()))
    source = with_defaults(values(text, "e"), "v1")
    life = Life.on_v1({**KEEP_SAME, "v1": source, "v2": target}).edit(parameters=user)
    life.state = life.state._replace(record=Record(life.stored._replace(parameters=before(text)), None))
    life.run(lambda one: one.state.record.journal is not None)

    merged = facts.planned_parameters(life.view(), life.journal)
    assert merged is not None
    assert len(merged.conflicts) == 64
    assert merged.effective == user
    after = Record(life.stored._replace(parameters=merged), life.journal)
    status = wire.dump(after, "r")
    RunStatus.model_validate(status)
    assert wire.load(status).stored == after.stored
    whole = {"spec": {"parameters": dict(user)}, "status": status}
    assert len(json.dumps(whole, ensure_ascii=False)) < ETCD


@pytest.mark.parametrize("text", LET_IN)
def test_a_pod_can_be_told_what_a_plan_lets_in(text: str) -> None:
    """Given the heaviest parameters, then stamp and run.json leave room for the annotations of a Scenario."""
    target, user = with_defaults(values(text, "d")), tuple(sorted(values(text, "a").items()))
    template = Template("v2", Window(), user)
    assert sum(len(v.encode()) for v in stamp_annotations(template, 1).values()) < ANNOTATIONS
    context = RunContext("s", target, "r", 1, Window(), user)
    assert len(context.json().encode()) + 96 * 1024 + 4096 < ANNOTATIONS


@pytest.mark.parametrize("text", TOO_HEAVY)
def test_values_that_grow_when_they_are_written_are_refused_before_anything_is_touched(text: str) -> None:
    """Given 64 values of 1,024 characters that take up to six bytes each, then no plan is made, and it is said why."""
    v1, v2 = KEEP_SAME["v1"], with_defaults(dict.fromkeys(values(text, "d"), ""))
    case = Case(
        Stored(applied=applied_of(v1, ("1",)), live=1), v1, v2, None, tuple(values(text, "a").items())
    )
    for found in (plan_upgrade(case), plan_start(case._replace(stored=Stored()))):
        assert isinstance(found, Blocked)
        assert found.reason is Reason.PARAMETERS_TOO_LARGE
        assert found.message.startswith("spec.parameters, merged with the defaults of version 2.0.0, take ")
        assert found.message.endswith("bytes as JSON, 147456 at most: shorten the values")


def test_half_of_each_is_too_much_when_the_merge_is() -> None:
    """Given heavy defaults and heavy values of other parameters, then what counts is what the pod would be told."""
    heavy = values('"', "d")
    names = sorted(heavy)
    defaults = {name: "\u0001" * 700 if n < 32 else "" for n, name in enumerate(names)}
    user = tuple((name, "\u0001" * 700) for name in names[32:])
    case = Case(Stored(), None, with_defaults(defaults), None, user)
    assert weight(defaults) < HEAVIEST > weight(dict(user))
    assert isinstance(plan_start(case), Blocked)
    assert isinstance(plan_start(case._replace(user=())), Plan)


@pytest.mark.parametrize("text", [*TOO_HEAVY, *LET_IN, "x"])
def test_the_weight_of_a_text_is_what_the_api_server_writes_at_most(text: str) -> None:
    """Given a text, then its weight is that of JSON as Go spells it: markup and separators as \\uXXXX."""
    spelled = json.dumps(text, ensure_ascii=False)
    for mark in "<>&\u2028\u2029":
        spelled = spelled.replace(mark, f"\\u{ord(mark):04x}")
    assert weight({"k": text}) == len(f'"k":{spelled},'.encode())


def test_a_scenario_says_itself_that_its_defaults_are_too_large() -> None:
    """Given defaults that no pod could be told, then the Scenario is not valid, by its field."""
    problem = problem_of(with_defaults(values("<", "d")).spec)
    assert problem is not None
    assert problem.reason is Reason.INVALID_SPEC
    assert problem.message.startswith("spec.parameters: the defaults take ")
    assert problem_of(with_defaults(values('"', "d")).spec) is None


@pytest.mark.parametrize(("length", "fits"), [(3_000, True), (4_096, False)])
def test_annotations_of_the_pod_leave_room_for_the_parameters(length: int, fits: bool) -> None:
    """Given 32 long annotations, then a Scenario is valid unless the parameters might have no room beside them."""
    given = {f"example.com/a{n}": "v" * length for n in range(32)}
    content = KEEP_SAME["v2"].spec.model_dump(by_alias=True, exclude_none=True)
    spec = ScenarioSpec.model_validate({**content, "workload": {"podAnnotations": given}})
    problem = problem_of(spec)
    assert (problem is None) is fits
    assert problem is None or problem.message.startswith("spec.workload.podAnnotations take ")


def test_a_plan_that_an_older_operator_opened_is_carried_on_with_the_merge_that_it_recorded() -> None:
    """Given a journal with the merge itself, then that is what the version gets."""
    merged = Parameters(base=(("p", "1"),), effective=(("p", "2"),), overrides=("p",))
    life = Life.on_v1(KEEP_SAME).run(lambda one: one.state.record.journal is not None)
    opened = dict(life.journal.facts)
    journal = life.journal._replace(facts=tuple((k, v) for k, v in opened.items() if k != "parameters"))
    journal = journal.learn({"parameters": merged._asdict()})

    facts.prove(journal)

    assert facts.planned_parameters(life.view(), journal) == merged
    assert facts.planned_values(life.view(), journal) == (("p", "2"),)
