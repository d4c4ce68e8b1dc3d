"""The run controller: look, decide, write the status, carry out the effects.

Reads like the rule R1: status first, then effects; and like R6: the cache wakes, the live world decides.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from datetime import timedelta
from typing import Any, Final, NamedTuple

from scenario_operator.api import names
from scenario_operator.api.reading import Unreadable
from scenario_operator.api.reasons import Reason
from scenario_operator.cluster.context import Context
from scenario_operator.cluster.errors import Conflict
from scenario_operator.cluster.keys import Key
from scenario_operator.cluster.kinds import POD, RUN, JsonObject, Ref
from scenario_operator.cluster.store import filed
from scenario_operator.cluster.worker import LONGEST_WAIT
from scenario_operator.controllers.complaints import complaint, missing
from scenario_operator.controllers.observe import (
    Things,
    cached,
    identity_of,
    live,
    view_of,
)
from scenario_operator.controllers.perform import Extra, perform
from scenario_operator.controllers.refusals import REFUSALS, Refusals
from scenario_operator.controllers.statuses import Statuses
from scenario_operator.controllers.surroundings import Surroundings, surroundings
from scenario_operator.execution.decide import Decision, Record, decide
from scenario_operator.execution.effects import ReleaseReport
from scenario_operator.execution.journal import Journal
from scenario_operator.execution.read import ReadRun, read_run
from scenario_operator.execution.status import is_news, merge_patch, render, unreadable
from scenario_operator.execution.view import View
from scenario_operator.manifests.identity import RunIdentity, handle
from scenario_operator.manifests.pod import named

logger = logging.getLogger(__name__)
_GAP: Final = 60.0
"""Seconds between two looks at a run after which nobody knows what became of its plan in between (R13)."""


class _Watch(NamedTuple):
    """The plan of a run that is watched, since when without a gap, and when it was last looked at; epoch seconds."""

    plan: str
    since: float
    seen: float


class RunController:
    """Brings one run one step further."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._refusals = Refusals()
        self._statuses = Statuses(context)
        self._watched: dict[Key, _Watch] = {}

    async def reconcile(self, key: Key) -> timedelta | None:
        """Make one pass over a run; see `cluster.context.Controller`."""
        known = self._context.store.get(RUN, key.namespace, key.name)
        if known is None:
            self._refusals.forget(key)
            self._statuses.forget(key)
            self._watched.pop(key, None)
            await self._release_orphans(key)
            return None
        if self._holds_for_another(known):
            await self._release_orphans(key)
        if (rest := self._statuses.rests(key, known)) is not None:
            return rest
        read = read_run(known)
        if isinstance(read, Unreadable):
            return await self._leave_as_it_is(key)
        things = cached(self._context.store, known, read.record)
        view = self._view(key, read, things, surroundings(self._context, known))
        decision = decide(view)
        if decision.effects or self._worth(view, decision, known):
            return await self._act(key)
        lacking = missing(known, read.record, (*things.workloads, *things.jobs), things.pods)
        if lacking is None:
            self._looked(key, view.now)
            return _wake(decision)
        if lacking.may_be_asked(view.now) and await complaint(self._context.client, lacking):
            return await self._act(key)
        self._looked(key, view.now)
        return min(_wake(decision) or LONGEST_WAIT, timedelta(seconds=lacking.looks_again_in(view.now)))

    async def _leave_as_it_is(self, key: Key) -> timedelta:
        """Say on a run that cannot be read which field it is; nothing else of it is touched, and its pods run on."""
        obj = await self._context.client.get(Ref(RUN, key.namespace, key.name))
        problem = read_run(obj) if obj is not None else None
        if obj is None or not isinstance(problem, Unreadable):
            return timedelta(seconds=1)
        old = obj.get("status") or {}
        new = unreadable(obj, "srun", problem, self._context.now())
        if new != old:
            await self._statuses.write(key, RUN, obj, merge_patch(old, new))
            ready = new["conditions"][0]
            self._context.events.post(
                obj, type_="Warning", reason=ready["reason"], action="Reconcile", note=ready["message"]
            )
            logger.warning("run cannot be read key=%(key)s: %(problem)s", {"key": key, "problem": problem})
        return LONGEST_WAIT

    async def _act(self, key: Key) -> timedelta | None:
        """Look live, decide again, and carry out only that."""
        context = self._context
        obj = await context.client.get(Ref(RUN, key.namespace, key.name))
        read = read_run(obj) if obj is not None else None
        if obj is None or read is None or isinstance(read, Unreadable):
            return timedelta(seconds=1)
        around = await surroundings(context, obj).live(context, obj)
        things = await live(context.client, context.store, obj, read.record)
        view = self._view(key, read, things, around)
        self._looked(key, view.now)
        decision = decide(view)
        old = obj.get("status") or {}
        if self._worth(view, decision, obj):
            obj = await self._write(key, obj, view, decision, old)
            self._tell(obj, view, decision, old)
        elif decision.effects:
            await self._still(obj)
        await self._perform(key, view, decision)
        return _wake(decision)

    async def _perform(self, key: Key, view: View, decision: Decision) -> None:
        """Carry out the effects in order; what is refused is told in the status by the next pass."""
        try:
            for effect in decision.effects:
                client, identity = self._context.client, identity_of(view.run)
                await perform(client, identity, view.revisions, effect, _extra(decision))
                # Its kind and target only: templates carry parameters, which may be secret.
                target = getattr(effect, "name", None) or getattr(effect, "incarnation", "")
                logger.info(
                    "effect %(effect)s %(target)s", {"effect": type(effect).__name__, "target": target}
                )
        except REFUSALS as refusal:
            if self._refusals.note(key, refusal):
                self._context.wake(key)
            elif decision.record.journal is not None and decision.wake is not None:
                # The plan's deadlines do not wait for the back-off of what is refused.
                self._context.wake_after(key, decision.wake)
            raise
        self._refusals.forget(key)

    async def _still(self, obj: JsonObject) -> None:
        """Make sure that the run has not moved on while its world was read.

        The status write is that check; without one, handles of objects that another process has written since then
        would be fresh, and an effect of an older step would land on them.
        """
        again = await self._context.client.get(Ref.to(RUN, obj))
        if again is None or again["metadata"]["resourceVersion"] != obj["metadata"]["resourceVersion"]:
            raise Conflict("the run changed while its world was read")

    def _view(self, key: Key, read: ReadRun, things: Things, around: Surroundings) -> View:
        now = self._context.now().timestamp()
        view = view_of(things, read, around, now=now, refusal=self._refusals.told(key))
        return view._replace(watched_since=self._since(key, view.journal, now))

    def _since(self, key: Key, journal: Journal | None, now: float) -> float:
        """Return since when this process has watched a plan while the API server answered.

        A look that fails is none: in one namespace, too, a right may be missing for a while.
        """
        if journal is None:
            self._watched.pop(key, None)
            return now
        known = self._watched.get(key)
        if known is None or known.plan != journal.id:
            known = _Watch(journal.id, now, now)
        elif now - known.seen > _GAP:
            known = known._replace(since=now)
        self._watched[key] = known
        return max(known.since, self._context.reached_since().timestamp())

    def _looked(self, key: Key, now: float) -> None:
        """Note that everything which a decision rests on could be read."""
        if (known := self._watched.get(key)) is not None:
            self._watched[key] = known._replace(seen=now)

    @staticmethod
    def _worth(view: View, decision: Decision, obj: JsonObject) -> bool:
        old = obj.get("status") or {}
        return is_news(view, decision, old, render(view, decision, old))

    async def _write(
        self, key: Key, obj: JsonObject, view: View, decision: Decision, old: Mapping[str, Any]
    ) -> JsonObject:
        """Write the status, fenced by the version that was read: a conflict means look again (R1)."""
        patch = merge_patch(old, render(view, decision, old))
        written = await self._statuses.write(key, RUN, obj, patch)
        # The watch will bring nothing new any more, so whoever else is concerned is told here.
        self._context.wake(Key("scenario", obj["metadata"]["namespace"], view.run.scenario))
        return written

    def _tell(self, obj: JsonObject, view: View, decision: Decision, old: Mapping[str, Any]) -> None:
        """Tell people of a change of state, once: Event, log line and metrics."""
        situation = decision.situation
        before = _ready(old)
        if situation.reason and situation.reason != before:
            warns = bool(situation.attention or situation.degraded)
            self._context.events.post(
                obj,
                type_="Warning" if warns else "Normal",
                reason=situation.reason,
                action="Reconcile",
                note=situation.message,
            )
            logger.info("state reason=%(r)s: %(m)s", {"r": situation.reason, "m": situation.message})
        self._warn_of_orphans(obj, view, decision)
        fresh = len(decision.record.stored.history) and decision.record.stored.history[0]
        if fresh and fresh not in view.stored.history:
            self._context.measures.upgrade_finished(fresh.outcome)
        self._measure(view.journal, decision.record, view.now)

    def _warn_of_orphans(self, obj: JsonObject, view: View, decision: Decision) -> None:
        """Warn of values that the version in use does not declare: they are kept, but the program does not get them."""
        stored = decision.record.stored
        known = dict(view.stored.parameters.orphaned)
        lost = [name for name, _ in stored.parameters.orphaned if name not in known]
        if not lost or stored.applied is None:
            return
        note = f"version {stored.applied.version} does not declare {', '.join(f'spec.parameters.{n}' for n in lost)}"
        self._context.events.post(
            obj,
            type_="Warning",
            reason=Reason.UNKNOWN_PARAMETER.value,
            action="Reconcile",
            note=f"{note}: kept in status.parameters.orphaned and not passed on",
        )

    def _measure(self, before: Journal | None, record: Record, now: float) -> None:
        if before is None:
            return
        after = set(record.journal.done) if record.journal else {s.id for s in before.route}
        for step in before.route:
            since = before.begun_at(step.id)
            if step.id in after and step.id not in before.done and since is not None:
                self._context.measures.step_finished(step.kind.value, max(0.0, now - since))

    def _holds_for_another(self, obj: JsonObject) -> bool:
        """Say whether a pod is held whose run had this one's name: it would keep name and claims from this one."""
        metadata = obj["metadata"]
        pods = self._context.store.indexed(POD, "run", filed(metadata["namespace"], metadata["name"]))
        return any(_is_held_for_another(pod, metadata["uid"]) for pod in pods)

    async def _release_orphans(self, key: Key) -> None:
        """Let the held pods of a run go that a live read finds to be gone or another one."""
        client = self._context.client
        live = await client.get(Ref(RUN, key.namespace, key.name))
        uid = live["metadata"]["uid"] if live else None
        selector = f"{names.LABEL_RUN}={key.name}"
        for pod in (await client.list(POD, key.namespace, label_selector=selector)).items:
            if not _is_held_for_another(pod, uid):
                continue
            identity = RunIdentity(key.namespace, key.name, "", "")
            await perform(client, identity, {}, ReleaseReport(handle(pod), named(key.name, pod)), Extra())


def _is_held_for_another(pod: JsonObject, uid: str | None) -> bool:
    """Say whether a pod is held that is none of this run's; one whose label was stripped is, unless no run is left."""
    metadata = pod["metadata"]
    held = names.FINALIZER_REPORT in (metadata.get("finalizers") or ())
    told = (metadata.get("labels") or {}).get(names.LABEL_RUN_UID)
    return held and (told != uid if told else uid is None)


def _extra(decision: Decision) -> Extra:
    """Return what containers are told of the plan that starts them."""
    journal = decision.record.journal
    if journal is None:
        return Extra()
    return Extra(journal.attempt, journal.source.version, journal.strategy.type)


def _ready(status: Mapping[str, Any]) -> str:
    ready = next((c for c in status.get("conditions") or [] if c["type"] == "Ready"), None)
    return ready["reason"] if ready else ""


def _wake(decision: Decision) -> timedelta | None:
    return timedelta(seconds=decision.wake) if decision.wake is not None else None
