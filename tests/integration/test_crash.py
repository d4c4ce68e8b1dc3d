"""A sample of all crashes and faults; every single one is tried by `make crash` (docs/reliability.md)."""

from __future__ import annotations

import os
import random
from collections.abc import Sequence
from itertools import pairwise

import pytest
from tests.crash.enumeration import Case, all_cases, sample, tried
from tests.crash.laboratory import Laboratory
from tests.crash.references import REFERENCES
from tests.harness.faults import KILLS, Action, Call, Fault

SAMPLE = 6
DRAWN = 4
"""Of so many upgrades, because each is first run undisturbed."""
FORWARD_ONLY = next(r for r in REFERENCES if r.name == "ForwardOnly")
STEPS = {
    "Stop(live)": ["patch scenarioruns/status r #2", "patch pods r-1-0 #1"],
    "ResolveWindow": ["patch scenarioruns/status r #4"],
    "RevertResults(live)": [
        "patch scenarioruns/status r #4",
        "patch jobs r-p2-revert-live-0 #1",
    ],
    "DeleteState(live)": [
        "patch scenarioruns/status r #5",
        "delete persistentvolumeclaims state-r-1-0 #1",
    ],
    "Start(next)": ["patch scenarioruns/status r #6", "create persistentvolumeclaims state-r-2-0 #1"],
    "Verify(next)": ["patch scenarioruns/status r #7"],
    "Commit": ["patch scenarioruns/status r #7"],
}
"""What each step of ForwardOnly does: the write that opens it (that holds what came of it, where it has no effect),
and the effect that destroys, or else its first one."""


async def test_whatever_breaks_at_any_call_every_upgrade_ends_as_if_nothing_had(lab: Laboratory) -> None:
    """Given upgrades of several kinds, when one call fails or kills the operator, then the end is as without.

    Equal end state, each hook and each deletion of a claim once, facts unmoved, never two live pods.
    """
    # The same sample for everybody: what is new is found by `make crash`, which tries everything.
    seed = int(os.environ.get("CRASH_SEED", "777103"))
    print(f"to repeat: CRASH_SEED={seed}")

    references = random.Random(seed).sample(REFERENCES, DRAWN)  # noqa: S311 (a sample, not a secret)
    outcomes = await tried(lab, sample(await all_cases(lab, references), SAMPLE, seed))

    assert len(outcomes) == SAMPLE
    assert {outcome.reference for outcome in outcomes} == {reference.name for reference in references}
    wrong = [outcome.story() for outcome in outcomes if outcome.problems]
    assert not wrong, f"CRASH_SEED={seed}\n" + "\n".join(wrong)
    assert sum(outcome.reached for outcome in outcomes) > SAMPLE // 2, [o.faults for o in outcomes]
    assert any(outcome.restarts for outcome in outcomes)


def _cases(calls: Sequence[Call], order: Sequence[Call]) -> list[Case]:
    """Return every kill at these calls; to die later than one is to die before the next, which is tried once."""
    follower = dict(pairwise(order))
    return [
        Case(FORWARD_ONLY, Fault(kill, call))
        for call in calls
        for kill in KILLS
        if kill is not Action.KILLED_LATER or follower.get(call) not in calls
    ]


async def _calls_of_a3(lab: Laboratory, chosen: Sequence[str]) -> list[Call]:
    """Run ForwardOnly undisturbed, require that it goes as row A3 says, and return those calls that are named."""
    await lab.learn([FORWARD_ONLY])
    expected = lab.expected[FORWARD_ONLY.name]
    attempt = expected.world["ScenarioUpgrade/<attempt 1>"]
    assert attempt["status"]["groups"][0]["steps"] == list(STEPS)
    assert (expected.hooks, expected.claims_deleted) == ({"r-p2-revert-live": 1}, {"state-r-1-0": 1})
    calls = [Call.parse(call) for call in dict.fromkeys(chosen)]
    assert set(calls) <= set(expected.calls), [str(call) for call in expected.calls]
    return calls


async def test_a8_forward_only_killed_at_every_step_ends_as_if_nothing_had(lab: Laboratory) -> None:
    """Given ForwardOnly, when the operator dies six times on its way, after a call of each step, then all ends as A3.

    Calls are numbered as in the undisturbed run; one kill alone, at each call, is tried by `make crash`.
    The hook ran once, the claim was deleted once, and no time and no fact that was on record has moved.
    """
    calls = await _calls_of_a3(lab, [step[-1] for step in STEPS.values()])
    (namespace,) = await lab.prepare([FORWARD_ONLY])

    outcome = await lab.attempt(namespace, FORWARD_ONLY, [Fault(Action.KILLED_AFTER, c) for c in calls])

    assert not outcome.problems, outcome.story()
    assert outcome.reached, outcome.story()
    assert outcome.restarts == len(calls)


@pytest.mark.slow
async def test_a8_forward_only_killed_once_before_in_and_after_every_call_ends_as_if_nothing_had(
    lab: Laboratory,
) -> None:
    """Given ForwardOnly, when the operator is killed around one call of a step, whichever, then all ends as A3."""
    calls = await _calls_of_a3(lab, [call for step in STEPS.values() for call in step])
    order = lab.expected[FORWARD_ONLY.name].calls

    outcomes = await tried(lab, _cases(calls, order), at_once=6)

    wrong = [outcome.story() for outcome in outcomes if outcome.problems]
    assert not wrong, "\n".join(wrong)
    assert all(outcome.reached and outcome.restarts == 1 for outcome in outcomes)


def test_a_fault_is_written_and_read_alike() -> None:
    """Given a fault in words, when it is read and written again, then the words are the same."""
    fault = Fault(Action.KILLED_AFTER, Call("patch", "scenarioruns/status", "r", 2))
    burst = Fault(Action.ERROR, Call("create", "pods", "-"), times=8)

    assert str(fault) == "killed after: patch scenarioruns/status r #2"
    assert str(burst) == "500 x8: create pods - #1"
    assert [Fault.parse(str(each)) for each in (fault, burst)] == [fault, burst]
