"""The run controller: look, decide, write the status, carry out the effects.

Reads like the rule R1: status first, then effects; and like R6: the write is the fence, and what rests on something
being absent is decided again on a live look, once, just before.
"""

from __future__ import annotations

import logging
from datetime import timedelta
from typing import NamedTuple

from scenario_operator.api import names
from scenario_operator.api.reading import Unreadable
from scenario_operator.cluster.context import Context
from scenario_operator.cluster.errors import AlreadyExists, Conflict
from scenario_operator.cluster.keys import Key, keys_of
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
from scenario_operator.controllers.perform import NOTHING_MORE, Extra, Gone, Written, perform
from scenario_operator.controllers.refusals import REFUSALS, Refusals
from scenario_operator.controllers.statuses import Statuses
from scenario_operator.controllers.surroundings import Surroundings, run_read, surroundings
from scenario_operator.controllers.telling import Teller
from scenario_operator.controllers.watched import WatchedPlans
from scenario_operator.execution.decide import WAKE, Decision, decide
from scenario_operator.execution.effects import ReleaseReport
from scenario_operator.execution.looks import (
    asks_whether_it_may,
    needs_look,
    opens_for_a_grant,
    tells_trouble,
)
from scenario_operator.execution.read import ReadRun, read_run
from scenario_operator.execution.status import is_news, merge_patch, render, unreadable
from scenario_operator.execution.view import View
from scenario_operator.manifests.identity import RunIdentity, handle
from scenario_operator.manifests.pod import named

logger = logging.getLogger(__name__)


class _Seen(NamedTuple):
    """A run, its world and what is around it as they were read, what was decided on that, and the status that says it.

    `news`: the status is worth writing.
    """

    obj: JsonObject
    read: ReadRun
    things: Things
    around: Surroundings
    view: View
    decision: Decision
    status: JsonObject
    news: bool

    @property
    def old(self) -> JsonObject:
        """Return the status as it was read."""
        return self.obj.get("status") or {}

    @property
    def asks(self) -> bool:
        """Say whether there is anything to do."""
        return self.news or bool(self.decision.effects)


class RunController:
    """Brings one run one step further."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._refusals = Refusals()
        self._statuses = Statuses(context)
        self._teller = Teller(context)
        self._watched = WatchedPlans()
        #: Runs of which a write has failed since something was not as it was seen.
        self._misled: set[Key] = set()
        #: When a run was last looked at live, in epoch seconds.
        self._looked_at: dict[Key, float] = {}

    async def reconcile(self, key: Key) -> timedelta | None:
        """Make one pass over a run; see `cluster.context.Controller`."""
        known = self._context.store.get(RUN, key.namespace, key.name)
        if known is None:
            self._refusals.forget(key)
            self._statuses.forget(key)
            self._watched.forget(key)
            self._misled.discard(key)
            self._looked_at.pop(key, None)
            await self._release_orphans(key)
            return None
        if self._holds_for_another(known):
            await self._release_orphans(key)
        if (rest := self._statuses.rests(key, known)) is not None:
            return rest
        read = run_read(known)
        if isinstance(read, Unreadable):
            return await self._leave_as_it_is(key)
        things = cached(self._context.store, known, read.record)
        seen = self._seen(key, known, read, things, surroundings(self._context, known))
        try:
            return await (self._act(key, seen) if seen.asks else self._quiet(key, seen))
        except (Conflict, AlreadyExists):
            # Something is not as the watches brought it, and they may lag: the next pass looks for itself.
            self._misled.add(key)
            await self._read_again(key, known)
            raise

    async def _quiet(self, key: Key, seen: _Seen) -> timedelta | None:
        """Do nothing, but look at what no watch tells: Events, where a pod has long been missing, and ghosts."""
        things, now = seen.things, seen.view.now
        self._misled.discard(key)
        if self._may_wait_for_a_ghost(key, seen):
            return await self._carry_out(key, await self._look(key, seen))
        lacking = missing(seen.obj, seen.read.record, (*things.workloads, *things.jobs), things.pods)
        if lacking is None:
            self._watched.looked(key, now)
            return _wake(seen.decision)
        if lacking.may_be_asked(now) and await complaint(self._context.client, lacking):
            return await self._carry_out(key, await self._look(key, seen))
        self._watched.looked(key, now)
        return min(_wake(seen.decision) or LONGEST_WAIT, timedelta(seconds=lacking.looks_again_in(now)))

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

    async def _act(self, key: Key, seen: _Seen) -> timedelta | None:
        """Carry out what the watches' view asks for, as far as its writes fence it, else what a live look does."""
        unsure = key in self._misled or tells_trouble(seen.old)
        if unsure or needs_look(seen.view, seen.decision):
            seen = await self._look(key, seen)
        elif opens_for_a_grant(seen.view, seen.decision):
            around = await seen.around.live(self._context, seen.obj)
            seen = self._seen(key, seen.obj, seen.read, seen.things, around)
            if needs_look(seen.view, seen.decision):
                seen = await self._look(key, seen)
        return await self._carry_out(key, seen)

    async def _look(self, key: Key, seen: _Seen) -> _Seen:
        """Decide again on the objects of a run as they are now; its own status write is its fence."""
        around, sure = seen.around, key not in self._misled and not asks_whether_it_may(seen.decision)
        if not sure:
            around = await around.live(self._context, seen.obj)
        record, results = seen.read.record, around.may_have_results(seen.read.record.stored)
        things = await live(self._context.client, self._context.store, seen.obj, record, results=results)
        self._misled.discard(key)
        looked = self._seen(key, seen.obj, seen.read, things, around)
        if sure and opens_for_a_grant(looked.view, looked.decision):
            looked = self._seen(key, seen.obj, seen.read, things, await around.live(self._context, seen.obj))
        self._watched.looked(key, looked.view.now)
        self._looked_at[key] = looked.view.now
        return looked

    def _may_wait_for_a_ghost(self, key: Key, seen: _Seen) -> bool:
        """Say whether an open plan has waited so long that it is looked up whether what it waits for is still there."""
        if seen.view.journal is None:
            self._looked_at.pop(key, None)
            return False
        since = self._looked_at.setdefault(key, seen.view.now)
        return seen.view.now - since >= WAKE

    async def _carry_out(self, key: Key, seen: _Seen) -> timedelta | None:
        """Write what was decided, then make its effects."""
        if seen.news:
            await self._write(key, seen)
            self._teller.tell(seen.obj, seen.view, seen.decision, seen.old)
        elif seen.decision.effects:
            await self._still(seen.obj)
        await self._perform(key, seen)
        self._watched.looked(key, seen.view.now)
        return _wake(seen.decision)

    async def _perform(self, key: Key, seen: _Seen) -> None:
        """Carry out the effects in order; what is refused is told in the status by the next pass."""
        view, decision, store = seen.view, seen.decision, self._context.store
        client, identity, extra = self._context.client, identity_of(view.run), _extra(decision)
        try:
            for effect in decision.effects:
                done = await perform(client, identity, view.revisions, effect, extra, seen.things.whole)
                # The watch will bring nothing new of it, so this wakes. What changed nothing would wake for ever.
                match done:
                    case Written() if store.offer(done.kind, "MODIFIED", done.obj).is_news:
                        self._context.wake(key)
                    case Gone():
                        store.forget(done.kind, done.uid)
                        self._context.wake(key)
                # Its kind and target only: templates carry parameters, which may be secret.
                target = getattr(effect, "name", None) or getattr(effect, "incarnation", "")
                logger.info(
                    "effect %(effect)s %(target)s", {"effect": type(effect).__name__, "target": target}
                )
        except REFUSALS as refusal:
            if self._refusals.note(key, refusal, seen.view.now):
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

    def _seen(self, key: Key, obj: JsonObject, read: ReadRun, things: Things, around: Surroundings) -> _Seen:
        """Decide on a run and its world as they were read."""
        now = self._context.now().timestamp()
        view = view_of(things, read, around, now=now, refusal=self._refusals.told(key))
        since = self._watched.since(key, view.journal, now, self._context.reached_since().timestamp())
        view = view._replace(watched_since=since)
        decision, old = decide(view), obj.get("status") or {}
        status = render(view, decision, old)
        return _Seen(obj, read, things, around, view, decision, status, is_news(view, decision, old, status))

    async def _write(self, key: Key, seen: _Seen) -> None:
        """Write the status, fenced by the version that was read: a conflict means look again (R1)."""
        await self._statuses.write(key, RUN, seen.obj, merge_patch(seen.old, seen.status))
        # The watch will bring nothing new any more, so whoever else is concerned is told here.
        self._context.wake(Key("scenario", key.namespace, seen.view.run.scenario))

    async def _read_again(self, key: Key, obj: JsonObject) -> None:
        """Take in a run as it is now: too old a view would be so for every pass until its watch moves on."""
        fresh = await self._context.client.get(Ref.to(RUN, obj))
        if fresh is not None:
            store = self._context.store
            # The event of what is taken in here will be no news, so whoever else it concerns is told now.
            for other in keys_of(RUN, store.offer(RUN, "MODIFIED", fresh), store) - {key}:
                self._context.wake(other)

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
            release = ReleaseReport(handle(pod), named(key.name, pod))
            await perform(client, identity, {}, release, NOTHING_MORE, (pod,))


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


def _wake(decision: Decision) -> timedelta | None:
    return timedelta(seconds=decision.wake) if decision.wake is not None else None
