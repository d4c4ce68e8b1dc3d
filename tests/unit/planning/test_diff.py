"""What a plan shows of a change: a line for every part of the hashes, bounded and never dangerous (row A114)."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.unit.api.samples import CANDIDATES, PARTS, fits
from tests.unit.planning.build import (
    CONTINUATION,
    FORWARD_ONLY,
    REVERT,
    VOLUME,
    applied,
    blocked,
    case,
    compatible,
    incompatible,
    planned,
    revision,
)

from scenario_operator.api.common import wire_name
from scenario_operator.api.scenario import ScenarioSpec
from scenario_operator.planning.diff import LINES, differences, shown
from scenario_operator.planning.revision import NOT_CONTENT, Artifact, Revision, content_hash, make

SCHEMA = PARTS["Scenario"]["spec"]
DIGEST = "sha256:" + "a" * 64
ARTIFACT = Artifact(f"x@{DIGEST}", DIGEST, files_hash="f", files=(("watch.sh", "1"),))
CLAIM_STAYS = "(the claim stays as it is)"


def values(schema: dict[str, Any]) -> list[Any]:
    """Return two different values that a leaf of the schema admits, or the only one."""
    match schema:
        case {"enum": words}:
            return list(words)[:2]
        case {"x-kubernetes-int-or-string": True}:
            return ["1Gi", "2Gi"] if "pattern" in schema else [1, "http"]
        case {"type": "boolean"}:
            return [True, False]
        case {"type": "integer"}:
            least = schema.get("minimum", 0)
            return [least + 1, least]
        case _:
            return [c for c in (*CANDIDATES, "sha256:" + "cd" * 32, "2.0.0", "/data/y") if fits(c, schema)][
                :2
            ]


def complete(schema: dict[str, Any], choice: int = 0) -> Any:
    """Return a value with every field that the schema has; another choice differs in every leaf that can."""
    if "properties" in schema:
        return {name: complete(child, choice) for name, child in schema["properties"].items()}
    if schema.get("type") == "array":
        return [complete(schema["items"], choice)]
    if "additionalProperties" in schema:
        return {"b" if choice else "a": complete(schema["additionalProperties"], choice)}
    return values(schema)[min(choice, len(values(schema)) - 1)]


def variations(schema: dict[str, Any], value: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    """Yield a value again and again, each time with one thing changed, left out, added or in another order."""
    if "properties" in schema:
        required = schema.get("required", ())
        for name, child in schema["properties"].items():
            if name not in required:
                yield f"{path}.{name} left out", {k: v for k, v in value.items() if k != name}
            for told, varied in variations(child, value[name], f"{path}.{name}"):
                yield told, {**value, name: varied}
    elif schema.get("type") == "array":
        more = complete(schema["items"], 1)
        yield f"{path} one more", [*value, more]
        for told, varied in variations(schema["items"], value[0], f"{path}[]"):
            yield told, [varied]
    elif "additionalProperties" in schema:
        yield f"{path} one more", {**value, **complete(schema, 1)}
        for told, varied in variations(schema["additionalProperties"], value["a"], f"{path}{{}}"):
            yield told, {"a": varied}
    else:
        yield from ((path, other) for other in values(schema)[1:])


def published(body: dict[str, Any], artifact: Artifact = ARTIFACT) -> Revision:
    return make("x-r1", 1, ScenarioSpec.model_validate(body), artifact)


def hashes(found: Revision) -> tuple[str, str, str]:
    return found.logic_hash, found.config_hash, content_hash(found.spec, found.artifact)


def lines(source: Revision, target: Revision, *, fresh: bool = False) -> tuple[str, ...]:
    return differences(source, applied(source), target, fresh=fresh)


COMPLETE = complete(SCHEMA)
VARIED = dict(variations(SCHEMA, COMPLETE))


@pytest.mark.parametrize("what", VARIED)
def test_whatever_changes_a_hash_has_a_line_and_nothing_else_has_one(what: str) -> None:
    """Given a spec with every field of the schema, when one thing differs, then it is told if a hash tells it."""
    source, target = published(COMPLETE), published(VARIED[what])
    assert bool(lines(source, target)) is (hashes(source) != hashes(target))


def test_every_field_that_a_revision_freezes_was_varied() -> None:
    """A field that is new in the schema takes part in the test above without anybody's doing."""
    source = published(COMPLETE)
    changing = {what.split(".")[1].split(" ")[0].split("[")[0] for what in VARIED}
    told = {
        name
        for name in changing
        if any(
            hashes(source) != hashes(published(body))
            for what, body in VARIED.items()
            if what.startswith(f".{name}")
        )
    }
    content = {wire_name(name) for name in ScenarioSpec.model_fields} - set(NOT_CONTENT)
    assert told == content - {"type"}, "a Scenario has only one type yet"
    assert len(VARIED) > 300


def test_another_order_of_variables_restarts_and_is_told() -> None:
    """Given env in another order, when the hash differs for it, then a line says so although no variable changed."""
    one, other = {"name": "A", "value": "1"}, {"name": "B", "value": "2"}
    source, target = (revision(workload={"env": env}) for env in ([one, other], [other, one]))
    assert source.config_hash != target.config_hash
    assert lines(source, target) == ("env: changed",)


@pytest.mark.parametrize(
    ("before", "after", "told"),
    [
        ({"workload": {"command": ["a"]}}, {"workload": {"command": ["b"]}}, "command: changed"),
        ({}, {"workload": {"args": ["b"]}}, "args: changed"),
        ({}, {"hooks": {"revert": {"command": ["other"]}}}, "hooks.revert: changed"),
        ({}, {"hooks": {**REVERT, "verify": {"command": ["v"]}}}, "hooks.verify: added"),
        (
            {},
            {"workload": {"readinessProbe": {"tcpSocket": {"port": 1}}}},
            "readinessProbe: added",
        ),
        (
            {"workload": {"resources": {"limits": {"memory": "1Gi"}}}},
            {"workload": {"resources": {"limits": {"memory": "2Gi"}}}},
            "resources.limits.memory: 1Gi → 2Gi",
        ),
        (
            {},
            {"workload": {"volumes": [{"name": "scratch", "emptyDir": {}}]}},
            "volume scratch: added",
        ),
        (
            {},
            {"workload": {"terminationGracePeriodSeconds": 60}},
            "terminationGracePeriodSeconds: 30 → 60",
        ),
        (
            {},
            {"state": {"version": "1", "volume": {"size": "2Gi"}}},
            f"state.volume: 1Gi → 2Gi {CLAIM_STAYS}",
        ),
        (
            {},
            {"state": {"version": "1", "volume": {**VOLUME, "storageClassName": "fast"}}},
            f"state.volume.storageClassName: none → fast {CLAIM_STAYS}",
        ),
        ({}, {"compatibility": {"allowDowngrade": True}}, "compatibility.allowDowngrade: false → true"),
    ],
)
def test_a_change_is_told_by_its_field(before: dict[str, Any], after: dict[str, Any], told: str) -> None:
    assert lines(revision(**before), revision(**after)) == (told,)


def test_files_are_told_by_their_names() -> None:
    """Given two ConfigMaps, when files differ, then the line names them; an older operator's revision cannot."""
    source = published(
        COMPLETE, replace(ARTIFACT, files=(("gone.sh", "1"), ("same", "1"), ("watch.sh", "1")))
    )
    new = replace(ARTIFACT, files_hash="g", files=(("b.sh", "1"), ("same", "1"), ("watch.sh", "2")))
    assert lines(source, published(COMPLETE, new)) == (
        "files: watch.sh changed, b.sh added, gone.sh removed",
    )
    older = published(COMPLETE, replace(ARTIFACT, files=None))
    assert lines(older, published(COMPLETE, new)) == ("files: changed",)


def test_many_files_are_counted() -> None:
    many = tuple((f"rule-{n:03}.yaml", "1") for n in range(200))
    (told,) = lines(published(COMPLETE), published(COMPLETE, replace(ARTIFACT, files_hash="g", files=many)))
    shown_names = told.count("rule-")
    assert told.endswith(f", and {201 - shown_names} more")
    assert len(told) <= 240


def test_a_fresh_incarnation_gets_the_new_volume_and_is_not_told_otherwise() -> None:
    """Given a larger volume, when state is given up, then the line does not say that the claim stays."""
    target = incompatible(state={"version": "2", "volume": {"size": "2Gi"}})
    diff = planned(case(revision(), target, CONTINUATION)).diff
    assert "state.volume: 1Gi → 2Gi (the new claim gets it)" in diff
    kept = planned(case(revision(), compatible(state={"version": "1", "volume": {"size": "2Gi"}}))).diff
    assert f"state.volume: 1Gi → 2Gi {CLAIM_STAYS}" in kept


def test_a_source_that_is_gone_is_said_and_not_guessed_at() -> None:
    source, target = revision(), incompatible()
    told = differences(None, applied(source), target, fresh=True)
    assert told[-1] == "what else changes cannot be told: revision x-1.0.0 is gone"
    assert differences(None, applied(source), source, fresh=False) == ()


def test_the_rest_is_counted_and_a_long_list_hides_no_part() -> None:
    """Given 64 new parameters and a new command, then the command is told, and what has no room is counted."""
    many = [{"name": f"p{n:02}", "default": "1"} for n in range(64)]
    told = lines(revision(), revision(parameters=many, workload={"command": ["new"]}))
    assert len(told) == LINES
    assert told[0] == "command: changed"
    assert told[-1] == f"and {64 + 1 - LINES + 1} more"


@given(text=st.text(max_size=300))
def test_foreign_text_is_one_short_line(text: str) -> None:
    found = shown(text)
    assert found.isprintable()
    assert len(found) <= 64
    assert found == text or len(text) > 64 or not text.isprintable()


def test_hostile_names_are_shown_escaped_in_the_diff_and_in_the_refusal() -> None:
    """Given a label with control characters and a line break, then no line has them, nor has a message made of them."""
    hostile = "a\x1b[31m\nkubectl delete ns prod\u202e" + "x" * 250
    target = incompatible(workload={"podAnnotations": {hostile: "1"}})
    diff = planned(case(revision(), target, FORWARD_ONLY)).diff
    assert any(r"podAnnotations a\x1b[31m\nkubectl" in line for line in diff)
    assert all(line.isprintable() and len(line) <= 240 for line in diff)
    assert blocked(case(revision(), target)).message.isprintable()


def test_no_value_is_shown_where_a_secret_may_stand() -> None:
    secret = "hunter2"
    before = {
        "parameters": [{"name": "p", "default": "x"}],
        "workload": {"env": [{"name": "E", "value": "x"}]},
    }
    after = copy.deepcopy(before)
    after["parameters"][0]["default"] = after["workload"]["env"][0]["value"] = secret  # type: ignore[call-overload, index]
    after["workload"]["podAnnotations"] = {"a": secret}  # type: ignore[call-overload]
    told = lines(revision(**before), revision(**after))
    assert len(told) == 3
    assert secret not in str(told)
