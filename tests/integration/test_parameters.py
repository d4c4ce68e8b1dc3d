"""Parameters survive upgrades by a three-way merge (acceptance rows A15, A16, A70)."""

from __future__ import annotations

import json
from typing import Any

import pytest
from tests.harness.cluster import Cluster
from tests.harness.objects import compatible, run, scenario

JsonObject = dict[str, Any]


def shipped(version: str, **defaults: str) -> JsonObject:
    """Return a version of the scenario with these parameters and their defaults."""
    parameters = [{"name": name, "default": value} for name, value in defaults.items()]
    return scenario("s", version, edges=compatible(), parameters=parameters)


def given_to_the_container(cluster: Cluster) -> JsonObject:
    """Return the parameters in the run context of the pod."""
    annotations = cluster.get("pod", "r-1-0")["metadata"]["annotations"]
    context: JsonObject = json.loads(annotations["scenarios.dev/run-context"])
    found: JsonObject = context["parameters"]
    return found


def warnings(cluster: Cluster, reason: str) -> list[str]:
    """Return what Warning Events about the run say for this reason."""
    found = [e for e in cluster.list("events.events.k8s.io") if e["regarding"]["name"] == "r"]
    return [e["note"] for e in found if (e["type"], e["reason"]) == ("Warning", reason)]


def test_a15_a_users_value_wins_over_a_new_default_and_the_conflict_is_told(cluster: Cluster) -> None:
    """Given p with default a and the user's u, when v2 ships b, then u stays, as an override with a conflict."""
    cluster.apply(shipped("1.0.0", p="a"), run("r", "s", parameters={"p": "u"}))
    cluster.until_settled("r", "1.0.0")

    cluster.apply(shipped("2.0.0", p="b"))
    told = cluster.until_settled("r", "2.0.0")["status"]["parameters"]

    assert told["effective"] == {"p": "u"}
    assert told["overrides"] == ["p"]
    assert told["conflicts"] == [{"name": "p", "userValue": "u", "oldDefault": "a", "newDefault": "b"}]
    assert given_to_the_container(cluster) == {"p": "u"}
    assert cluster.condition("srun", "r", "ParametersConflicting")["status"] == "True"


def test_a16_an_untouched_parameter_follows_its_default_and_goes_with_it(cluster: Cluster) -> None:
    """Given p untouched, when v2 ships b and v3 drops p, then it is b, and then absent."""
    cluster.apply(shipped("1.0.0", p="a"), run("r", "s"))
    cluster.until_settled("r", "1.0.0")
    assert given_to_the_container(cluster) == {"p": "a"}

    cluster.apply(shipped("2.0.0", p="b"))
    cluster.until_settled("r", "2.0.0")
    assert given_to_the_container(cluster) == {"p": "b"}

    cluster.apply(shipped("3.0.0"))
    told = cluster.until_settled("r", "3.0.0")["status"].get("parameters", {})
    assert given_to_the_container(cluster) == {}
    assert told.get("effective", {}) == {}
    assert told.get("orphaned", []) == []


def test_a70_a_users_value_waits_for_its_parameter_to_return(cluster: Cluster) -> None:
    """Given the user's u on p, when v2 drops p and v3 restores it, then u is kept apart and comes back."""
    cluster.apply(shipped("1.0.0", p="a"), run("r", "s", parameters={"p": "u"}))
    cluster.until_settled("r", "1.0.0")

    cluster.apply(shipped("2.0.0"))
    told = cluster.until_settled("r", "2.0.0")["status"]["parameters"]
    assert told["orphaned"] == [{"name": "p", "value": "u"}]
    assert given_to_the_container(cluster) == {}
    warned = cluster.until("a Warning", lambda: warnings(cluster, "UnknownParameter"))
    assert "version 2.0.0 does not declare spec.parameters.p" in warned[0]

    cluster.apply(shipped("3.0.0", p="a"))
    told = cluster.until_settled("r", "3.0.0")["status"]["parameters"]
    assert told.get("orphaned", []) == []
    assert given_to_the_container(cluster) == {"p": "u"}


@pytest.mark.parametrize("mark", ["x", '"', "\\"], ids=["plain", "quotes", "backslashes"])
def test_as_many_parameters_of_such_length_as_the_schema_takes_are_carried_over(
    cluster: Cluster, mark: str
) -> None:
    """Given 64 values of 1,024 characters over 64 defaults that change, then the run arrives, and its pod is told."""
    names = [f"{'p' * 61}{n:02}" for n in range(64)]
    mine = dict.fromkeys(names, "u" + mark * 1023)
    cluster.apply(shipped("1.0.0", **dict.fromkeys(names, "a" + mark * 1023)), run("r", "s", parameters=mine))
    cluster.until_settled("r", "1.0.0")

    cluster.apply(shipped("2.0.0", **dict.fromkeys(names, "b" + mark * 1023)))
    told = cluster.until_settled("r", "2.0.0")["status"]["parameters"]

    assert len(told["conflicts"]) == 64
    assert told["effective"] == mine == given_to_the_container(cluster)


def test_parameters_that_no_pod_can_be_told_are_refused_before_anything_is_touched(cluster: Cluster) -> None:
    """Given a run that works, when its values become longer than its status and its pod can hold, then it says so."""
    names = [f"p{n:02}" for n in range(64)]
    cluster.apply(shipped("1.0.0", **dict.fromkeys(names, "a")), run("r", "s"))
    cluster.until_settled("r", "1.0.0")
    before = cluster.get("pod", "r-1-0")["metadata"]["uid"]

    cluster.apply(run("r", "s", parameters=dict.fromkeys(names, "\u0001" * 1024)))
    told = cluster.until_condition("srun", "r", "ActionRequired", "True", reason="ParametersTooLarge")

    assert told["message"].startswith(
        "spec.parameters, merged with the defaults of version 1.0.0, take 393792 bytes"
    )
    assert cluster.get("pod", "r-1-0")["metadata"]["uid"] == before
