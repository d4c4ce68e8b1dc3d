"""Executors that break one rule each. The explorer must catch every one, or it proves nothing."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import pytest

from scenario_operator.api.foreign import NOTHING
from scenario_operator.api.journal import Kind
from scenario_operator.execution import close, facts, looks, opening, own, rest, upkeep
from scenario_operator.execution import decide as decide_module
from scenario_operator.execution import effects as fx
from scenario_operator.planning import stored as stored_module
from scenario_operator.planning.plan import Cause

from . import broken_steps, broken_words, operator
from .search import Explorer
from .setups import begin
from .states import Rules, Setup

Patch = Callable[[pytest.MonkeyPatch], None]


def _nothing(_: pytest.MonkeyPatch) -> None:
    return None


class Mutant(NamedTuple):
    """One broken rule: what the world or the executor does instead, and the setups that should notice.

    `breaks` has words of the promise that it must break. `kind`: the kind of step that does not do what it promises.
    """

    name: str
    setups: tuple[str, ...]
    rules: Rules = Rules()
    patch: Patch = _nothing
    breaks: str = ""
    kind: Kind | None = None

    def explore(self, setups: Mapping[str, Setup]) -> None:
        """Explore the setups that should notice, which are found by their names."""
        for setup in (setups[name] for name in self.setups):
            Explorer(setup, self.rules).explore(begin(setup))


def no_upkeep(patch: pytest.MonkeyPatch) -> None:
    """Nothing repairs the steady state."""
    patch.setattr(rest, "upkeep", lambda view: ())


def reopens_spent_grants(patch: pytest.MonkeyPatch) -> None:
    """A grant whose outcome is on record counts as new."""
    patch.setattr(stored_module.Stored, "spent", lambda self, grant_id: False)


def reuses_numbers(patch: pytest.MonkeyPatch) -> None:
    """The next incarnation is one more than the live one."""
    patch.setattr(stored_module.Stored, "next_incarnation", lambda self: self.live + 1)


def sweeps_claims_off_record(patch: pytest.MonkeyPatch) -> None:
    """Upkeep deletes whatever is not live, retained or not."""
    real = upkeep._bury

    def greedy(view: Any) -> Any:
        found = real(view)
        for claim in view.world.claims:
            if claim.incarnation != view.stored.live and not claim.deleting:
                found.append(fx.DeleteClaim(claim.handle, claim.incarnation))
        return found

    patch.setattr(upkeep, "_bury", greedy)


def counts_the_time_of_a_hold(patch: pytest.MonkeyPatch) -> None:
    """What was under way when a run was held has no time left when it is let go."""
    patch.setattr(decide_module, "_released", lambda view, journal: journal._replace(held_since=None))


def works_during_a_hold(patch: pytest.MonkeyPatch) -> None:
    """An open plan goes on while its run is held."""
    real = decide_module._carry_on
    patch.setattr(
        decide_module,
        "_carry_on",
        lambda view, journal: real(view._replace(run=view.run._replace(hold=NOTHING)), journal),
    )


def moves_pinned_runs(patch: pytest.MonkeyPatch) -> None:
    """A grant is taken whatever the run is pinned to."""
    real = opening._refusal
    patch.setattr(
        opening, "_refusal", lambda view, grant: real(view._replace(run=view.run._replace(pinned="")), grant)
    )


def works_for_deleted_runs(patch: pytest.MonkeyPatch) -> None:
    """A run that is being deleted is brought on like any other."""
    patch.setattr(
        decide_module,
        "_deleted",
        lambda view: decide_module.decide(view._replace(run=view.run._replace(deleting=False))),
    )


def never_starts_again(patch: pytest.MonkeyPatch) -> None:
    """What was stopped stays stopped, whatever its user says later."""
    real = own._cause
    patch.setattr(
        own, "_cause", lambda view: None if view.stored.stopped and view.stored.applied else real(view)
    )


def ignores_restarts(patch: pytest.MonkeyPatch) -> None:
    """A restart that is asked for is not made."""
    real = own._cause
    patch.setattr(own, "_cause", lambda view: None if (cause := real(view)) is Cause.RESTART else cause)


def ignores_edits(patch: pytest.MonkeyPatch) -> None:
    """Parameters that are edited later never arrive."""
    patch.setattr(own, "_parameters_changed", lambda view: False)


def keeps_the_planned_window(patch: pytest.MonkeyPatch) -> None:
    """Going back keeps the window of the version that did not come."""
    real = close._restored

    def planned(view: Any, journal: Any) -> Any:
        stored = real(view, journal)
        return stored._replace(window=facts.planned_window(journal) or stored.window)

    patch.setattr(close, "_restored", planned)


def carries_out_other_plans(patch: pytest.MonkeyPatch) -> None:
    """A grant is taken for whatever plan is made now."""
    real = opening.take_grant

    def take(view: Any) -> Any:
        if view.grant is None or view.wanted is None:
            return real(view)
        plan = opening.plan_upgrade(opening.case_of(view, view.wanted, Cause.UPGRADE))
        changed = getattr(plan, "plan_hash", view.grant.plan_hash)
        return real(view._replace(grant=view.grant._replace(plan_hash=changed)))

    patch.setattr(rest, "take_grant", take)


KEEP = ("keep", "keep, abort", "keep, newer revision")
FRESH = ("Continuation", "Continuation, abort", "ForwardOnly")


def starts_what_failed(patch: pytest.MonkeyPatch) -> None:
    """A run whose version was replaced starts on what is released, like any new run."""
    patch.setattr(operator, "entry_of", lambda view, around: around.active)


def takes_what_it_sees_for_all(patch: pytest.MonkeyPatch) -> None:
    """A report goes on record as missing, or as another Stop's, by what the watches brought."""
    patch.setattr(looks, "_heard", lambda view, before, after: True)


def tells_bad_news_unseen(patch: pytest.MonkeyPatch) -> None:
    """Trouble is told, and acted on, by what the watches brought."""
    patch.setattr(looks, "_is_trouble", lambda situation: False)


def ends_unseeing(patch: pytest.MonkeyPatch) -> None:
    """A plan that went back ends by what the watches brought."""
    patch.setattr(looks, "_commits", lambda before, after: True)


def makes_claims_unseeing(patch: pytest.MonkeyPatch) -> None:
    """A claim is made on what the watches brought."""
    patch.setattr(looks, "_FENCED", (*looks._FENCED, fx.CreateClaim))


LAGGING = ("keep, a watch lags", "Continuation, a watch lags", "ForwardOnly, a watch lags")

MUTANTS = (
    Mutant("acts on what the watches brought", LAGGING, Rules(looks_live=False)),
    Mutant(
        "takes what it sees for all there is",
        ("ForwardOnly, newer revision, a watch lags", "Continuation, a watch lags"),
        patch=takes_what_it_sees_for_all,
        breaks="the report of incarnation",
    ),
    Mutant(
        "makes claims on what the watches brought",
        ("first start, run replaced under its name, a watch lags",),
        patch=makes_claims_unseeing,
        breaks="mounts the state of another run",
    ),
    Mutant(
        "acts on trouble that it has not looked up",
        ("keep with another format, a watch lags", "Continuation, a watch lags"),
        patch=tells_bad_news_unseen,
        breaks="the report of incarnation",
    ),
    Mutant(
        "ends a plan that went back on what the watches brought",
        ("ForwardOnly, newer revision, a watch lags",),
        patch=ends_unseeing,
        breaks="the report of incarnation",
    ),
    Mutant(
        "starts what failed",
        ("ForwardOnly that never starts, then a newer revision that waits for consent",),
        patch=starts_what_failed,
        breaks="started again",
    ),
    Mutant("acts before it writes", ("ForwardOnly", *KEEP), Rules(act_first=True)),
    Mutant("sends no resourceVersion", (*KEEP, *FRESH), Rules(fenced=False)),
    Mutant("upserts", (*FRESH, *KEEP), Rules(upsert=True)),
    Mutant("creates incarnations awake", ("Continuation, abort", *FRESH), Rules(awake_workload=True)),
    Mutant("creates Jobs awake", ("ForwardOnly",), Rules(awake_job=True)),
    Mutant("stops without a write", (*KEEP, *FRESH), patch=broken_steps.stop_without_write),
    Mutant("trusts earlier steps", ("Continuation, abort", *FRESH), patch=broken_steps.trusts_earlier_steps),
    Mutant("keeps nothing up", FRESH, patch=no_upkeep),
    Mutant(
        "records the report before replicas 0",
        ("Continuation, eviction", *FRESH),
        patch=broken_steps.report_before_settled,
    ),
    Mutant(
        "holds no report",
        FRESH,
        patch=broken_steps.no_report_hold,
        breaks="the report of incarnation",
        kind=Kind.STOP,
    ),
    Mutant("revokes grants", KEEP, Rules(revoke=True)),
    Mutant("opens spent grants again", KEEP, patch=reopens_spent_grants),
    Mutant("lets Jobs expire", ("ForwardOnly",), Rules(job_ttl=True)),
    Mutant("sweeps Jobs unrecorded", ("ForwardOnly",), patch=broken_steps.sweeps_unrecorded_jobs),
    Mutant("overwrites facts", FRESH, patch=broken_steps.overwrites_facts),
    Mutant("uses incarnation numbers again", ("Continuation, newer revision", *FRESH), patch=reuses_numbers),
    Mutant("sweeps claims off record", FRESH, patch=sweeps_claims_off_record),
    Mutant(
        "never looks at the run again after the world",
        ("Continuation, abort", *FRESH),
        Rules(torn=True, looks_again=False),
    ),
    Mutant(
        "counts the time of a hold",
        ("keep, hold and let go", "keep that never starts, hold and let go"),
        patch=counts_the_time_of_a_hold,
    ),
    Mutant("works during a hold", ("keep, hold and let go",), patch=works_during_a_hold),
    Mutant("moves pinned runs", ("keep, pin and unpin",), patch=moves_pinned_runs),
    Mutant("works for deleted runs", ("keep, run deleted",), patch=works_for_deleted_runs),
    Mutant(
        "makes a claim that a stranger's pod waits for",
        ("keep, run replaced under its name",),
        patch=broken_steps.makes_claims_for_strangers,
    ),
    Mutant("never starts again", ("stop and start",), patch=never_starts_again, breaks="no goal"),
    Mutant("ignores restarts", ("restart",), patch=ignores_restarts, breaks="no goal"),
    Mutant(
        "ignores edits",
        ("keep, edited parameters and window",),
        patch=ignores_edits,
        breaks="no goal",
    ),
    Mutant(
        "never starts", ("first start",), patch=broken_steps.never_starts, breaks="no goal", kind=Kind.START
    ),
    Mutant(
        "keeps the planned window going back",
        ("Continuation that never starts, rolled back",),
        patch=keeps_the_planned_window,
        breaks="going back",
    ),
    Mutant(
        "carries out another plan than was granted",
        ("Continuation, strategy edited and deleted",),
        patch=carries_out_other_plans,
        breaks="without its grant",
    ),
    Mutant("stamps no formats", ("keep with another format",), patch=broken_steps.stamps_no_formats),
    Mutant(
        "takes a preflight hook that fails for content",
        ("keep, preflight hook that fails",),
        patch=broken_steps.takes_failures_for_content,
        breaks="the hook of preflight has not succeeded",
        kind=Kind.PREFLIGHT,
    ),
    Mutant(
        "resolves the window without the report",
        ("Continuation, abort, nobody late",),
        patch=broken_steps.resolves_without_the_report,
        breaks="tells again",
        kind=Kind.RESOLVE_WINDOW,
    ),
    Mutant(
        "reverts nothing",
        ("ForwardOnly",),
        patch=broken_steps.reverts_nothing,
        breaks="the hook of revert-live has not succeeded",
        kind=Kind.REVERT_RESULTS,
    ),
    Mutant(
        "forgets state instead of deleting it",
        ("ForwardOnly",),
        patch=broken_steps.forgets_state,
        breaks="the state of delete-live is still there",
        kind=Kind.DELETE_STATE,
    ),
    Mutant(
        "asks no verify hook",
        ("keep, verify hook that fails",),
        patch=broken_steps.asks_no_verify_hook,
        breaks="the hook of verify has not succeeded",
        kind=Kind.VERIFY,
    ),
    Mutant(
        "verifies at once",
        ("keep",),
        patch=broken_steps.verifies_at_once,
        breaks="before the new version was stable",
        kind=Kind.VERIFY,
    ),
    Mutant(
        "closes a plan without returning its grant",
        ("keep",),
        patch=broken_steps.keeps_grants,
        breaks="closed without returning grant",
        kind=Kind.COMMIT,
    ),
    Mutant(
        "makes no results claim",
        ("first start, results",),
        patch=broken_steps.makes_no_results,
        breaks="without the results claim",
    ),
    Mutant(
        "makes a results claim that a stranger's workload waits for",
        ("ForwardOnly, results, run replaced",),
        patch=broken_steps.makes_results_for_strangers,
        breaks="the results of another run",
    ),
    Mutant(
        "says a word that is no reason",
        ("keep",),
        patch=broken_words.says_no_reason,
        breaks="'Busy' is not a valid Reason",
    ),
    Mutant(
        "tells a failure at a length that its schema refuses",
        ("keep that never starts, rolled back",),
        patch=broken_words.tells_failures_at_length,
        breaks="does not fit its schema: upgrade",
    ),
    Mutant(
        "loses a field on the wire",
        ("ForwardOnly, abort",),
        patch=broken_words.loses_a_field,
        breaks="loses what was decided: gave_up",
    ),
)
