"""Results over several plans: who may have published, on which claim, and what has been reverted of it.

A record follows the hook's word alone: that an incarnation's state is gone says nothing about what it has published.
"""

from __future__ import annotations

from scenario_operator.api.journal import Heading
from scenario_operator.execution import facts
from scenario_operator.execution.facts import Answer
from scenario_operator.execution.journal import Journal
from scenario_operator.execution.view import View
from scenario_operator.planning.steps import RESULTS, Step
from scenario_operator.planning.stored import KEPT, REVERTED, Incarnation, Results, Stored


def answers(journal: Journal) -> list[Answer]:
    """Return how every revert hook of the plan has ended so far."""
    return [answer for _, answer in _reverts(journal)]


def _reverts(journal: Journal) -> list[tuple[Step, Answer]]:
    reverts = (s for s in (*journal.steps, *journal.path) if s.nature.destroys == RESULTS)
    return [(s, answer) for s in reverts if (answer := facts.hook_of(journal, s)) is not None]


def accounted(journal: Journal, stored: Stored, *, never: int) -> Stored:
    """Return what is stored when a plan closes, with the results of every incarnation as its hooks have left them.

    `never`: an incarnation that did not commit; without a step that reverts there is nothing of it. 0: there is none.
    """
    records = tuple(_accounted(journal, record, never=never) for record in stored.incarnations)
    kept = {record.number for record in records if record.results == KEPT}
    known = stored.results
    if known is not None:
        known = known._replace(incarnations=tuple(n for n in known.incarnations if n in kept))
    return stored._replace(incarnations=records, results=known)


def _accounted(journal: Journal, record: Incarnation, *, never: int) -> Incarnation:
    told = [answer for step, answer in _reverts(journal) if step.args.incarnation == record.number]
    reverted = not any(answer.given_up for answer in told) if told else record.number == never
    return record._replace(results=REVERTED) if reverted else record


def entered(view: View, journal: Journal) -> Stored:
    """Return what is stored once the incarnations are on record that this plan may let publish.

    That is before the write that wakes them. The claim is known when it has been made; one that somebody has made
    anew has nothing of the incarnations before.
    """
    stored, world = view.stored, view.world
    waking = {
        s.args.incarnation
        for s in journal.route
        if s.nature.wakes and journal.begun_at(s.id) is not None and _publishes(view, s)
    }
    if not waking:
        return stored
    known = stored.results or Results("", tuple(_published(stored)))
    claim = world.results_uid if world.results == "ours" else known.claim
    incarnations = tuple(sorted({*known.incarnations, *waking}))
    return stored._replace(results=Results(claim, incarnations))


def _publishes(view: View, step: Step) -> bool:
    revision = view.revision(step.args.revision)
    return revision is not None and revision.spec.results is not None


def _published(stored: Stored) -> list[int]:
    """Return who has published as far as an older operator has recorded it."""
    return [i.number for i in stored.incarnations if i.results == KEPT and i.number <= stored.live]


def lacking(view: View, journal: Journal, step: Step) -> str:
    """Say why a plan must not begin: it needs results, or the hooks that revert them, and they are not there any more.

    "" when it may. It is asked at the stop of what runs, before anything is touched.
    """
    untouched = journal.begun_at(step.id) is None and journal.heading is Heading.FORWARD
    if not untouched or step.args.incarnation != journal.live:
        return ""
    reverts = (s for s in journal.steps if s.nature.destroys == RESULTS and not journal.skip_revert)
    reverted = [s.args.incarnation for s in reverts]
    for number in reverted:
        if view.running(number) is None:
            return f"the revision of incarnation {number} is gone, and with it its revert hook"
    known = view.stored.results
    if known is None or not known.claim or view.world.results in ("foreign", "deleting"):
        return ""
    starts = [s for s in journal.steps if s.nature.wakes and _publishes(view, s)]
    needed = bool(starts) or any(number in known.incarnations for number in reverted)
    if not needed or view.world.results_uid == known.claim:
        return ""
    what = "another one stands under its name" if view.world.results else "it is gone"
    told = ", ".join(str(number) for number in known.incarnations)
    return f"the results claim that incarnation {told} published to is not there any more: {what}"
