"""Quake watch in this process: the real service over real files, without waiting, stopped and killed on purpose."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

from tests.unit.runtime.faulty_disk import QuickDisk

from quake_watch.hooks import HOOKS
from quake_watch.logic import logic_named
from quake_watch.service import Replay
from quake_watch.settings import Settings
from quake_watch_oracle import INPUT, read, rfc3339
from scenario_runtime import Disk, Incarnation, Stop, run_hook, serve

QUAKES = read(INPUT)
CHECKPOINT = "checkpoint.json"


@dataclass
class Pod:
    """One incarnation of run `a` below one directory: results shared, state its own."""

    base: Path
    number: int = 1
    window: dict[str, str | None] = field(default_factory=dict)

    @property
    def run_id(self) -> str:
        return f"a-{self.number}"

    @property
    def root(self) -> Path:
        return self.base / self.run_id

    @property
    def results(self) -> Path:
        return self.base / "results"

    @property
    def report(self) -> Any:
        return json.loads((self.root / "termination-log").read_bytes())

    @property
    def processed_until(self) -> datetime:
        return datetime.fromisoformat(self.report["processedUntil"])

    def run(
        self,
        logic: str,
        until: datetime | None = None,
        commit_every: float = 1000,
        disk: Disk | None = None,
        parameters: Mapping[str, str] | None = None,
    ) -> int:
        """Work up to `until` (exclusive; None: all input), then stop as SIGTERM would; the exit code."""
        self._prepare(
            {
                "pauseAt": rfc3339(until) if until else "",
                "checkpointSeconds": str(commit_every),
                **(parameters or {}),
            }
        )
        chosen = logic_named(logic)

        def work(incarnation: Incarnation) -> None:
            Replay(incarnation, chosen, Settings.of(incarnation.context)).run()

        return serve(
            work, chosen.state_version, env=self._env(), stop=_StopAtTheEnd(), disk=disk or QuickDisk()
        )

    def hook(self, name: str, logic: str) -> Any:
        self._prepare({})
        chosen = logic_named(logic)
        code = run_hook(lambda context: HOOKS[name](context, chosen), env=self._env())
        return code, self.report

    def _env(self) -> dict[str, str]:
        return {"SCENARIO_ROOT": str(self.root)}

    def _prepare(self, parameters: dict[str, str]) -> None:
        self.root.mkdir(parents=True, exist_ok=True)
        self.results.mkdir(exist_ok=True)
        if not (self.root / "results").exists():
            (self.root / "results").symlink_to(self.results)
        context = {
            "run": "a",
            "runID": self.run_id,
            "incarnation": self.number,
            "window": self.window,
            "parameters": {"speed": "max", "learningSpeed": "max", **(parameters or {})},
        }
        (self.root / "run.json").write_text(json.dumps(context))


class _StopAtTheEnd(Stop):
    """Stops the idling at the end of the input, nothing before."""

    def wait(self, seconds: float | None) -> bool:
        if seconds is None:
            self.request()
        return super().wait(seconds)
