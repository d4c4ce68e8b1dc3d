"""What the operator tells a container about its run.

`/scenario/run.json`, or the flat environment where there is no such file.

Read once at start. The file is a view of a pod annotation and may change under a running container; what
was resolved for this start holds.
"""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from .errors import ContextError
from .places import Places
from .times import parse_time


@dataclass(frozen=True, slots=True)
class Window:
    """What part of the input this incarnation may use.

    Bounds are inclusive; None means from the beginning.
    """

    start_from: datetime | None = None
    output_actions_from: datetime | None = None
    notifications_from: datetime | None = None

    def takes(self, at: datetime) -> bool:
        """Whether input of event time `at` belongs to this incarnation at all."""
        return self.start_from is None or at >= self.start_from

    def acts(self, at: datetime) -> bool:
        """Whether an effect of event time `at` may be written.

        False is learning: build the state, produce nothing.
        """
        return self.output_actions_from is None or at >= self.output_actions_from

    def notifies(self, at: datetime) -> bool:
        """Whether somebody may be told of an effect of event time `at`. Never true where `acts` is not."""
        return self.acts(at) and (self.notifications_from is None or at >= self.notifications_from)

    def learned(self, processed_until: datetime | None) -> bool:
        """Whether learning is over at a position, so that whatever comes next is acted upon.

        The meaning of readiness.
        """
        if self.output_actions_from is None:
            return True
        return processed_until is not None and processed_until >= self.output_actions_from


@dataclass(frozen=True, slots=True)
class RunContext:
    """The run as this container sees it.

    Fields that the operator did not give are empty (a `validate` hook has no run).
    """

    scenario: str = ""
    version: str = ""
    description: str = ""
    run: str = ""
    run_id: str = ""
    incarnation: int = 0
    window: Window = field(default_factory=Window)
    parameters: Mapping[str, Any] = field(default_factory=dict)
    state_version: str = ""
    upgrade: Mapping[str, Any] = field(default_factory=dict)

    @classmethod
    def load(cls, places: Places, env: Mapping[str, str]) -> "RunContext":
        """Read run.json, or the environment if there is no run.json; raises ContextError."""
        try:
            text = places.run_json.read_text(encoding="utf-8")
        except FileNotFoundError:
            return cls._from_env(env)
        except (OSError, UnicodeDecodeError) as error:
            raise ContextError(f"{places.run_json}: {error}") from error
        try:
            return cls._from_json(json.loads(text))
        except ValueError as error:
            raise ContextError(f"{places.run_json} is not JSON: {error}") from error

    def parameter(self, name: str, default: str) -> str:
        """A parameter's effective value as text.

        `default` only where the operator passed none (a local run).
        """
        value = self.parameters.get(name)
        if value is None:
            return default
        return value if isinstance(value, str) else json.dumps(value)

    @classmethod
    def _from_json(cls, data: Any) -> "RunContext":
        if not isinstance(data, dict):
            raise ContextError("run.json is not an object")
        window = _object(data, "window")
        return cls(
            scenario=_text(data, "scenario"),
            version=_text(data, "version"),
            description=_text(data, "description"),
            run=_text(data, "run"),
            run_id=_text(data, "runID"),
            incarnation=_number(_text(data, "incarnation")),
            window=_window(lambda bound: _text(window, bound)),
            parameters=_object(data, "parameters"),
            state_version=_text(data, "stateVersion"),
            upgrade=_object(data, "upgrade"),
        )

    @classmethod
    def _from_env(cls, env: Mapping[str, str]) -> "RunContext":
        names = {
            "startFrom": "SCENARIO_START_FROM",
            "outputActionsFrom": "SCENARIO_OUTPUT_ACTIONS_FROM",
            "notificationsFrom": "SCENARIO_NOTIFICATIONS_FROM",
        }
        return cls(
            scenario=env.get("SCENARIO_NAME", ""),
            version=env.get("SCENARIO_VERSION", ""),
            run=env.get("SCENARIO_RUN", ""),
            run_id=env.get("SCENARIO_RUN_ID", ""),
            incarnation=_number(env.get("SCENARIO_INCARNATION", "")),
            window=_window(lambda bound: env.get(names[bound], "")),
            state_version=env.get("SCENARIO_STATE_VERSION", ""),
        )


def _window(bound: Callable[[str], str]) -> Window:
    def instant(name: str) -> datetime | None:
        text = bound(name)
        return parse_time(text) if text else None

    return Window(instant("startFrom"), instant("outputActionsFrom"), instant("notificationsFrom"))


def _text(data: Mapping[str, Any], key: str) -> str:
    value = data.get(key)
    if value is None:
        return ""
    if isinstance(value, str | int):
        return str(value)
    raise ContextError(f"{key}: expected text, found {value!r}")


def _number(text: str) -> int:
    if not text:
        return 0
    if not text.isascii() or not text.isdigit():
        raise ContextError(f"incarnation: expected a number, found {text!r}")
    return int(text)


def _object(data: Mapping[str, Any], key: str) -> Mapping[str, Any]:
    value = data.get(key)
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise ContextError(f"{key}: expected an object, found {value!r}")
    return value
