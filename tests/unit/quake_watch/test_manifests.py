"""The manifests of the example say what the code does."""

from pathlib import Path
from typing import Any

import pytest
import yaml

import quake_watch.hooks
from quake_watch.logic import logic_named
from quake_watch.settings import Settings
from scenario_runtime import Places, RunContext

MANIFESTS = Path(quake_watch.hooks.__file__).parent.parent / "manifests"
SCENARIOS = sorted(MANIFESTS.glob("scenario-*.yaml"))


def documents(path: Path) -> list[Any]:
    return list(yaml.safe_load_all(path.read_text()))


@pytest.mark.parametrize("path", SCENARIOS, ids=lambda path: path.stem)
def test_a_scenario_declares_the_state_format_that_its_image_writes(path: Path) -> None:
    (scenario,) = documents(path)
    logic = logic_named(scenario["spec"]["artifact"]["image"].rpartition(":")[2])
    assert scenario["spec"]["state"]["version"] == logic.state_version
    assert scenario["spec"]["state"]["accepts"] == [logic.state_version]


@pytest.mark.parametrize("path", SCENARIOS, ids=lambda path: path.stem)
def test_default_parameters_are_usable(path: Path) -> None:
    (scenario,) = documents(path)
    defaults = {entry["name"]: entry["default"] for entry in scenario["spec"]["parameters"]}
    settings = Settings.of(RunContext(parameters=defaults))
    assert settings.threshold == 5
    assert settings.pause_at is None


@pytest.mark.parametrize("path", SCENARIOS, ids=lambda path: path.stem)
def test_output_classes_are_those_that_the_revert_hook_uses(path: Path) -> None:
    (scenario,) = documents(path)
    declared = {entry["kind"]: entry["class"] for entry in scenario["spec"]["outputs"]}
    assert declared == {kind: which.value for kind, which in quake_watch.hooks.CLASSES.items()}


@pytest.mark.parametrize("path", SCENARIOS, ids=lambda path: path.stem)
def test_every_hook_command_exists(path: Path) -> None:
    (scenario,) = documents(path)
    for name, hook in scenario["spec"]["hooks"].items():
        assert hook["command"][-3:] == ["quake_watch", "hook", name]
        assert name in quake_watch.hooks.HOOKS


@pytest.mark.parametrize("path", SCENARIOS, ids=lambda path: path.stem)
def test_probes_look_for_the_runtimes_files_and_start_no_interpreter(path: Path) -> None:
    """Given a probe every second or two, when it asks, then it costs no more than looking at a file."""
    (scenario,) = documents(path)
    for question in ("started", "ready"):
        probe = scenario["spec"]["workload"][{"started": "startupProbe", "ready": "readinessProbe"}[question]]
        assert probe["exec"]["command"] == ["test", "-e", str(Places().probes / question)]


def test_strategies_that_are_referred_to_exist() -> None:
    strategies = {strategy["metadata"]["name"] for strategy in documents(MANIFESTS / "strategies.yaml")}
    wanted = {
        document["spec"]["upgrade"]["strategyRef"]["name"]
        for path in SCENARIOS
        for document in documents(path)
        if "upgrade" in document["spec"]
    }
    assert wanted == strategies


def test_stopping_is_given_more_time_than_the_grace_period() -> None:
    for strategy in documents(MANIFESTS / "strategies.yaml"):
        for path in SCENARIOS:
            (scenario,) = documents(path)
            grace = scenario["spec"]["workload"]["terminationGracePeriodSeconds"]
            assert strategy["spec"]["timeouts"]["stopSeconds"] > grace
