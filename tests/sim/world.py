"""The cluster's own moves: StatefulSet controller, kubelet, Jobs, claims and the garbage collector.

Each moves in its own time, one step at a time: whatever the operator relies on must hold between any two of them.
"""

from __future__ import annotations

from collections.abc import Iterator

from . import ghosts, promises
from .model import ODD_ENDS, RESULTS, C, J, P, R, W, get, put
from .operator import changed
from .states import Move, Rules, Setup, State


def moves(setup: Setup, rules: Rules, state: State) -> Iterator[Move]:
    """StatefulSet controller, kubelet, Job controller, claim protection, garbage collector."""
    for n, w in state.cluster.workloads:
        yield from _controller(setup, state, n, w)
    for n, p in state.cluster.pods:
        yield from _kubelet(setup, state, n, p)
    for name, j in state.cluster.jobs:
        yield from _job(setup, rules, state, name, j)
    for n, c in state.cluster.claims:
        reverts = any(j.hook == "revert" and j.incarnation == n for _, j in state.cluster.jobs)
        if c.deleting and not reverts and not get(state.cluster, ("pods", n)):
            yield Move(f"claim {n} gone", _set(state, ("claims", n), None))
    yield from _results_gone(setup, state)
    yield from _collector(state)


def _results_gone(setup: Setup, state: State) -> Iterator[Move]:
    claim = get(state.cluster, RESULTS)
    if not isinstance(claim, R) or not claim.deleting:
        return
    mounting = [p.template.revision for _, p in state.cluster.pods]
    mounting += [j.revision for _, j in state.cluster.jobs if j.hook == "revert"]
    if not any(setup.revisions[name].spec.results for name in mounting):
        yield Move("results claim gone", _set(state, RESULTS, None))


def _collector(state: State) -> Iterator[Move]:
    """What a run made goes after it, in any order; the pods that it held are let go by the operator."""
    for n, w in state.cluster.workloads:
        if w.of != state.run.uid:
            yield Move(f"workload {n} collected", _set(state, ("workloads", n), None))
    for name, j in state.cluster.jobs:
        if j.of != state.run.uid:
            yield Move(f"job {name} collected", _set(state, ("jobs", name), None))
    for n, c in state.cluster.claims:
        if c.of != state.run.uid and not c.deleting:
            yield Move(f"claim {n} collected", _set(state, ("claims", n), c._replace(deleting=True)))
    for _, r in state.cluster.results:
        if r.of != state.run.uid and not r.deleting:
            yield Move("results claim collected", _set(state, RESULTS, r._replace(deleting=True)))
    for n, p in state.cluster.pods:
        workload = get(state.cluster, ("workloads", n))
        if not p.term and (not isinstance(workload, W) or workload.of != p.of):
            yield Move(f"pod {n} collected", _set(state, ("pods", n), p._replace(term=True)))
        if p.of != state.run.uid and p.held:
            gone = None if p.phase == "ended" else p._replace(held="")
            yield Move(f"pod {n} of another run let go", _set(state, ("pods", n), gone))


def _set(state: State, key: tuple[str, object], value: object | None) -> State:
    return changed(state, key, put(state.cluster, key, value))


def _controller(setup: Setup, state: State, n: int, w: W) -> Iterator[Move]:
    pod = get(state.cluster, ("pods", n))
    key = ("pods", n)
    seen = state if w.settled else _set(state, ("workloads", n), w._replace(settled=True))
    if w.replicas and pod is None:
        if w.of == state.run.uid:
            promises.check_start(setup, state, n, w)
        yield Move(f"pod {n} created", _set(seen, key, P(w.template, of=w.of)))
    elif not w.replicas and isinstance(pod, P) and not pod.term:
        yield Move(f"pod {n} told to end", _set(seen, key, pod._replace(term=True)))
    elif not w.settled:
        yield Move(f"workload {n} settled", seen)


def _kubelet(setup: Setup, state: State, n: int, p: P) -> Iterator[Move]:
    key = ("pods", n)
    if p.term and p.phase != "ended":
        if p.of == state.run.uid:
            promises.check_last_words(setup, state, n, p)
        after = p._replace(phase="ended") if p.held else None
        told = _wrote(setup, state, n, p, ended=True) if p.ran else state
        yield Move(f"pod {n} ended", ghosts.ended(setup, _set(told, key, after), n, p.held))
        if state.luck.odd_reports and p.ran and after is not None:
            yield from _odd_ends(setup, told, n, after)
    elif p.term and not p.held:
        yield Move(f"pod {n} gone", _set(state, key, None))
    elif not p.term:
        if p.phase == "pending" and _can_start(setup, state, n, p):
            if p.of == state.run.uid:
                promises.check_past_report(state, n)
            begun = _set(_wrote(setup, state, n, p), key, p._replace(phase="started", ran=True))
            yield Move(f"pod {n} started", ghosts.published(setup, begun, n, p))
        if p.phase == "started":
            yield Move(f"pod {n} ready", _set(state, key, p._replace(phase="ready")))
        if state.luck.evictions:
            luck = state.luck._replace(evictions=state.luck.evictions - 1)
            yield Move(
                f"pod {n} evicted",
                _set(state, key, p._replace(term=True, evicted=True))._replace(luck=luck),
                luck=True,
            )


def _odd_ends(setup: Setup, state: State, n: int, ended: P) -> Iterator[Move]:
    """Let a pod end without a report, by force, or with one that is not true."""
    luck = state.luck._replace(odd_reports=state.luck.odd_reports - 1)
    for words in ODD_ENDS:
        said = f"lying {_false_format(setup, state, n, ended)}" if words == "lying" else words
        after = _set(state, ("pods", n), ended._replace(words=said))._replace(luck=luck)
        mark = "" if words == "killed" else ended.held
        yield Move(f"pod {n} ended, its report is {words}", ghosts.ended(setup, after, n, mark), luck=True)


def _false_format(setup: Setup, state: State, n: int, p: P) -> str:
    mine, claim = setup.formats[p.template.revision], get(state.cluster, ("claims", n))
    stamped = claim.formats if isinstance(claim, C) else ()
    return next((other for other in setup.formats.values() if other not in (mine, *stamped)), mine)


def _can_start(setup: Setup, state: State, n: int, p: P) -> bool:
    """Say whether a pod comes up: its version works, and there are claims of the names that it mounts."""
    revision = setup.revisions[p.template.revision]
    mounted = not revision.has_state or get(state.cluster, ("claims", n)) is not None
    mounted = mounted and (revision.spec.results is None or get(state.cluster, RESULTS) is not None)
    return mounted and revision.name not in setup.broken


def _wrote(setup: Setup, state: State, n: int, p: P, *, ended: bool = False) -> State:
    """A pod that runs may have rewritten its state; its report at the end says in which format it left it."""
    claim = get(state.cluster, ("claims", n))
    if not isinstance(claim, C):
        return state
    mine = setup.revisions[p.template.revision].state_version
    content = (mine,) if ended else tuple(sorted({*claim.content, mine}))
    return state._replace(cluster=put(state.cluster, ("claims", n), claim._replace(content=content)))


def _job(setup: Setup, rules: Rules, state: State, name: str, j: J) -> Iterator[Move]:
    key = ("jobs", name)
    if j.state == "Active":
        done = _set(state, key, j._replace(state="Succeeded"))
        yield Move(f"job {name} succeeded", ghosts.reverted(setup, _ran_hook(done, name, j), j))
        if state.luck.hook_failures:
            failed = _set(state, key, j._replace(state="Failed"))
            luck = state.luck._replace(hook_failures=state.luck.hook_failures - 1)
            yield Move(f"job {name} failed", failed._replace(luck=luck), luck=True)
    if rules.job_ttl and j.state in ("Succeeded", "Failed"):
        yield Move(f"job {name} expired", _set(state, key, None))


def _ran_hook(state: State, name: str, j: J) -> State:
    """Count a success of a hook; of one that destroys nothing, only that there was one."""
    step = promises.hook_key(name, j.of)
    count = dict(state.ran)
    count[step] = count.get(step, 0) + 1 if j.hook == "revert" else 1
    promises.check_hook(step, count[step])
    return state._replace(ran=tuple(sorted(count.items())))
