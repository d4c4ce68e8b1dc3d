"""Whatever happens, the bound on grants holds and each run is reported once."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from scenario_operator.api.outcomes import Outcome
from scenario_operator.rollout.facts import Fleet, RunFacts
from scenario_operator.rollout.wire import counts_of

from .fleets import KEEP_SAME, V1, V3, fleet, passed, returned, run, runs


def _step(known: Fleet, name: str, event: str) -> Fleet:
    """Let one thing happen to one run, if it can."""
    found = next((r for r in known.runs if r.name == name), None)
    if found is None:
        return known
    given = next((e for a in known.attempts for e in a.active if e.run_uid == found.uid), None)
    spent = given is not None and given.id in found.ended
    after: RunFacts | None = found
    if event == "delete":
        gone = known.gone | {found.uid}
        return known._replace(runs=tuple(r for r in known.runs if r.uid != found.uid), gone=gone)
    if event == "toggle hold":
        after = found._replace(hold=not found.hold)
    elif given is not None and not spent:
        name_of = given.id.partition(".")[0]
        match event:
            case "begin" | "wait":
                after = found._replace(journal_grant=given.id, waits=event == "wait")
            case "arrive":
                on = next(a for a in known.attempts if a.name == name_of).revision
                after = returned(
                    run(name, KEEP_SAME[on], *found.stored.history), Outcome.UPGRADED, given.id, name_of
                )
            case word:
                after = returned(found, Outcome(word), given.id, name_of)
    return known._replace(runs=tuple(after if r.uid == found.uid else r for r in known.runs))


EVENTS = ("begin", "wait", "arrive", "RolledBack", "PlanChanged", "Pinned", "delete", "toggle hold")
HAPPENS = st.tuples(st.sampled_from(["r001", "r002", "r003", "r004"]), st.sampled_from(EVENTS))


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.one_of(HAPPENS, st.sampled_from(["v3", "suspend", "pass"])), max_size=30),
    st.integers(1, 3),
    st.integers(0, 4),
)
def test_whatever_happens_the_bound_holds_and_each_run_is_reported_once(
    story: list[tuple[str, str] | str], most: int, max_failed: int
) -> None:
    """Given any story, when passes follow each event, then grants stay bounded, unique, and reported once."""
    known, ids = fleet(runs(4, V1), pace=(most, max_failed)), set()
    for event in story:
        match event:
            case "v3":
                known = known._replace(wanted=V3)
            case "suspend":
                known = known._replace(suspend=not known.suspend)
            case (str() as name, str() as what):
                known = _step(known, name, what)
        before = {e.id for a in known.attempts for e in a.active}
        known, _ = passed(known)
        entries = [e for a in known.attempts for e in a.active]
        fresh = {e.id for e in entries} - before
        assert sum(1 for e in entries if not e.parked) <= most
        assert not fresh & ids
        ids |= fresh
        for one in known.attempts:
            assert len({r.uid for r in one.reports}) == len(one.reports)
            assert counts_of(one)["total"] >= len(one.reports)
