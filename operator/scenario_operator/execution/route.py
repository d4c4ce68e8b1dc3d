"""The ways away from the forward plan: back, and past the point of no return."""

from __future__ import annotations

from scenario_operator.execution.journal import Journal
from scenario_operator.execution.steps import VOCABULARY
from scenario_operator.execution.steps.start import removal
from scenario_operator.planning.steps import Step


def way_back(journal: Journal) -> tuple[Step, ...]:
    """Return the reversed undo of everything begun, failed attempts included.

    Undoing a start that this plan made means: stop it with its report, revert what it published, delete its
    state. The last step resumes the old version; that it runs is enough, Verify judged the new one only.
    """
    begun = {b.id for b in journal.begun}
    path: list[Step] = []
    for step in reversed(journal.steps):
        if step.id not in begun or step.nature.final(step.args):
            continue
        for undone in VOCABULARY[step.kind].undo(journal, step):
            path.append(undone._replace(needs=(path[-1].id,) if path else ()))
    return tuple(path)


def replacement(journal: Journal) -> tuple[Step, ...]:
    """Return the path past the point of no return when a newer revision takes over.

    First every destructive step that remains (consent was given for them, and what they destroy must not
    outlive them), then the removal of the incarnation that never committed. An only copy is never deleted.
    """
    begun = {b.id for b in journal.begun}
    path = [s for s in journal.steps if s.id not in journal.done and s.nature.destroys]
    for step in journal.steps:
        if not step.nature.wakes or step.id not in begun:
            continue
        away = removal(step.args.incarnation, "replace")
        path += away if step.args.create else away[:1]
    return tuple(s._replace(needs=(path[i - 1].id,) if i else ()) for i, s in enumerate(path))
