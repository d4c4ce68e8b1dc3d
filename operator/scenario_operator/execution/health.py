"""How long a run has not served, and what of that time does not mend by itself.

Transition times of conditions flap while a container ends again and again, so this is counted from
`status.unwellSince`: written when a run that is to serve stops serving, cleared after it has served for long enough.
"""

from __future__ import annotations

from typing import NamedTuple

from scenario_operator.api import commands, names
from scenario_operator.api.conditions import PATIENCE_SECONDS
from scenario_operator.api.reasons import Reason
from scenario_operator.execution.situation import Situation, Standing
from scenario_operator.execution.steps.claims import in_use, state_trouble
from scenario_operator.execution.steps.start import in_the_way
from scenario_operator.execution.steps.step import Todo
from scenario_operator.execution.upkeep import steady_start
from scenario_operator.execution.view import Health, Pod, View
from scenario_operator.planning.stored import epoch, timestamp


class Ailment(NamedTuple):
    """What keeps a run from serving and does not mend by itself: its word, words for people, and where to look."""

    reason: Reason
    told: str
    look: str


def health_of(view: View) -> Health:
    """Return what is remembered of the live incarnation, nothing of another one."""
    return view.health if view.health.incarnation == view.stored.live else Health()


def serves(view: View) -> bool:
    """Say whether a pod of the live incarnation is ready."""
    return any(p.ready for p in _own(view))


def is_learning(view: View) -> bool:
    """Say whether the live incarnation reads input without side effects: once it was ready, that is over for good."""
    window = view.stored.window
    if window is None or window.output_actions_from is None or health_of(view).ready_at is not None:
        return False
    bounded = window.start_from is None or epoch(window.output_actions_from) > epoch(window.start_from)
    return bounded and any(p.started and not p.ready for p in _own(view))


def should_serve(view: View) -> bool:
    """Say whether nothing but a trouble keeps the run from serving: it has a version, and no plan is open."""
    stored = view.stored
    at_rest = view.journal is None and stored.applied is not None and not stored.stopped
    return at_rest and bool(stored.live)


def ailment(view: View) -> Ailment | None:
    """Return what keeps the run from serving and does not mend by itself, None when nothing is known to."""
    number = view.stored.live
    pods = view.world.of(number)
    own = [p for p in pods if not p.foreign]
    for pod in own:
        if not pod.terminating and (found := _ailment_of(view, pod, number)) is not None:
            return found
    if any(not p.terminating for p in own):
        return None
    name = names.pod(view.run.name, number)
    if own:
        told = f"pod {name} is to end and does not: its node does not answer, or a finalizer keeps it"
        return Ailment(Reason.NODE_LOST, told, _describe(view, name))
    if (wait := in_use(view, number)) is not None and wait.lasts is not None:
        return Ailment(wait.lasts.reason, f"waiting for {wait.waiting}", wait.lasts.look)
    step = steady_start(view)
    revision = view.revision(step.args.revision)
    stands = state_trouble(view, None, step, revision) if revision else None
    awaited = stands.waiting if isinstance(stands, Todo) else in_the_way(view, number)
    told = f"there is no pod {name}{': waiting for ' + awaited if awaited else ''}"
    return Ailment(Reason.NOT_READY, told, commands.claims_of(view.run.namespace, view.run.name))


def unwell(view: View) -> Situation | None:
    """Return the situation of a run that has not served for too long, in a state that time does not mend."""
    since = health_of(view).unwell_since
    if since is None or not should_serve(view) or view.now - since < PATIENCE_SECONDS:
        return None
    found = ailment(view)
    if found is None:
        return None
    message = f"has not served, or not for long, since {timestamp(since)}: {found.told}"
    asks = f"{message}; it does not mend by itself, see: {found.look}"
    return Situation(Standing.DEGRADED, found.reason, message, asks, message)


def changes_in(view: View) -> float | None:
    """Return the seconds until time alone changes what is said of the run's health, None when it never does."""
    health = health_of(view)
    if health.unwell_since is None or not should_serve(view):
        return None
    since = health.unwell_since
    if serves(view) or is_learning(view):
        since = health.well_since if health.well_since is not None else view.now
    left = since + PATIENCE_SECONDS - view.now
    return left if left > 0 else None


def remembered(view: View, *, closing: bool, was_available: bool) -> Health:
    """Return what is to be remembered after this pass.

    `closing`: a plan has just ended, so its own stop and start say nothing. `was_available`: the status said so until
    now. One write says both: that the run does not serve, and since when.
    """
    health, now = health_of(view), view.now
    if view.journal is not None:
        return health._replace(incarnation=view.stored.live)
    serving = serves(view)
    ready_at = health.ready_at
    if ready_at is None and (serving or (was_available and health.well_since is not None)):
        ready_at = now if serving else health.well_since
    unwell_since = None if closing or not should_serve(view) else health.unwell_since
    known = view._replace(health=health._replace(incarnation=view.stored.live, ready_at=ready_at))
    if serving or is_learning(known):
        well = health.well_since is not None and now - health.well_since >= PATIENCE_SECONDS
        unwell_since = None if well else unwell_since
    elif unwell_since is None and should_serve(view) and not closing:
        unwell_since = now if was_available or ailment(view) is not None else None
    return Health(view.stored.live, ready_at, unwell_since, health.well_since)


def _ailment_of(view: View, pod: Pod, number: int) -> Ailment | None:
    name = names.pod(view.run.name, number)
    # One that ends again and again runs in between; the kubelet, too, forgives it after ten minutes.
    loops = pod.loops and not (pod.running and view.now - pod.started_at >= PATIENCE_SECONDS)
    if pod.ailment is Reason.CRASH_LOOPING or loops:
        told = f"pod {name} ends again and again, last with {(pod.last_end or pod.trouble).shown()}"
        return Ailment(
            Reason.CRASH_LOOPING, told, commands.logs_before(view.run.namespace, names.plain(name))
        )
    if pod.ready:
        return None
    if pod.ailment is not None:
        return Ailment(pod.ailment, f"pod {name}: {pod.trouble.shown()}", _describe(view, name))
    if pod.abandoned:
        told = f"the node of pod {name} does not answer"
        return Ailment(Reason.NODE_LOST, told, _describe(view, name))
    if pod.preparing:
        told = f"pod {name}: the kubelet has not made its containers; the pod's events say why"
        return Ailment(Reason.CONTAINER_NOT_MADE, told, _describe(view, name))
    return None


def _own(view: View) -> list[Pod]:
    return [p for p in view.world.of(view.stored.live) if not p.foreign and not p.terminating]


def _describe(view: View, pod: str) -> str:
    return commands.describe("pod", view.run.namespace, names.plain(pod))
