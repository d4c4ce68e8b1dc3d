"""Cases for the controllers, from the schemas of the four kinds."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st

from scenario_operator.api.journal import Heading, Kind
from scenario_operator.planning.plan import Cause
from tests.fuzz.shapes import FACTS, TIMES, Shape, shape
from tests.fuzz.world import Case
from tests.unit.api.samples import PARTS

SPECS = {kind: shape(parts["spec"]) for kind, parts in PARTS.items()}
STATUSES = {kind: shape(parts["status"]) for kind, parts in PARTS.items() if "status" in parts}
PLAIN = st.just(
    {
        "version": "1.0.0",
        "artifact": {"image": "r/x:1"},
        "state": {"version": "1", "volume": {"size": "1Gi"}},
        "results": {"volume": {"size": "1Gi"}},
        "outputs": [{"kind": "file", "class": "Reversible"}],
        "hooks": {"revert": {"command": ["revert"]}},
        "compatibility": {"from": [{"versions": "*", "verdict": "Incompatible"}]},
        "upgrade": {"strategyRef": {"name": "x"}},
    }
)
"""A Scenario of which nothing is odd, so that what is odd elsewhere is reached; its upgrade stops and reverts."""
EDITED = st.just({"version": "2.0.0", "artifact": {"image": "r/x:2"}})
IDS = ("a", "b", "a-1", "p1")
_BY_STEP = ("stop", "hook", "deleted")
FACT_NAMES = ("window", "parameters", "atRisk", *(f"{word}:{step}" for word in _BY_STEP for step in IDS))
LAST_WORDS = st.one_of(
    st.sampled_from(
        ["", "[" * 4000, *FACTS, *(f'{{"processedUntil":"{time}","stateVersion":"1"}}' for time in TIMES)]
    ),
    st.text(max_size=40),
)


def usable(spec: Shape) -> Shape:
    """Return specs of a Scenario that a version can be published from, with whatever else was made."""

    def with_version(made: dict[str, Any]) -> dict[str, Any]:
        return {**made, "version": "1.0.0", "artifact": {"image": "r/x:1"}}

    return spec.map(with_version)


def open_plans() -> Shape:
    """Return statuses with a journal that can be read for the most part: what is odd is how its parts fit together."""
    journal = shape(PARTS["ScenarioRun"]["status"]["properties"]["upgrade"])
    likely = {"cause": st.sampled_from(Cause), "heading": st.sampled_from(Heading)}
    steps = st.lists(
        st.builds(
            lambda kind, name, number: {
                "id": name,
                "kind": kind.value,
                "incarnation": number,
                "revision": "s-r1",
            },
            st.sampled_from(Kind),
            st.sampled_from(IDS),
            st.integers(0, 2),
        ),
        max_size=4,
    )
    begun = st.lists(st.sampled_from(IDS).map(lambda name: {"id": name, "at": TIMES[0]}), max_size=3)
    done = st.lists(st.sampled_from(IDS), max_size=3)
    facts = st.dictionaries(st.sampled_from(FACT_NAMES), st.sampled_from(FACTS), max_size=2)
    parts = st.fixed_dictionaries({**likely, "steps": steps, "path": steps, "begun": begun, "done": done})
    listed = facts.map(lambda known: {"facts": [{"name": k, "value": v} for k, v in known.items()]})
    plan = st.builds(lambda *made: {k: v for part in made for k, v in part.items()}, journal, parts, listed)
    return st.builds(lambda status, upgrade: {**status, "upgrade": upgrade}, STATUSES["ScenarioRun"], plan)


def cases(*, foreign: bool) -> st.SearchStrategy[Case]:
    """Return cases; `foreign`: statuses, too, were written by somebody else."""
    scenario = st.one_of(PLAIN, usable(SPECS["Scenario"]), SPECS["Scenario"])
    edited = st.one_of(EDITED, SPECS["Scenario"], st.none())
    record = (
        st.one_of(st.none(), STATUSES["ScenarioRun"], open_plans(), open_plans()) if foreign else st.none()
    )
    attempt = st.one_of(st.none(), st.tuples(SPECS["ScenarioUpgrade"], STATUSES["ScenarioUpgrade"]))
    return st.builds(
        Case,
        scenario=scenario,
        edited=edited,
        strategy=SPECS["UpgradeStrategy"],
        runs=st.tuples(st.tuples(SPECS["ScenarioRun"], record), st.tuples(st.just({}), st.none())),
        attempt=attempt if foreign else st.none(),
        standing=st.one_of(st.none(), STATUSES["Scenario"]) if foreign else st.none(),
        words=LAST_WORDS,
        works=st.booleans(),
    )


def plans() -> st.SearchStrategy[Case]:
    """Return cases of which nothing is odd but the plan in progress."""
    return st.builds(
        Case,
        scenario=PLAIN,
        edited=EDITED,
        strategy=st.just({"type": "ForwardOnly", "approval": "Never"}),
        runs=st.tuples(st.tuples(st.just({}), open_plans()), st.tuples(st.just({}), st.none())),
        attempt=st.none(),
        standing=st.none(),
        words=LAST_WORDS,
        works=st.booleans(),
    )


KINDS_OF_CASES = {
    "specs, last words of programs": cases(foreign=False),
    "specs and statuses": cases(foreign=True),
    "plans in progress": plans(),
}
