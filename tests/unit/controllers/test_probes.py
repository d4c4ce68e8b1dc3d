"""Probes: what a registry, a node or a user changes is found out, and what was found out does not flap."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import pytest
from tests.unit.controllers.memory import START, Memory

from scenario_operator.api import names
from scenario_operator.cluster.keys import Key
from scenario_operator.cluster.kinds import CONFIG_MAP, CONTROLLER_REVISION, JOB, POD, SCENARIO
from scenario_operator.controllers.scenario import ScenarioController
from scenario_operator.manifests.pod import standard_mounts
from scenario_operator.manifests.revision import parse_revision

OLD, NEW = "sha256:" + "a" * 64, "sha256:" + "b" * 64
MISSING = {"state": {"waiting": {"reason": "ImagePullBackOff", "message": "not found"}}}


class Bed:
    """One Scenario on an API server in memory; a test plays the kubelet."""

    def __init__(self, **spec: Any) -> None:
        self.server = Memory()
        given = {"version": "1.0.0", "artifact": {"image": "r/x:1"}, **spec}
        self.server.put(SCENARIO, {"metadata": {"name": "s"}, "spec": given})
        self.controller = ScenarioController(self.server.context())
        self.seen: list[tuple[str, str]] = []

    async def look(self) -> Bed:
        for _ in range(3):
            await self.controller.reconcile(Key("scenario", "ns", "s"))
            told = self.condition("ArtifactAvailable")
            if not self.seen or self.seen[-1] != told:
                self.seen.append(told)
        return self

    @property
    def probes(self) -> list[str]:
        return [name for name in self.server.names(POD) if not name.endswith("-pod")]

    def answer(self, container: dict[str, Any] | None, **status: Any) -> None:
        """Say what became of the probes that nothing was said of."""
        for name in self.probes:
            if "status" not in self.server.objects[POD, "ns", name]:
                said = {"containerStatuses": [ours(container)]} if container else {}
                self.server.change(POD, name, {"status": {**said, **status}})

    def pulled(self, digest: str) -> None:
        self.answer({"state": {"terminated": {"exitCode": 128}}, "imageID": f"r/x@{digest}"}, phase="Failed")

    def fail(self, job: str, container: dict[str, Any] | None, **status: Any) -> None:
        """Let a hook's Job fail, with what its pod has left, None: no pod."""
        if container:
            labels = {"batch.kubernetes.io/job-name": job}
            said = {"containerStatuses": [ours(container)], **status}
            self.server.put(POD, {"metadata": {"name": f"{job}-pod", "labels": labels}, "status": said})
        self.server.change(JOB, job, {"status": {"conditions": [{"type": "Failed", "status": "True"}]}})

    def edit(self, **spec: Any) -> None:
        self.server.change(SCENARIO, "s", {"spec": spec})

    def condition(self, kind: str) -> tuple[str, str]:
        [found] = [c for c in self.conditions if c["type"] == kind]
        return found["status"], found["reason"]

    @property
    def conditions(self) -> list[dict[str, Any]]:
        return list(self.server.objects[SCENARIO, "ns", "s"]["status"]["conditions"])

    def digest(self) -> str:
        newest = self.server.names(CONTROLLER_REVISION)[-1]
        return str(self.server.objects[CONTROLLER_REVISION, "ns", newest]["data"]["artifact"]["digest"])


def ours(container: dict[str, Any]) -> dict[str, Any]:
    """Say it of the container that is ours."""
    return {"name": "scenario", **container}


async def validating() -> tuple[Bed, str]:
    """Bring a Scenario to where its validate hook is under way, and return that hook's Job as well."""
    bed = Bed(hooks={"validate": {"command": ["check"]}})
    await bed.look()
    bed.pulled(OLD)
    await bed.look()
    [job] = bed.server.names(JOB)
    return bed, job


async def test_a_digest_that_differs_is_asked_for_again_until_the_right_image_is_there() -> None:
    """Given the wrong image under a tag, when the right one is pushed, then it goes on without an edit."""
    bed = Bed(artifact={"image": "r/x:1", "digest": NEW})
    await bed.look()
    for _ in range(3):
        bed.pulled(OLD)
        await bed.look()
        bed.server.wait(40)
        await bed.look()
    assert bed.seen[1:] == [("False", "DigestMismatch")]
    bed.pulled(NEW)
    await bed.look()
    assert (bed.seen[2:], bed.digest()) == ([("True", "Resolved")], NEW)


async def test_a_pass_comes_by_itself_while_a_digest_differs() -> None:
    bed = Bed(artifact={"image": "r/x:1", "digest": NEW})
    await bed.look()
    bed.pulled(OLD)
    await bed.look()
    assert await bed.controller.reconcile(Key("scenario", "ns", "s")) is not None


async def test_a_missing_image_does_not_flap_while_it_is_asked_for_and_stalls_after_ten_minutes() -> None:
    """Given a probe that is made anew every 30 s, when it fails again, then nothing was said in between."""
    bed = Bed()
    await bed.look()
    for _ in range(20):
        bed.answer(MISSING)
        await bed.look()
        bed.server.wait(40)
        await bed.look()
    assert bed.seen[1:] == [("False", "ArtifactUnavailable")]
    assert bed.condition("Stalled") == ("True", "ArtifactUnavailable")


async def test_a_probe_that_no_node_takes_is_made_anew_where_the_user_says_now() -> None:
    """Given a misspelt node selector, when it is corrected, then the probe does not wait for the old one."""
    bed = Bed(workload={"nodeSelector": {"disk": "sdd"}})
    await bed.look()
    unfit = {"type": "PodScheduled", "status": "False", "message": "no node"}
    bed.answer(None, phase="Pending", conditions=[unfit])
    [stuck] = (await bed.look()).probes
    bed.edit(workload={"nodeSelector": {"disk": "ssd"}})
    [made] = (await bed.look()).probes
    assert made != stuck
    bed.pulled(OLD)
    await bed.look()
    assert (bed.digest(), bed.probes) == (OLD, [])


async def test_a_probe_that_a_node_refused_is_made_anew() -> None:
    """Given a pod that failed before anything was pulled, when time has passed, then another one is made."""
    bed = Bed()
    await bed.look()
    bed.answer(None, phase="Failed", reason="OutOfpods")
    await bed.look()
    bed.server.wait(40)
    await bed.look()
    bed.pulled(OLD)
    await bed.look()
    assert bed.digest() == OLD


async def test_why_a_probe_cannot_be_started_is_told() -> None:
    bed = Bed()
    await bed.look()
    message = "container has runAsNonRoot and image will run as root"
    bed.answer({"state": {"waiting": {"reason": "CreateContainerConfigError", "message": message}}})
    await bed.look()
    assert any(message in c["message"] for c in bed.conditions if c["type"] == "Ready")


async def test_a_tag_is_asked_for_anew_under_a_new_label_also_when_the_old_one_was_never_published() -> None:
    """Given an artifact that validate refused, when a fixed one is pushed over the tag, then it is what is pulled."""
    bed, job = await validating()
    bed.fail(job, {"state": {"terminated": {"exitCode": 3, "message": "rules are wrong"}}})
    await bed.look()
    assert bed.condition("Valid") == ("False", "ValidationFailed")
    bed.edit(version="1.0.1")
    await bed.look()
    bed.pulled(NEW)
    await bed.look()
    [job] = [j for j in bed.server.names(JOB) if j != job]
    bed.server.change(JOB, job, {"status": {"conditions": [{"type": "Complete", "status": "True"}]}})
    await bed.look()
    assert (bed.digest(), bed.probes, bed.server.names(JOB)) == (NEW, [], [])


KILLED = {"state": {"terminated": {"exitCode": 137}}}
EVICTED = {"conditions": [{"type": "DisruptionTarget", "status": "True"}]}
SPARED = {"conditions": [{"type": "DisruptionTarget", "status": "False"}]}
REJECTED = {"phase": "Failed", "reason": "OutOfcpu", "message": "no room"}


async def test_what_a_validate_hook_said_stands_when_its_pod_is_gone() -> None:
    """Given a version that its hook refused, when the pod that said so is deleted, then it is not asked again."""
    bed, job = await validating()
    uid = bed.server.objects[JOB, "ns", job]["metadata"]["uid"]
    bed.fail(job, {"state": {"terminated": {"exitCode": 3, "message": "rules are wrong"}}}, **SPARED)
    await bed.look()
    refusal = [c["message"] for c in bed.conditions if c["type"] == "Valid"]
    assert refusal == ["spec.hooks.validate: exit code 3: rules are wrong"]
    del bed.server.objects[POD, "ns", f"{job}-pod"]
    bed.server.wait(40)
    await bed.look()
    assert [c["message"] for c in bed.conditions if c["type"] == "Valid"] == refusal
    assert bed.server.objects[JOB, "ns", job]["metadata"]["uid"] == uid


@pytest.mark.parametrize(
    ("container", "status"),
    [(None, {}), (KILLED, EVICTED), ({"state": {"waiting": {}}}, REJECTED)],
    ids=["gone", "evicted", "rejected"],
)
async def test_a_validate_hook_that_lost_its_pod_has_refused_nothing_and_runs_again(
    container: dict[str, Any] | None, status: dict[str, Any]
) -> None:
    """Given a validate hook whose pod was lost with its node, when its Job has failed, then another one decides."""
    bed, job = await validating()
    first = bed.server.objects[JOB, "ns", job]["metadata"]["uid"]
    bed.fail(job, container, **status)
    await bed.look()
    assert bed.condition("Valid") != ("False", "ValidationFailed")
    assert bed.server.objects[JOB, "ns", job]["metadata"]["uid"] == first, "not as fast as it can"
    bed.server.wait(40)
    await bed.look()
    assert bed.server.objects[JOB, "ns", job]["metadata"]["uid"] != first
    bed.server.change(JOB, job, {"status": {"conditions": [{"type": "Complete", "status": "True"}]}})
    await bed.look()
    assert bed.digest() == OLD


@pytest.mark.parametrize("component", ["workload", "hook"])
async def test_what_has_served_is_cleaned_and_a_pod_of_a_run_without_its_label_is_not(component: str) -> None:
    bed = Bed()
    await bed.look()
    labels = {names.LABEL_MANAGED_BY: names.CONTROLLER, names.LABEL_SCENARIO: "s"}
    labels[names.LABEL_COMPONENT] = component
    bed.server.put(POD, {"metadata": {"name": "r-1-0", "labels": labels}, "status": {}})
    bed.pulled(OLD)
    await bed.look()
    assert bed.probes == ["r-1-0"]


async def test_a_config_map_without_files_is_copied_too_since_pods_mount_the_copy() -> None:
    """Given an empty ConfigMap as artifact, when the version is published, then what its pods mount is there."""
    bed = Bed(artifact={"image": "r/x:1", "configMapRef": {"name": "files"}})
    bed.server.put(CONFIG_MAP, {"metadata": {"name": "files"}})
    await bed.look()
    bed.pulled(OLD)
    await bed.look()
    made = parse_revision(bed.server.objects[CONTROLLER_REVISION, "ns", "s-r1"])
    mounted = [m.volume["configMap"]["name"] for m in standard_mounts(made) if "configMap" in m.volume]
    assert mounted == ["s-r1-artifact"]
    assert bed.server.objects[CONFIG_MAP, "ns", "s-r1-artifact"]["immutable"]


SIDECAR = {"name": "istio-proxy", "state": {"running": {"startedAt": "2026-01-01T00:00:00Z"}}}
COPY = {"state": {"terminated": {"exitCode": 1}}, "imageID": f"r/copy@{OLD}"}
PULLED = {"state": {"terminated": {"exitCode": 1}}, "imageID": f"r/x@{OLD}"}


def asked(bed: Bed) -> list[tuple[str, str]]:
    """Return what the probes ask: image and pull policy."""
    pods = [bed.server.objects[POD, "ns", name]["spec"] for name in bed.probes]
    containers = [c for spec in pods for c in spec["containers"]]
    return sorted((c["image"], c["imagePullPolicy"]) for c in containers)


async def test_a_sidecar_neither_keeps_a_probe_nor_lends_its_digest() -> None:
    """Given an injected proxy that runs for ever, when the image was pulled, then its own digest is published."""
    bed = Bed()
    await bed.look()
    [name] = bed.probes
    proxy = {**SIDECAR, "imageID": f"istio/proxyv2@{NEW}"}
    bed.server.change(POD, name, {"status": {"phase": "Running", "containerStatuses": [proxy, ours(PULLED)]}})
    await bed.look()
    assert (bed.digest(), bed.probes) == (OLD, [])


async def test_a_digest_of_a_copy_is_pulled_from_the_repository_that_was_asked_for() -> None:
    """Given two copies on a node, when the asked repository has that digest as well, then it is pinned."""
    bed = Bed()
    await bed.look()
    bed.answer(COPY, phase="Failed")
    await bed.look()
    assert asked(bed) == [("r/x:1", "Always"), (f"r/x@{OLD}", "Always")]
    bed.answer(COPY, phase="Failed")
    await bed.look()
    assert (bed.condition("ArtifactAvailable"), bed.digest(), bed.probes) == (("True", "Resolved"), OLD, [])


async def test_a_digest_that_only_the_copy_has_pins_nothing() -> None:
    """Given two copies with other manifests, when the digest cannot be pulled, then the tag is used and it is said."""
    bed = Bed()
    await bed.look()
    bed.answer(COPY, phase="Failed")
    await bed.look()
    bed.answer(MISSING)
    await bed.look()
    assert bed.condition("ArtifactAvailable") == ("True", "DigestUnpinned")
    [revision] = bed.server.names(CONTROLLER_REVISION)
    assert bed.server.objects[CONTROLLER_REVISION, "ns", revision]["data"]["artifact"]["image"] == "r/x:1"


async def test_a_declared_digest_is_pulled_when_the_node_tells_that_of_a_copy() -> None:
    bed = Bed(artifact={"image": "r/x:1", "digest": NEW})
    await bed.look()
    bed.answer(COPY, phase="Failed")
    await bed.look()
    assert (f"r/x@{NEW}", "Always") in asked(bed)
    bed.answer(COPY, phase="Failed")
    await bed.look()
    assert (bed.condition("ArtifactAvailable"), bed.digest()) == (("True", "Resolved"), NEW)


async def test_what_only_a_node_has_is_used_by_its_tag() -> None:
    """Given a registry that does not answer, when a node has an image of that name, then nothing says which one."""
    bed = Bed()
    await bed.look()
    bed.answer(MISSING)
    await bed.look()
    bed.answer(PULLED, phase="Failed")
    await bed.look()
    assert bed.condition("ArtifactAvailable") == ("True", "DigestUnpinned")


async def test_a_missing_image_is_asked_for_ever_less_often_and_that_is_told() -> None:
    """Given an image that never comes, when half a day has passed, then it is asked for every five minutes."""
    bed = Bed()
    await bed.look()
    made: list[float] = []
    known: set[str] = set()
    for _ in range(12 * 120):
        bed.answer(MISSING)
        await bed.look()
        for name in bed.probes:
            pod = bed.server.objects[POD, "ns", name]
            registry = any(c["imagePullPolicy"] == "Always" for c in pod["spec"]["containers"])
            if registry and pod["metadata"]["uid"] not in known:
                known.add(pod["metadata"]["uid"])
                made.append((bed.server.now - START).total_seconds())
        bed.server.wait(30)
    pauses = [later - sooner for sooner, later in pairwise(made)]
    assert pauses[0] <= 60
    assert pauses == sorted(pauses)
    assert set(pauses[6:]) == {330.0}
    [told] = [c["message"] for c in bed.conditions if c["type"] == "ArtifactAvailable"]
    assert "every 5 minutes" in told


NONROOT = {
    "state": {
        "waiting": {
            "reason": "CreateContainerConfigError",
            "message": "container has runAsNonRoot and image will run as root",
        }
    }
}


async def stuck(bed: Bed, minutes: float) -> dict[str, tuple[str, str]]:
    for _ in range(round(minutes * 2)):
        bed.server.wait(30)
        await bed.look()
    return {c["type"]: (c["status"], c["reason"]) for c in bed.conditions}


async def test_a_probe_that_cannot_be_created_asks_for_a_person_after_ten_minutes() -> None:
    """Given a missing runAsUser, when it lasts, then Stalled with field and command; a new spec begins anew."""
    bed = Bed()
    await bed.look()
    bed.answer(NONROOT)
    told = await stuck(bed, 9.5)
    assert told["Reconciling"] == ("True", "Resolving")
    told = await stuck(bed, 1)
    assert told["Stalled"] == ("True", "Resolving")
    assert told["ActionRequired"] == ("True", "Resolving")
    [message] = [c["message"] for c in bed.conditions if c["type"] == "ActionRequired"]
    assert message.startswith("spec.workload.runAsUser: ")
    assert message.endswith("kubectl -n ns edit scn s --field-manager=scenario-cli")

    bed.edit(version="1.0.1")
    await bed.look()
    bed.answer(NONROOT)
    told = await stuck(bed, 9)
    assert told["Reconciling"] == ("True", "Resolving")
    assert "Stalled" not in told
    told = await stuck(bed, 1.5)
    assert told["Stalled"] == ("True", "Resolving")


async def test_a_probe_that_no_node_takes_asks_for_a_person_after_ten_minutes() -> None:
    bed = Bed(workload={"nodeSelector": {"disk": "sdd"}})
    await bed.look()
    said = "0/3 nodes are available: 3 node(s) didn't match Pod's node affinity/selector"
    bed.answer(
        None, phase="Pending", conditions=[{"type": "PodScheduled", "status": "False", "message": said}]
    )
    told = await stuck(bed, 10.5)
    assert (told["Stalled"], told["ActionRequired"]) == (("True", "Resolving"), ("True", "Resolving"))


async def test_a_validate_hook_has_its_own_time_before_somebody_is_asked_for() -> None:
    """Given a hook that may take an hour, when it works for half of one, then nothing stalls."""
    bed = Bed(hooks={"validate": {"command": ["check"], "timeoutSeconds": 3600}})
    await bed.look()
    bed.pulled(OLD)
    told = await stuck(bed, 30)
    assert told["Reconciling"] == ("True", "Resolving")
    told = await stuck(bed, 45)
    assert told["Stalled"] == ("True", "Resolving")


async def test_what_is_in_the_way_takes_the_place_of_what_was() -> None:
    """Given an image that comes at last and cannot run, when it was pulled, then nobody is told that it is missing."""
    bed = Bed()
    await bed.look()
    bed.answer(MISSING)
    await bed.look()
    bed.server.wait(40)
    await bed.look()
    bed.answer(NONROOT)
    await bed.look()
    assert bed.condition("Ready") == ("False", "Resolving")


@pytest.mark.parametrize(("code", "valid"), [(0, ("True", "Valid")), (3, ("False", "ValidationFailed"))])
async def test_a_validate_hook_is_over_when_its_own_container_is(code: int, valid: tuple[str, str]) -> None:
    """Given a sidecar that runs for ever, when the hook has ended, then its verdict counts."""
    bed, job = await validating()
    labels = {"batch.kubernetes.io/job-name": job}
    said = [SIDECAR, {"name": "scenario", "state": {"terminated": {"exitCode": code, "message": "m"}}}]
    status = {"phase": "Running", "containerStatuses": said}
    bed.server.put(POD, {"metadata": {"name": f"{job}-pod", "labels": labels}, "status": status})
    await bed.look()
    assert bed.condition("Valid") == valid


async def test_an_injector_can_be_told_to_stay_away_from_a_probe_that_stands() -> None:
    """Given a probe that an injector keeps, when labels tell it to stay away, then another one is made with them."""
    bed = Bed()
    await bed.look()
    [before] = bed.probes
    bed.edit(workload={"hookPodLabels": {"sidecar.istio.io/inject": "false"}})
    await bed.look()
    [after] = bed.probes
    assert after != before
    assert bed.server.objects[POD, "ns", after]["metadata"]["labels"]["sidecar.istio.io/inject"] == "false"


@pytest.mark.parametrize(
    "time", ["10000-01-01T04:59:59Z", "0000-01-01T00:00:00Z", "2026-01-01T00:00:00+24:00"]
)
async def test_a_status_with_a_time_that_is_none_is_put_right(time: str) -> None:
    """Given an image that is missed since a time that a hand has written, then no pass ends and time counts anew."""
    bed = Bed()
    await bed.look()
    bed.answer(MISSING)
    await bed.look()
    bed.server.change(
        SCENARIO, "s", {"status": {"conditions": [{**c, "lastTransitionTime": time} for c in bed.conditions]}}
    )
    await bed.look()
    assert bed.condition("ArtifactAvailable") == ("False", "ArtifactUnavailable")
    assert time not in {c["lastTransitionTime"] for c in bed.conditions}
