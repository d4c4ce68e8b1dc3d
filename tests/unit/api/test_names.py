"""Derived names are deterministic, valid and never collide."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scenario_operator.api import names
from scenario_operator.api.volumes import Volume
from scenario_operator.api.workload import EnvVar

own_names = st.from_regex(r"[a-z]([-a-z0-9]{0,38}[a-z0-9])?", fullmatch=True)
numbers = st.integers(1, 99_999)
step_ids = st.text(st.sampled_from("abcXYZ019-_(). "), min_size=1, max_size=64)

LABEL = re.compile(r"[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?")


def test_derived_names() -> None:
    """The names of the design."""
    assert names.run_id("quake", 3) == "quake-3"
    assert names.statefulset("quake", 3) == "quake-3"
    assert names.pod("quake", 3) == "quake-3-0"
    assert names.state_claim("quake", 3) == "state-quake-3-0"
    assert names.results_claim("quake") == "results-quake"
    assert names.revision("watch", 7) == "watch-r7"
    assert names.artifact_copy("watch-r7") == "watch-r7-artifact"
    assert names.upgrade("watch", 12) == "watch-12"


def test_a_job_has_the_same_name_whenever_it_is_asked_for() -> None:
    """A create that is repeated after a crash must find what the first one made."""
    assert names.job("quake", "p1", "revert-2") == "quake-revert-2-bbe0eebc0e"


@given(own_names, numbers, st.text(max_size=64), step_ids)
def test_every_derived_name_is_valid(name: str, number: int, journal: str, step: str) -> None:
    """Names of 40 characters leave room for everything that is appended, the hash of a StatefulSet included."""
    derived = [
        names.pod(name, number),
        names.statefulset(name, number) + "-0123456789",
        names.state_claim(name, number),
        names.results_claim(name),
        names.revision(name, number),
        names.upgrade(name, number),
        names.artifact_copy(names.revision(name, number)),
        names.job(name, journal, step),
    ]

    assert [found for found in derived if not LABEL.fullmatch(found)] == []


@given(
    st.tuples(own_names, st.text(max_size=8), step_ids), st.tuples(own_names, st.text(max_size=8), step_ids)
)
def test_jobs_of_different_steps_have_different_names(
    one: tuple[str, str, str], other: tuple[str, str, str]
) -> None:
    """Also of steps whose readable part is the same."""
    assert (names.job(*one) == names.job(*other)) == (one == other)


@given(own_names, numbers, own_names, numbers)
def test_workloads_of_different_runs_have_different_names(a: str, m: int, b: str, n: int) -> None:
    """`a-1` may be a run of its own: the last part is always the number."""
    assert (names.statefulset(a, m) == names.statefulset(b, n)) == ((a, m) == (b, n))


@pytest.mark.parametrize(
    "key",
    [
        value
        for name, value in vars(names).items()
        if name.startswith(("LABEL_", "ANNOTATION_", "FINALIZER_"))
    ],
)
def test_keys_are_valid_and_ours(key: str) -> None:
    """Labels and annotations of ours carry our group; managed-by is the one well-known exception."""
    assert re.fullmatch(r"scenarios\.dev/[a-z]([-a-z]*[a-z])?", key) or key == "app.kubernetes.io/managed-by"


def test_reserved_words_are_those_that_the_crd_refuses() -> None:
    """The constants and the CEL rules must not drift apart."""
    refused = str(Volume.model_config["json_schema_extra"])

    assert all(f"'{name}'" in refused for name in names.RESERVED_VOLUMES)
    assert f"startsWith('{names.RESERVED_VOLUME_PREFIX}')" in refused
    assert f"startsWith('{names.ENV_PREFIX}')" in str(EnvVar.model_config["json_schema_extra"])
