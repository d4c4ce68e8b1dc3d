"""What was tried and what came of it, for people: the tables of docs/reliability.md."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence

from tests.crash.laboratory import Expected
from tests.harness.cluster import ROOT
from tests.harness.faults import ENUMERATED, Action

PAGE = ROOT / "docs" / "reliability.md"
_BEGIN, _END = "<!-- crashes: written by make crash -->", "<!-- end of crashes -->"
Result = Mapping[str, object]
_SAYS = {
    Action.KILLED_BEFORE: "the operator is killed before the call",
    Action.KILLED_AFTER: "the call lands, the operator is killed before it learns of it",
    Action.ANSWER_LOST: "the call lands, the connection breaks instead of an answer",
    Action.CONFLICT: "refused with 409",
    Action.BUSY: "refused with 429 and Retry-After",
    Action.ERROR: "refused with 500",
    Action.RESET: "the connection is reset before the server has seen the call",
}


def write(expected: Mapping[str, Expected], results: Sequence[Result], watched: Sequence[Result]) -> None:
    """Write the tables into the page, between their marks; the rest of the page stays."""
    body = "\n".join([_BEGIN, "", *_calls(expected, results), "", *_watches(watched), "", _END])
    page = PAGE.read_text() if PAGE.exists() else _page()
    PAGE.write_text(re.sub(rf"{_BEGIN}.*?{_END}", lambda _: body, page, flags=re.DOTALL))


def _calls(expected: Mapping[str, Expected], results: Sequence[Result]) -> Iterable[str]:
    yield "| upgrade | calls | " + " | ".join(action.value for action in ENUMERATED) + " |"
    yield "|---|---|" + "---|" * len(ENUMERATED)
    for name, known in expected.items():
        mine = [r for r in results if r["reference"] == name]
        cells = [_cell([r for r in mine if str(r["fault"]).startswith(f"{a}: ")]) for a in ENUMERATED]
        yield f"| {name} | {len(known.calls)} | " + " | ".join(cells) + " |"
    tried, converged = len(results), sum(not r["problems"] for r in results)
    missed = sum(not r["reached"] for r in results)
    yield ""
    yield (
        f"{converged} of {tried} converged (a cell: converged / tried). In {missed} of them the disturbed run did not"
        " make the call that was to be hit: status writes of a Scenario are coalesced, so their number varies."
    )


def _cell(results: Sequence[Result]) -> str:
    return f"{sum(not r['problems'] for r in results)} / {len(results)}" if results else "–"


def _watches(watched: Sequence[Result]) -> Iterable[str]:
    names = list(dict.fromkeys(str(r["reference"]) for r in watched))
    faults = list(dict.fromkeys(str(r["kind"]) for r in watched))
    yield "| events | " + " | ".join(names) + " |"
    yield "|---|" + "---|" * len(names)
    for fault in faults:
        cells = [_cell([r for r in watched if (r["reference"], r["kind"]) == (n, fault)]) for n in names]
        yield f"| {fault} | " + " | ".join(cells) + " |"


def _page() -> str:
    says = "\n".join(f"- **{action}**: {text}." for action, text in _SAYS.items())
    return f"""# Reliability

What is promised is tried, in two ways that do not rely on luck: the executor's decision is explored on a model
cluster, and the operator's process is disturbed at every single call to a real API server.

## The decision, explored

<!-- explorer -->
<!-- /explorer -->

## The process, disturbed at every call

`make crash` runs each reference upgrade once undisturbed and numbers its mutating calls (Lease and Event calls apart).
Then it runs it again for every call and every fault:

{says}

A killed operator is started again at once. A case has *converged* when the end state equals that of the undisturbed
run (without times, versions and random names), every hook Job ran to success as often as there, every state claim was
deleted as often as there (by the server's audit log and by a watch), no fact in the journal ever changed, no two
pods of the run were ever alive together, no grant was returned twice, and nothing is written any more. `make test`
tries a sample, whose seed it prints.

{_BEGIN}
{_END}

## Two replicas

`tests/integration/test_two_replicas.py` lets a second operator take over at chosen calls of an upgrade: the leader is
killed; frozen with a write under way until the other has finished, then thawed, so that the write lands late; its
lease is given to somebody else. The end is that of the undisturbed run.
"""
