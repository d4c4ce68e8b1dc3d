"""The whole process on a real API server, with controllers that only say what they are woken for.

It must see everything it should, forget what is gone, refuse to start half-blind, end when a part of it ends,
and write nothing but its Lease.
"""

import json
import os
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import yaml
from tests.harness.cluster import PATIENCE, PATIENCE_SECONDS
from tests.harness.operator import free_port

from scenario_operator.api import names

ROOT = Path(__file__).parents[2]
BED = f"wake-{os.getpid()}"
LONG = {"duration_seconds": 600}
"""Terms under which no leader loses its lease because other work has the processors."""

OPERATOR = """
import asyncio, json, sys
from datetime import timedelta
from pathlib import Path
from scenario_operator.app import Settings, run
from scenario_operator.cluster.kinds import CONFIG_MAP, RUN, STATEFUL_SET
from scenario_operator.cluster.lease import Terms

options = json.loads(sys.argv[1])
gate = Path(options.pop("gate"))
options["kubeconfig"] = Path(options["kubeconfig"])
options["lease"] = Terms(**options.pop("terms", {}))
options["namespaces"] = tuple(options.get("namespaces", ()))

class Telling:
    def __init__(self, context):
        self.store, self.client = context.store, context.client

    async def reconcile(self, key):
        kind = {"run": RUN}.get(key.kind)
        found = kind and self.store.get(kind, key.namespace, key.name)
        known = {str(kind): sorted(o["metadata"]["name"] for o in self.store.items(kind))
                 for kind in (RUN, CONFIG_MAP, STATEFUL_SET)}
        print(json.dumps({"key": list(key), "seen": bool(found), "known": known}), flush=True)
        if key.name == "slow":
            while not gate.exists():
                await asyncio.sleep(0.05)
            manifest = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "written"}}
            await self.client.create(CONFIG_MAP, key.namespace, manifest)
            print(json.dumps({"key": list(key), "written": True}), flush=True)

def build(context):
    telling = Telling(context)
    return {"scenario": telling, "run": telling}

sys.exit(asyncio.run(run(Settings(**options), build)))
"""


def bed(*arguments: str, stdin: str | None = None) -> str:
    command = [sys.executable, str(ROOT / "tools" / "bed"), *arguments]
    return subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True, input=stdin).stdout


def kubectl(*words: str, stdin: str | None = None) -> str:
    return bed("kubectl", BED, "--", *words, stdin=stdin)


def apply(*objects: dict[str, Any]) -> None:
    kubectl("apply", "-f", "-", stdin="---\n".join(yaml.safe_dump(obj) for obj in objects))


def until(condition: Callable[[], bool], what: str) -> None:
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not condition():
        assert time.monotonic() < deadline, f"in vain: {what}"
        time.sleep(0.05)


@dataclass
class Operator:
    """One process of ours; its pass over a run `slow` waits until the file `gate` is there."""

    process: subprocess.Popen[str]
    output: Path
    log: Path
    port: int
    namespace: str
    gate: Path

    def passes(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.output.read_text().splitlines()]

    def keys(self) -> list[tuple[str, str, str]]:
        return [tuple(told["key"]) for told in self.passes()]

    def woken(self, kind: str, name: str, namespace: str | None = None) -> bool:
        return (kind, namespace or self.namespace, name) in self.keys()

    def known(self, kind: str) -> list[str]:
        found: list[str] = self.passes()[-1]["known"][kind]
        return found

    def get(self, path: str) -> tuple[int, str]:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.port}{path}", timeout=30) as answer:
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as error:
            return error.code, error.read().decode()
        except OSError as error:
            return 0, str(error)

    def is_working(self) -> bool:
        assert self.process.poll() is None, self.log.read_text()
        return "working workers=" in self.log.read_text()

    def ended(self) -> tuple[int, str]:
        return self.process.wait(PATIENCE_SECONDS), self.log.read_text()


@dataclass
class Starter:
    """Starts operators for one test."""

    facts: dict[str, Any]
    directory: Path
    namespace: str
    started: list[Operator] = field(default_factory=list)

    def __call__(self, **options: Any) -> Operator:
        number = len(self.started)
        output, log, gate = (self.directory / f"{number}.{end}" for end in ("out", "log", "gate"))
        port = free_port()
        settings = {
            "kubeconfig": self.facts["kubeconfig"],
            "port": port,
            "lease_namespace": self.namespace,
            "log_format": "console",
            "resync_seconds": 60,
            "crd_wait_seconds": 0,
            "terms": LONG,
            "gate": str(gate),
            **options,
        }
        process = subprocess.Popen(
            [sys.executable, "-c", OPERATOR, json.dumps(settings)],
            stdout=output.open("w"),
            stderr=log.open("w"),
            text=True,
            env={**os.environ, "PYTHONPATH": str(ROOT / "operator")},
        )
        self.started.append(Operator(process, output, log, port, self.namespace, gate))
        return self.started[-1]

    def working(self, **options: Any) -> Operator:
        operator = self(**options)
        until(operator.is_working, "the operator works")
        return operator


@pytest.fixture(scope="module")
def facts() -> Iterator[dict[str, Any]]:
    """A real API server without our kinds."""
    found: dict[str, Any] = json.loads(bed("up", "api", "--name", BED, "-o", "json"))
    try:
        yield found
    finally:
        bed("down", BED)


@pytest.fixture
def bare(facts: dict[str, Any], tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Starter]:
    """A namespace of its own, and what starts operators; they end with the test."""
    namespace = f"test-{abs(hash(request.node.nodeid)) % 10**8}"
    apply({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": namespace}})
    starter = Starter(facts, tmp_path, namespace)
    yield starter
    for operator in starter.started:
        operator.process.send_signal(signal.SIGCONT)
        operator.process.kill()
        operator.process.wait()
    kubectl("delete", "namespace", namespace, "--wait=false")


@pytest.fixture
def start(bare: Starter) -> Starter:
    """The same, where our kinds are served."""
    kubectl("apply", "-f", str(ROOT / "crds"))
    kubectl("wait", "--for=condition=Established", "crd", "--all", PATIENCE)
    return bare


def a_run(namespace: str, name: str, scenario: str = "s") -> dict[str, Any]:
    return {
        "apiVersion": names.API_VERSION,
        "kind": names.RUN,
        "metadata": {"name": name, "namespace": namespace},
        "spec": {"scenarioRef": {"name": scenario}},
    }


def a_scenario(namespace: str, name: str, strategy: str) -> dict[str, Any]:
    return {
        "apiVersion": names.API_VERSION,
        "kind": names.SCENARIO,
        "metadata": {"name": name, "namespace": namespace},
        "spec": {
            "version": "1.0.0",
            "artifact": {"image": "registry.example/s:1"},
            "upgrade": {"strategyRef": {"name": strategy}},
        },
    }


def a_config_map(namespace: str, name: str, **labels: str) -> dict[str, Any]:
    return {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": name, "namespace": namespace, "labels": labels},
    }


MANAGED = {names.LABEL_MANAGED_BY: names.CONTROLLER}


def writes(facts: dict[str, Any], namespace: str) -> list[tuple[str, str]]:
    """What our processes wrote (kopf's writes would carry its user agent), as the server saw it."""
    found = []
    for line in Path(facts["audit"]).read_text().splitlines():
        entry = json.loads(line)
        agent = entry.get("userAgent", "")
        mine = entry.get("objectRef", {}).get("namespace") == namespace
        if (
            mine
            and agent.startswith(("scenario-operator/", "kopf"))
            and entry["verb"] not in {"get", "list", "watch"}
        ):
            found.append((entry["verb"], entry["objectRef"]["resource"]))
    return found


def test_without_our_kinds_it_refuses_to_start_and_says_what_to_do(bare: Starter) -> None:
    kubectl("delete", "--ignore-not-found", "-f", str(ROOT / "crds"))
    until(lambda: names.GROUP not in kubectl("get", "--raw", "/apis"), "they are served no more")
    code, log = bare().ended()

    assert code == 2
    assert "does not serve scenarioruns, scenarios, scenarioupgrades, upgradestrategies" in log
    assert "kubectl apply -f crds/" in log
    assert "Traceback" not in log


#: kopf takes this off wherever it meets it, unless told otherwise.
KOPF_FINALIZER = "kopf.zalando.org/KopfFinalizerMarker"


def test_every_change_wakes_what_it_concerns_and_nothing_is_written(
    start: Starter, facts: dict[str, Any]
) -> None:
    namespace = start.namespace
    before_all = a_run(namespace, "before")
    before_all["metadata"]["finalizers"] = [KOPF_FINALIZER]
    apply(before_all)
    operator = start.working()
    until(lambda: operator.woken("run", "before"), "what existed before is looked at")

    apply(
        a_run(namespace, "r"),
        a_scenario(namespace, "s2", "careful"),
        a_config_map(namespace, "copy", **MANAGED, **{names.LABEL_SCENARIO: "of-copy"}),
        a_config_map(namespace, "owned", **MANAGED, **{names.LABEL_RUN: "of-owned"}),
        a_config_map(namespace, "foreign", **{names.LABEL_RUN: "not-ours"}),
    )
    until(lambda: operator.woken("run", "r") and operator.woken("scenario", "s"), "a run wakes both")
    until(lambda: operator.woken("scenario", "of-copy"), "a child of a scenario wakes it")
    until(lambda: operator.woken("run", "of-owned"), "a child of a run wakes it")
    until(lambda: operator.woken("scenario", "s2"), "a scenario wakes itself")

    before = len(operator.keys())
    strategy = {"type": "ForwardOnly"}
    metadata = {"name": "careful", "namespace": namespace}
    apply({"apiVersion": names.API_VERSION, "kind": names.STRATEGY, "metadata": metadata, "spec": strategy})
    until(lambda: ("scenario", namespace, "s2") in operator.keys()[before:], "a strategy wakes its users")

    before = len(operator.keys())
    kubectl("-n", namespace, "delete", "scenariorun", "r")
    until(lambda: ("run", namespace, "r") in operator.keys()[before:], "a deletion wakes")
    assert not operator.passes()[-1]["seen"]
    assert "foreign" not in operator.known("ConfigMap")
    assert not operator.woken("run", "not-ours")

    left = json.loads(kubectl("-n", namespace, "get", "scenariorun", "before", "-o", "json"))["metadata"]
    applied = {"kubectl.kubernetes.io/last-applied-configuration"}
    assert set(left.get("annotations", {})) <= applied
    assert left["finalizers"] == [KOPF_FINALIZER]
    assert {resource for _, resource in writes(facts, namespace)} == {"leases"}
    free = json.dumps({"metadata": {"finalizers": []}})
    kubectl("-n", namespace, "patch", "scenariorun", "before", "--type=merge", "-p", free)


def test_health_and_metrics_are_those_of_a_leader_in_sync(start: Starter) -> None:
    operator = start.working()

    assert operator.get("/healthz") == (200, "ok\n")
    assert operator.get("/readyz") == (200, "ok\n")
    status, metrics = operator.get("/metrics")
    assert status == 200
    assert "scenario_operator_leader 1.0" in metrics
    assert 'scenario_operator_api_calls_total{code="200",kind="Pod",verb="list"} 1.0' in metrics


def test_a_standby_is_ready_watches_nothing_and_follows_a_clean_exit_at_once(start: Starter) -> None:
    # Nobody here could wait for the end of the lease: only its release lets the standby follow.
    leader = start.working()
    standby = start()
    until(lambda: standby.get("/readyz") == (200, "ok\n"), "the standby is ready")
    apply(a_run(start.namespace, "r"))
    until(lambda: leader.woken("run", "r"), "the leader works")
    assert "scenario_operator_leader 0.0" in standby.get("/metrics")[1]
    assert 'verb="list"' not in standby.get("/metrics")[1]
    assert standby.keys() == []

    leader.process.terminate()
    code, _ = leader.ended()
    until(standby.is_working, "the standby follows")

    assert code == 0
    until(lambda: standby.woken("run", "r"), "and looks at everything")


def test_a_pass_under_way_ends_before_the_process_does(start: Starter) -> None:
    operator = start.working()
    apply(a_run(start.namespace, "slow"))
    until(lambda: operator.woken("run", "slow"), "the pass has begun")
    operator.process.terminate()
    operator.gate.touch()
    code, log = operator.ended()

    assert code == 0
    assert operator.passes()[-1].get("written")
    kubectl("-n", start.namespace, "get", "configmap", "written")
    assert "Traceback" not in log
    holder = json.loads(kubectl("-n", start.namespace, "get", "lease", "scenario-operator", "-o", "json"))
    assert holder["spec"]["holderIdentity"] == ""


def test_a_standby_stops_at_once(start: Starter) -> None:
    """It looks at the lease so seldom that whoever waited for its next look would wait in vain."""
    start.working()
    seldom = 4 * int(PATIENCE_SECONDS)
    terms = {"duration_seconds": 2 * seldom, "renew_seconds": seldom, "retry_seconds": seldom}
    standby = start(terms=terms)
    until(lambda: standby.get("/readyz")[0] == 200, "the standby is ready")
    standby.process.terminate()

    assert standby.ended()[0] == 0


def test_what_vanished_while_the_watch_was_broken_is_found_out(start: Starter) -> None:
    """The API server forgets its history, so that the watches begin anew, which tells of no deletion."""
    namespace = start.namespace
    apply(a_run(namespace, "ghost"), a_run(namespace, "survivor"))
    operator = start.working(resync_seconds=10)
    until(lambda: operator.woken("run", "ghost") and operator.woken("run", "survivor"), "both are seen")

    operator.process.send_signal(signal.SIGSTOP)
    kubectl("-n", namespace, "delete", "scenariorun", "ghost", "--wait=true")
    before = len(operator.keys())
    bed("restart", BED, "kube-apiserver", "--kill")
    operator.process.send_signal(signal.SIGCONT)

    def told() -> list[dict[str, Any]]:
        return [
            told for told in operator.passes()[before:] if tuple(told["key"]) == ("run", namespace, "ghost")
        ]

    until(lambda: bool(told()), "the ghost is woken")
    assert not told()[-1]["seen"]
    assert "ghost" not in told()[-1]["known"]["ScenarioRun"]
    assert "survivor" in told()[-1]["known"]["ScenarioRun"]
    assert operator.process.poll() is None


def test_a_restart_of_the_api_server_is_survived(start: Starter) -> None:
    operator = start.working()
    bed("restart", BED, "kube-apiserver", "--kill")
    apply(a_run(start.namespace, "after"))

    until(lambda: operator.woken("run", "after"), "the watch is back")
    assert operator.process.poll() is None


def test_a_lost_lease_ends_the_process(start: Starter) -> None:
    operator = start.working(terms={"duration_seconds": 600, "renew_seconds": 1.0, "retry_seconds": 0.5})
    spec = {"spec": {"holderIdentity": "somebody-else"}}
    kubectl(
        "-n", start.namespace, "patch", "lease", "scenario-operator", "--type=merge", "-p", json.dumps(spec)
    )
    code, log = operator.ended()

    assert code == 1
    assert "ending because of the lease" in log
    assert "somebody-else" in log
    holder = json.loads(kubectl("-n", start.namespace, "get", "lease", "scenario-operator", "-o", "json"))
    assert holder["spec"]["holderIdentity"] == "somebody-else"


def limited(start: Starter, *rules: dict[str, Any]) -> Path:
    """A kubeconfig of an account with these rights and those that every operator needs."""
    everywhere = {"apiGroup": "rbac.authorization.k8s.io"}
    namespace = start.namespace
    name = f"limited-{namespace}"
    lease = {
        "apiGroups": ["coordination.k8s.io"],
        "resources": ["leases"],
        "verbs": ["get", "create", "update"],
    }
    apply(
        {
            "apiVersion": "v1",
            "kind": "ServiceAccount",
            "metadata": {"name": "limited", "namespace": namespace},
        },
        {
            "apiVersion": "rbac.authorization.k8s.io/v1",
            "kind": "ClusterRole",
            "metadata": {"name": name},
            "rules": [lease, *rules],
        },
        {
            "apiVersion": "rbac.authorization.k8s.io/v1",
            "kind": "ClusterRoleBinding",
            "metadata": {"name": name},
            "roleRef": {**everywhere, "kind": "ClusterRole", "name": name},
            "subjects": [{"kind": "ServiceAccount", "name": "limited", "namespace": namespace}],
        },
    )
    token = kubectl("-n", namespace, "create", "token", "limited").strip()
    admin = yaml.safe_load(kubectl("config", "view", "--raw", "--flatten"))
    admin["users"][0]["user"] = {"token": token}
    path = start.directory / "limited.kubeconfig"
    path.write_text(yaml.safe_dump(admin))
    return path


READ = ["get", "list", "watch"]
OURS = {"apiGroups": [names.GROUP], "resources": ["*"], "verbs": READ}
REST = {
    "apiGroups": ["", "apps", "batch"],
    "resources": [
        "persistentvolumeclaims",
        "configmaps",
        "statefulsets",
        "controllerrevisions",
        "jobs",
    ],
    "verbs": READ,
}
PODS = {"apiGroups": [""], "resources": ["pods"], "verbs": READ}


def test_a_missing_right_ends_the_start_and_is_named(start: Starter) -> None:
    kubeconfig = limited(start, OURS, REST)
    code, log = start(kubeconfig=str(kubeconfig)).ended()

    assert code == 1
    assert 'cannot list resource "pods"' in log
    assert "Traceback" not in log


def test_with_a_token_and_just_the_rights_it_needs_it_works(start: Starter) -> None:
    kubeconfig = limited(start, OURS, REST, PODS)
    operator = start.working(kubeconfig=str(kubeconfig))
    apply(a_run(start.namespace, "r"))

    until(lambda: operator.woken("run", "r"), "the event arrives")


def test_a_right_lost_later_ends_the_process(start: Starter) -> None:
    kubeconfig = limited(start, OURS, REST, PODS)
    operator = start.working(kubeconfig=str(kubeconfig))
    apply(a_run(start.namespace, "r"))
    until(lambda: operator.woken("run", "r"), "it watches")
    limited(start, OURS, REST)
    bed("restart", BED, "kube-apiserver", "--kill")  # an open watch outlives the right to open it
    code, log = operator.ended()

    assert code == 1
    assert "ending because of" in log


def test_a_namespaced_operator_sees_its_namespaces_only(start: Starter) -> None:
    operator = start.working(namespaces=[start.namespace])
    apply(a_run("default", "elsewhere"), a_run(start.namespace, "here"))
    until(lambda: operator.woken("run", "here"), "its own run wakes it")
    before = len(operator.keys())
    kubectl("-n", start.namespace, "annotate", "scenariorun", "here", "example.com/again=yes")
    until(
        lambda: ("run", start.namespace, "here") in operator.keys()[before:],
        "and what came after the other one",
    )

    assert not operator.woken("run", "elsewhere", "default")
    assert operator.known("ScenarioRun") == ["here"]
    kubectl("-n", "default", "delete", "scenariorun", "elsewhere")
