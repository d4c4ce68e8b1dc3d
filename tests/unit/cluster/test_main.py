"""The command line of the operator: what it accepts and how it ends."""

import asyncio
import socket
from pathlib import Path

import pytest

from scenario_operator.__main__ import main
from scenario_operator.app import EXIT_FAILED, Settings, interval, run
from scenario_operator.cluster.context import Context, Controller
from scenario_operator.cluster.keys import Key, indices
from scenario_operator.cluster.kinds import RUN, WATCHED_KINDS
from scenario_operator.cluster.lease import Terms
from scenario_operator.cluster.store import Store

pytestmark = pytest.mark.usefixtures("restored_logging")


def test_help_is_answered_without_a_cluster(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["run", "--help"])

    assert ended.value.code == 0
    assert "--lease-duration-seconds" in capsys.readouterr().out


def test_the_version_is_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["version"]) == 0
    assert capsys.readouterr().out.count("\n") == 1


def test_lease_terms_that_cannot_work_are_refused(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["run", "--lease-duration-seconds", "5", "--lease-renew-seconds", "9"]) == 2
    assert "retry <= renew < duration - margin" in capsys.readouterr().err


@pytest.mark.parametrize("workers", ["0", "-1", "x"])
def test_numbers_of_workers_are_positive(workers: str) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["run", "--workers", workers])

    assert ended.value.code == 2


def nothing(_context: Context) -> dict[str, Controller]:
    return {}


def test_without_a_cluster_the_next_thing_to_try_is_named(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    settings = Settings(kubeconfig=tmp_path / "absent", log_format="console")

    assert asyncio.run(run(settings, nothing)) == EXIT_FAILED
    assert "pass --kubeconfig" in capsys.readouterr().err


KUBECONFIG = """
apiVersion: v1
kind: Config
current-context: c
contexts: [{name: c, context: {cluster: c, user: u}}]
clusters: [{name: c, cluster: {server: "http://127.0.0.1:9"}}]
users: [{name: u, user: {token: t}}]
"""


def test_a_taken_port_is_named_with_the_option_to_change_it(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "kubeconfig"
    path.write_text(KUBECONFIG)
    with socket.socket() as taken:
        taken.bind(("0.0.0.0", 0))  # noqa: S104
        taken.listen()
        settings = Settings(kubeconfig=path, port=taken.getsockname()[1], log_format="console")

        assert asyncio.run(run(settings, nothing)) == EXIT_FAILED
    assert "--port" in capsys.readouterr().err


def test_default_terms_are_those_of_kubernetes() -> None:
    terms = Terms()

    assert (terms.duration_seconds, terms.renew_seconds, terms.retry_seconds) == (15, 5.0, 2.0)


@pytest.mark.parametrize(("runs", "seconds"), [(0, 0.2), (10, 0.2), (25, 0.5), (50, 1.0), (120, 1.0)])
def test_passes_over_a_scenario_are_the_rarer_the_more_runs_it_has(runs: int, seconds: float) -> None:
    """Given a Scenario with runs, then its passes are 20 ms a run apart within bounds; a run's own never wait."""
    store = Store(indices=indices(WATCHED_KINDS))
    for number in range(runs):
        metadata = {"uid": f"u{number}", "name": f"r{number}", "namespace": "ns", "resourceVersion": "1"}
        store.offer(RUN, "ADDED", {"metadata": metadata, "spec": {"scenarioRef": {"name": "s"}}})

    assert interval(store, Key("scenario", "ns", "s")) == pytest.approx(seconds)
    assert interval(store, Key("run", "ns", "r1")) == 0.0
