"""Metrics, health and logs: what people and machines see of a running operator."""

import json
import logging

import aiohttp
import pytest

from scenario_operator.observability import health, logs
from scenario_operator.observability.metrics import Metrics


class State:
    def __init__(self) -> None:
        self.broken: list[str] = []
        self.pending: list[str] = []

    def problems(self) -> list[str]:
        return self.broken

    def waiting_for(self) -> list[str]:
        return self.pending


async def probe(state: State, path: str) -> tuple[int, str]:
    async with (
        health.serve(state, lambda: b"metric 1\n", port=0, host="127.0.0.1") as port,
        aiohttp.ClientSession() as session,
        session.get(f"http://127.0.0.1:{port}{path}") as answer,
    ):
        return answer.status, await answer.text()


async def test_a_healthy_process_is_alive_and_ready() -> None:
    assert await probe(State(), "/healthz") == (200, "ok\n")
    assert await probe(State(), "/readyz") == (200, "ok\n")


async def test_a_process_that_waits_is_alive_but_not_ready() -> None:
    state = State()
    state.pending = ["waiting for the custom resource definitions"]

    assert (await probe(state, "/healthz"))[0] == 200
    assert await probe(state, "/readyz") == (503, "waiting for the custom resource definitions\n")


async def test_a_broken_process_is_neither() -> None:
    state = State()
    state.broken = ["a pass over one key does not end"]

    assert await probe(state, "/healthz") == (503, "a pass over one key does not end\n")
    assert (await probe(state, "/readyz"))[0] == 503


async def test_metrics_are_served_in_prometheus_format() -> None:
    assert await probe(State(), "/metrics") == (200, "metric 1\n")


def test_every_promised_metric_is_there() -> None:
    metrics = Metrics("1.2.3")
    metrics.watch_queue(lambda: 3, lambda: 4.5)
    metrics.watch_leadership(lambda: True)
    metrics.call("get", "Pod", "200", 0.1)
    metrics.reconciled("run", "done", 0.2)
    metrics.resynced()
    metrics.upgrade_finished("Succeeded")
    metrics.step_finished("Stop", 12.0)

    lines = metrics.exposition().decode().splitlines()
    for expected in (
        "scenario_operator_queue_depth 3.0",
        "scenario_operator_queue_oldest_age_seconds 4.5",
        'scenario_operator_reconcile_seconds_count{kind="run",result="done"} 1.0',
        'scenario_operator_api_calls_total{code="200",kind="Pod",verb="get"} 1.0',
        'scenario_operator_api_call_seconds_count{verb="get"} 1.0',
        'scenario_operator_upgrades_total{outcome="Succeeded"} 1.0',
        'scenario_operator_step_seconds_count{kind="Stop"} 1.0',
        "scenario_operator_leader 1.0",
        'scenario_operator_build_info{version="1.2.3"} 1.0',
    ):
        assert expected in lines
    assert any(line.startswith("scenario_operator_last_resync_timestamp 1.") for line in lines)
    assert not [line for line in lines if "_created{" in line]


@pytest.mark.usefixtures("restored_logging")
def test_json_lines_have_the_fields_of_the_sentence(capsys: pytest.CaptureFixture[str]) -> None:
    logs.configure("json", "INFO")
    logs.about("run ns/r")
    logging.getLogger("x").info("released lease=%(lease)s after=%(after)d", {"lease": object, "after": 3})

    line = json.loads(capsys.readouterr().err)
    assert line["message"] == "released lease=<class 'object'> after=3"
    assert (line["lease"], line["after"]) == ("<class 'object'>", 3)
    assert (line["level"], line["logger"], line["key"]) == ("INFO", "x", "run ns/r")


@pytest.mark.usefixtures("restored_logging")
def test_json_lines_keep_tracebacks_in_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    logs.configure("json", "INFO")
    try:
        dict[str, str]()["oops"]
    except KeyError:
        logging.getLogger("x").exception("bug")

    output = capsys.readouterr().err
    assert output.count("\n") == 1
    assert "KeyError: 'oops'" in json.loads(output)["exception"]


@pytest.mark.usefixtures("restored_logging")
def test_console_lines_name_their_key_once(capsys: pytest.CaptureFixture[str]) -> None:
    logs.configure("console", "INFO")
    logs.about("run ns/r")
    logging.getLogger("x").info("started step=%(step)s", {"step": "stop"})
    logging.getLogger("x").info("again key=%(key)s", {"key": "run ns/r"})

    first, second = capsys.readouterr().err.splitlines()
    assert first.endswith("INFO    x: started step=stop key=run ns/r")
    assert second.endswith("INFO    x: again key=run ns/r")


@pytest.mark.usefixtures("restored_logging")
def test_libraries_are_heard_from_warnings_on() -> None:
    logs.configure("json", "DEBUG")

    assert not logging.getLogger("kopf.anything").isEnabledFor(logging.INFO)
    assert logging.getLogger("kopf.anything").isEnabledFor(logging.WARNING)
    assert logging.getLogger("scenario_operator").isEnabledFor(logging.DEBUG)
