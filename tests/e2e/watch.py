"""Quake watch in a test: its manifests as they are shipped, its volumes as they are, and the oracle.

The input is one week of 2018 and a run with `pauseAt` idles there with incidents open, so an upgrade in the
middle of the work needs no timing.
"""

from __future__ import annotations

import json
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import yaml

from quake_watch_oracle import Output, Stage, actual, differences, expected, instant
from tests.e2e.release import REGISTRY
from tests.harness.cluster import PATIENCE, ROOT, Cluster, JsonObject

MANIFESTS = ROOT / "examples" / "quake-watch" / "manifests"
SCENARIO = "quake-watch"
MIDDLE = "2018-02-03T12:00:00Z"
END = "2018-02-07T01:26:13.841Z"
FAST = {"speed": "max", "learningSpeed": "max", "checkpointSeconds": "0.2"}

#: Prints every file of the results volume as one JSON object, path to text.
DUMP = """
import json, pathlib
root = pathlib.Path("/scenario/results")
files = {str(p.relative_to(root)): p.read_text() for p in sorted(root.rglob("*")) if p.is_file()}
print(json.dumps(files))
"""


@dataclass(frozen=True)
class Watch:
    """The example in one namespace."""

    cluster: Cluster

    def apply(self, manifest: str, *, force: bool = True, **overrides: JsonObject) -> None:
        """Apply a file of the example as users do; `overrides` go into objects of a Scenario's spec."""
        text = (MANIFESTS / f"{manifest}.yaml").read_text().replace("localhost:5000", REGISTRY)
        documents = list(yaml.safe_load_all(text))
        for document in documents:
            if document["kind"] == "Scenario":
                _hasten(document["spec"])
                for field, value in overrides.items():
                    document["spec"][field] = document["spec"].get(field, {}) | value
        self.cluster.apply(*documents, force=force)

    def start(self, run: str, *, pause_at: str = MIDDLE, **parameters: str) -> JsonObject:
        """Create a run on what is applied, and wait until it is Ready and has worked up to its pause."""
        chosen = {**FAST, "pauseAt": pause_at, **parameters}
        spec = {"scenarioRef": {"name": SCENARIO}, "startFrom": {"mode": "Beginning"}, "parameters": chosen}
        api = "scenarios.dev/v1alpha1"
        self.cluster.apply(
            {"apiVersion": api, "kind": "ScenarioRun", "metadata": {"name": run}, "spec": spec}
        )
        settled = self.cluster.until_settled(run, "1.0.0")
        self.until_idle(run, pause_at)
        return settled

    def go_on(self, run: str) -> None:
        """Take the pause away and wait until the week is over: a restart on the same state."""
        self.cluster.patch("srun", run, {"spec": {"parameters": {"pauseAt": None}}})
        self.until_idle(run, "")
        self.cluster.until(f"{run} at rest", lambda: "upgrade" not in self.cluster.get("srun", run)["status"])

    def show(self, run: str) -> JsonObject:
        """Return what the service says of itself, {} while it is not up."""
        return self._printed(run, "python3", "-m", "quake_watch", "show", "-o", "json")

    def committed(self, run: str) -> JsonObject:
        """Return the state that the service has committed, {} while there is none; cheap enough for a loop."""
        state: JsonObject = self._printed(run, "cat", "/scenario/state/checkpoint.json").get("state", {})
        return state

    def _printed(self, run: str, *command: str) -> JsonObject:
        number = (self.cluster.get("srun", run).get("status") or {}).get("incarnation", 1)
        text = self.cluster.kubectl("exec", f"{run}-{number}-0", "--", *command, check=False)
        try:
            seen: JsonObject = json.loads(text)
        except ValueError:
            return {}
        return seen

    def until_idle(self, run: str, pause_at: str) -> None:
        """Wait until everything before the pause (the end of the input, if none) is taken in and committed."""
        goal = len(expected([Stage("r", "v1", processed_until=instant(pause_at or END))])["r"].events)
        what = f"{run} at {pause_at or 'the end'}, {goal} events"
        self.cluster.until(what, lambda: self.committed(run).get("counter") == goal)

    def approve(self) -> JsonObject:
        """Wait for the plan that needs consent, run the command that the Scenario names, and return the plan."""
        condition = self.cluster.until_condition(
            "scn", SCENARIO, "ActionRequired", "True", "ApprovalRequired"
        )
        (group,) = self.cluster.latest_attempt(SCENARIO)["status"]["groups"]
        self.cluster.carry_out(condition["message"])
        found: JsonObject = group
        return found

    def results(self, run: str) -> dict[str, Output]:
        """Read the results volume through a pod of its own, which knows nothing of the service."""
        reader = f"reader-{run}"
        self.cluster.delete("pod", reader, "--wait=true")
        self.cluster.apply(_reader(reader, f"results-{run}"))
        done = ("wait", f"pod/{reader}", "--for=jsonpath={.status.phase}=Succeeded", PATIENCE)
        self.cluster.kubectl(*done)
        files: Mapping[str, str] = json.loads(self.cluster.kubectl("logs", reader))
        with tempfile.TemporaryDirectory() as folder:
            for name, text in files.items():
                path = Path(folder) / name
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_text(text)
            return actual(Path(folder))

    def assert_results(self, run: str, *stages: Stage) -> dict[str, Output]:
        """Compare what is in the volume with what the oracle works out, and return it."""
        found = self.results(run)
        assert differences(expected(stages), found) == []
        return found


def _hasten(spec: JsonObject) -> None:
    """Ask the kubelet more often and watch a new version for a shorter time; all else is as it is shipped."""
    for probe in ("startupProbe", "readinessProbe"):
        spec["workload"][probe]["periodSeconds"] = 1
    spec.setdefault("upgrade", {"strategy": {"type": "InPlace", "verify": {"stableSeconds": 2}}})


def _reader(name: str, claim: str) -> JsonObject:
    container = {
        "name": "reader",
        "image": f"{REGISTRY}/quake-watch:v1",
        "command": ["python3", "-c", DUMP],
        "volumeMounts": [{"name": "results", "mountPath": "/scenario/results", "readOnly": True}],
    }
    volume = {"name": "results", "persistentVolumeClaim": {"claimName": claim}}
    spec = {"restartPolicy": "Never", "containers": [container], "volumes": [volume]}
    return {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name}, "spec": spec}
