"""The plan shapes that are explored, each with and without failure, rollback and a newer revision."""

from __future__ import annotations

from typing import Any

from scenario_operator.api.scenario import ScenarioSpec
from scenario_operator.execution.close import applied_of
from scenario_operator.execution.decide import Record
from scenario_operator.execution.view import Template
from scenario_operator.planning.parameters import NO_PARAMETERS, merge
from scenario_operator.planning.plan import Snapshot
from scenario_operator.planning.revision import Artifact, Revision, make
from scenario_operator.planning.stored import Handled, Incarnation, Stored
from scenario_operator.planning.windows import Window

from .model import C, Cluster, P, R, W
from .states import Luck, Setup, State, Truth

STRATEGY = Snapshot(stable_seconds=10, max_attempts=2, backoff_seconds=10)
WINDOW = Window(None, None, None)


def revision(
    number: int,
    *,
    state: str,
    accepts: tuple[str, ...],
    edges: tuple[dict[str, object], ...] = (),
    content: int = 0,
    parameter: bool = False,
    hooks: tuple[str, ...] = (),
    results: bool = False,
) -> Revision:
    """Make revision `v<number>` with a revert hook and a state volume, none if `state` is "".

    `content`: that of an earlier one again. `parameter`: it takes parameter x. `hooks`: those that it has as well.
    `results`: it publishes results.
    """
    logic = content or number
    volume = {"volume": {"size": "1Gi"}}
    spec = ScenarioSpec.model_validate(
        {
            "version": f"{logic}.0.0",
            "type": "Service",
            "artifact": {"image": f"r/x:{logic}"},
            "state": {"version": state, "accepts": list(accepts), **volume} if state else None,
            "results": volume if results else None,
            "hooks": {name: {"command": [name]} for name in ("revert", *hooks)},
            "outputs": [{"kind": "incident", "class": "Reversible"}],
            "parameters": [{"name": "x", "default": "0"}] if parameter else [],
            "compatibility": {"from": list(edges), "allowDowngrade": bool(content and edges)},
        }
    )
    return make(f"v{number}", number, spec, Artifact(f"r/x@sha256:{logic}", f"sha256:{logic}"))


def _edges(verdict: str, reversible: bool = False) -> tuple[dict[str, object], ...]:
    return ({"versions": "*", "verdict": verdict, "reversible": reversible},)


KEEP_SAME = {
    "v1": revision(1, state="1", accepts=("1",)),
    "v2": revision(2, state="1", accepts=("1",), edges=_edges("Compatible", reversible=True)),
    "v3": revision(3, state="1", accepts=("1",), edges=_edges("Compatible", reversible=True)),
}
KEEP_FORMATS = {
    "v1": revision(1, state="1", accepts=("1", "2")),
    "v2": revision(2, state="2", accepts=("1", "2"), edges=_edges("Compatible", reversible=True)),
    "v3": revision(3, state="2", accepts=("1", "2"), edges=_edges("Compatible", reversible=True)),
}
ONLY_COPY = {
    "v1": revision(1, state="1", accepts=("1",)),
    "v2": revision(2, state="2", accepts=("1", "2"), edges=_edges("Compatible")),
    "v3": revision(3, state="2", accepts=("1", "2"), edges=_edges("Compatible")),
}
FRESH = {
    "v1": revision(1, state="1", accepts=("1",)),
    "v2": revision(2, state="2", accepts=("2",), edges=_edges("Incompatible")),
    "v3": revision(3, state="3", accepts=("3",), edges=_edges("Incompatible")),
}
KEEP_VALUES = {
    name: revision(
        number,
        state="1",
        accepts=("1",),
        edges=_edges("Compatible", reversible=True) if number > 1 else (),
        parameter=True,
    )
    for number, name in enumerate(("v1", "v2", "v3"), 1)
}
FRESH_VALUES = {
    name: revision(
        number,
        state=f"{number}",
        accepts=(f"{number}",),
        edges=_edges("Incompatible") if number > 1 else (),
        parameter=True,
    )
    for number, name in enumerate(("v1", "v2", "v3"), 1)
}
KEEP_BACK = {
    **KEEP_SAME,
    "v3": revision(3, state="1", accepts=("1",), edges=_edges("Compatible", reversible=True), content=1),
}
FRESH_BACK = {
    **FRESH,
    "v3": revision(3, state="1", accepts=("1",), edges=_edges("Incompatible"), content=1),
}
REFUSED_BACK = {**KEEP_SAME, "v3": revision(3, state="1", accepts=("1",), content=1)}


def keeping(first: int = 1, **more: Any) -> dict[str, Revision]:
    """Return three revisions that keep the state and can go back; from number `first` on they have `more`."""
    edges = _edges("Compatible", reversible=True)
    return {
        f"v{n}": revision(
            n, state="1", accepts=("1",), edges=edges if n > 1 else (), **(more if n >= first else {})
        )
        for n in (1, 2, 3)
    }


def starting_anew(*, stateless: bool = False, **more: Any) -> dict[str, Revision]:
    """Return three revisions none of which goes on from another's state; all have `more`."""
    edges = _edges("Incompatible")
    formats = ("", "", "") if stateless else ("1", "2", "3")
    return {
        f"v{n}": revision(n, state=own, accepts=(own,) if own else (), edges=edges if n > 1 else (), **more)
        for n, own in enumerate(formats, 1)
    }


PREFLIGHT = keeping(hooks=("preflight",))
VERIFY = keeping(hooks=("verify",))
ALL_HOOKS = starting_anew(hooks=("preflight", "verify"))
RESULTS = keeping(results=True)
NEW_RESULTS = keeping(2, results=True)
FRESH_RESULTS = starting_anew(results=True)
ONLY_RESULTS = starting_anew(stateless=True, results=True)


def running(revisions: dict[str, Revision]) -> tuple[Record, Cluster]:
    """Return a run that is settled on v1."""
    v1 = revisions["v1"]
    values = merge(NO_PARAMETERS, {}, v1.spec.parameters or ()).parameters
    stored = Stored(
        applied=applied_of(v1, (v1.state_version,) if v1.has_state else ()),
        live=1,
        incarnations=(Incarnation(1, v1.version, v1.name),),
        window=WINDOW,
        parameters=values,
        handled=Handled("", "", "", ""),
        plans=1,
    )
    template = Template("v1", WINDOW, values.effective)
    formats = (v1.state_version,)
    cluster = Cluster(
        workloads=((1, W(1, template, "", True)),),
        pods=((1, P(template, "ready", ran=True)),),
        claims=((1, C(formats, formats)),) if v1.has_state else (),
        results=((0, R()),) if v1.spec.results is not None else (),
    )
    return Record(stored, None), cluster


def started(name: str, revisions: dict[str, Revision], luck: Luck, **more: object) -> Setup:
    """Return the exploration of an upgrade from v1 to v2, and perhaps to v3."""
    record, cluster = running(revisions)
    given: dict[str, object] = {"strategy": STRATEGY, "wanted": "v2", "newest": "v3", **more}
    return Setup(name, record, cluster, revisions, luck=luck, **given)  # type: ignore[arg-type]


def begin(setup: Setup) -> State:
    """Return the first state of an exploration."""
    state = State(setup.record, setup.cluster, setup.run, setup.wanted, (), 0, None, (), setup.luck)
    ran = tuple(n for n, pod in setup.cluster.pods if pod.ran)
    return state._replace(truth=Truth(published=ran)) if setup.follows else state


CONTINUE = STRATEGY._replace(type="Continuation")
FORWARD = STRATEGY._replace(type="ForwardOnly")
BROKEN = frozenset({"v2"})
CALM = Luck(late=1, evictions=0, hook_failures=0)
NEWER = CALM._replace(newer=1)
ABORT = CALM._replace(aborts=1)


def first_start(
    name: str,
    luck: Luck,
    *,
    broken: frozenset[str] = frozenset(),
    revisions: dict[str, Revision] = KEEP_SAME,
) -> Setup:
    """Return the exploration of a first start on v2."""
    unborn = Record(Stored(), None), Cluster()
    return Setup(name, *unborn, revisions, "v2", "v3", STRATEGY, luck, broken=broken)


QUICK = (
    first_start("first start", CALM._replace(evictions=1)),
    first_start("first start that never starts, then a newer revision", NEWER, broken=BROKEN),
    first_start("first start, abort", ABORT),
    started("keep", KEEP_SAME, CALM._replace(evictions=1)),
    started("keep, abort", KEEP_SAME, ABORT),
    started("keep, newer revision", KEEP_SAME, NEWER),
    started("keep that never starts, rolled back", KEEP_SAME, NEWER, broken=BROKEN),
    started("keep with another format", KEEP_FORMATS, CALM),
    started("keep with another format that never starts", KEEP_FORMATS, CALM, broken=BROKEN),
    started("keep on the only copy", ONLY_COPY, CALM),
    started(
        "keep on the only copy that never starts, then a newer revision", ONLY_COPY, NEWER, broken=BROKEN
    ),
    started("Continuation", FRESH, CALM, strategy=CONTINUE),
    started("Continuation, abort, nobody late", FRESH, ABORT._replace(late=0), strategy=CONTINUE),
    started(
        "Continuation that never starts, rolled back",
        FRESH,
        CALM._replace(hook_failures=1),
        strategy=CONTINUE,
        broken=BROKEN,
    ),
    started("Continuation, newer revision", FRESH, NEWER._replace(late=0), strategy=CONTINUE),
    started("ForwardOnly", FRESH, CALM._replace(hook_failures=1), strategy=FORWARD),
    started("ForwardOnly, abort", FRESH, ABORT, strategy=FORWARD),
    started(
        "ForwardOnly that never starts, then a newer revision", FRESH, NEWER, strategy=FORWARD, broken=BROKEN
    ),
    started(
        "ForwardOnly that never starts, then a newer revision that waits for consent",
        FRESH,
        NEWER._replace(late=0),
        strategy=FORWARD,
        broken=BROKEN,
        unreleased=frozenset({"v3"}),
    ),
    started("ForwardOnly, newer revision", FRESH, NEWER, strategy=FORWARD),
    started("ForwardOnly, hook that fails for long", FRESH, CALM._replace(hook_failures=3), strategy=FORWARD),
    started("restart", KEEP_SAME, CALM._replace(restarts=1), wanted="v1"),
    started("stop and start", KEEP_SAME, CALM._replace(toggles=2), wanted="v1"),
    started("recompute", KEEP_SAME, CALM._replace(recomputes=1), wanted="v1"),
    started("keep, preflight hook that fails", PREFLIGHT, CALM._replace(hook_failures=2)),
    started("keep, preflight hook, abort, nobody late", PREFLIGHT, ABORT._replace(late=0)),
    started("keep, preflight hook, newer revision, nobody late", PREFLIGHT, NEWER._replace(late=0)),
    started("keep, verify hook that fails", VERIFY, CALM._replace(hook_failures=2)),
    started("keep, verify hook, abort, nobody late", VERIFY, ABORT._replace(late=0)),
    first_start("first start, verify hook that fails", CALM._replace(hook_failures=2), revisions=VERIFY),
    started(
        "Continuation, preflight and verify hooks that fail, nobody late",
        ALL_HOOKS,
        Luck(late=0, evictions=0, hook_failures=2),
        strategy=CONTINUE,
    ),
    started("ForwardOnly, preflight and verify hooks", ALL_HOOKS, CALM, strategy=FORWARD),
    first_start("first start, results", CALM._replace(evictions=1), revisions=RESULTS),
    started("keep, results from the new version on", NEW_RESULTS, CALM),
    started("keep, results from the new version on, which never starts", NEW_RESULTS, CALM, broken=BROKEN),
    started("Continuation without state, results", ONLY_RESULTS, CALM, strategy=CONTINUE),
    started("ForwardOnly without state, results", ONLY_RESULTS, CALM, strategy=FORWARD),
)

DEEP = (
    started("Continuation, abort", FRESH, ABORT, strategy=CONTINUE),
    started("Continuation, newer revision, a late leader", FRESH, NEWER, strategy=CONTINUE),
    started("keep, two late leaders", KEEP_SAME, CALM._replace(late=2, evictions=1)),
    started(
        "keep with another format, two late leaders",
        KEEP_FORMATS,
        CALM._replace(late=2, evictions=1),
        broken=BROKEN,
    ),
    started("keep, abort and a newer revision", KEEP_SAME, NEWER._replace(aborts=1)),
    started("Continuation, eviction", FRESH, CALM._replace(evictions=1), strategy=CONTINUE),
    started(
        "ForwardOnly, eviction and failing hooks",
        FRESH,
        Luck(late=1, evictions=1, hook_failures=2),
        strategy=FORWARD,
    ),
    started("ForwardOnly, two late leaders", FRESH, CALM._replace(late=2), strategy=FORWARD),
    started(
        "ForwardOnly, hook that fails for long, then a newer revision",
        FRESH,
        NEWER._replace(hook_failures=3),
        strategy=FORWARD,
    ),
    started("keep, preflight hook, abort", PREFLIGHT, ABORT),
    started("keep, verify hook, abort", VERIFY, ABORT),
    started("Continuation, preflight and verify hooks", ALL_HOOKS, CALM, strategy=CONTINUE),
    started(
        "ForwardOnly, preflight and verify hooks that fail",
        ALL_HOOKS,
        CALM._replace(hook_failures=1),
        strategy=FORWARD,
    ),
    started("restart, stop and start", KEEP_SAME, CALM._replace(restarts=1, toggles=2), wanted="v1"),
)
"""What `make explore` adds: more luck at once, hundreds of thousands of states."""
