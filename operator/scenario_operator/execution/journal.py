"""The journal: the plan in progress, in the run's status. Progress lives here and nowhere else.

`begun` is written before the first effect of a step, so the point of no return is on record before it is
crossed. Facts are write-once. All collections are sorted tuples: a journal is hashable and has one form.
"""

from __future__ import annotations

import json
from typing import Any, NamedTuple

from scenario_operator.api.journal import Heading, Turn
from scenario_operator.planning.plan import Cause, End, Snapshot
from scenario_operator.planning.steps import Step


class Begun(NamedTuple):
    """A step that was about to have effects, since epoch seconds `at`."""

    id: str
    at: float


class Try(NamedTuple):
    """Failures of one step; `uid` names the last Job counted, so that none counts twice.

    `number` is that of the current try, part of its Job's name: it only grows, so that a reset of `failures`
    never takes a Job that is running for one that is swept.
    """

    step: str
    failures: int
    uid: str
    at: float
    message: str = ""
    number: int = 0


class Failure(NamedTuple):
    """Why a plan turned or waits."""

    step: str
    reason: str
    message: str
    at: float


class Journal(NamedTuple):
    """One plan being carried out.

    `aborted`: an abort was handled, once and for all. `gave_up`: it came too late to go back, so retries stop until
    somebody asks for one.
    """

    id: str
    plan_hash: str
    cause: Cause
    source: End
    target: End
    level: str
    strategy: Snapshot
    steps: tuple[Step, ...]
    live: int
    upcoming: int
    opened_at: float
    grant_id: str = ""
    attempt: str = ""
    desire: str = ""
    heading: Heading = Heading.FORWARD
    path: tuple[Step, ...] = ()
    begun: tuple[Begun, ...] = ()
    done: tuple[str, ...] = ()
    facts: tuple[tuple[str, str], ...] = ()
    tries: tuple[Try, ...] = ()
    aborted: bool = False
    gave_up: bool = False
    skip_revert: bool = False
    held_since: float | None = None
    failure: Failure | None = None
    turned_by: str = ""

    @property
    def crossed(self) -> bool:
        """Say whether a begun step of the forward plan has no undo."""
        begun = {b.id for b in self.begun}
        return any(s.id in begun and s.nature.final(s.args) for s in self.steps)

    @property
    def route(self) -> tuple[Step, ...]:
        """Return the steps of the current heading."""
        return self.steps if self.heading is Heading.FORWARD else self.path

    def ready(self) -> tuple[Step, ...]:
        """Return the steps of the route that are not done and need nothing that is not; of a chain it is one."""
        done = {*self.done}
        return tuple(s for s in self.route if s.id not in done and done.issuperset(s.needs))

    def begun_at(self, step_id: str) -> float | None:
        """Return when a step began, in epoch seconds."""
        return next((b.at for b in self.begun if b.id == step_id), None)

    def begin(self, step: Step, now: float) -> Journal:
        """Record that a step is about to have effects; the first record stands."""
        if self.begun_at(step.id) is not None:
            return self
        return self._replace(begun=tuple(sorted((*self.begun, Begun(step.id, now)))))

    def finish(self, step: Step, facts: dict[str, Any] | None = None) -> Journal:
        """Record that a step is done, with the facts the world will forget."""
        done = tuple(sorted({*self.done, step.id}))
        return self.learn(facts or {})._replace(done=done)

    def learn(self, facts: dict[str, Any]) -> Journal:
        """Add facts; a fact that stands is never changed."""
        known = dict(self.facts)
        fresh = {
            k: json.dumps(v, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
            for k, v in facts.items()
        }
        return self._replace(facts=tuple(sorted({**fresh, **known}.items())))

    def fact(self, name: str) -> Any:
        """Return a recorded fact, None when there is none."""
        text = dict(self.facts).get(name)
        return None if text is None else json.loads(text)

    def try_of(self, step_id: str) -> Try | None:
        """Return the failures of a step, if there were any."""
        return next((t for t in self.tries if t.step == step_id), None)

    def fail(self, step: Step, uid: str, now: float, message: str) -> Journal:
        """Count a failure, once for each Job or pod."""
        known = self.try_of(step.id)
        if known is not None and known.uid == uid:
            return self
        failures, number = (known.failures, known.number) if known else (0, 0)
        counted = Try(step.id, failures + 1, uid, now, message[:1024], number + 1)
        rest = tuple(t for t in self.tries if t.step != step.id)
        return self._replace(tries=tuple(sorted((*rest, counted))))

    def forgive(self) -> Journal:
        """Let the tries start anew; the numbers of their Jobs go on."""
        return self._replace(tries=tuple(t._replace(failures=0) for t in self.tries))

    def turn(self, heading: Heading, path: tuple[Step, ...], by: Turn) -> Journal:
        """Change direction; the steps of the new heading are stored with it. Tries start anew.

        What a late abort gave up is the way forward: the way away from it is tried again like any other.
        """
        return self._replace(heading=heading, path=path, turned_by=by.value, gave_up=False).forgive()
