"""Hooks: a command that answers with an exit code and a message.

Exit 0 is done, 10 is work required (checks only), anything else is failed. The message is JSON, so its
numbers become facts of the step. Hooks run at least once: a second run after a success must succeed again
and answer the same.
"""

import json
import logging
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from .context import RunContext
from .disk import Disk
from .errors import ContextError, ScenarioError
from .places import Places
from .report import MAX_REPORT_BYTES

_log = logging.getLogger("scenario_runtime")

_DONE, _FAILED, _WORK_REQUIRED = 0, 1, 10


@dataclass(frozen=True, slots=True)
class Answer:
    """An exit code, words for people, and facts.

    Numbers for the account, or `outputs`, `physicalIDs`, `sourceDigest` of an item.
    """

    exit_code: int
    message: str = ""
    facts: Mapping[str, Any] = field(default_factory=dict)

    def encode(self) -> bytes:
        """At most 4 KiB of JSON.

        The message is cut, the facts are not (unless they alone are too long, which is an error).
        """
        message = self.message
        while True:
            body = {"message": message, **self.facts}
            data = json.dumps(body, separators=(",", ":"), ensure_ascii=False).encode()
            if len(data) <= MAX_REPORT_BYTES:
                return data
            if not message:
                raise ValueError(f"the facts of a hook's answer exceed {MAX_REPORT_BYTES} bytes")
            message = message[: len(message) * 3 // 4]


def done(message: str = "", **facts: Any) -> Answer:
    """Nothing is left to do; numbers among `facts` enter the report."""
    return Answer(_DONE, message, facts)


def work_required(message: str = "", **facts: Any) -> Answer:
    """For checks only: nothing is wrong, but the item's `do` has to run."""
    return Answer(_WORK_REQUIRED, message, facts)


def failed(message: str, **facts: Any) -> Answer:
    """The step fails with these words, and may be tried again."""
    return Answer(_FAILED, message, facts)


@dataclass(frozen=True, slots=True)
class HookContext:
    """The run as the hook sees it, which hook this is, which upgrade asked, and the item of an item hook
    (else empty).
    """

    run: RunContext
    places: Places
    hook: str = ""
    upgrade: str = ""
    item: str = ""
    item_data: Mapping[str, Any] = field(default_factory=dict)

    @classmethod
    def load(cls, env: Mapping[str, str]) -> "HookContext":
        """Raises ContextError."""
        places = Places.of(env)
        item_data: Any = {}
        if places.item_json.exists():
            try:
                item_data = json.loads(places.item_json.read_bytes())
            except ValueError as error:
                raise ContextError(f"{places.item_json} is not JSON: {error}") from error
        return cls(
            run=RunContext.load(places, env),
            places=places,
            hook=env.get("SCENARIO_HOOK", ""),
            upgrade=env.get("SCENARIO_UPGRADE", ""),
            item=env.get("SCENARIO_ITEM", ""),
            item_data=item_data,
        )


def run_hook(
    work: Callable[[HookContext], Answer],
    *,
    env: Mapping[str, str] | None = None,
    disk: Disk | None = None,
) -> int:
    """Call `work`, write its answer to the termination log and return the exit code.

    An exception is a failure with its words.
    """
    env = os.environ if env is None else env
    places = Places.of(env)
    try:
        answer = work(HookContext.load(env))
        data = answer.encode()
    except ScenarioError as error:
        answer = failed(str(error))
        data = answer.encode()
    except Exception as error:  # noqa: BLE001 - the process boundary: the step's message says what happened
        _log.exception("hook failed")
        answer = failed(f"{type(error).__name__}: {error}")
        data = answer.encode()
    (disk or Disk()).write(places.termination_log, data)
    return answer.exit_code
