"""Executors whose records do not stay true over several plans."""

from __future__ import annotations

from typing import Any

import pytest

from scenario_operator.execution import decide as decide_module
from scenario_operator.execution import facts, opening, own, results, upkeep
from scenario_operator.execution.steps import claims, stop
from scenario_operator.execution.steps.revert_results import RevertResults
from scenario_operator.execution.steps.step import Done
from scenario_operator.planning.stored import DELETED, KEPT, REVERTED

from .broken_steps import everywhere
from .mutants import Mutant


def forgets_what_had_no_state(patch: pytest.MonkeyPatch) -> None:
    """Results count as reverted only where the same plan gives up the state."""
    real = results.accounted

    def accounted(journal: Any, stored: Any, *, never: int) -> Any:
        done = real(journal, stored, never=never)
        gone = {s.args.incarnation for s in (*journal.steps, *journal.path) if s.nature.destroys == "state"}
        records = tuple(
            after if after.number in {*gone, never} else before
            for before, after in zip(stored.incarnations, done.incarnations, strict=True)
        )
        return done._replace(incarnations=records)

    patch.setattr(results, "accounted", accounted)


def takes_gone_state_for_reverted(patch: pytest.MonkeyPatch) -> None:
    """What is given up once the new version acts counts as reverted."""
    real = upkeep.retired

    def retired(view: Any) -> Any:
        stored = real(view)
        records = tuple(
            i._replace(results=REVERTED) if i.state == DELETED else i for i in stored.incarnations
        )
        return stored._replace(incarnations=records)

    everywhere(patch, real, retired)


def takes_a_number_for_a_mark(patch: pytest.MonkeyPatch) -> None:
    """A hook that counts what it skipped counts as given up."""
    real = facts.hook_of

    def hook_of(journal: Any, step: Any) -> Any:
        found = real(journal, step)
        return found._replace(given_up=found.given_up or "skipped" in found.numbers) if found else found

    everywhere(patch, facts.hook_of, hook_of)


def goes_back_to_the_label(patch: pytest.MonkeyPatch) -> None:
    """Going back starts the revision whose label the run has, not the one that ran."""
    everywhere(patch, opening._on_what_runs, lambda view, steps, source: steps)


def labels_pinned_runs(patch: pytest.MonkeyPatch) -> None:
    """A run takes on whatever label is wanted."""
    real = upkeep.relabelled
    everywhere(patch, real, lambda view: real(view._replace(run=view.run._replace(pinned=""))))


def calls_every_exit_clean(patch: pytest.MonkeyPatch) -> None:
    """A stop after which nothing is known to have failed counts as clean."""
    real = stop._last_words

    def words(number: int, pods: Any) -> Any:
        return {**real(number, pods), "clean": all(p.exit_code in (0, 137) for p in pods)}

    patch.setattr(stop, "_last_words", words)


def calls_no_pod_clean(patch: pytest.MonkeyPatch) -> None:
    """A stop that found no pod counts as clean."""
    real = stop._last_words
    patch.setattr(
        stop, "_last_words", lambda number, pods: {**real(number, pods), **({} if pods else {"clean": True})}
    )


def stops_nothing_without_its_revision(patch: pytest.MonkeyPatch) -> None:
    """A run whose revision was deleted is not stopped."""
    patch.setattr(own, "plan_blind_stop", lambda applied, strategy: None)
    real = own.own_plan

    def wish(view: Any) -> Any:
        found = real(view)
        return None if found is not None and found.plan is None else found

    everywhere(patch, real, wish)


def lets_publish_off_record(patch: pytest.MonkeyPatch) -> None:
    """Nobody notes who may publish."""
    everywhere(patch, results.entered, lambda view, journal: view.stored)


def believes_any_format(patch: pytest.MonkeyPatch) -> None:
    """A report's word about the format of the state counts, whatever the claim's stamp says."""
    real = claims.possible_formats

    def formats(view: Any, journal: Any, number: int) -> Any:
        told = facts.newest_stop(journal, number) if journal else None
        return (told.state_version,) if told and told.state_version else real(view, journal, number)

    everywhere(patch, real, formats)


def gives_up_what_runs(patch: pytest.MonkeyPatch) -> None:
    """A hook that is given up while it runs is left to itself."""
    patch.setattr(decide_module, "_ending", lambda view, journal, step: None)


def gives_up_with_the_revision(patch: pytest.MonkeyPatch) -> None:
    """A hook under way whose revision goes counts as given up."""
    real = RevertResults.check

    def check(self: Any, view: Any, journal: Any, step: Any) -> Any:
        record = view.stored.incarnation(step.args.incarnation)
        if record is not None and view.revision(record.revision) is None and record.results == KEPT:
            return Done(facts.given_up(step))
        return real(self, view, journal, step)

    patch.setattr(RevertResults, "check", check)


TWICE, LABEL = "Continuation, then two recomputes", "label, then an upgrade aborted"
RECORD_MUTANTS = (
    Mutant(
        "forgets what was reverted after its state",
        (TWICE,),
        patch=forgets_what_had_no_state,
        breaks="recorded as kept",
    ),
    Mutant(
        "takes gone state for reverted results",
        (TWICE,),
        patch=takes_gone_state_for_reverted,
        breaks="results stand",
    ),
    Mutant(
        "takes a number for a mark",
        ("ForwardOnly twice, hooks that skip some",),
        patch=takes_a_number_for_a_mark,
        breaks="recorded as kept",
    ),
    Mutant("goes back to the label", (LABEL,), patch=goes_back_to_the_label, breaks="restarted at rest"),
    Mutant("labels pinned runs", ("label, pin and unpin",), patch=labels_pinned_runs, breaks="another label"),
    Mutant(
        "calls every exit clean",
        ("Continuation, odd reports",),
        patch=calls_every_exit_clean,
        breaks="called clean",
    ),
    Mutant(
        "calls a stop without a pod clean",
        ("stop and start, odd reports, evictions",),
        patch=calls_no_pod_clean,
        breaks="called clean",
    ),
    Mutant(
        "stops nothing whose revision was deleted",
        ("stop and start, deleted revisions",),
        patch=stops_nothing_without_its_revision,
        breaks="no goal",
    ),
    Mutant(
        "lets publish off record",
        ("Continuation, then a recompute, results",),
        patch=lets_publish_off_record,
        breaks="off record",
    ),
    Mutant(
        "believes any format",
        ("keep twice, odd reports",),
        patch=believes_any_format,
        breaks="hides that the state may be",
    ),
    Mutant(
        "leaves hooks that are given up to themselves",
        ("ForwardOnly twice, a hook given up",),
        patch=gives_up_what_runs,
        breaks="recorded as kept",
    ),
    Mutant(
        "gives up hooks whose revision was deleted",
        ("ForwardOnly, deleted revisions, a hook given up",),
        patch=gives_up_with_the_revision,
        breaks="left behind by a recompute",
    ),
)
"""What the truth about several plans has to catch."""
