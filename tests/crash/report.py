"""What was tried and what came of it, for people: the tables of docs/reliability.md."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence

from tests.crash.laboratory import Expected
from tests.harness.cluster import ROOT
from tests.harness.faults import ENUMERATED

PAGE = ROOT / "docs" / "reliability.md"
_BEGIN, _END = "<!-- crashes: written by make crash -->", "<!-- end of crashes -->"
Result = Mapping[str, object]


def write(expected: Mapping[str, Expected], results: Sequence[Result], watched: Sequence[Result]) -> None:
    """Write the tables into the page, between their marks; the rest of the page stays."""
    body = "\n".join([_BEGIN, "", *_calls(expected, results), "", *_watches(watched), "", _END])
    PAGE.write_text(re.sub(rf"{_BEGIN}.*?{_END}", lambda _: body, PAGE.read_text(), flags=re.DOTALL))


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
