"""The play, act by act. Every step is looked at; what does not happen ends it with the story of what is seen."""

from __future__ import annotations

import json
import shlex
import time
from collections.abc import Callable, Sequence
from typing import Final, TypeVar

from rich.table import Table

from demo import proof
from demo.place import NAME, ROOT, DemoError, JsonObject, Place
from demo.screen import Screen
from quake_watch_oracle import Stage, instant

T = TypeVar("T")
Tell = Callable[[str], None]

MANIFESTS: Final = "examples/quake-watch/manifests"
WATCH, LIVE = "quake-watch", "quake-watch-live"
RUNS: Final = {"quakes-all": WATCH, "quakes-large": WATCH, "live-all": LIVE}
THRESHOLDS: Final = {"quakes-large": 10}
LIVE_RUN: Final = """\
apiVersion: scenarios.dev/v1alpha1
kind: ScenarioRun
metadata: {name: live-all}
spec:
  scenarioRef: {name: quake-watch-live}
  startFrom: {mode: Beginning}
  parameters: {speed: x2000}
"""


class Play:
    """One performance."""

    def __init__(self, screen: Screen, place: Place) -> None:
        self._screen = screen
        self._place = place

    # The acts

    def first_start(self) -> None:
        """Two services in their first version, three runs."""
        self._screen.act(
            2,
            "three runs of version 1.0.0",
            "Quake watch replays a real week of earthquakes, finds swarms, and keeps state: what it has seen, "
            "and which incidents are open.",
        )
        self._apply("strategies.yaml")
        self._apply("scenario-v1.yaml")
        self._apply("scenario-v1.yaml", LIVE)
        self._apply("run.yaml")
        self._screen.command(
            "kubectl apply -f -   # live-all, a run of quake-watch-live at a third of the speed"
        )
        self._place.kubectl("apply", "-f", "-", stdin=LIVE_RUN)
        with self._screen.doing(
            "image pulled and resolved to its digest, hooks.validate run, pods started"
        ) as tell:
            for run in RUNS:
                self._settled(run, "1.0.0", 120, tell)
        self._working(RUNS)

    def in_place(self) -> None:
        """v1.1 is declared compatible: state and identity stay, nobody is asked."""
        self._screen.act(
            3,
            "1.0.0 → 1.1.0, compatible",
            "The new version says that it reads the old state. So the pods are replaced on their volumes, "
            "and nobody has to approve anything.",
        )
        claims = {run: self._uid("pvc", f"state-{run}-1-0") for run in self._of(WATCH)}
        before = {run: self._show(run)["counter"] for run in self._of(WATCH)}
        self._apply("scenario-v1.1.yaml")
        attempt = self._attempt(WATCH, 1)
        self._screen.plan(_only_group(attempt))
        with self._screen.doing("both runs upgraded in place") as tell:
            for run in self._of(WATCH):
                self._settled(run, "1.1.0", 120, tell)
        for run in self._of(WATCH):
            self._expect(
                self._uid("pvc", f"state-{run}-1-0") == claims[run], f"{run} has another state volume"
            )
            shown = self._show(run)
            self._expect(
                shown["counter"] >= before[run], f"{run} counts {shown['counter']}, had {before[run]}"
            )
            self._proven(run, shown, Stage(f"{run}-1", "v1", threshold=THRESHOLDS.get(run, 5)))
            self._screen.good(
                f"{run}: same volume, {before[run]} events before, {shown['counter']} now; "
                "none lost, none taken in twice"
            )
        self._reported(WATCH, 1, "Upgraded")

    def forward_only(self) -> None:
        """v2 cannot read the state; everything is recomputed, after a person agreed."""
        self._screen.act(
            4,
            "1.1.0 → 2.0.0, incompatible, strategy ForwardOnly",
            "Tectonic zones instead of squares: the state is of no use, and the old incidents are wrong. "
            "They are taken back, the week is computed anew, and nobody is notified about the past again.",
        )
        self._apply("scenario-v2-forward-only.yaml")
        self._approved(WATCH, 2)
        with self._screen.doing("both runs recomputed, one after the other") as tell:
            for run in self._of(WATCH):
                self._settled(run, "2.0.0", 180, tell)
        for run in self._of(WATCH):
            self._expect(
                not self._place.find("pvc", f"state-{run}-1-0"), f"the old state of {run} is still there"
            )
            until = instant(self._status(run)["lastStop"]["processedUntil"])
            few = THRESHOLDS.get(run, 5)
            shown = self._show(run)
            old = Stage(f"{run}-1", "v1", processed_until=until, reverted=True, threshold=few)
            self._proven(run, shown, old, Stage(f"{run}-2", "v2", notifications_from=until, threshold=few))
            self._screen.good(
                f"{run}: results equal those of 2.0.0 alone; silent about everything before {until:%d %B %H:%M}"
            )
        self._reported(WATCH, 2, "Recomputed")

    def continuation(self) -> None:
        """The same step as a continuation: old results stay, the new version learns and takes over."""
        self._screen.act(
            5,
            "1.0.0 → 2.0.0, incompatible, strategy Continuation",
            "The other service keeps what it has published. The new version learns from the same input, silently, "
            "up to the very instant at which the old one stopped, and acts from there.",
        )
        self._apply("scenario-v2-continuation.yaml", LIVE)
        self._approved(LIVE, 1)
        with self._screen.doing("learnt and handed over") as tell:
            self._settled("live-all", "2.0.0", 180, tell)
        until = instant(self._status("live-all")["lastStop"]["processedUntil"])
        shown = self._show("live-all")
        self._proven(
            "live-all",
            shown,
            Stage("live-all-1", "v1", processed_until=until),
            Stage("live-all-2", "v2", output_actions_from=until, notifications_from=until),
        )
        speed = self._status("live-all")["parameters"]["effective"]["speed"]
        self._expect(speed == "x2000", f"the user's speed is lost: {speed}")
        self._screen.good(
            f"live-all: every change before {until:%d %B %H:%M:%S} is from 1.0.0, every later one from 2.0.0"
        )
        self._reported(LIVE, 1, "Continued")

    def final(self) -> None:
        """What there is in the end, and what to try next."""
        self._screen.act(6, "what there is now", "As the services say themselves, from inside their pods.")
        table = Table()
        for column in ("incarnation", "version", "its results", "events", "incidents", "notified"):
            table.add_column(column, overflow="fold")
        for run in RUNS:
            for row in self._rows(run):
                table.add_row(*row)
        self._screen.console.print(table)
        self._screen.command(f"kubectl -n {NAME} get scenarios,scenarioruns,scenarioupgrades")
        self._screen.console.print(self._place.kubectl("get", "scn,srun,supg"), markup=False, soft_wrap=True)

    # What acts are made of

    def _apply(self, file: str, scenario: str = WATCH) -> None:
        """Apply a manifest of the example, visibly; for another Scenario under its name."""
        path = f"{MANIFESTS}/{file}"
        changes = []
        if scenario != WATCH:
            changes.append(f"s/^  name: {WATCH}$/  name: {scenario}/")
        if self._place.registry != "localhost:5000":
            changes.append(f"s#localhost:5000#{self._place.registry}#")
        command = f"kubectl -n {NAME} apply -f {path}"
        if changes:
            script = shlex.quote("; ".join(changes))
            command = f"sed {script} {path} | kubectl -n {NAME} apply -f -"
        self._screen.command(command)
        self._place.shell(f"cd {shlex.quote(str(ROOT))}; {command}")

    def _approved(self, scenario: str, sequence: int) -> None:
        """Show the plan that waits, and give consent with the very command that the Scenario asks for."""
        with self._screen.doing("the plan is made; it destroys something, so it waits for a person") as tell:
            message = self._until(
                f"scenario {scenario} asks for approval",
                lambda: self._condition("scn", scenario, "ActionRequired", "ApprovalRequired"),
                90,
                tell,
            )["message"]
        group = _only_group(self._attempt(scenario, sequence))
        self._screen.plan(group)
        for run in self._of(scenario):
            self._expect("upgrade" not in self._status(run), f"{run} was touched before anybody agreed")
        self._screen.good("nothing has been touched so far")
        command = message[message.index("kubectl ") :]
        self._screen.say("the Scenario's condition ActionRequired names the command; we run it as the admin:")
        self._screen.command(command)
        self._place.shell(command)
        self._expect(group["hash"] in command, "the command approves another plan than the one shown")

    def _attempt(self, scenario: str, sequence: int) -> JsonObject:
        def look() -> JsonObject:
            found = self._place.find("supg", f"{scenario}-{sequence}")
            return found if (found.get("status") or {}).get("groups") else {}

        return self._until(f"a ScenarioUpgrade {scenario}-{sequence} with its plan", look, 90)

    def _reported(self, scenario: str, sequence: int, outcome: str) -> None:
        """Show the report of an attempt, which has to be finished and as expected."""

        def look() -> JsonObject:
            found = self._place.find("supg", f"{scenario}-{sequence}")
            return found if (found.get("status") or {}).get("completionTime") else {}

        attempt = self._until(f"{scenario}-{sequence} finished", look, 60)
        outcomes = {entry["name"]: entry["outcome"] for entry in attempt["status"]["runs"]}
        self._expect(outcomes == dict.fromkeys(self._of(scenario), outcome), f"the report says {outcomes}")
        self._screen.report(attempt)

    def _settled(self, run: str, version: str, seconds: float, tell: Tell) -> None:
        """Wait until a run is Ready on a version with nothing under way."""

        def look() -> bool:
            found = {name: self._place.find("srun", name) for name in self._of(RUNS[run])}
            tell(", ".join(f"{name} {_phase(obj)}" for name, obj in found.items()))
            status = found[run].get("status") or {}
            here = (status.get("applied") or {}).get("version") == version and "upgrade" not in status
            return here and any(
                c["type"] == "Ready" and c["status"] == "True" for c in status.get("conditions") or []
            )

        self._until(f"{run} Ready on {version}", look, seconds)

    def _working(self, runs: Sequence[str] | dict[str, str]) -> None:
        """Every run has taken in something."""
        with self._screen.doing("events come in") as tell:
            for run in runs:
                shown = self._until(f"{run} has taken in events", lambda run=run: self._counting(run), 60)  # type: ignore[misc]
                tell(f"{run}: {shown['counter']} events, until {shown['processedUntil']}")

    def _counting(self, run: str) -> JsonObject:
        shown = self._show(run)
        return shown if shown["counter"] > 0 else {}

    def _show(self, run: str) -> JsonObject:
        """Ask the service itself, in its pod; a slow machine may need more than one attempt."""
        number = self._status(run)["incarnation"]
        command = (
            "exec",
            f"{run}-{number}-0",
            "--",
            "python3",
            "-m",
            "quake_watch",
            "show",
            "-o",
            "json",
            "--events",
        )

        def look() -> JsonObject:
            try:
                shown: JsonObject = json.loads(self._place.kubectl(*command))
            except DemoError:
                return {}
            return shown

        return self._until(f"an answer from {run}-{number}-0", look, 30)

    def _rows(self, run: str) -> list[tuple[str, ...]]:
        versions = {each["runID"]: each["version"] for each in self._status(run)["incarnations"]}
        live = self._status(run)["runID"]
        rows: list[tuple[str, ...]] = []
        for each in self._show(run)["incarnations"]:
            number = each["runID"]
            state = "taken back" if each["reverted"] else "live" if number == live else "kept"
            incidents = len({record["incident"] for record in each["incidents"]})
            counts = (str(len(each["events"])), str(incidents), str(len(each["notifications"])))
            rows.append((number, versions.get(number, "-"), state, *counts))
        return rows

    def _proven(self, run: str, shown: JsonObject, *stages: Stage) -> None:
        found = proof.mistakes(shown, *stages)
        more = f"\n… and {len(found) - 10} more" if len(found) > 10 else ""
        self._expect(
            not found, f"the results of {run} are not what they must be:\n" + "\n".join(found[:10]) + more
        )

    def _condition(self, kind: str, name: str, condition: str, reason: str) -> JsonObject:
        conditions = (self._place.find(kind, name).get("status") or {}).get("conditions") or []
        fits = (
            c
            for c in conditions
            if c["type"] == condition and c["status"] == "True" and c["reason"] == reason
        )
        return next(fits, {})

    def _status(self, run: str) -> JsonObject:
        status: JsonObject = self._place.find("srun", run).get("status") or {}
        return status

    def _uid(self, kind: str, name: str) -> str:
        found = self._place.find(kind, name)
        self._expect(bool(found), f"there is no {kind} {name}")
        return str(found["metadata"]["uid"])

    def _of(self, scenario: str) -> list[str]:
        return [run for run, follows in RUNS.items() if follows == scenario]

    def _expect(self, holds: bool, otherwise: str) -> None:
        if not holds:
            raise DemoError(otherwise)

    def _until(self, what: str, look: Callable[[], T], seconds: float, tell: Tell | None = None) -> T:
        end = time.monotonic() + seconds
        while not (seen := look()):
            if time.monotonic() > end:
                raise DemoError(f"did not happen within {seconds:.0f} s: {what}")
            if tell is not None:
                tell("")
            time.sleep(0.5)
        return seen


def _only_group(attempt: JsonObject) -> JsonObject:
    groups = attempt["status"]["groups"]
    if len(groups) != 1:
        raise DemoError(f"{len(groups)} plans instead of one: {json.dumps(groups, indent=1)}")
    group: JsonObject = groups[0]
    return group


def _phase(run: JsonObject) -> str:
    """Say where a run is: its step while something is under way, its reason otherwise."""
    conditions = (run.get("status") or {}).get("conditions") or []
    seen = {c["type"]: c for c in conditions if c["status"] == "True"}
    told = seen.get("Learning") or seen.get("Reconciling")
    if told is not None:
        return "learning" if told["type"] == "Learning" else str(told["reason"])
    behind: JsonObject = next((c for c in conditions if c["type"] == "UpToDate"), {})
    return str(behind.get("reason") or "waiting")
