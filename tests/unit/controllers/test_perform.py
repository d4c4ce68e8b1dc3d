"""Every effect lands on the object that was decided about, or not at all."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest
from tests.unit.manifests.build import HOOKS, RESULTS, environment_of, pod_of
from tests.unit.planning.build import revision

from scenario_operator.api import names
from scenario_operator.cluster import errors
from scenario_operator.cluster.client import Listing, Propagation
from scenario_operator.cluster.kinds import CLAIM, JOB, POD, STATEFUL_SET, JsonObject, Ref, ResourceKind
from scenario_operator.controllers.perform import Extra, perform
from scenario_operator.execution import effects as fx
from scenario_operator.execution.view import RENDERER, Handle, Template
from scenario_operator.manifests.claim import read_formats
from scenario_operator.manifests.identity import RunIdentity
from scenario_operator.manifests.stamp import read_stamp
from scenario_operator.planning.windows import Window

RUN = RunIdentity("team", "pacific", "uid-of-pacific", "quake-watch")
OLD = revision("1.0.0", name="r1", workload={"nodeSelector": {"disk": "old"}, "podLabels": {"old": "yes"}})
NEW = revision("2.0.0", name="r2", hooks=HOOKS, results=RESULTS)
REVISIONS = {"r1": OLD, "r2": NEW}
TEMPLATE = Template("r2", Window("2026-01-01T00:00:00Z"), (("threshold", "25"),))
HANDLE = Handle("uid-1", "41")


class Recording:
    """A client that keeps what it was asked and reads the one object that it was given."""

    def __init__(self, live: JsonObject | None = None) -> None:
        self.live = live
        self.asked: list[tuple[Any, ...]] = []

    async def get(self, ref: Ref) -> JsonObject | None:
        self.asked.append(("get", ref))
        return self.live

    async def list(
        self,
        kind: ResourceKind,
        namespace: str | None = None,
        *,
        label_selector: str | None = None,
        field_selector: str | None = None,
        limit: int = 500,
    ) -> Listing:
        raise AssertionError("no effect needs a list")

    async def create(
        self, kind: ResourceKind, namespace: str | None, manifest: Mapping[str, Any]
    ) -> JsonObject:
        self.asked.append(("create", kind, namespace, manifest))
        return dict(manifest)

    async def patch(
        self,
        ref: Ref,
        body: Mapping[str, Any],
        *,
        uid: str,
        resource_version: str,
        subresource: str | None = None,
    ) -> JsonObject:
        assert subresource is None
        self.asked.append(("patch", ref, body, Handle(uid, resource_version)))
        return {}

    async def replace(self, ref: Ref, manifest: Mapping[str, Any]) -> JsonObject:
        self.asked.append(("replace", ref, manifest))
        return dict(manifest)

    async def delete(
        self,
        ref: Ref,
        *,
        uid: str,
        resource_version: str | None = None,
        propagation: Propagation = "Background",
    ) -> bool:
        self.asked.append(("delete", ref, Handle(uid, resource_version or ""), propagation))
        return False

    @property
    def wrote(self) -> tuple[Any, ...]:
        """The only write."""
        (write,) = [asked for asked in self.asked if asked[0] != "get"]
        return write


async def done(effect: fx.Effect, live: JsonObject | None = None, extra: Extra | None = None) -> Recording:
    client = Recording(live)
    await perform(client, RUN, REVISIONS, effect, extra or Extra())
    return client


def ref(kind: ResourceKind, name: str) -> Ref:
    return Ref(kind, "team", name)


# --- Created asleep, by POST -----------------------------------------------------------------------


async def test_a_workload_is_created_at_replicas_0_on_its_template() -> None:
    client = await done(fx.CreateWorkload(2, TEMPLATE), extra=Extra("up-4", "1.0.0", "Continuation"))

    verb, kind, namespace, manifest = client.wrote
    assert (verb, kind, namespace) == ("create", STATEFUL_SET, "team")
    assert manifest["metadata"]["name"] == "pacific-2"
    assert manifest["spec"]["replicas"] == 0
    assert read_stamp(manifest) == TEMPLATE
    annotations = manifest["spec"]["template"]["metadata"]["annotations"]
    told = '"upgrade":{"from":"1.0.0","strategy":"Continuation","to":"2.0.0"}'
    assert told in annotations[names.ANNOTATION_RUN_CONTEXT]


async def test_a_version_that_comes_back_is_told_of_no_upgrade() -> None:
    back = fx.CreateWorkload(2, TEMPLATE._replace(revision="r1"))

    client = await done(back, extra=Extra("up-4", "1.0.0", "Continuation"))

    annotations = client.wrote[3]["spec"]["template"]["metadata"]["annotations"]
    assert "upgrade" not in annotations[names.ANNOTATION_RUN_CONTEXT]


async def test_a_state_claim_is_created_with_its_formats() -> None:
    verb, kind, _, manifest = (await done(fx.CreateClaim(2, ("1",), "r2"))).wrote

    assert (verb, kind, manifest["metadata"]["name"]) == ("create", CLAIM, "state-pacific-2-0")
    assert read_formats(manifest) == ("1",)


async def test_a_results_claim_is_created() -> None:
    verb, kind, _, manifest = (await done(fx.CreateResults("r2"))).wrote

    assert (verb, kind, manifest["metadata"]["name"]) == ("create", CLAIM, "results-pacific")


async def test_a_job_is_created_suspended_and_knows_its_attempt() -> None:
    effect = fx.CreateJob("job-1", "revert", "r2", 2, TEMPLATE, 60, mounts_state=True)

    verb, kind, _, manifest = (await done(effect, extra=Extra("up-4"))).wrote

    assert (verb, kind, manifest["metadata"]["name"]) == ("create", JOB, "job-1")
    assert manifest["spec"]["suspend"] is True
    assert manifest["spec"]["activeDeadlineSeconds"] == 60
    assert environment_of(manifest)["SCENARIO_UPGRADE"] == "up-4"
    assert {"state", "results"} <= {volume["name"] for volume in pod_of(manifest)["volumes"]}


class Taken(Recording):
    """A client that finds every name taken."""

    async def create(
        self, kind: ResourceKind, namespace: str | None, manifest: Mapping[str, Any]
    ) -> JsonObject:
        raise errors.AlreadyExists("taken")


async def test_a_taken_name_is_left_to_the_caller() -> None:
    client = Taken()

    with pytest.raises(errors.AlreadyExists):
        await perform(client, RUN, REVISIONS, fx.CreateWorkload(2, TEMPLATE), Extra())
    assert client.asked == []


@pytest.mark.parametrize(
    "effect",
    [
        fx.CreateWorkload(2, TEMPLATE._replace(revision="gone")),
        fx.CreateClaim(2, ("1",), "gone"),
        fx.CreateResults("gone"),
        fx.CreateJob("job-1", "verify", "gone", 2, TEMPLATE, 60),
    ],
    ids=lambda effect: type(effect).__name__,
)
async def test_nothing_is_created_from_a_revision_that_is_not_there(effect: fx.Effect) -> None:
    with pytest.raises(errors.Terminal, match="revision gone"):
        await done(effect)


# --- Changed under the handle ----------------------------------------------------------------------


async def test_a_stop_scales_and_stamps_in_one_write() -> None:
    client = await done(fx.PutToSleep(HANDLE, 2, "p3/stop"))

    body = {"spec": {"replicas": 0}, "metadata": {"annotations": {names.ANNOTATION_STOP: "p3/stop"}}}
    assert client.asked == [("patch", ref(STATEFUL_SET, "pacific-2"), body, HANDLE)]


@pytest.mark.parametrize("stamp", ["", "p3/back-start"])
async def test_waking_scales_up_and_stamps_if_asked(stamp: str) -> None:
    client = await done(fx.WakeWorkload(HANDLE, 2, stamp=stamp))

    stamped = {"metadata": {"annotations": {names.ANNOTATION_STOP: stamp}}} if stamp else {}
    body = {"spec": {"replicas": 1}, **stamped}
    assert client.asked == [("patch", ref(STATEFUL_SET, "pacific-2"), body, HANDLE)]


async def test_a_claim_is_stamped_under_its_handle() -> None:
    client = await done(fx.StampClaim(HANDLE, 2, ("1", "2")))

    body = {"metadata": {"annotations": {names.ANNOTATION_STATE_FORMATS: '["1","2"]'}}}
    assert client.asked == [("patch", ref(CLAIM, "state-pacific-2-0"), body, HANDLE)]


async def test_a_job_is_released_under_its_handle() -> None:
    client = await done(fx.ReleaseJob(HANDLE, "job-1"))

    assert client.asked == [("patch", ref(JOB, "job-1"), {"spec": {"suspend": False}}, HANDLE)]


@pytest.mark.parametrize(
    ("effect", "doomed"),
    [
        (fx.DeleteClaim(HANDLE, 2), ref(CLAIM, "state-pacific-2-0")),
        (fx.DeleteWorkload(HANDLE, 2), ref(STATEFUL_SET, "pacific-2")),
        (fx.DeleteJob(HANDLE, "job-1"), ref(JOB, "job-1")),
    ],
    ids=lambda value: type(value).__name__,
)
async def test_a_deletion_takes_only_what_was_decided_about_and_is_done_when_it_is_gone(
    effect: fx.Effect, doomed: Ref
) -> None:
    client = await done(effect)

    assert client.asked == [("delete", doomed, HANDLE, "Background")]


# --- A new template --------------------------------------------------------------------------------


async def sleeping() -> JsonObject:
    """Return the StatefulSet of the old revision as a live read shows it."""
    manifest = dict((await done(fx.CreateWorkload(2, Template("r1", Window(), ())))).wrote[3])
    metadata = {
        **manifest["metadata"],
        "uid": HANDLE.uid,
        "resourceVersion": HANDLE.version,
        "managedFields": [{"manager": "x"}],
    }
    metadata["annotations"] = {**metadata["annotations"], names.ANNOTATION_STOP: "p3/stop", "theirs": "1"}
    spec = {**manifest["spec"], "podManagementPolicy": "Parallel", "defaulted": True}
    return {**manifest, "metadata": metadata, "spec": spec, "status": {"replicas": 0}}


async def test_a_new_template_replaces_the_old_one_wholly_and_wakes_in_the_same_write() -> None:
    live = await sleeping()

    client = await done(fx.WakeWorkload(HANDLE, 2, TEMPLATE), live)

    verb, target, manifest = client.wrote
    assert (verb, target) == ("replace", ref(STATEFUL_SET, "pacific-2"))
    assert manifest["spec"]["replicas"] == 1
    fresh = (await done(fx.CreateWorkload(2, TEMPLATE))).wrote[3]
    assert manifest["spec"]["template"] == fresh["spec"]["template"]
    assert "nodeSelector" not in pod_of(manifest)
    assert "old" not in manifest["spec"]["template"]["metadata"]["labels"]


async def test_a_new_template_keeps_everything_else_of_the_object_that_was_decided_about() -> None:
    live = await sleeping()

    manifest = (await done(fx.WakeWorkload(HANDLE, 2, TEMPLATE), live)).wrote[2]

    metadata = manifest["metadata"]
    assert Handle(metadata["uid"], metadata["resourceVersion"]) == HANDLE
    assert metadata["ownerReferences"] == live["metadata"]["ownerReferences"]
    assert metadata["annotations"]["theirs"] == "1"
    assert metadata["annotations"][names.ANNOTATION_STOP] == "p3/stop"
    assert "managedFields" not in metadata
    assert manifest["spec"]["defaulted"] is True
    assert manifest["spec"]["selector"] == live["spec"]["selector"]


async def test_a_new_template_brings_its_own_stamps() -> None:
    effect = fx.WakeWorkload(HANDLE, 2, TEMPLATE, stamp="p3/back-start")

    metadata = (await done(effect, await sleeping())).wrote[2]["metadata"]

    assert read_stamp({"metadata": metadata}) == TEMPLATE
    assert metadata["annotations"][names.ANNOTATION_RENDERER] == str(RENDERER)
    assert metadata["annotations"][names.ANNOTATION_STOP] == "p3/back-start"
    assert metadata["labels"][names.LABEL_REVISION] == "r2"


# --- What needs a live read is fenced by it --------------------------------------------------------


def pod(*finalizers: str, uid: str = HANDLE.uid, version: str = HANDLE.version) -> JsonObject:
    held = {"finalizers": list(finalizers)} if finalizers else {}
    return {"metadata": {"name": "pacific-2-0", "uid": uid, "resourceVersion": version, **held}}


@pytest.mark.parametrize("already", [False, True])
async def test_holding_a_report_keeps_foreign_finalizers_and_always_writes_its_mark(already: bool) -> None:
    before = ("other/one", names.FINALIZER_REPORT) if already else ("other/one",)

    client = await done(fx.HoldReport(HANDLE, 2, "p3/stop"), pod(*before))

    metadata = {
        "finalizers": ["other/one", names.FINALIZER_REPORT],
        "annotations": {names.ANNOTATION_STEP: "p3/stop"},
    }
    assert client.wrote == ("patch", ref(POD, "pacific-2-0"), {"metadata": metadata}, HANDLE)


async def test_releasing_a_report_takes_off_our_finalizer_and_mark_only() -> None:
    client = await done(fx.ReleaseReport(HANDLE, 2), pod("other/one", names.FINALIZER_REPORT))

    metadata = {"finalizers": ["other/one"], "annotations": {names.ANNOTATION_STEP: None}}
    assert client.wrote == ("patch", ref(POD, "pacific-2-0"), {"metadata": metadata}, HANDLE)


@pytest.mark.parametrize(
    "effect",
    [fx.HoldReport(HANDLE, 2, "p3/stop"), fx.ReleaseReport(HANDLE, 2), fx.WakeWorkload(HANDLE, 2, TEMPLATE)],
    ids=lambda effect: type(effect).__name__,
)
@pytest.mark.parametrize(
    "live",
    [pod(uid="another"), pod(version="42"), None],
    ids=["another object of that name", "changed since", "gone"],
)
async def test_nothing_is_written_to_what_was_not_decided_about(
    effect: fx.Effect, live: JsonObject | None
) -> None:
    client = Recording(live)

    with pytest.raises(errors.Conflict):
        await perform(client, RUN, REVISIONS, effect, Extra())
    assert [asked[0] for asked in client.asked] == ["get"]
