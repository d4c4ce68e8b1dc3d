"""The language in which a test tells simulated containers what to do."""

import json
from typing import Any

import pytest

from beds import behaviour

NOW = "2026-01-01T00:00:00Z"


def pod(
    policy: str = "Always", annotations: dict[str, str] | None = None, **container: Any
) -> dict[str, Any]:
    metadata = {"name": "p", "namespace": "n", "uid": "u", "annotations": annotations or {}}
    return {"metadata": metadata, "spec": {"restartPolicy": policy, "containers": [container]}}


def of(made: dict[str, Any]) -> behaviour.Behaviour:
    return behaviour.of(made, made["spec"]["containers"][0])


def test_a_long_running_pod_reports_when_it_is_stopped() -> None:
    words = of(pod()).last_words(NOW, {"SCENARIO_STATE_VERSION": "3"})
    assert json.loads(words) == {"processedUntil": NOW, "stateVersion": "3"}


def test_a_job_ends_by_itself_and_says_nothing() -> None:
    does = of(pod("Never"))
    assert does.runFor is not None
    assert (does.exit, does.last_words(NOW, {})) == (0, "")


def test_the_command_says_what_happens_and_an_annotation_overrides_it() -> None:
    command = ["sim", '{"crashAfter": 1, "report": {"at": ["$now"]}}']
    does = of(pod(annotations={behaviour.ANNOTATION: '{"crashAfter": 2}'}, command=command))
    assert does.crashAfter == 2
    assert json.loads(does.last_words(NOW, {})) == {"at": [NOW]}


def test_pods_of_one_template_may_differ_by_their_names() -> None:
    """Given a Job that is made again under another number, then its pod does something else from its first moment."""
    command = ["sim", '{"runFor": 3600, "inPods": {"-p3-": {"runFor": 0}}}']
    made = pod("Never", command=command)
    assert of(made).runFor == 3600
    made["metadata"]["name"] = "r-p3-verify-0-x7k2q"
    assert of(made).runFor == 0


@pytest.mark.parametrize("command", [["/.scenario-probe-x"], ["/scenario/does-not-exist"]])
def test_a_program_that_does_not_exist_cannot_start(command: list[str]) -> None:
    assert of(pod("Never", command=command)).startError


def test_a_misspelt_field_is_an_error() -> None:
    with pytest.raises(ValueError, match="readyafter"):
        of(pod(command=["sim", '{"readyafter": 1}']))


def test_messages_are_cut_at_four_kibibytes_without_breaking_a_character() -> None:
    words = of(pod(command=["sim", json.dumps({"message": "x" * 4095 + "é"})])).last_words(NOW, {})
    assert words == "x" * 4095


def test_environment_follows_field_references() -> None:
    path = "metadata.annotations['run/state']"
    env = [
        {"name": "A", "value": "1"},
        {"name": "B", "valueFrom": {"fieldRef": {"fieldPath": path}}},
        {"name": "C", "valueFrom": {"fieldRef": {"fieldPath": "metadata.name"}}},
    ]
    made = pod(annotations={"run/state": "7"}, env=env)
    assert behaviour.environment(made, made["spec"]["containers"][0]) == {"A": "1", "B": "7", "C": "p"}


def test_images_keep_a_digest_and_otherwise_get_one_of_their_own() -> None:
    images = behaviour.Images.of({"digests": '{"r:5000/a:2": "sha256:mapped"}'})
    assert images.identity("r:5000/a@sha256:given") == "r:5000/a@sha256:given"
    assert images.identity("r:5000/a:2") == "r:5000/a@sha256:mapped"
    assert images.identity("r:5000/a:1").startswith("r:5000/a@sha256:")
    assert images.identity("r:5000/a:1") != images.identity("r:5000/a:3")


def test_a_missing_image_is_there_once_it_is_listed() -> None:
    assert not behaviour.Images().pullable("r/missing:1")
    assert behaviour.Images.of({"present": "r/other:1, r/missing:1"}).pullable("r/missing:1")
    assert behaviour.Images().pullable("r/x:1")
