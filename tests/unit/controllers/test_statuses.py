"""A status that the API server calls invalid: told once with its field, and not tried every second."""

from __future__ import annotations

import contextlib
import json
import logging
from collections.abc import Callable, Mapping
from typing import Any

import pytest
from tests.unit.controllers.memory import Memory
from tests.unit.controllers.test_probes import Bed
from tests.unit.controllers.test_unreadable import POLICY, answer, rolling

from scenario_operator.cluster.client import Ref
from scenario_operator.cluster.errors import Invalid, Rejected, StatusCause, from_response
from scenario_operator.cluster.keys import Key
from scenario_operator.cluster.kinds import RUN, SCENARIO, UPGRADE, JsonObject, ResourceKind
from scenario_operator.controllers.run import RunController
from scenario_operator.controllers.scenario import ScenarioController

FIELD = "status.upgrade.facts[0].value"
CAUSE = StatusCause(FIELD, "FieldValueTooLong", "Too long: may not be more than 262144 bytes")
RUN_KEY, SCENARIO_KEY = Key("run", "ns", "r"), Key("scenario", "ns", "s")
RUN_SPEC = {"scenarioRef": {"name": "s"}}
SCENARIO_SPEC = {"version": "not a version", "artifact": {"image": "r/x:1"}}


class Strict(Memory):
    """Does not take the statuses of some kinds, for so long as `causes` are there."""

    def __init__(self, kind: ResourceKind, *causes: StatusCause) -> None:
        super().__init__()
        self.kind, self.causes, self.tries = kind, causes, 0

    async def patch(self, ref: Ref, body: Mapping[str, Any], **more: Any) -> JsonObject:
        if more.get("subresource") == "status" and ref.kind == self.kind and self.causes:
            self.tries += 1
            raise Invalid("Invalid", "PATCH r: 422 Invalid: it is invalid", self.causes)
        return await super().patch(ref, body, **more)


def of_a_run(*causes: StatusCause) -> tuple[Strict, Callable[[], Any]]:
    server = Strict(RUN, *causes)
    server.put(RUN, {"metadata": {"name": "r"}, "spec": RUN_SPEC})
    controller = RunController(server.context())
    return server, lambda: controller.reconcile(RUN_KEY)


def of_a_scenario(*causes: StatusCause) -> tuple[Strict, Callable[[], Any]]:
    server = Strict(SCENARIO, *causes)
    server.put(SCENARIO, {"metadata": {"name": "s"}, "spec": SCENARIO_SPEC})
    controller = ScenarioController(server.context())
    return server, lambda: controller.reconcile(SCENARIO_KEY)


BOTH = pytest.mark.parametrize("setting", [of_a_run, of_a_scenario], ids=["run", "Scenario"])


@BOTH
async def test_a_refused_status_is_told_with_the_field_once(setting: Any, caplog: Any) -> None:
    """Given a status that is refused, then an Event and the log name the field, and a further refusal says nothing."""
    server, reconcile = setting(CAUSE)
    with caplog.at_level(logging.ERROR):
        for _ in range(3):
            with pytest.raises(Invalid):
                await reconcile()
            server.wait(301)
    note = f"the status cannot be written: {FIELD}: Too long: may not be more than 262144 bytes"
    assert server.told == [("StatusRefused", note)]
    [line] = [r.getMessage() for r in caplog.records if "status refused" in r.getMessage()]
    assert FIELD in line


@BOTH
async def test_a_refused_status_is_not_tried_every_second(setting: Any) -> None:
    """Given a refused status, when the key is woken each second for ten minutes, then it is tried five times."""
    server, reconcile = setting(CAUSE)
    for _ in range(600):
        try:
            rest = await reconcile()
            assert rest.total_seconds() <= 300
        except Invalid:
            pass
        server.wait(1)
    # After 30, 60, 120, 240 and 300 seconds.
    assert server.tries == 5


@BOTH
async def test_what_fits_again_is_written(setting: Any) -> None:
    """Given a refused status, when it fits after its rest, then it is written, and a later refusal is told again."""
    server, reconcile = setting(CAUSE)
    with pytest.raises(Invalid):
        await reconcile()
    server.causes = ()
    server.wait(31)
    await reconcile()
    assert server.tries == 1
    [obj] = server.objects.values()
    assert obj["status"]["conditions"]


@BOTH
async def test_an_edit_of_the_spec_ends_the_rest(setting: Any) -> None:
    """Given a refused status, when somebody edits the spec, then it is tried at once."""
    server, reconcile = setting(CAUSE)
    with pytest.raises(Invalid):
        await reconcile()
    assert await reconcile() is not None
    server.change(server.kind, "r" if server.kind == RUN else "s", {"spec": {"description": "x"}})
    with pytest.raises(Invalid):
        await reconcile()
    assert server.tries == 2


async def of_an_attempt(status: dict[str, Any]) -> tuple[Bed, Callable[[int], Any]]:
    """Bring a Scenario to where the status of its attempt is changed, and the API server takes no other."""
    bed = await rolling("a", "b", upgrade={"strategy": {**POLICY, "approval": "Never"}})
    bed.server.change(UPGRADE, "s-1", {"status": status})
    bed.server.told.clear()
    take, tries = bed.server.patch, []

    async def patch(ref: Ref, body: Mapping[str, Any], **more: Any) -> JsonObject:
        if ref.kind != UPGRADE:
            return await take(ref, body, **more)
        tries.append(bed.server.now)
        raise Invalid("Invalid", "PATCH s-1: 422 Invalid: it is invalid", (CAUSE,))

    async def look(seconds: int) -> int:
        for _ in range(seconds):
            with contextlib.suppress(Invalid):
                await bed.controller.reconcile(SCENARIO_KEY)
            bed.pulled("sha256:" + "c" * 64)
            bed.server.wait(1)
        return len(tries)

    bed.server.patch = patch  # type: ignore[method-assign]
    return bed, look


async def test_an_attempt_that_can_neither_be_read_nor_be_told_so_does_not_silence_its_scenario() -> None:
    """Given an attempt of a newer operator and CRDs that do not take it, then its Scenario names it and goes on."""
    bed, look = await of_an_attempt({"groups": [{"hash": "$(x)"}]})
    bed.edit(version="3.0.0", artifact={"image": "r/x:3"})
    assert await look(600) == 5
    assert bed.condition("Ready") == ("False", "Unreadable")
    assert "s-1 cannot be read" in next(c["message"] for c in bed.conditions if c["type"] == "ActionRequired")
    status = bed.server.objects[SCENARIO, "ns", "s"]["status"]
    assert (status["observedGeneration"], status["latestRevision"]) == (3, "s-r3")
    assert [reason for reason, _ in bed.server.told].count("StatusRefused") == 1


async def test_what_is_told_of_a_refused_attempt_does_not_end_its_rest() -> None:
    """Given an attempt whose status is refused, when its Scenario says so, then it is tried and told no more often."""
    bed, look = await of_an_attempt({})
    answer(bed, "a")
    assert await look(600) == 5
    assert bed.condition("Ready") == ("False", "Refused")
    assert [reason for reason, _ in bed.server.told].count("StatusRefused") == 1


async def test_many_fields_are_counted_and_long_words_cut() -> None:
    """Given very many refused fields, then the Event has room for what is said of them."""
    causes = [StatusCause(f"status.x[{n}]", "Invalid", "y" * 5000) for n in range(9)]
    server, reconcile = of_a_run(*causes)
    with pytest.raises(Invalid):
        await reconcile()
    [(_, note)] = server.told
    assert note.endswith(" and 6 more")
    assert len(note.encode()) <= 1024


@pytest.mark.parametrize(("code", "words"), [(413, "too big"), (500, "etcdserver: request is too large")])
def test_a_status_that_is_too_large_for_the_store_is_no_passing_fault(code: int, words: str) -> None:
    """Given an object that etcd does not take, then repeating it cannot help, whatever the code says."""
    answer = json.dumps({"kind": "Status", "message": words}).encode()
    assert isinstance(from_response(code, {}, answer, context="PATCH r"), Rejected)


def test_a_refusal_keeps_the_fields_that_the_api_server_names() -> None:
    """Given the API server's answer to a status that is too long, then the exception has its field."""
    cause = b'{"field": "status.plans", "reason": "FieldValueInvalid", "message": "must be less"}'
    answer = (
        b'{"kind": "Status", "reason": "Invalid", "message": "m", "details": {"causes": [' + cause + b"]}}"
    )
    error = from_response(422, {}, answer, context="PATCH r")
    assert isinstance(error, Invalid)
    assert [c.field for c in error.causes] == ["status.plans"]
