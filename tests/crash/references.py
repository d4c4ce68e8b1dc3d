"""The upgrades that are disturbed at every call, each small enough to be run hundreds of times."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from tests.harness.objects import compatible, incompatible, run, scenario, sim, strategy

JsonObject = dict[str, Any]


@dataclass(frozen=True)
class Reference:
    """A way from one settled state to another: what is applied before, and what sets it going.

    `version` is the one that the run is on at the end, `outcome` that of its attempt; "" where it has none.
    """

    name: str
    before: tuple[JsonObject, ...]
    move: tuple[JsonObject, ...]
    version: str
    outcome: str = ""

    def settled(self, world: Mapping[str, JsonObject]) -> bool:
        """Say whether a snapshot shows the end: nothing open, everything reported."""
        status = (world.get("ScenarioRun/r") or {}).get("status") or {}
        if (status.get("applied") or {}).get("version") != self.version or "upgrade" in status:
            return False
        conditions = {c["type"]: c["status"] for c in status.get("conditions") or ()}
        if "RolledBack" not in conditions and conditions.get("Ready") != "True":
            return False
        return not self.outcome or self.outcome in _outcomes(world)


def first_settled(world: Mapping[str, JsonObject]) -> bool:
    """Say whether the run works on its first version, and its Scenario says so."""
    return Reference("", (), (), "1.0.0").settled(world) and rolled_out(world["Scenario/s"])


def rolled_out(scenario: JsonObject) -> bool:
    """Say whether a Scenario says that all its runs are on the version that stands."""
    status = scenario.get("status") or {}
    if status.get("observedGeneration") != scenario["metadata"]["generation"]:
        return False
    return any(c["type"] == "RolledOut" and c["status"] == "True" for c in status.get("conditions") or ())


def _outcomes(world: Mapping[str, JsonObject]) -> list[str]:
    attempts = [obj.get("status") or {} for name, obj in world.items() if name.startswith("ScenarioUpgrade/")]
    if not all("completionTime" in status for status in attempts):
        return []
    return [entry["outcome"] for status in attempts for entry in status.get("runs") or ()]


def _v(version: str, kind: str, **more: Any) -> JsonObject:
    timeouts = more.pop("timeouts", {})
    chosen = strategy(kind, approval="Never", **({"timeouts": timeouts} if timeouts else {}))
    chosen["retry"] = {"maxAttempts": 1, "backoffSeconds": 1}
    return scenario("s", version, strategy=chosen, **more)


_RUN = run("r", "s")
_FAILING_HOOK = {
    "revert": {"command": sim(message='{"reverted": 3, "kept": 0}')},
    "verify": {"command": sim(exit=1, message="not good")},
}


def _recompute() -> JsonObject:
    return run("r", "s", recomputeNonce="again")


REFERENCES = (
    Reference("first start", (), (_v("1.0.0", "InPlace"), _RUN), "1.0.0"),
    Reference(
        "keep",
        (_v("1.0.0", "InPlace"), _RUN),
        (_v("2.0.0", "InPlace", edges=compatible()),),
        "2.0.0",
        "Upgraded",
    ),
    Reference(
        "keep, rolled back",
        (_v("1.0.0", "InPlace"), _RUN),
        (
            _v(
                "2.0.0",
                "InPlace",
                edges=compatible(),
                command=sim(neverStart=True),
                timeouts={"startSeconds": 3},
            ),
        ),
        "1.0.0",
        "RolledBack",
    ),
    Reference(
        "keep, new format",
        (_v("1.0.0", "InPlace"), _RUN),
        (_v("2.0.0", "InPlace", state="2", accepts=["1", "2"], edges=compatible()),),
        "2.0.0",
        "Upgraded",
    ),
    Reference(
        "ForwardOnly",
        (_v("1.0.0", "ForwardOnly"), _RUN),
        (_v("2.0.0", "ForwardOnly", state="2", edges=incompatible()),),
        "2.0.0",
        "Recomputed",
    ),
    Reference(
        "Continuation",
        (_v("1.0.0", "Continuation"), _RUN),
        (_v("2.0.0", "Continuation", state="2", edges=incompatible()),),
        "2.0.0",
        "Continued",
    ),
    Reference(
        "Continuation, rolled back",
        (_v("1.0.0", "Continuation"), _RUN),
        (_v("2.0.0", "Continuation", state="2", edges=incompatible(), hooks=_FAILING_HOOK),),
        "1.0.0",
        "RolledBack",
    ),
    Reference(
        "recompute",
        (_v("1.0.0", "ForwardOnly"), _RUN),
        (_recompute(),),
        "1.0.0",
        "Recomputed",
    ),
)
