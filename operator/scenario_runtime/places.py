"""Where the contract puts things.

In a container nothing needs to be set. For tests and local runs `SCENARIO_ROOT` moves everything below one
directory; the termination log and the probe directory can also be moved alone.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from .errors import ContextError


@dataclass(frozen=True, slots=True)
class Places:
    """The paths of one container; use `Places.of(os.environ)`."""

    root: Path = Path("/scenario")
    termination_log: Path = Path("/dev/termination-log")
    probes: Path = Path("/tmp/scenario")  # noqa: S108 - the container's own emptyDir

    @classmethod
    def of(cls, env: Mapping[str, str]) -> "Places":
        """Read `SCENARIO_ROOT`, `SCENARIO_TERMINATION_LOG` and `SCENARIO_PROBE_DIR`.

        Raises ContextError on a relative path.
        """
        root = env.get("SCENARIO_ROOT")
        places = cls(Path(root), Path(root, "termination-log"), Path(root, "probe")) if root else cls()
        moved = cls(
            places.root,
            Path(env.get("SCENARIO_TERMINATION_LOG") or places.termination_log),
            Path(env.get("SCENARIO_PROBE_DIR") or places.probes),
        )
        for path in (moved.root, moved.termination_log, moved.probes):
            if not path.is_absolute():
                raise ContextError(f"not an absolute path: {path}")
        return moved

    @property
    def run_json(self) -> Path:
        """The run context."""
        return self.root / "run.json"

    @property
    def item_json(self) -> Path:
        """The item of an item hook."""
        return self.root / "item.json"

    @property
    def state(self) -> Path:
        """This incarnation's stored state."""
        return self.root / "state"

    @property
    def state_old(self) -> Path:
        """Read-only state that a `migrate` hook starts from."""
        return self.root / "state-old"

    @property
    def results(self) -> Path:
        """The results of all incarnations, if the Scenario declares any."""
        return self.root / "results"

    @property
    def artifact(self) -> Path:
        """The artifact's files, read-only."""
        return self.root / "artifact"
